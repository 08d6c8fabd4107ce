"""Confirmations: ask before a change, check the answer, report what was done."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.usage import totals as usage_totals

from . import htmx
from .forms import ConfirmForm
from .forms import stale
from .forms import typed
from .pages import page
from .pages import partial
from .pages import redirect_with_notice
from .pages import toast
from .presenters import confirmations
from .presenters.confirmations import Confirm
from .presenters.generate_form import ECHOED
from .presenters.token_list import query_args
from .query_args import asked_query
from .scopes.token_scope import TokenScope

# -- the question --------------------------------------------------------------


def ask_unless_confirmed(
    question: Confirm, *, scope: TokenScope | None = None, needs_flag: bool = False
) -> ResponseReturnValue | None:
    """Return the question as a response; None if this request confirms it.

    :param scope: the scope of the tokens in question. Their recent calls are shown.
    :param needs_flag: whether a form confirms only with ``confirm=1``. The form of a
        list or a switch is sent by POST too, and its first request must ask.
    """
    problem = ""
    is_sure = not needs_flag or request.form.get("confirm") == "1"
    # Enter in a field of the form presses its hidden button "ask".
    asks = "ask" in request.form
    if request.method == "POST" and is_sure and not asks:
        if ConfirmForm().is_genuine():
            return None
        problem = stale()
    if scope is not None:
        question = _with_calls(scope, replace(question, back=list_url(scope)))
    if asks and question.reason is not None:
        text, cause = typed("reason")[:ECHOED], typed("cause")
        question = replace(
            question, reason=replace(question.reason, text=text, cause=cause)
        )
    status = 400 if problem else 200
    return show_question(replace(question, problem=problem), status)


def _with_calls(scope: TokenScope, question: Confirm) -> Confirm:
    """Return *question* with the recent number of calls of each token.

    The number tells the user what will break, better than "Are you sure?" does.
    """
    ctx = scope.ctx
    if not ctx.records_calls or not question.stops_tokens:
        return question
    ids = [row.id for row in question.rows]
    numbers = usage_totals.calls_of(ctx, scope.tokens, ids)
    days = ctx.settings.usage_retention_days
    return confirmations.with_calls(question, numbers, days=days)


def show_question(question: Confirm, status: int) -> ResponseReturnValue:
    """Answer with a question: as a dialog, or as a page without htmx."""
    if not htmx.wants_fragment():
        return page(
            "apitokens/confirm.html",
            title=question.title,
            status=status,
            confirm=question,
        )
    # The control may have asked for another panel, such as the list.
    dialog = partial("confirm_dialog", confirm=question)
    return htmx.fragment(dialog, status=status, target=htmx.DIALOG)


def ask_reason_again(
    question: Confirm, reason: str, *, error: DomainError, cause: str = ""
) -> ResponseReturnValue:
    """Show a question again, with the *reason* that was typed and its error.

    :param cause: the reason that was chosen.
    """
    field = question.reason or confirmations.Reason()
    text = reason[:ECHOED]
    field = replace(field, text=text, cause=cause, error=error.message)
    return show_question(replace(question, reason=field), error.status)


def question_url() -> str:
    """Return the address that a question is answered at: this one, with its list."""
    args = query_args(asked_query())
    return url_for(request.endpoint or "", **(request.view_args or {}), **args)


# -- the tokens in question ----------------------------------------------------


def selected_live_tokens(scope: TokenScope) -> Sequence[Token]:
    """Return the selected tokens that still work.

    :raises DomainError: if no token or too many were selected.
    :raises TokenNotFound: if none of the tokens exists any more.
    :raises Conflict: if none of them works any more.
    """
    ids = request.values.getlist("id")
    if not ids:
        raise DomainError(_("Select at least one token."))
    found = tokens.find_many(scope.ctx, scope.tokens, ids)
    live = [t for t, row in zip(found, scope.rows(found), strict=True) if row.live]
    if not live:
        raise TokenNotFound if not found else Conflict
    return live


# -- the report ----------------------------------------------------------------


def report_done(scope: TokenScope, message: str) -> ResponseReturnValue:
    """Answer that a change was made: close the dialog and refresh the list."""
    if not htmx.wants_fragment():
        return back_to_list(scope, message)
    panels = scope.panels(asked_query())
    return htmx.fragment(
        partial("closed"), out_of_band={**panels, htmx.TOASTS: toast(message)}
    )


def report_in_list(
    shown: Markup, message: str, *, panels: Mapping[str, Markup] | None = None
) -> ResponseReturnValue:
    """Answer a form that is in the list, or in a dialog opened from the list.

    :param shown: the list as it is now.
    :param panels: further panels to refresh.
    """
    around = {htmx.TOASTS: toast(message), **(panels or {})}
    if request.form.get("confirm") != "1":
        return htmx.fragment(shown, out_of_band=around)
    # The form is in the dialog: the response closes it, and the list is out of band.
    return htmx.fragment(partial("closed"), out_of_band={htmx.LIST: shown, **around})


def back_to_list(scope: TokenScope, message: str) -> ResponseReturnValue:
    """Redirect to the list, which shows *message*."""
    return redirect_with_notice(list_url(scope), message)


def list_url(scope: TokenScope) -> str:
    """Return the address of the list with its present search, order and page."""
    return scope.urls.url("tokens", **query_args(asked_query()))
