"""Who is signed in, and the way to the application's log-in page."""

from __future__ import annotations

from typing import Any
from typing import cast

from flask import current_app
from flask import request
from flask import session
from flask_login import LoginManager
from flask_login import current_user
from flask_login.utils import login_url

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.errors import ConfigurationError


def login_manager() -> LoginManager:
    """The host's Flask-Login.

    :raises ConfigurationError: if it has none.
    """
    manager = getattr(current_app, "login_manager", None)
    if manager is None:
        raise ConfigurationError(
            "the pages of flask_apitokens need Flask-Login on this application: "
            "LoginManager(app) with a user_loader"
        )
    return cast("LoginManager", manager)


def signed_in() -> Any | None:
    """The user of this browser's session, or nobody.

    Only the session counts: a request loader of the host may know users by a header
    or a token, and no token opens these pages (nor does ``LOGIN_DISABLED``).
    """
    login_manager()
    user = current_user._get_current_object()
    if (
        user is None
        or not user.is_authenticated
        or not getattr(user, "is_active", True)
    ):
        return None
    # Looking at current_user has restored a remembered log-in to the session by now.
    return user if session.get("_user_id") == user.get_id() else None


def sign_in_url(back: str) -> str:
    """Where the host's log-in page is, told to come *back*.

    A host that has none gets the page itself: asked for anew, it shows its own way in.
    """
    manager = login_manager()
    views = getattr(manager, "blueprint_login_views", {})
    view = views.get(request.blueprint) or manager.login_view
    return login_url(view, next_url=back) if view else back


def actor_of(ctx: Context, user: Any) -> Actor:
    """The signed-in user as the audit log names them."""
    ip = (request.remote_addr or "")[:45] or None
    return Actor(ctx.user_label(user), ctx.key_text(user), ip)
