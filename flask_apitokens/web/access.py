"""Which requests reach a page: who is signed in, who administers."""

from __future__ import annotations

from typing import Any
from typing import cast

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue

from flask_apitokens.core.callbacks import NO_ACCOUNT
from flask_apitokens.errors import AccessDenied
from flask_apitokens.guard import registry
from flask_apitokens.state import current_apitokens

from . import htmx
from .login import login_manager
from .login import sign_in_url
from .login import signed_in
from .pages import SAFE_METHODS
from .pages import partial


def admit() -> ResponseReturnValue | None:
    """Let a request in, before its view: from our own pages, by who is signed in."""
    unsafe = request.method not in SAFE_METHODS
    if unsafe and request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise AccessDenied
    if signed_in() is None:
        return _turn_away()
    registry.warn_of_peppers(current_apitokens)
    return None


def _turn_away() -> ResponseReturnValue:
    if not htmx.wants_fragment():
        return _to_log_in()
    ours = url_for("apitokens.tokens")
    back = htmx.page_asked_from() or ours
    if back.startswith((ours, url_for("apitokens_admin.start"))):
        # A search at most, and somebody may have searched for a token.
        back = back.partition("?")[0]
    dialog = partial("signed_out", sign_in=sign_in_url(back))
    return htmx.fragment(dialog, status=401, target=htmx.DIALOG)


def _to_log_in() -> ResponseReturnValue:
    """The host's own answer, but with no query in what it comes back to."""
    manager = login_manager()
    if request.query_string and manager.login_view:
        return redirect(sign_in_url(request.script_root + request.path))
    return cast("ResponseReturnValue", manager.unauthorized())


def is_admin(user: Any) -> bool:
    """Whether *user* administers their account, asked now.

    Who has none, where there are accounts, administers nothing: the others who have
    none have nothing in common.
    """
    callbacks = current_apitokens.callbacks
    asked = callbacks.is_admin
    return asked is not None and asked(user) and is_account(callbacks.account_of(user))


def is_account(account_id: str) -> bool:
    there = bool(account_id) or not current_apitokens.callbacks.has_accounts
    return there and account_id != NO_ACCOUNT


def admit_admin() -> ResponseReturnValue | None:
    """Let a request in, before its view: as every page, and administrators alone.

    :raises AccessDenied: for everybody else who is signed in.
    """
    turned_away = admit()
    if turned_away is None and not is_admin(signed_in()):
        raise AccessDenied
    return turned_away
