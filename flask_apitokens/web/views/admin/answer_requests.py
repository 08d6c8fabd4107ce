"""Approving or declining several requests for access at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from flask_apitokens.db.models import Subscription
from flask_apitokens.db.pagination import MAX_ID
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidReason
from flask_apitokens.errors import NotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.admin_pages import NAME
from flask_apitokens.web.admin_pages import Admin
from flask_apitokens.web.admin_pages import load_admin
from flask_apitokens.web.confirm import ask_reason_again
from flask_apitokens.web.confirm import ask_unless_confirmed
from flask_apitokens.web.forms import require_genuine_form
from flask_apitokens.web.forms import typed
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters.access_confirmations import decline_many_question
from flask_apitokens.web.presenters.access_requests import label_of
from flask_apitokens.web.presenters.confirmations import Confirm
from flask_apitokens.web.request_list import list_args
from flask_apitokens.web.request_list import list_url
from flask_apitokens.web.request_list import missing_for
from flask_apitokens.web.request_list import position_of
from flask_apitokens.web.request_list import refresh_list
from flask_apitokens.web.request_list import report


def decide_many() -> ResponseReturnValue:
    """Approve the selected requests at once, or decline them after a question."""
    admin, decision = load_admin(), request.values.get("do", "decline")
    refresh_list()
    if decision == "approve" and request.method == "POST":
        require_genuine_form()
        return _store(admin, _selected(admin), approve=True)
    if decision != "decline":
        raise BadRequest
    selected = _selected(admin)
    question = _question(admin, [r for r in selected if subscriptions.is_waiting(r)])
    asked = ask_unless_confirmed(question, needs_flag=True)
    if asked is not None:
        return asked
    reason = typed("reason")
    try:
        return _store(admin, selected, approve=False, reason=reason)
    except InvalidReason as error:
        roll_back(admin.ctx)
        return ask_reason_again(question, reason, error=error)


def _selected(admin: Admin) -> Sequence[Subscription]:
    """Return the selected requests of the account, one of which waits at least.

    :raises DomainError: if no request or too many were selected.
    :raises NotFound: if the account has none of them.
    :raises Conflict: if all were answered or withdrawn meanwhile.
    """
    sent = request.values.getlist("id")
    if not sent:
        raise DomainError(_("Select at least one request."))
    digits = {text for text in sent if text.isascii() and text.isdigit()}
    ids = {int(text) for text in digits if len(text) <= len(str(MAX_ID))}
    known = {number for number in ids if number <= MAX_ID}
    found = access_requests.find_many(admin.ctx, admin.account_id, known)
    if not found:
        raise NotFound
    if not any(subscriptions.is_waiting(row) for row in found):
        raise Conflict
    return found


def _users(admin: Admin, rows: Sequence[Subscription]) -> dict[Any, Any]:
    keys = [row.user_id for row in rows]
    return account_users.users_by_key(admin.ctx, admin.account_id, keys)


def _question(admin: Admin, rows: Sequence[Subscription]) -> Confirm:
    ctx, users = admin.ctx, _users(admin, rows)
    return decline_many_question(
        [
            (
                account_users.names_of(ctx, users[row.user_id])[0],
                label_of(ctx, row.service),
            )
            for row in rows
            if row.user_id in users
        ],
        # Those answered meanwhile are sent too, so that the report counts them.
        ids=request.values.getlist("id"),
        action=url_for(f"{NAME}.decide_many", **list_args()),
        back=list_url(),
    )


def _store(
    admin: Admin, selected: Sequence[Subscription], *, approve: bool, reason: str = ""
) -> ResponseReturnValue:
    ctx, account_id = admin.ctx, admin.account_id
    # Read before the commit: after it, another request may delete the rows.
    ids = {row.id for row in selected}
    position = position_of(admin, ids)

    def change() -> tuple[int, list[str]]:
        rows = access_requests.decide_many(
            ctx, account_id, ids, approve=approve, reason=reason, actor=admin.actor
        )
        if not rows:
            raise Conflict
        return len(rows), _missing(admin, rows) if approve else []

    done, missing = store_change(ctx, change)
    if approve:
        message = _n("%(n)s request approved", "%(n)s requests approved", done)
    else:
        message = _n("%(n)s request declined", "%(n)s requests declined", done)
    if len(ids) > done:
        left = _n(
            "%(n)s request had changed meanwhile.",
            "%(n)s requests had changed meanwhile.",
            len(ids) - done,
        )
        missing = [left, *missing]
    if missing:
        message += ". " + " ".join(missing)
    return report(admin, message, position)


def _missing(admin: Admin, rows: Sequence[Subscription]) -> list[str]:
    """Return what has to happen before the approvals count, each sentence once."""
    users = _users(admin, rows)
    found = (missing_for(admin, row.service, users[row.user_id]) for row in rows)
    return [sentence for sentence in dict.fromkeys(found) if sentence]
