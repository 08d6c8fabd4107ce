"""Who is signed in, and the way to the application's log-in page."""

from __future__ import annotations

from typing import Any
from typing import cast

from flask import current_app
from flask import g
from flask import request
from flask import session
from flask_login import LoginManager
from flask_login import current_user
from flask_login.utils import login_url
from sqlalchemy.orm.exc import ObjectDeletedError

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.errors import ConfigurationError

from .templating import has_login


def login_manager() -> LoginManager:
    """Return the application's login manager.

    :raises ConfigurationError: if the application does not use Flask-Login.
    """
    manager = getattr(current_app, "login_manager", None)
    if manager is None:
        raise ConfigurationError(
            "the pages of flask_apitokens need Flask-Login on this application: "
            "LoginManager(app) with a user_loader"
        )
    return cast("LoginManager", manager)


def signed_in() -> Any | None:
    """Return the user whose log-in is in this browser's session, or None.

    Only the session counts. A request loader of the application may know users by a
    header or a token, and a token must not open the pages that generate tokens.
    ``LOGIN_DISABLED`` does not open them either.
    """
    if not has_login(current_app):
        return None
    try:
        return _user_of_session()
    except ObjectDeletedError:
        # The row was deleted after Flask-Login had loaded it. The layout of the
        # application reads current_user too, so it is made anonymous.
        forget_user()
        return None


def _user_of_session() -> Any | None:
    user = current_user._get_current_object()
    if (
        user is None
        or not user.is_authenticated
        or not getattr(user, "is_active", True)
    ):
        return None
    # Reading current_user has already restored a remembered log-in to the session.
    return user if session.get("_user_id") == user.get_id() else None


def forget_user() -> None:
    """Let Flask-Login load the user of this request again."""
    g.pop("_login_user", None)


def sign_in_url(back: str) -> str:
    """Return the address of the application's log-in page, which leads to *back*.

    If the application has no log-in view, this is *back*: its unauthorized handler
    answers that request.
    """
    manager = login_manager()
    views = getattr(manager, "blueprint_login_views", {})
    view = views.get(request.blueprint) or manager.login_view
    return login_url(view, next_url=back) if view else back


def actor_of(ctx: Context, user: Any) -> Actor:
    """Return the signed-in user, as the audit log names them."""
    ip = (request.remote_addr or "")[:45] or None
    return Actor(ctx.user_label(user), ctx.key_text(user), ip)
