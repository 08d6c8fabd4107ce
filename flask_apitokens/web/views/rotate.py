"""Rotating a token: the form, and the plaintext of the successor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Mapping
from datetime import datetime

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.errors import AccessSwitchedOff
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import SelfServiceOff
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import fresh_login
from flask_apitokens.web import htmx
from flask_apitokens.web.confirm import list_url
from flask_apitokens.web.error_pages import refresh_with
from flask_apitokens.web.forms import RotateForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import dialog_or_page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters import rotate_form
from flask_apitokens.web.presenters.rotate_form import RotateInput
from flask_apitokens.web.presenters.token_list import LISTED
from flask_apitokens.web.presenters.token_list import query_args
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.reveal import reveal_token
from flask_apitokens.web.scopes.token_scope import TokenScope
from flask_apitokens.web.scopes.token_scope import reload_scope
from flask_apitokens.web.usage_history import token_history


def rotate(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Show the rotate form, or rotate a token and show the plaintext of its successor.

    This response is the only one that shows the plaintext.
    """
    if not _is_listed(scope):
        refresh_with(functools.partial(_panels, token_id))
    token = scope.token(token_id)
    form_url = _form_url(scope, token)
    log_in = fresh_login.require_fresh_login(scope, form_url=form_url)
    if log_in is not None:
        return log_in
    if not scope.actions.self_service:
        raise SelfServiceOff
    if request.method != "POST":
        _check(scope, token)
        return _form(scope, token, entered=rotate_form.first_input(scope.ctx, token))
    return _rotate(scope, token)


def _rotate(scope: TokenScope, token: Token) -> ResponseReturnValue:
    # Read before the commit: after it, another request may delete the row.
    token_id = token.id
    form = RotateForm()
    entered, form_id = RotateInput.of(form), form.form_id.data or ""
    if not form.is_genuine():
        return _form(scope, token, entered=entered, refused=stale(), status=400)
    try:
        grace, expires_at = rotate_form.validate(scope.ctx, token, entered)
        make = functools.partial(
            _make, scope, token, grace=grace, expires_at=expires_at, form_id=form_id
        )
        made, plaintext, old = store_change(scope.ctx, make)
    except (AlreadyGenerated, Conflict, TokenNotFound):
        # No other input would help: the error handler refreshes the page instead.
        raise
    except DomainError as error:
        roll_back(scope.ctx)
        status = error.status
        return _form(
            scope, token, entered=entered, form_id=form_id, refused=error, status=status
        )
    panels: Callable[[], Mapping[str, Markup]]
    panels = functools.partial(_panels, token_id)
    if _is_listed(scope):
        panels = functools.partial(scope.panels, asked_query(), fresh=made.id)
    return reveal_token(
        scope,
        made,
        plaintext=plaintext,
        panels=panels,
        back=_back_url(scope, made),
        toast=_("Token “%(name)s” rotated", name=made.name),
        old=old,
    )


def _make(
    scope: TokenScope,
    token: Token,
    *,
    grace: int,
    expires_at: datetime | None,
    form_id: str,
) -> tuple[Token, Plaintext, str]:
    """Return the successor, its plaintext, and what the page says of the old token.

    The old token is read before the commit. After it, another request may delete the
    row, and the plaintext must be shown in any case.
    """
    made, plaintext = rotation.rotate(
        scope.ctx,
        token,
        grace=grace,
        expires_at=expires_at,
        actor=scope.actor,
        form_key=form_id,
    )
    return made, plaintext, rotate_form.old_token_notice(scope.ctx, token)


def _check(scope: TokenScope, token: Token) -> None:
    """Check that the form could succeed, before it is shown.

    :raises Conflict: if the token has a successor, or has ended.
    :raises AccessSwitchedOff: if its successor would not work either.
    """
    if not rotation.can_be_rotated(scope.ctx, token):
        raise Conflict
    if not scope.can_rotate(token):
        raise AccessSwitchedOff


def _form(
    scope: TokenScope,
    token: Token,
    *,
    entered: RotateInput,
    form_id: str = "",
    refused: DomainError | str = "",
    status: int = 200,
) -> ResponseReturnValue:
    view = rotate_form.presented(
        scope.ctx,
        token,
        scope.row(token),
        entered=entered,
        action=_form_url(scope, token),
        back=(
            _("API tokens") if _is_listed(scope) else token.name,
            _back_url(scope, token),
        ),
        form_id=form_id,
        refused=refused,
        warning=scope.rotate_warning,
    )
    return dialog_or_page(
        "rotate_dialog",
        "apitokens/rotate.html",
        title=view.title,
        status=status,
        form=view,
    )


def _is_listed(scope: TokenScope) -> bool:
    """Whether the form was opened from a list, and not from the page of the token."""
    asked = all(request.args.get(name) == value for name, value in LISTED.items())
    return asked or not scope.urls.has_token_pages


def _form_url(scope: TokenScope, token: Token) -> str:
    """Return the address of the form, which leads back to where it was opened."""
    args = {**query_args(asked_query()), **LISTED} if _is_listed(scope) else {}
    return scope.urls.url("rotate", token_id=token.id, **args)


def _back_url(scope: TokenScope, token: Token) -> str:
    return list_url(scope) if _is_listed(scope) else scope.urls.token_url(token.id)


def _panels(token_id: str) -> Mapping[str, Markup]:
    """Return the page of the token, read again; nothing if the token is gone."""
    scope = reload_scope()
    if scope is None:
        return {}
    try:
        token = scope.token(token_id)
    except TokenNotFound:
        return {}
    context = scope.token_context(token) | {"history": token_history(scope, token)}
    return {htmx.ABOUT: partial("token", **context)}
