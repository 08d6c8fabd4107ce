"""What ends or renames tokens: a question first, then the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import redirect
from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens import htmx
from flask_apitokens import present
from flask_apitokens import questions
from flask_apitokens import tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.forms import ConfirmForm
from flask_apitokens.forms import RenameForm
from flask_apitokens.forms import stale
from flask_apitokens.generating import ECHOED
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.listing import ListQuery
from flask_apitokens.models import Token
from flask_apitokens.present import Rename
from flask_apitokens.questions import Confirm
from flask_apitokens.views import leave_notice
from flask_apitokens.views import page
from flask_apitokens.views import partial
from flask_apitokens.views import store
from flask_apitokens.views import toast
from flask_apitokens.views.preferences import panels
from flask_apitokens.views.preferences import section_page
from flask_apitokens.views.visit import Visit
from flask_apitokens.views.visit import asked_query
from flask_apitokens.views.visit import begin

# -- rename --------------------------------------------------------------------


def rename(token_id: str) -> ResponseReturnValue:
    """The row as a form, or its new name."""
    visit = begin()
    token = _live(visit, token_id)
    if request.method != "POST":
        return _renaming(visit, token, token.name)
    form = RenameForm()
    name = form.name.data or ""
    if not form.is_genuine():
        return _renaming(visit, token, name, error=stale(), status=400)
    try:
        tokens.rename(visit.domain, token, name, actor=visit.actor)
        store()
    except DomainError as error:
        visit.domain.session.rollback()
        if error.field != "name":
            raise
        return _renaming(visit, token, name, error=error.message, status=error.status)
    message = _("Renamed to “%(name)s”", name=token.name)
    if not htmx.wants_fragment():
        return _back(message)
    shown = present.focused(visit.list(asked_query()), token_id)
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
        return section_page(visit, replace(overview, list=shown), status=status)
    spoken: dict[str, Markup | str] = {htmx.ALERT: error} if error else {}
    return htmx.fragment(partial("list", list=shown), status=status, out_of_band=spoken)


# -- revoke and delete ---------------------------------------------------------


def revoke(token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token whose row stays."""
    visit = begin()
    token = visit.token(token_id)
    if request.method != "POST" and token.revoked_at is not None:
        raise Conflict
    question = questions.revoke_question(visit.row(token), _here())
    refused = _asked(question)
    if refused is not None:
        return refused
    if tokens.end(visit.domain, token, actor=visit.actor):
        message = _("Token “%(name)s” revoked", name=token.name)
    else:
        message = _("Token “%(name)s” was already revoked", name=token.name)
    store()
    return _done(visit, message)


def delete(token_id: str) -> ResponseReturnValue:
    """The question, or the end of a token and its row."""
    visit = begin()
    token = visit.token(token_id)
    refused = _asked(questions.delete_question(visit.row(token), _here()))
    if refused is not None:
        return refused
    message = _("Token “%(name)s” deleted", name=token.name)
    tokens.delete(visit.domain, token, actor=visit.actor)
    store()
    return _done(visit, message)


def revoke_many() -> ResponseReturnValue:
    """The question for the tokens selected, or their end."""
    visit = begin()
    chosen = _chosen(visit)
    question = questions.revoke_many_question(visit.rows(chosen), _here())
    refused = _asked(question, sure=request.form.get("confirm") == "1")
    if refused is not None:
        return refused
    ids = [token.id for token in chosen]
    revoked = tokens.revoke_many(visit.domain, visit.user, ids, actor=visit.actor)
    store()
    return _done(visit, _n("%(n)s token revoked", "%(n)s tokens revoked", len(revoked)))


def _chosen(visit: Visit) -> Sequence[Token]:
    ids = request.values.getlist("id")
    if not ids:
        raise DomainError(_("Select at least one token."))
    found = tokens.find_many(visit.domain, visit.user, ids)
    live = [token for token in found if visit.row(token).live]
    if not live:
        raise TokenNotFound if not found else Conflict
    return live


def _here() -> str:
    """Where the question is answered: this address, with its list in the query."""
    known = present.query_args(asked_query())
    return url_for(request.endpoint or "", **(request.view_args or {}), **known)


def _asked(question: Confirm, *, sure: bool = True) -> ResponseReturnValue | None:
    """Ask, unless the form that came is the genuine answer to the question."""
    if request.method != "POST" or not sure:
        return _ask(question, 200)
    if ConfirmForm().is_genuine():
        return None
    return _ask(replace(question, problem=stale()), 400)


def _ask(question: Confirm, status: int) -> ResponseReturnValue:
    question = replace(question, back=_list_again())
    if not htmx.wants_fragment():
        return page("apitokens/confirm.html", confirm=question, status=status)
    return htmx.fragment(partial("confirm_dialog", confirm=question), status=status)


def _done(visit: Visit, message: str) -> ResponseReturnValue:
    if not htmx.wants_fragment():
        return _back(message)
    changed = panels(visit, asked_query())
    return htmx.fragment(
        partial("closed"), out_of_band={**changed, htmx.TOASTS: toast(message)}
    )


def _back(message: str) -> ResponseReturnValue:
    """To the list, which says what was done."""
    leave_notice(message)
    return redirect(_list_again(), 303)


def _list_again() -> str:
    """The address of the list as it was searched, sorted and paged."""
    return url_for("apitokens.tokens", **present.query_args(asked_query()))
