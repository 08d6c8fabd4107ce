"""The requests for access of an account: those that wait, and those decided."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.exceptions import BadRequest

from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import ago
from flask_apitokens.core.time_format import moment
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.pagination import Page
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
from flask_apitokens.web.confirm import report_in_list
from flask_apitokens.web.error_pages import refresh_with
from flask_apitokens.web.forms import require_genuine_form
from flask_apitokens.web.forms import typed
from flask_apitokens.web.pages import page
from flask_apitokens.web.pages import partial
from flask_apitokens.web.pages import redirect_with_notice
from flask_apitokens.web.pages import roll_back
from flask_apitokens.web.pages import store_change
from flask_apitokens.web.presenters.access_confirmations import decline_question
from flask_apitokens.web.presenters.access_requests import label_of
from flask_apitokens.web.presenters.widgets import Badge
from flask_apitokens.web.presenters.widgets import PageLinks
from flask_apitokens.web.query_args import LAST_PAGE


@dataclass(frozen=True)
class WaitingRow:
    """A request that waits for a decision.

    :param name: the user's name; *sub* distinguishes users of the same name.
    :param grantable: whether the service can still be granted.
    :param focus: whether the row gets the focus, as the next to decide.
    """

    id: int
    name: str
    sub: str
    badge: Badge | None
    service: str
    reason: str
    requested: Moment
    grantable: bool
    focus: bool = False


@dataclass(frozen=True)
class DecidedRow:
    """A request that was decided."""

    name: str
    sub: str
    service: str
    badge: Badge
    by: str
    at: Moment
    reason: str


@dataclass(frozen=True)
class RequestList:
    """The content of ``#at-list`` on the page of requests.

    :param pages: the pages of both tables, by "waiting" and "decided".
    :param focus: the table that a page link has changed.
    """

    waiting: Sequence[WaitingRow]
    decided: Sequence[DecidedRow]
    pages: Mapping[str, Page[Subscription]]
    focus: str = ""

    @property
    def args(self) -> dict[str, Any]:
        """The arguments of an address that shows the same pages."""
        return self.page_args("waiting", 0)

    @property
    def address(self) -> str:
        """The address of a page that shows the same tables."""
        return url_for(f"{NAME}.requests", **self.args)

    def links(self, table: str) -> PageLinks:
        """The links to the pages before and after the one shown of a table."""
        return PageLinks.numbered(
            functools.partial(url_for, f"{NAME}.requests"),
            self.pages[table],
            args=functools.partial(self.page_args, table),
            focus=table,
        )

    def page_args(self, table: str, step: int) -> dict[str, Any]:
        """Return the arguments that move one table *step* pages on."""
        numbers = {name: found.number for name, found in self.pages.items()}
        numbers[table] += step
        every = {"page": numbers["waiting"], "decided": numbers["decided"]}
        return {name: number for name, number in every.items() if number != 1}


def requests() -> ResponseReturnValue:
    """Show the requests of the account: those that wait, and those decided."""
    admin = load_admin()
    focus = request.args.get("focus", "")
    shown = replace(_list(admin), focus=focus)
    if htmx.wants_fragment():
        return htmx.fragment(_partial(shown))
    title = _("Access requests")
    return page("apitokens/admin/requests.html", title=title, list=shown)


def _list(admin: Admin, *, focus: int | None = None) -> RequestList:
    """Return both tables, at the pages that the address asks for.

    :param focus: the position of the waiting request that gets the focus.
    """
    ctx, account_id = admin.ctx, admin.account_id
    waiting = access_requests.waiting(ctx, account_id, _asked_page("page"))
    decided = access_requests.decided(ctx, account_id, _asked_page("decided"))
    keys = [row.user_id for row in (*waiting.items, *decided.items)]
    users = account_users.users_by_key(ctx, account_id, keys)
    return RequestList(
        [
            replace(_waiting_row(admin, row, users[row.user_id]), focus=place == focus)
            for place, row in enumerate(waiting.items)
            if row.user_id in users
        ],
        [
            _decided_row(admin, row, users[row.user_id])
            for row in decided.items
            if row.user_id in users
        ],
        {"waiting": waiting, "decided": decided},
    )


def _asked_page(name: str) -> int:
    return min(max(request.args.get(name, 1, type=int), 1), LAST_PAGE)


def _waiting_row(admin: Admin, row: Subscription, user: Any) -> WaitingRow:
    ctx = admin.ctx
    name, sub = account_users.names_of(ctx, user)
    enabled = account_users.is_enabled(ctx, user)
    return WaitingRow(
        id=row.id,
        name=name,
        sub=sub,
        badge=None if enabled else Badge(_("Disabled"), "off"),
        service=label_of(ctx, row.service),
        reason=row.request_reason or "",
        requested=ago(row.requested_at or ctx.now(), ctx.now()),
        grantable=access_requests.is_grantable(ctx, admin.account_id, row.service),
    )


def _decided_row(admin: Admin, row: Subscription, user: Any) -> DecidedRow:
    name, sub = account_users.names_of(admin.ctx, user)
    approved = row.decision == "approved"
    badge = Badge(_("Approved"), "ok") if approved else Badge(_("Declined"), "off")
    return DecidedRow(
        name=name,
        sub=sub,
        service=label_of(admin.ctx, row.service),
        badge=badge,
        by=row.decided_by or "",
        at=moment(row.decided_at or admin.ctx.now()),
        reason=row.decision_reason or "",
    )


def _partial(shown: RequestList) -> Markup:
    return partial("requests", folder="admin", list=shown)


# -- decisions -----------------------------------------------------------------


def decide(number: int) -> ResponseReturnValue:
    """Approve a request at once, or decline it after a question.

    :param number: the primary key of the subscription's row.
    """
    admin = load_admin()
    row, user = access_requests.find(admin.ctx, admin.account_id, number)
    refresh_with(lambda: {htmx.LIST: _partial(_list(load_admin()))})
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
        action=url_for(f"{NAME}.decide", number=number, **_list_args()),
        back=_list_url(),
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


def _list_args() -> dict[str, Any]:
    every = {name: _asked_page(name) for name in ("page", "decided")}
    return {name: number for name, number in every.items() if number != 1}


def _list_url() -> str:
    return url_for(f"{NAME}.requests", **_list_args())


def _store_decision(
    admin: Admin, number: int, user: Any, *, approve: bool, reason: str = ""
) -> ResponseReturnValue:
    ctx, account_id = admin.ctx, admin.account_id
    who, position = account_users.names_of(ctx, user)[0], _position_of(admin, number)
    row = store_change(
        ctx,
        lambda: access_requests.decide(
            ctx, account_id, number, approve=approve, reason=reason, actor=admin.actor
        ),
    )
    if not approve:
        return _report(admin, _("Access declined for %(who)s", who=who), position)
    message = _("Access approved for %(who)s", who=who)
    if row.service == access_requests.WHOLE_API and not ctx.may_use_api(user):
        message += ". " + _(
            "They can use it as soon as the application lets them use the API."
        )
    elif access_requests.is_idle(ctx, account_id, row.service):
        service = subscriptions.service_label(ctx, row.service)
        message += ". " + _(
            "%(service)s is off for the whole account. They can use it as soon as it "
            "is on again.",
            service=service,
        )
    return _report(admin, message, position)


def _position_of(admin: Admin, number: int) -> int | None:
    """Return the position of a request on its page; None if it is on another.

    Once the request is decided, the next one moves to this position.
    """
    found = access_requests.waiting(admin.ctx, admin.account_id, _asked_page("page"))
    numbers = [row.id for row in found.items]
    return numbers.index(number) if number in numbers else None


def _report(admin: Admin, message: str, position: int | None) -> ResponseReturnValue:
    if not htmx.wants_fragment():
        return redirect_with_notice(_list_url(), message)
    return report_in_list(_partial(_list(admin, focus=position)), message)
