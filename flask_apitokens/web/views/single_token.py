"""Single-token mode: replace the only token of a user by a new one."""

from __future__ import annotations

import functools
import secrets
from dataclasses import replace as altered

from flask import redirect
from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.domain import single_token
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import AccessSwitchedOff
from flask_apitokens.errors import NotFound
from flask_apitokens.errors import SelfServiceOff
from flask_apitokens.web import fresh_login
from flask_apitokens.web.confirm import show_question
from flask_apitokens.web.forms import ReplaceForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.reveal import reveal_token
from flask_apitokens.web.scopes.token_scope import TokenScope


def replace(scope: TokenScope) -> ResponseReturnValue:
    """Ask before the only token is replaced, or replace it and show the plaintext.

    This response is the only one that shows the plaintext.

    :raises NotFound: if single-token mode is off.
    :raises Conflict: if the token was replaced since the question was shown.
    """
    if not single_token.is_on(scope.ctx):
        raise NotFound
    if not scope.actions.self_service:
        raise SelfServiceOff
    form_url = scope.urls.url("replace")
    log_in = fresh_login.require_fresh_login(scope, form_url=form_url)
    if log_in is not None:
        return log_in
    if request.method != "POST":
        return _question(scope)
    form = ReplaceForm()
    token = scope.token(form.current.data or "")
    if not form.is_genuine():
        return show_question(altered(_confirm(scope, token), problem=stale()), 400)
    make = functools.partial(
        rotation.rotate,
        scope.ctx,
        token,
        grace=0,
        actor=scope.actor,
        form_key=form.form_id.data,
    )
    made, plaintext = store_change(scope.ctx, make)
    panels = functools.partial(scope.panels, ListQuery(), fresh=made.id)
    return reveal_token(scope, made, plaintext=plaintext, panels=panels)


def _question(scope: TokenScope) -> ResponseReturnValue:
    token = scope.replaceable
    if token is None:
        return redirect(scope.urls.url("new"))
    if not scope.can_rotate(token):
        raise AccessSwitchedOff
    return show_question(_confirm(scope, token), 200)


def _confirm(scope: TokenScope, token: Token) -> Confirm:
    hidden = [("form_id", secrets.token_urlsafe(16)), ("current", token.id)]
    action, back = scope.urls.url("replace"), scope.urls.url("tokens")
    return confirmations.overwrite_question(
        scope.row(token), action, back=back, hidden=hidden
    )
