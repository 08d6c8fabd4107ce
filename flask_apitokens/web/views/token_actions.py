"""What ends or renames tokens: a question first, then the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.web import htmx
from flask_apitokens.web.forms import ConfirmForm
from flask_apitokens.web.forms import RenameForm
from flask_apitokens.web.forms import stale
from flask_apitokens.web.pages import leave_notice
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import store
from flask_apitokens.web.pages import stored
from flask_apitokens.web.pages import toast
from flask_apitokens.web.presenters import confirmations
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.presenters.generate_form import ECHOED
from flask_apitokens.web.presenters.token_list import Rename
from flask_apitokens.web.scopes.scope import Visit
from flask_apitokens.web.scopes.scope import asked_query

# -- rename --------------------------------------------------------------------


def rename(visit: Visit, token_id: str) -> ResponseReturnValue:
    """The row as a form, or its new name."""
    token = _live(visit, token_id)
    if request.method != "POST":
        return _renaming(visit, token, token.name)
    form = RenameForm()
    name = form.name.data or ""
    if not form.is_genuine():
        return _renaming(visit, token, name, error=stale(), status=400)
    try:
        tokens.rename(visit.ctx, token, name, actor=visit.actor)
        # Before it is stored: once it is, somebody may delete the row.
        message = _("Renamed to “%(name)s”", name=token.name)
        store(visit.ctx)
    except DomainError as error:
        visit.ctx.session.rollback()
        if error.field != "name":
            raise
        return _renaming(visit, token, name, error=error.message, status=error.status)
    if not htmx.wants_fragment():
        return _back(visit, message)
    shown = list_presenter.focused(visit.list(asked_query()), token_id)
    actions = partial("actions", list=shown)
    return htmx.fragment(
        partial("list", list=shown),
        out_of_band={htmx.ACTIONS: actions, htmx.TOASTS: toast(message)},
    )


def _live(visit: Visit, token_id: str) -> Token:
    """A token that can still be renamed; else the page that asks is out of date."""
    token = visit.token(token_id)
    if not visit.row(token).live:
        raise Conflict
    return token


def _renaming(
    visit: Visit, token: Token, name: str, *, error: str = "", status: int = 200
) -> ResponseReturnValue:
    overview = visit.overview(asked_query())
    if token.id not in {row.id for row in overview.list.rows}:
        overview = visit.overview(ListQuery(q=token.id))
    shown = replace(overview.list, rename=Rename(token.id, name[:ECHOED], error))
    if not htmx.wants_fragment():
        return visit.page(replace(overview, list=shown), status=status)
    spoken: dict[str, Markup | str] = {htmx.ALERT: error} if error else {}
    return htmx.fragment(partial("list", list=shown), status=status, out_of_band=spoken)


# -- revoke and delete ---------------------------------------------------------


def revoke(visit: Visit, token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token whose row stays."""
    token = visit.token(token_id)
    if request.method != "POST" and token.revoked_at is not None:
        raise Conflict
    question = confirmations.revoke_question(visit.row(token), here())
    refused = asked(visit, question)
    if refused is not None:
        return refused
    if tokens.end(visit.ctx, token, actor=visit.actor):
        message = _("Token “%(name)s” revoked", name=token.name)
    else:
        message = _("Token “%(name)s” was already revoked", name=token.name)
    store(visit.ctx)
    return done(visit, message)


def delete(visit: Visit, token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token and its row."""
    token = visit.token(token_id)
    refused = asked(visit, confirmations.delete_question(visit.row(token), here()))
    if refused is not None:
        return refused
    message = _("Token “%(name)s” deleted", name=token.name)
    tokens.delete(visit.ctx, token, actor=visit.actor)
    store(visit.ctx)
    return done(visit, message)


def revoke_many(visit: Visit) -> ResponseReturnValue:
    """The question for the tokens selected, or their end."""
    chosen = chosen_live(visit)
    question = confirmations.revoke_many_question(visit.rows(chosen), here())
    refused = asked(visit, question, sure=request.form.get("confirm") == "1")
    if refused is not None:
        return refused
    ids = [token.id for token in chosen]
    ctx = visit.ctx
    revoked = stored(
        ctx,
        lambda: tokens.revoke_many(ctx, visit.tokens(), ids, actor=visit.actor),
    )
    return done(visit, _n("%(n)s token revoked", "%(n)s tokens revoked", len(revoked)))


def chosen_live(visit: Visit) -> Sequence[Token]:
    """The tokens that were selected and still work.

    :raises DomainError: if none was, or too many; as 404 or 409 if none is left.
    """
    ids = request.values.getlist("id")
    if not ids:
        raise DomainError(_("Select at least one token."))
    found = tokens.find_many(visit.ctx, visit.tokens(), ids)
    live = [t for t, row in zip(found, visit.rows(found), strict=True) if row.live]
    if not live:
        raise TokenNotFound if not found else Conflict
    return live


def here() -> str:
    """Where the question is answered: this address, with its list in the query."""
    known = list_presenter.query_args(asked_query())
    return url_for(request.endpoint or "", **(request.view_args or {}), **known)


def asked(
    visit: Visit, question: Confirm, *, sure: bool = True
) -> ResponseReturnValue | None:
    """Ask, unless the form that came is the genuine answer to the question."""
    question = replace(question, back=_list_again(visit))
    if request.method != "POST" or not sure:
        return ask(validate(visit, question), 200)
    if ConfirmForm().is_genuine():
        return None
    return ask(validate(visit, replace(question, problem=stale())), 400)


def validate(visit: Visit, question: Confirm) -> Confirm:
    """A question with how often its tokens were called with lately, where it is known.

    What will break says more than "Are you sure?".
    """
    ctx = visit.ctx
    if not ctx.records_calls or not question.weighs:
        return question
    ids = [row.id for row in question.rows]
    numbers = usage_totals.calls_of(ctx, visit.tokens(), ids)
    days = ctx.settings.usage_retention_days
    return confirmations.with_calls(question, numbers, days)


def ask(question: Confirm, status: int) -> ResponseReturnValue:
    """Put a question: as a dialog, whatever panel was asked for, or as a page."""
    if not htmx.wants_fragment():
        return page("apitokens/confirm.html", confirm=question, status=status)
    dialog = partial("confirm_dialog", confirm=question)
    return htmx.fragment(dialog, status=status, target=htmx.DIALOG)


def done(visit: Visit, message: str) -> ResponseReturnValue:
    """Answer that it was done: the dialog closes, the list is as it is now."""
    if not htmx.wants_fragment():
        return _back(visit, message)
    changed = visit.panels(asked_query())
    return htmx.fragment(
        partial("closed"), out_of_band={**changed, htmx.TOASTS: toast(message)}
    )


def _back(visit: Visit, message: str) -> ResponseReturnValue:
    """To the list, which says what was done."""
    leave_notice(message)
    return redirect(_list_again(visit), 303)


def _list_again(visit: Visit) -> str:
    """The address of the list as it was searched, sorted and paged."""
    return visit.at.url("tokens", **list_presenter.query_args(asked_query()))
