"""Pages that need a fresh log-in (``APITOKENS_FRESH_LOGIN``), and the kept input.

Flask-Login knows whether a log-in is fresh and how the user renews it. Its response is
a page or a redirect, so it must not be swapped into a dialog.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import request
from flask import session
from flask.typing import ResponseReturnValue
from flask_login import login_fresh

from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.state import current_apitokens
from flask_apitokens.web.presenters.generate_form import NETWORKS_LENGTH
from flask_apitokens.web.presenters.generate_form import GenerateInput
from flask_apitokens.web.scopes.token_scope import TokenScope

from . import htmx
from .login import login_manager
from .pages import navigate

#: the key in the session of the input of a form whose log-in was not fresh
_KEPT = "_apitokens_kept"
#: The session is a cookie, which a browser accepts up to 4 KB. Longer input is cut.
_MAX_LENGTHS = {"name": 2 * NAME_LENGTH, "networks": NETWORKS_LENGTH}
_MAX_LENGTH = 64
_MAX_SCOPES = 40


def require_fresh_login(
    scope: TokenScope, entered: GenerateInput | None = None, *, form_url: str = ""
) -> ResponseReturnValue | None:
    """Return a response that leads to the log-in page; None if the log-in is fresh.

    :param entered: the input of the form, which is filled in again after the log-in.
    :param form_url: the page to come back to; by default the generate form.
    :raises ConfigurationError: if Flask-Login does not know how a log-in is renewed.
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
        # Flask-Login comes back to the address of this request, which is the form.
        response: ResponseReturnValue = manager.needs_refresh()
        return response
    return navigate(form_url or scope.urls.url("new"))


def _keep(scope: TokenScope, entered: GenerateInput) -> None:
    # In the session rather than in an address, which appears in logs. The form has cut
    # out a token that was pasted by mistake.
    values = {
        name: value[: _max_length(name)]
        if isinstance(value, str)
        else [word[:_MAX_LENGTH] for word in value[:_MAX_SCOPES]]
        for name, value in asdict(entered).items()
    }
    session[_KEPT] = {**_origin(scope), "wish": values}


def _max_length(name: str) -> int:
    return _MAX_LENGTHS.get(name, _MAX_LENGTH)


def _origin(scope: TokenScope) -> dict[str, str]:
    """Return the user and the form of the input: another user may log in next."""
    return {"at": scope.urls.url("new"), "user": scope.ctx.key_text(scope.user)}


def pop_kept_input(scope: TokenScope) -> GenerateInput | None:
    """Return the input that this user typed into this form, and forget it."""
    found: dict[str, Any] = session.pop(_KEPT) if _KEPT in session else {}
    is_own = found.items() >= _origin(scope).items()
    return GenerateInput(**found["wish"]) if is_own else None
