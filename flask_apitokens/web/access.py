"""Which requests reach a page: of a signed-in user, or of an administrator."""

from __future__ import annotations

from typing import Any
from typing import cast
from urllib.parse import unquote

from flask import current_app
from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from flask_apitokens.core.callbacks import NO_ACCOUNT
from flask_apitokens.errors import AccessDenied
from flask_apitokens.guard import registry
from flask_apitokens.guard.blueprints import ADMIN
from flask_apitokens.guard.blueprints import NAME
from flask_apitokens.state import current_apitokens

from . import htmx
from .login import forget_user
from .login import login_manager
from .login import sign_in_url
from .login import signed_in
from .pages import SAFE_METHODS
from .pages import partial

#: set in a request's environment once a signed-in user was let in
_ADMITTED = "flask_apitokens.admitted"
#: the ends of the names of endpoints that do not answer GET, or only with a selection,
#: and of their lists
_FROM_LIST = {
    "generate": "tokens",
    "revoke_many": "tokens",
    "deactivate_many": "tokens",
    "decide_many": "requests",
}


def admit() -> ResponseReturnValue | None:
    """Refuse a request before its view runs, unless a user is signed in.

    :raises AccessDenied: for a form of another site.
    """
    unsafe = request.method not in SAFE_METHODS
    if unsafe and request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise AccessDenied
    if signed_in() is None:
        return sign_out()
    request.environ[_ADMITTED] = True
    registry.warn_of_peppers(current_apitokens)
    return None


def has_vanished() -> bool:
    """Roll back, and return whether the user whom :func:`admit` let in is gone.

    The row may have been deleted, or the user deactivated, since this request began.
    """
    current_apitokens.db.session.rollback()
    if _ADMITTED not in request.environ:
        return False
    forget_user()
    return signed_in() is None


def sign_out() -> ResponseReturnValue:
    """Answer a user who is not signed in: with a dialog, or on the log-in page."""
    if not htmx.wants_fragment():
        return _to_log_in()
    ours = url_for("apitokens.tokens")
    back = htmx.page_asked_from() or ours
    if back.startswith((ours, url_for("apitokens_admin.start"))):
        # The query is a search at most, and the search may be for a whole token: it
        # must not get into the address of the log-in page.
        back = _answering_get(back.partition("?")[0])
    dialog = partial("signed_out", sign_in=sign_in_url(back))
    return htmx.fragment(dialog, status=401, target=htmx.DIALOG)


def _to_log_in() -> ResponseReturnValue:
    """Answer as the application does, but come back to an address without a query."""
    manager = login_manager()
    path = request.script_root + request.path
    back = _answering_get(path)
    if manager.login_view and (request.query_string or back != path):
        return redirect(sign_in_url(back))
    return cast("ResponseReturnValue", manager.unauthorized())


def _answering_get(path: str) -> str:
    """Return *path*, or the address of the list whose form is sent to it.

    A log-in page leads back by GET, without the fields of the form.
    """
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return path
    ours = unquote(path.removeprefix(request.script_root))
    try:
        endpoint, values = adapter.match(ours, method="POST")
    except HTTPException:
        return path
    blueprint, _dot, action = endpoint.rpartition(".")
    for end, shown in _FROM_LIST.items():
        if blueprint in {NAME, ADMIN} and action.endswith(end):
            name = action.removesuffix(end) + shown
            return url_for(f"{blueprint}.{name}", **values)
    return path


def is_admin(user: Any) -> bool:
    """Whether *user* administers their account now.

    If the application has accounts, a user without one administers nothing: the users
    without an account do not form one.
    """
    callbacks = current_apitokens.callbacks
    asked = callbacks.is_admin
    return asked is not None and asked(user) and is_account(callbacks.account_of(user))


def is_account(account_id: str) -> bool:
    """Whether *account_id* is an account that can be administered."""
    there = bool(account_id) or not current_apitokens.callbacks.has_accounts
    return there and account_id != NO_ACCOUNT


def admit_admin() -> ResponseReturnValue | None:
    """Refuse a request before its view runs, unless an administrator is signed in.

    :raises AccessDenied: for other users, and for a form of another site.
    """
    turned_away = admit()
    if turned_away is None and not is_admin(signed_in()):
        raise AccessDenied
    return turned_away
