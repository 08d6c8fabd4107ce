"""Renaming, revoking and deleting tokens."""

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
from flask_apitokens.web.confirm import ask_unless_confirmed
from flask_apitokens.web.confirm import back_to_list
from flask_apitokens.web.confirm import question_url
from flask_apitokens.web.confirm import report_done
from flask_apitokens.web.confirm import selected_live_tokens
from flask_apitokens.web.forms import RenameForm
from flask_apitokens.web.forms import cleaned
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.presenters.token_list import Rename
from flask_apitokens.web.presenters.token_list import query_args
from flask_apitokens.web.query_args import asked_query
from flask_apitokens.web.scopes.token_scope import TokenScope

# -- rename --------------------------------------------------------------------


def rename(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Show a row of the list as a form, or store its new name."""
    token = scope.token(token_id)
    if not scope.row(token).live:
        # The token ended after the list was loaded.
        raise Conflict
    if request.method != "POST":
        return _rename_form(scope, token, name=token.name)
    form = RenameForm()
    name = cleaned(form.name.data)
    if not form.is_genuine():
        return _rename_form(scope, token, name=name, error=stale(), status=400)

    def change() -> str:
        tokens.rename(scope.ctx, token, name, actor=scope.actor)
        # Read before the commit: after it, another request may delete the row.
        return _("Renamed to “%(name)s”", name=token.name)

    try:
        message = store_change(scope.ctx, change)
    except DomainError as error:
        roll_back(scope.ctx)
        if error.field != "name":
            raise
        text, status = error.message, error.status
        return _rename_form(scope, token, name=name, error=text, status=status)
    if not htmx.wants_fragment():
        return back_to_list(scope, message)
    shown = list_presenter.focused(scope.overview(asked_query()).list, token_id)
    actions = partial("actions", list=shown)
    return htmx.fragment(
        partial("list", list=shown),
        out_of_band={htmx.ACTIONS: actions, htmx.TOASTS: toast(message)},
    )


def _rename_form(
    scope: TokenScope, token: Token, *, name: str, error: str = "", status: int = 200
) -> ResponseReturnValue:
    overview = scope.overview(asked_query())
    if token.id not in {row.id for row in overview.list.rows}:
        # The form is a row of the list. If the token has moved to another page since
        # the list was loaded, a list of this token alone has the row.
        overview = scope.overview(ListQuery(q=token.id))
    shown = replace(overview.list, rename=Rename(token.id, name[:ECHOED], error))
    if not htmx.wants_fragment():
        return scope.page(replace(overview, list=shown), status=status)
    alert: dict[str, Markup | str] = {htmx.ALERT: error} if error else {}
    return htmx.fragment(partial("list", list=shown), status=status, out_of_band=alert)


# -- revoke and delete ---------------------------------------------------------


def revoke(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Ask before a token is revoked, or revoke it."""
    token = scope.token(token_id)
    if request.method != "POST" and token.revoked_at is not None:
        raise Conflict
    question = confirmations.revoke_question(
        scope.row(token),
        question_url(),
        delete_url=_other_url(scope, token, action="delete"),
    )
    asked = ask_unless_confirmed(question, scope=scope)
    if asked is not None:
        return asked

    def change() -> str:
        if tokens.end(scope.ctx, token, actor=scope.actor):
            return _("Token “%(name)s” revoked", name=token.name)
        return _("Token “%(name)s” was already revoked", name=token.name)

    return report_done(scope, store_change(scope.ctx, change))


def delete(scope: TokenScope, token_id: str) -> ResponseReturnValue:
    """Ask before a token is deleted, or delete it."""
    token = scope.token(token_id)
    question = confirmations.delete_question(
        scope.row(token),
        question_url(),
        revoke_url=_other_url(scope, token, action="revoke"),
    )
    asked = ask_unless_confirmed(question, scope=scope)
    if asked is not None:
        return asked
    # Read before the commit: after it, the row is gone.
    message = _("Token “%(name)s” deleted", name=token.name)
    store_change(scope.ctx, lambda: tokens.delete(scope.ctx, token, actor=scope.actor))
    return report_done(scope, message)


def _other_url(scope: TokenScope, token: Token, *, action: str) -> str:
    """Return the address of another confirmation, which leads back to the same list."""
    return scope.urls.url(action, token_id=token.id, **query_args(asked_query()))


def revoke_many(scope: TokenScope) -> ResponseReturnValue:
    """Ask before the selected tokens are revoked, or revoke them."""
    ctx, selected = scope.ctx, selected_live_tokens(scope)
    question = confirmations.revoke_many_question(scope.rows(selected), question_url())
    asked = ask_unless_confirmed(question, scope=scope, needs_flag=True)
    if asked is not None:
        return asked
    ids = [token.id for token in selected]
    revoked = store_change(
        ctx, lambda: tokens.revoke_many(ctx, scope.tokens, ids, actor=scope.actor)
    )
    message = _n("%(n)s token revoked", "%(n)s tokens revoked", len(revoked))
    return report_done(scope, message)
