"""The list of tokens: its rows, search, order and pages, and the texts around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from flask_apitokens.catalog import Catalog
from flask_apitokens.core.context import Context
from flask_apitokens.core.time_format import day
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.web.urls import OWN
from flask_apitokens.web.urls import UrlSet

from .tokens import Row
from .tokens import status_badges
from .widgets import PageLinks

#: Up to this number of tokens a list has neither a search nor filters.
TOOLBAR_ABOVE = 10
#: the value of ``focus`` in an address that clears the search and focuses its field
SEARCH = "search"
#: the argument of the address of a form that also a page of one token opens
LISTED = {"listed": "1"}


@dataclass(frozen=True)
class Rename:
    """The row that shows the rename form."""

    token_id: str
    name: str
    error: str = ""


@dataclass(frozen=True)
class Wording:
    """The texts of a list.

    :param caption: of the table, for screen readers.
    :param generate: of the button that generates a token; empty for no button.
    """

    caption: str
    none_title: str
    none_text: str
    generate: str


def own_wording(*, self_service: bool = True) -> Wording:
    """Return the texts of the list of the user's own tokens.

    :param self_service: whether users generate their own tokens.
    """
    if not self_service:
        return Wording(
            _("Your API tokens"),
            _("No tokens yet"),
            _("An administrator generates them. You will see them here."),
            "",
        )
    return Wording(
        _("Your API tokens"),
        _("No tokens yet"),
        _(
            "Generate a token to call the API from a script, a notebook or another "
            "app. You will see it once, so have a password manager ready."
        ),
        _("Generate new token"),
    )


@dataclass(frozen=True)
class TokenList:
    """The content of ``#at-list``: one page of tokens.

    :param owned: the number of tokens without search and filters.
    :param announce: the text that a screen reader speaks when the list changes.
    :param focus: the id of the row, or "caption", that takes the focus.
    :param makers_shown: whether a column says who generated each token.
    :param owners_shown: whether a column says who owns each token.
    :param sorts: whether the user can choose the order.
    """

    rows: Sequence[Row]
    query: ListQuery
    page: Page[Token]
    owned: int
    services_shown: bool
    may_generate: bool
    rename: Rename | None = None
    announce: str = ""
    focus: str = ""
    at: UrlSet = OWN
    wording: Wording = field(default_factory=own_wording)
    makers_shown: bool = False
    owners_shown: bool = False
    sorts: bool = True

    @property
    def searchable(self) -> bool:
        """Whether the list has a search and filters."""
        long = self.owned > TOOLBAR_ABOVE or self.owners_shown
        return long or self.query.narrows

    @property
    def stoppable(self) -> bool:
        """Whether a row on this page can be selected."""
        renamed = self.rename.token_id if self.rename else ""
        live = any(row.live and row.id != renamed for row in self.rows)
        return self.owned > 1 and live

    @property
    def sortable(self) -> bool:
        """Whether the heads of the columns are links that sort."""
        return self.sorts and self.owned > 1

    @property
    def args(self) -> dict[str, Any]:
        """The query as arguments of an address, without default values."""
        return query_args(self.query)

    @property
    def address(self) -> str:
        """The address of a page that shows the same list."""
        return self.at.url("tokens", **self.args)

    @property
    def file_args(self) -> dict[str, Any]:
        """The arguments of the CSV file of all that the query finds."""
        return query_args(replace(self.query, page=1, sort=ListQuery().sort))

    @property
    def links(self) -> PageLinks:
        """The links to the pages before and after this one."""
        return PageLinks.numbered(
            partial(self.at.url, "tokens"), self.page, args=self.page_args
        )

    def action_url(self, action: str, token_id: str) -> str:
        """Return the address of an action of a row, which leads back to this list."""
        origin = LISTED if action == "rotate" else {}
        return self.at.url(action, token_id=token_id, **self.args, **origin)

    def page_args(self, step: int) -> dict[str, Any]:
        """Return the arguments of the page *step* pages further on."""
        return query_args(replace(self.query, page=self.page.number + step))

    def sort_args(self, column: str) -> dict[str, Any]:
        """Return the arguments of the first page in the next order of *column*."""
        sort = next_sort(self.query.sort, column)
        return query_args(replace(self.query, sort=sort, page=1))

    def sorted_by(self, column: str) -> str:
        """Return the value of ``aria-sort`` for *column*."""
        if self.query.sort.lstrip("-") != column:
            return "none"
        return "descending" if self.query.sort.startswith("-") else "ascending"


@dataclass(frozen=True)
class Single:
    """The only token that a user may have, in place of a list.

    :param row: ``None`` if there is no token, or it was revoked.
    :param generate_url: where another is generated; empty if it cannot be.
    """

    row: Row | None
    generate_url: str


@dataclass(frozen=True)
class Overview:
    """The list with everything around it: the whole section of a user.

    :param statuses: the choices of a filter, like the other pairs.
    :param expiring: how many tokens expire by the date *expiring_by*.
    :param moved: how many tokens stopped because the owner's email address changed.
    :param has_access: whether a token would work, if an administrator generated it.
    :param single: in place of the list if a user may have only one token.
    """

    list: TokenList
    account_id: str
    expiring: int
    expiring_by: str
    statuses: Sequence[tuple[str, str]]
    services: Sequence[tuple[str, str]]
    moved: int = 0
    has_access: bool = True
    kinds: Sequence[tuple[str, str]] = ()
    uses: Sequence[tuple[str, str]] = ()
    policies: Sequence[tuple[str, str]] = ()
    origins: Sequence[tuple[str, str]] = ()
    single: Single | None = None


def expiring_by(ctx: Context) -> str:
    """Return the last date of a token that counts as expiring soon."""
    return day(ctx.now() + timedelta(days=ctx.settings.expiring_days))


def list_of(
    page: Page[Token],
    rows: Sequence[Row],
    *,
    query: ListQuery,
    owned: int,
    services_shown: bool,
    may_generate: bool,
    at: UrlSet = OWN,
    wording: Wording | None = None,
    makers_shown: bool = False,
    owners_shown: bool = False,
) -> TokenList:
    """Return the list of a page, whose number its query takes over."""
    return TokenList(
        rows=rows,
        query=replace(query, page=page.number),
        page=page,
        owned=owned,
        services_shown=services_shown,
        may_generate=may_generate,
        at=at,
        wording=wording or own_wording(),
        makers_shown=makers_shown,
        owners_shown=owners_shown,
    )


def focused(shown: TokenList, focus: str) -> TokenList:
    """Return the list with its focus and its announcement.

    :param focus: "list" after paging and sorting, a token's id after it was renamed,
        :data:`SEARCH` or empty during a search.
    """
    if focus == "list":
        return replace(shown, focus="caption", announce=page_announcement(shown.page))
    if focus and focus != SEARCH:
        return replace(shown, focus=focus)
    return replace(shown, announce=search_announcement(shown))


def search_announcement(shown: TokenList) -> str:
    """Return the announcement of a search."""
    page = shown.page
    if not page.total and shown.query.q:
        return _("No token matches “%(query)s”", query=shown.query.q)
    if not page.is_counted:
        return _n(
            "More than %(n)s token found",
            "More than %(n)s tokens found",
            page.limit or 0,
        )
    return _n("%(n)s token found", "%(n)s tokens found", page.total)


def page_announcement(page: Page[Token]) -> str:
    """Return the announcement of a page."""
    return _(
        "Tokens %(first)s to %(last)s of %(total)s",
        first=page.first,
        last=page.last,
        total=page.counted,
    )


def query_args(query: ListQuery) -> dict[str, Any]:
    """Return the arguments of an address that asks for *query* again."""
    every: dict[str, Any] = {
        "q": query.q,
        "status": query.status,
        "service": query.service,
        "kind": query.kind,
        "use": query.use,
        "policy": query.policy,
        "origin": query.origin,
        "sort": query.sort,
        "page": query.page,
    }
    unsaid = vars(ListQuery())
    return {name: value for name, value in every.items() if value != unsaid[name]}


def next_sort(current: str, column: str) -> str:
    """Return the order that a click on the head of *column* asks for.

    The first click gives the more useful direction, the second the other one, and the
    third the newest tokens first again.
    """
    useful = {"last_used": "-last_used"}.get(column, column)
    other = column if useful.startswith("-") else f"-{column}"
    return {useful: other, other: "-created"}.get(current, useful)


def statuses_offered() -> list[tuple[str, str]]:
    """Return the choices of the status filter."""
    chips = {word: badge.text for word, badge in status_badges().items()}
    groups = {
        "live": _("Active or paused"),
        **dict.fromkeys(("active", "expiring"), ""),
        "ending": _("To be rotated"),
    }
    return [("", _("All statuses")), *(groups | chips).items()]


def uses_offered(ctx: Context) -> list[tuple[str, str]]:
    """Return the choices of the filter by use, empty if calls are not recorded.

    Without recorded calls, a token that is used looks like one that is not.
    """
    if not ctx.records_calls:
        return []
    unused = ctx.settings.unused_days
    return [
        ("", _("Any use")),
        ("never", _("Never used")),
        ("unused", _n("Unused for %(n)s day", "Unused for %(n)s days", unused)),
        ("recent", _("In use")),
    ]


def services_offered(catalog: Catalog) -> list[tuple[str, str]]:
    """Return the choices of the service filter, empty without services."""
    if not catalog:
        return []
    named = [(slug, service.name) for slug, service in catalog.services.items()]
    return [("", _("All services")), *named]
