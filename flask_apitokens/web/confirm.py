"""Confirmations: ask before a change, check the answer, report what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue

from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.scopes.token_scope import TokenScope

from . import htmx
from .forms import ConfirmForm
from .forms import stale
from .pages import leave_notice
from .pages import page
from .pages import partial
from .pages import toast
from .presenters import confirmations
from .query_args import asked_query


def chosen_live(scope: TokenScope) -> Sequence[Token]:
    """The tokens that were selected and still work.

    :raises DomainError: if none was, or too many; as 404 or 409 if none is left.
    """
    ids = request.values.getlist("id")
    if not ids:
        raise DomainError(_("Select at least one token."))
    found = tokens.find_many(scope.ctx, scope.tokens, ids)
    live = [t for t, row in zip(found, scope.rows(found), strict=True) if row.live]
    if not live:
        raise TokenNotFound if not found else Conflict
    return live


def here() -> str:
    """Where the question is answered: this address, with its list in the query."""
    known = list_presenter.query_args(asked_query())
    return url_for(request.endpoint or "", **(request.view_args or {}), **known)


def asked(
    scope: TokenScope, question: Confirm, *, sure: bool = True
) -> ResponseReturnValue | None:
    """Ask, unless the form that came is the genuine answer to the question."""
    question = replace(question, back=_list_again(scope))
    if request.method != "POST" or not sure:
        return ask(_with_calls(scope, question), 200)
    if ConfirmForm().is_genuine():
        return None
    return ask(_with_calls(scope, replace(question, problem=stale())), 400)


def _with_calls(scope: TokenScope, question: Confirm) -> Confirm:
    """A question with how often its tokens were called with lately, where it is known.

    What will break says more than "Are you sure?".
    """
    ctx = scope.ctx
    if not ctx.records_calls or not question.weighs:
        return question
    ids = [row.id for row in question.rows]
    numbers = usage_totals.calls_of(ctx, scope.tokens, ids)
    days = ctx.settings.usage_retention_days
    return confirmations.with_calls(question, numbers, days)


def ask(question: Confirm, status: int) -> ResponseReturnValue:
    """Put a question: as a dialog, whatever panel was asked for, or as a page."""
    if not htmx.wants_fragment():
        return page("apitokens/confirm.html", confirm=question, status=status)
    dialog = partial("confirm_dialog", confirm=question)
    return htmx.fragment(dialog, status=status, target=htmx.DIALOG)


def done(scope: TokenScope, message: str) -> ResponseReturnValue:
    """Answer that it was done: the dialog closes, the list is as it is now."""
    if not htmx.wants_fragment():
        return back_to_list(scope, message)
    changed = scope.panels(asked_query())
    return htmx.fragment(
        partial("closed"), out_of_band={**changed, htmx.TOASTS: toast(message)}
    )


def back_to_list(scope: TokenScope, message: str) -> ResponseReturnValue:
    """To the list, which says what was done."""
    leave_notice(message)
    return redirect(_list_again(scope), 303)


def _list_again(scope: TokenScope) -> str:
    """The address of the list as it was searched, sorted and paged."""
    return scope.urls.url("tokens", **list_presenter.query_args(asked_query()))


def answered(question: Confirm) -> ResponseReturnValue | None:
    """Ask, unless the form that came is the genuine answer to the question."""
    if request.method != "POST" or request.form.get("confirm") != "1":
        return ask(question, 200)
    if ConfirmForm().is_genuine():
        return None
    return ask(replace(question, problem=stale()), 400)
