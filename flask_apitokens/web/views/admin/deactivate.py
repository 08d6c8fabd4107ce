"""What stops tokens for a while, and lets them work again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens as domain_tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.confirm import ask
from flask_apitokens.web.confirm import asked
from flask_apitokens.web.confirm import chosen_live
from flask_apitokens.web.confirm import done
from flask_apitokens.web.confirm import here
from flask_apitokens.web.pages import store
from flask_apitokens.web.pages import stored
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.scopes.token_scope import TokenScope


def deactivate(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The question, which asks for a reason, or the end of a token for a while."""
    token = scope.token(token_id)
    row = scope.row(token)
    if request.method != "POST" and not row.live:
        raise Conflict
    question = confirmations.deactivate_question(row, here())
    return _deactivating(scope, [token], question, sure=True)


def deactivate_many(scope: TokenScope) -> ResponseReturnValue:
    """The same for the tokens selected."""
    chosen = chosen_live(scope)
    question = confirmations.deactivate_many_question(scope.rows(chosen), here())
    sure = request.form.get("confirm") == "1"
    return _deactivating(scope, chosen, question, sure=sure)


def _deactivating(
    scope: TokenScope, chosen: Sequence[Token], question: Confirm, *, sure: bool
) -> ResponseReturnValue:
    refused = asked(scope, question, sure=sure)
    if refused is not None:
        return refused
    reason = request.form.get("reason", "")
    names, ids = [token.name for token in chosen], [token.id for token in chosen]
    try:
        stored(scope.ctx, lambda: _stop(scope, ids, reason))
    except DomainError as error:
        if error.field != "reason":
            raise
        scope.ctx.session.rollback()
        again = replace(
            question,
            reason=replace(
                question.reason or confirmations.Reason(),
                text=reason[:ECHOED],
                error=error.message,
            ),
            back=scope.urls.url("tokens"),
        )
        return ask(again, error.status)
    if len(names) == 1:
        return done(scope, _("Token “%(name)s” deactivated", name=names[0]))
    message = _n("%(n)s token deactivated", "%(n)s tokens deactivated", len(names))
    return done(scope, message)


def _stop(scope: TokenScope, ids: Sequence[str], reason: str) -> None:
    """Deactivate what is still there, read anew: it may be done more than once."""
    ctx = scope.ctx
    found = domain_tokens.find_many(ctx, scope.tokens, ids)
    if not found:
        raise TokenNotFound
    for token in domain_tokens.lock_in_order(ctx, found):
        domain_tokens.deactivate(ctx, token, reason, actor=scope.actor)


def activate(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The question, or a token that works again."""
    token = scope.token(token_id)
    if request.method != "POST" and token.deactivated_at is None:
        raise Conflict
    question = confirmations.activate_question(scope.row(token), here())
    refused = asked(scope, question)
    if refused is not None:
        return refused
    domain_tokens.activate(scope.ctx, token, actor=scope.actor)
    message = _("Token “%(name)s” activated", name=token.name)
    store(scope.ctx)
    return done(scope, message)
