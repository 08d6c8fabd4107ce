"""Integration with Flask's session, Flask-Login, Flask-Principal and CSRFProtect."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

from flask import Flask
from flask import after_this_request
from flask import current_app
from flask import g
from flask import has_request_context
from flask import request
from flask.globals import request_ctx
from flask.sessions import NullSession
from flask.wrappers import Response

from flask_apitokens.state import KEY
from flask_apitokens.state import State

from .blueprints import OURS
from .current_token import ATTRIBUTE
from .current_token import CurrentToken
from .header import bears_token
from .registry import policies_at

if TYPE_CHECKING:
    from flask.ctx import RequestContext
    from flask_login import LoginManager

#: the attribute of an object of another extension that we have patched
_MARK = "__apitokens__"


def accepted() -> CurrentToken | None:
    """Return the token that this request was accepted with, if there is one."""
    return vars(request_ctx.request).get(ATTRIBUTE) if has_request_context() else None


def set_identity(context: RequestContext, current: CurrentToken) -> None:
    """Set the token as this request's identity and discard the cookie session."""
    vars(context.request)[ATTRIBUTE] = current
    discard_session(context)
    if "flask_principal" in sys.modules:
        _set_principal(current)
    manager: LoginManager | None = getattr(context.app, "login_manager", None)
    if manager is None:
        return
    if not hasattr(manager, _MARK):
        _patch_user_loader(manager)
    # Code that ran before the guard may have loaded the cookie's user.
    g.pop("_login_user", None)


def _set_principal(current: CurrentToken) -> None:
    from .principal import set_owner  # for hosts that use Flask-Principal alone

    set_owner(current)


def discard_session(context: RequestContext) -> None:
    """Replace the cookie session by one that is not saved in the response."""
    # Since Flask 3.1.3 `session` is a property that notes each access.
    attribute = "_session" if hasattr(type(context), "session") else "session"
    setattr(context, attribute, _Discarded())


class _Discarded(NullSession):
    """The session of a bearer request: it has no user, and it is not saved."""

    # Changes are not tracked, so the set-up of the tracking is left out.
    on_update = None
    __init__ = dict.__init__

    def __setitem__(self, key: str, value: object) -> None:  # type: ignore[override]
        # Flask-Login would turn this key into a cookie of its own.
        if key != "_remember":
            dict.__setitem__(self, key, value)

    # A view can read what it wrote until the request ends.
    __delitem__ = dict.__delitem__  # type: ignore[assignment]
    clear = dict.clear  # type: ignore[assignment]
    pop = dict.pop
    popitem = dict.popitem  # type: ignore[assignment]
    update = dict.update  # type: ignore[assignment]
    setdefault = dict.setdefault


def _patch_user_loader(manager: LoginManager) -> None:
    """Make ``current_user`` the token's owner, loaded on first access."""
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
    # The application context, and with it `g`, may outlive the request.
    response.call_on_close(functools.partial(g.pop, "_login_user", None))
    return response


def _cookie_is_enough() -> bool:
    """Return whether this request can pass on the cookie alone, without a token."""
    policies = list(policies_at(request.endpoint or "", request.method))
    if not policies:
        return True
    if not all(policy.optional for policy in policies):
        return False
    state: State | None = current_app.extensions.get(KEY)
    return state is None or not any(
        bears_token(policy.places(state.places), policy, request=request)
        for policy in policies
    )


def exempt_from_csrf(app: Flask) -> None:
    """Exempt requests from CSRFProtect that need a token.

    A guarded view does not accept the cookie, so another site's page cannot misuse it.
    A view that works without a token too stays protected. CSRFProtect's own exemptions
    do not serve: they go by module and name, which two views can share, and do not
    reach nested blueprints.
    """
    _exempt_from_seasurf(app)
    csrf = app.extensions.get("csrf")
    if csrf is None or hasattr(csrf, _MARK):
        return
    ask = csrf.protect

    def protect(*arguments: Any, **options: Any) -> None:
        # The method is compared first, since most requests need no check at all. The
        # application is the current one, because several may share this object.
        asked = request.method in current_app.config["WTF_CSRF_METHODS"]
        if asked and _cookie_is_enough():
            ask(*arguments, **options)

    csrf.protect = protect
    setattr(csrf, _MARK, True)


def _exempt_from_seasurf(app: Flask) -> None:
    """The same for SeaSurf, which is nowhere but in the functions before requests.

    Our pages and endpoints are exempt too: the forms of the pages have a token of their
    own, and the endpoints take no cookie. A call gets no cookie of SeaSurf's.
    """
    for function in app.before_request_funcs.get(None, ()):
        csrf: Any = getattr(function, "__self__", None)
        if type(csrf).__module__ != "flask_seasurf" or hasattr(csrf, _MARK):
            continue
        ask, leave_out = csrf.validate, getattr(csrf, "_disable_cookie", None)

        def validate(ask: Callable[[], None] = ask) -> None:
            if request.blueprint not in OURS and _cookie_is_enough():
                ask()

        def without_cookie(response: Response, leave_out: Any = leave_out) -> bool:
            return not _cookie_is_enough() or bool(leave_out and leave_out(response))

        csrf.validate = validate
        csrf.disable_cookie(without_cookie)
        setattr(csrf, _MARK, True)
