"""Single-token mode: a new token in the place of the old one, at once."""

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
from flask_apitokens.web.confirm import ask
from flask_apitokens.web.forms import ReplaceForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import stored
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.reveal import answer_with
from flask_apitokens.web.scopes.scope import Visit


def replace(visit: Visit) -> ResponseReturnValue:
    """The question, or the new token and its plaintext, in this one answer.

    :raises NotFound: where several tokens may stand beside each other.
    :raises Conflict: if another token than the one asked about is there by now.
    """
    if not single_token.is_on(visit.ctx):
        raise NotFound
    if visit.by_others:
        raise SelfServiceOff
    stale_log_in = fresh_login.renewed(visit, form=visit.at.url("replace"))
    if stale_log_in is not None:
        return stale_log_in
    if request.method != "POST":
        return _question(visit)
    form = ReplaceForm()
    token = visit.token(form.current.data or "")
    if not form.is_genuine():
        return ask(altered(_confirm(visit, token), problem=stale()), 400)
    make = functools.partial(
        rotation.rotate,
        visit.ctx,
        token,
        grace=0,
        actor=visit.actor,
        form_key=form.form_id.data,
    )
    made, plaintext = stored(visit.ctx, make)
    panels = functools.partial(visit.panels, ListQuery(), fresh=made.id)
    return answer_with(visit, made, plaintext, panels=panels)


def _question(visit: Visit) -> ResponseReturnValue:
    token = visit.only
    if token is None:
        return redirect(visit.at.url("new"))
    if not visit.can_rotate(token):
        raise AccessSwitchedOff
    return ask(_confirm(visit, token), 200)


def _confirm(visit: Visit, token: Token) -> Confirm:
    hidden = [("form_id", secrets.token_urlsafe(16)), ("current", token.id)]
    action, back = visit.at.url("replace"), visit.at.url("tokens")
    return confirmations.overwrite_question(visit.row(token), action, back, hidden)
