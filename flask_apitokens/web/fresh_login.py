"""A log-in that has to be fresh (``APITOKENS_FRESH_LOGIN``), and what was typed before.

Flask-Login knows how fresh a log-in is and how to have it renewed; here its answer is
put where it belongs: in front of a page, never into a dialog.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import request
from flask import session
from flask.typing import ResponseReturnValue
from flask_login import login_fresh

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.state import current_apitokens
from flask_apitokens.web.presenters.generate_form import NETWORKS_LENGTH
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.scopes.token_scope import TokenScope

from . import htmx
from .login import login_manager
from .pages import navigate

#: the form as it was filled in when the log-in was found stale
_KEPT = "_apitokens_kept"
#: what of it has room in a cookie
_MOST = {"name": 2 * NAME_LENGTH, "scopes": 40, "networks": NETWORKS_LENGTH}
_LONGEST_WORD = 64


def renewed(
    scope: TokenScope, entered: GenerateInput | None = None, *, form: str = ""
) -> ResponseReturnValue | None:
    """The way to a fresh log-in and back to the form; none where it is fresh.

    :param wish: what was typed: the form that follows is filled in with it.
    :param form: the page to come back to; by default the generate form.
    :raises ConfigurationError: if Flask-Login was not told how a log-in is renewed.
    """
    if not current_apitokens.settings.fresh_login or login_fresh():
        return None
    manager = login_manager()
    if not (manager.refresh_view or manager.needs_refresh_callback):
        raise ConfigurationError(
            "APITOKENS_FRESH_LOGIN needs to know how a log-in is renewed: set "
            "login_manager.refresh_view, or a needs_refresh_handler"
        )
    if entered is not None:
        _keep(scope, entered)
    if request.method in {"GET", "HEAD"} and not htmx.wants_fragment():
        # Its way back is this very page.
        answer: ResponseReturnValue = manager.needs_refresh()
        return answer
    form = form or scope.urls.url("new")
    return navigate(form)


def _keep(scope: TokenScope, entered: GenerateInput) -> None:
    """Remember *wish* in the session, which no address and no log shows."""
    brand = current_apitokens.settings.brand
    values = {
        field: _short(field, crypto_tokens.without_plaintexts(brand, value))
        if isinstance(value, str)
        else [word[:_LONGEST_WORD] for word in value[: _MOST["scopes"]]]
        for field, value in asdict(entered).items()
    }
    session[_KEPT] = {**_whose(scope), "wish": values}


def _whose(scope: TokenScope) -> dict[str, str]:
    """Whose input into which form: who logs in next may be somebody else."""
    user = scope.ctx.key_text(scope.user)
    return {"at": scope.urls.url("new"), "user": user}


def _short(field: str, text: str) -> str:
    return text[: _MOST.get(field, _LONGEST_WORD)]


def kept(scope: TokenScope) -> GenerateInput | None:
    """What this user typed into the form of this place, to be asked for once."""
    found: dict[str, Any] = session.pop(_KEPT) if _KEPT in session else {}
    mine = found.items() >= _whose(scope).items()
    return GenerateInput(**found["wish"]) if mine else None
