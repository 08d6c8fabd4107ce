"""The requests for access of an account, as administrators list and answer them."""

from __future__ import annotations

import functools
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from flask import request
from flask import url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import ago
from flask_apitokens.core.time_format import moment
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.i18n import gettext as _

from . import htmx
from .admin_pages import NAME
from .admin_pages import Admin
from .admin_pages import load_admin
from .confirm import report_in_list
from .error_pages import refresh_with
from .pages import partial
from .pages import redirect_with_notice
from .presenters.access_requests import label_of
from .presenters.widgets import Badge
from .presenters.widgets import PageLinks
from .query_args import LAST_PAGE


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
    def is_selectable(self) -> bool:
        """Whether several requests can be answered at once."""
        return len(self.waiting) > 1

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


def request_list(admin: Admin, *, focus: int | None = None) -> RequestList:
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


def requests_partial(shown: RequestList) -> Markup:
    """Render both tables."""
    return partial("requests", folder="admin", list=shown)


# -- decisions -----------------------------------------------------------------


def refresh_list() -> None:
    """Let a refusal of this request refresh both tables."""
    refresh_with(lambda: {htmx.LIST: requests_partial(request_list(load_admin()))})


def list_args() -> dict[str, Any]:
    """Return the arguments of the pages that this address asks for."""
    every = {name: _asked_page(name) for name in ("page", "decided")}
    return {name: number for name, number in every.items() if number != 1}


def list_url() -> str:
    """Return the address of both tables, at the pages that this address asks for."""
    return url_for(f"{NAME}.requests", **list_args())


def missing_for(admin: Admin, slug: str, user: Any) -> str:
    """Return what has to happen before an approval counts; empty if nothing."""
    ctx = admin.ctx
    if slug == access_requests.WHOLE_API and not ctx.may_use_api(user):
        return _("They can use it as soon as the application lets them use the API.")
    if access_requests.is_idle(ctx, admin.account_id, slug):
        return _(
            "%(service)s is off for the whole account. They can use it as soon as it "
            "is on again.",
            service=subscriptions.service_label(ctx, slug),
        )
    return ""


def position_of(admin: Admin, numbers: Collection[int]) -> int | None:
    """Return the first position of these requests on their page; None on another.

    Once they are decided, the next one moves to this position.
    """
    found = access_requests.waiting(admin.ctx, admin.account_id, _asked_page("page"))
    places = (place for place, row in enumerate(found.items) if row.id in numbers)
    return next(places, None)


def report(admin: Admin, message: str, position: int | None) -> ResponseReturnValue:
    """Answer that a decision was stored, and move the focus to the next request."""
    if not htmx.wants_fragment():
        return redirect_with_notice(list_url(), message)
    return report_in_list(
        requests_partial(request_list(admin, focus=position)), message
    )
