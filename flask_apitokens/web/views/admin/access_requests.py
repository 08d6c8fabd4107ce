"""The requests for access of an account: those that wait, and those decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidReason
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web import htmx
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.confirm import ask_reason_again
from flask_apitokens.web.confirm import ask_unless_confirmed
from flask_apitokens.web.forms import require_genuine_form
from flask_apitokens.web.forms import typed
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters.access_confirmations import decline_question
from flask_apitokens.web.request_list import list_args
from flask_apitokens.web.request_list import list_url
from flask_apitokens.web.request_list import missing_for
from flask_apitokens.web.request_list import position_of
from flask_apitokens.web.request_list import refresh_list
from flask_apitokens.web.request_list import report
from flask_apitokens.web.request_list import request_list
from flask_apitokens.web.request_list import requests_partial


def requests() -> ResponseReturnValue:
    """Show the requests of the account: those that wait, and those decided."""
    admin = load_admin()
    focus = request.args.get("focus", "")
    shown = replace(request_list(admin), focus=focus)
    if htmx.wants_fragment():
        return htmx.fragment(requests_partial(shown))
    title = _("Access requests")
    return page("apitokens/admin/requests.html", title=title, list=shown)


# -- decisions -----------------------------------------------------------------


def decide(number: int) -> ResponseReturnValue:
    """Approve a request at once, or decline it after a question.

    :param number: the primary key of the subscription's row.
    """
    admin = load_admin()
    row, user = access_requests.find(admin.ctx, admin.account_id, number)
    refresh_list()
    decision = request.values.get("do", "decline")
    if decision == "approve" and request.method == "POST":
        require_genuine_form()
        return _store_decision(admin, number, user, approve=True)
    if decision != "decline":
        raise BadRequest
    if request.method != "POST" and not subscriptions.is_waiting(row):
        raise Conflict
    question = decline_question(
        account_users.names_of(admin.ctx, user)[0],
        subscriptions.service_label(admin.ctx, row.service),
        action=url_for(f"{NAME}.decide", number=number, **list_args()),
        back=list_url(),
        is_told=admin.ctx.callbacks.on_notice is not None,
    )
    asked = ask_unless_confirmed(question, needs_flag=True)
    if asked is not None:
        return asked
    reason = typed("reason")
    try:
        return _store_decision(admin, number, user, approve=False, reason=reason)
    except InvalidReason as error:
        roll_back(admin.ctx)
        return ask_reason_again(question, reason, error=error)


def _store_decision(
    admin: Admin, number: int, user: Any, *, approve: bool, reason: str = ""
) -> ResponseReturnValue:
    ctx, account_id = admin.ctx, admin.account_id
    who, position = account_users.names_of(ctx, user)[0], position_of(admin, [number])
    row = store_change(
        ctx,
        lambda: access_requests.decide(
            ctx, account_id, number, approve=approve, reason=reason, actor=admin.actor
        ),
    )
    if not approve:
        return report(admin, _("Access declined for %(who)s", who=who), position)
    message = _("Access approved for %(who)s", who=who)
    parts = [message, missing_for(admin, row.service, user)]
    return report(admin, ". ".join(filter(None, parts)), position)
