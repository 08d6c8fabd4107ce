"""How the guard gets along with Flask's session, Flask-Login and CSRFProtect."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from flask import Flask
from flask import after_this_request
from flask import current_app
from flask import g
from flask import has_request_context
from flask import request
from flask.sessions import NullSession
from flask.wrappers import Response

from .current_token import CurrentToken
from .header import bears_token
from .registry import policies_at

if TYPE_CHECKING:
    from flask.ctx import RequestContext
    from flask_login import LoginManager

#: where a request keeps the token it was accepted with: not on ``g``, which outlives
#: the request where a test pushes an application context of its own
ENVIRON_KEY = "flask_apitokens.token"
#: the policy on every guarded view, also through decorators above it, since
#: functools.wraps copies it; on what we extended, that we did
_MARK = "__apitokens__"


def accepted() -> CurrentToken | None:
    """The token this request was accepted with."""
    return request.environ.get(ENVIRON_KEY) if has_request_context() else None


def set_identity(context: RequestContext, current: CurrentToken) -> None:
    """Make the token the identity of this request, whatever its cookie says."""
    context.request.environ[ENVIRON_KEY] = current
    discard_session(context)
    manager: LoginManager | None = getattr(context.app, "login_manager", None)
    if manager is None:
        return
    if not hasattr(manager, _MARK):
        _patch_user_loader(manager)
    # Something before us may have looked: that was the cookie's user.
    g.pop("_login_user", None)


def discard_session(context: RequestContext) -> None:
    """Let the cookie's session have no part in this request, nor in its answer."""
    # Since Flask 3.1.3 it is a property that notes who looks.
    attribute = "_session" if hasattr(type(context), "session") else "session"
    setattr(context, attribute, _Discarded())


class _Discarded(NullSession):
    """The session of a bearer request: it knows nobody, and nothing is kept of it."""

    # No change is noted, so there is nothing to set up that would note it.
    on_update = None
    __init__ = dict.__init__

    def __setitem__(self, key: str, value: object) -> None:  # type: ignore[override]
        # Flask-Login would answer this one with a cookie of its own.
        if key != "_remember":
            dict.__setitem__(self, key, value)

    # What a view writes it can read again until the request ends.
    __delitem__ = dict.__delitem__  # type: ignore[assignment]
    clear = dict.clear  # type: ignore[assignment]
    pop = dict.pop
    popitem = dict.popitem  # type: ignore[assignment]
    update = dict.update  # type: ignore[assignment]
    setdefault = dict.setdefault


def _patch_user_loader(manager: LoginManager) -> None:
    """Let ``current_user`` be the token's owner, loaded only if somebody looks."""
    by_cookie: Callable[[], None] = manager._load_user

    def load_user() -> None:
        token = accepted()
        if token is None:
            by_cookie()
            return
        manager._update_request_context_with_user(token.owner)
        after_this_request(_forget_user)

    manager._load_user = load_user  # type: ignore[method-assign]
    setattr(manager, _MARK, True)


def _forget_user(response: Response) -> Response:
    # The application context, and g with it, may outlive the request.
    response.call_on_close(functools.partial(g.pop, "_login_user", None))
    return response


def _cookie_is_enough() -> bool:
    """Whether this request can get by without a token, on the cookie alone."""
    policies = list(policies_at(request.endpoint or "", request.method))
    if not policies:
        return True
    if not all(policy.optional for policy in policies):
        return False
    return not any(bears_token(policy, request) for policy in policies)


def exempt_from_csrf(app: Flask) -> None:
    """Let CSRFProtect pass what a cookie cannot open.

    Its own exemptions go by module and name, which two views can share, and do not
    reach nested blueprints. A guarded view takes no cookie, so there is nothing a
    foreign page could misuse; one that works without a token too stays protected.
    """
    csrf = app.extensions.get("csrf")
    if csrf is None or hasattr(csrf, _MARK):
        return
    ask = csrf.protect

    def protect(*arguments: Any, **options: Any) -> None:
        # First what costs nothing: of most requests nothing is asked anyway. The
        # application is the current one: several may share this object.
        asked = request.method in current_app.config["WTF_CSRF_METHODS"]
        if asked and _cookie_is_enough():
            ask(*arguments, **options)

    csrf.protect = protect
    setattr(csrf, _MARK, True)
