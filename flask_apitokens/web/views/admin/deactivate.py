"""Deactivating tokens for a while, and activating them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.db.models import Token
from flask_apitokens.domain import activation
from flask_apitokens.domain import notices
from flask_apitokens.domain import tokens as domain_tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.confirm import ask_reason_again
from flask_apitokens.web.confirm import ask_unless_confirmed
from flask_apitokens.web.confirm import question_url
from flask_apitokens.web.confirm import report_done
from flask_apitokens.web.confirm import selected_live_tokens
from flask_apitokens.web.forms import typed
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.scopes.token_scope import TokenScope


def deactivate(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Ask for a reason before a token is deactivated, or deactivate it."""
    token = scope.token(token_id)
    row = scope.row(token)
    if request.method != "POST" and not row.live:
        raise Conflict
    is_told = notices.reaches_owner(scope.ctx, token, scope.actor)
    question = confirmations.deactivate_question(row, question_url(), is_told=is_told)
    return _deactivate(scope, [token], question=question, needs_flag=False)


def deactivate_many(scope: TokenScope) -> ResponseReturnValue:
    """Ask for a reason before the selected tokens are deactivated, or do it."""
    selected = selected_live_tokens(scope)
    rows = scope.rows(selected)
    actor = scope.actor
    is_told = any(notices.reaches_owner(scope.ctx, t, actor) for t in selected)
    question = confirmations.deactivate_many_question(
        rows, question_url(), is_told=is_told
    )
    return _deactivate(scope, selected, question=question, needs_flag=True)


def _deactivate(
    scope: TokenScope, selected: Sequence[Token], *, question: Confirm, needs_flag: bool
) -> ResponseReturnValue:
    asked = ask_unless_confirmed(question, scope=scope, needs_flag=needs_flag)
    if asked is not None:
        return asked
    cause, text = typed("cause"), typed("reason")
    # Read before the commit: after it, another request may delete the rows.
    names, ids = [token.name for token in selected], [token.id for token in selected]
    try:
        reason = confirmations.reason_of(cause, text)
        store_change(scope.ctx, lambda: _deactivate_found(scope, ids, reason=reason))
    except DomainError as error:
        if error.field != "reason":
            raise
        roll_back(scope.ctx)
        question = replace(question, back=scope.urls.url("tokens"))
        return ask_reason_again(question, text, error=error, cause=cause)
    if len(names) == 1:
        return report_done(scope, _("Token “%(name)s” deactivated", name=names[0]))
    message = _n("%(n)s token deactivated", "%(n)s tokens deactivated", len(names))
    return report_done(scope, message)


def _deactivate_found(scope: TokenScope, ids: Sequence[str], *, reason: str) -> None:
    # Read again inside the change, which is repeated after a deadlock: by then another
    # request may have deleted some of the tokens.
    ctx = scope.ctx
    found = domain_tokens.find_many(ctx, scope.tokens, ids)
    if not found:
        raise TokenNotFound
    for token in domain_tokens.lock_in_order(ctx, found):
        activation.deactivate(ctx, token, reason, actor=scope.actor)


def activate(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Ask before a deactivated token works again, or activate it."""
    token = scope.token(token_id)
    if request.method != "POST" and token.deactivated_at is None:
        raise Conflict
    question = confirmations.activate_question(scope.row(token), question_url())
    asked = ask_unless_confirmed(question, scope=scope)
    if asked is not None:
        return asked

    def change() -> str:
        activation.activate(scope.ctx, token, actor=scope.actor)
        # Read before the commit: after it, another request may delete the row.
        return _("Token “%(name)s” activated", name=token.name)

    return report_done(scope, store_change(scope.ctx, change))
