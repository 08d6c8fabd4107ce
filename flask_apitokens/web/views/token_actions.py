"""What ends or renames tokens: a question first, then the change."""

from __future__ import annotations

from dataclasses import replace

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web import htmx
from flask_apitokens.web.confirm import asked
from flask_apitokens.web.confirm import back_to_list
from flask_apitokens.web.confirm import chosen_live
from flask_apitokens.web.confirm import done
from flask_apitokens.web.confirm import here
from flask_apitokens.web.forms import RenameForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import store
from flask_apitokens.web.pages import stored
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.presenters.token_list import Rename
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.scopes.token_scope import TokenScope

# -- rename --------------------------------------------------------------------


def rename(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The row as a form, or its new name."""
    token = _live(scope, token_id)
    if request.method != "POST":
        return _renaming(scope, token, token.name)
    form = RenameForm()
    name = form.name.data or ""
    if not form.is_genuine():
        return _renaming(scope, token, name, error=stale(), status=400)
    try:
        tokens.rename(scope.ctx, token, name, actor=scope.actor)
        # Before it is stored: once it is, somebody may delete the row.
        message = _("Renamed to “%(name)s”", name=token.name)
        store(scope.ctx)
    except DomainError as error:
        scope.ctx.session.rollback()
        if error.field != "name":
            raise
        return _renaming(scope, token, name, error=error.message, status=error.status)
    if not htmx.wants_fragment():
        return back_to_list(scope, message)
    shown = list_presenter.focused(scope.overview(asked_query()).list, token_id)
    actions = partial("actions", list=shown)
    return htmx.fragment(
        partial("list", list=shown),
        out_of_band={htmx.ACTIONS: actions, htmx.TOASTS: toast(message)},
    )


def _live(scope: TokenScope, token_id: str) -> Token:
    """A token that can still be renamed; else the page that asks is out of date."""
    token = scope.token(token_id)
    if not scope.row(token).live:
        raise Conflict
    return token


def _renaming(
    scope: TokenScope, token: Token, name: str, *, error: str = "", status: int = 200
) -> ResponseReturnValue:
    overview = scope.overview(asked_query())
    if token.id not in {row.id for row in overview.list.rows}:
        overview = scope.overview(ListQuery(q=token.id))
    shown = replace(overview.list, rename=Rename(token.id, name[:ECHOED], error))
    if not htmx.wants_fragment():
        return scope.page(replace(overview, list=shown), status=status)
    spoken: dict[str, Markup | str] = {htmx.ALERT: error} if error else {}
    return htmx.fragment(partial("list", list=shown), status=status, out_of_band=spoken)


# -- revoke and delete ---------------------------------------------------------


def revoke(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token whose row stays."""
    token = scope.token(token_id)
    if request.method != "POST" and token.revoked_at is not None:
        raise Conflict
    question = confirmations.revoke_question(scope.row(token), here())
    refused = asked(scope, question)
    if refused is not None:
        return refused
    if tokens.end(scope.ctx, token, actor=scope.actor):
        message = _("Token “%(name)s” revoked", name=token.name)
    else:
        message = _("Token “%(name)s” was already revoked", name=token.name)
    store(scope.ctx)
    return done(scope, message)


def delete(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token and its row."""
    token = scope.token(token_id)
    refused = asked(scope, confirmations.delete_question(scope.row(token), here()))
    if refused is not None:
        return refused
    message = _("Token “%(name)s” deleted", name=token.name)
    tokens.delete(scope.ctx, token, actor=scope.actor)
    store(scope.ctx)
    return done(scope, message)


def revoke_many(scope: TokenScope) -> ResponseReturnValue:
    """The question for the tokens selected, or their end."""
    chosen = chosen_live(scope)
    question = confirmations.revoke_many_question(scope.rows(chosen), here())
    refused = asked(scope, question, sure=request.form.get("confirm") == "1")
    if refused is not None:
        return refused
    ids = [token.id for token in chosen]
    ctx = scope.ctx
    revoked = stored(
        ctx,
        lambda: tokens.revoke_many(ctx, scope.tokens, ids, actor=scope.actor),
    )
    return done(scope, _n("%(n)s token revoked", "%(n)s tokens revoked", len(revoked)))
