"""The list of tokens: its rows, search, order and pages, and the texts around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from typing import Any

from flask_apitokens.catalog import Catalog
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

#: up to so many tokens a list needs neither search nor filters
TOOLBAR_ABOVE = 10
#: the ``focus`` of an address that empties the search field and goes there
SEARCH = "search"


@dataclass(frozen=True)
class Rename:
    """The row that is a form at the moment."""

    token_id: str
    name: str
    error: str = ""


@dataclass(frozen=True)
class Wording:
    """What a list says of itself."""

    caption: str
    none_title: str
    none_text: str
    generate: str


def own_wording(*, self_service: bool = True) -> Wording:
    """What the list of one's own tokens says.

    :param self_service: whether one generates them oneself.
    """
    if not self_service:
        return Wording(
            _("Your API tokens"),
            _("No tokens yet"),
            _("An administrator generates them. They will stand here."),
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
    """What stands in ``#at-list``."""

    rows: Sequence[Row]
    query: ListQuery
    page: Page[Token]
    #: all that are here, whatever the query leaves out
    owned: int
    services_shown: bool
    may_generate: bool
    rename: Rename | None = None
    announce: str = ""
    #: the id of the row, or "caption", that takes the focus
    focus: str = ""
    at: UrlSet = OWN
    wording: Wording = field(default_factory=own_wording)
    #: whether it says who generated each token, and whose each is
    makers_shown: bool = False
    owners_shown: bool = False
    #: whether it can be had in another order
    sorts: bool = True

    @property
    def selectable(self) -> bool:
        """Whether several can be stopped at once, and the list be searched."""
        long = self.owned > TOOLBAR_ABOVE or self.owners_shown
        return long or self.query.narrows

    @property
    def stoppable(self) -> bool:
        """Whether any row that is shown can be selected."""
        renamed = self.rename.token_id if self.rename else ""
        live = any(row.live and row.id != renamed for row in self.rows)
        return self.selectable and live

    @property
    def sortable(self) -> bool:
        """Whether another order would show anything else."""
        return self.sorts and self.owned > 1

    @property
    def args(self) -> dict[str, Any]:
        """The query as arguments of an address, without what goes without saying."""
        return query_args(self.query)

    @property
    def file_args(self) -> dict[str, Any]:
        """The arguments of the file of all that the query finds."""
        return query_args(replace(self.query, page=1, sort=ListQuery().sort))

    @property
    def links(self) -> PageLinks:
        """The links to the pages before and after this one."""
        return PageLinks.numbered(
            partial(self.at.url, "tokens"), self.page, self.page_args
        )

    def page_args(self, step: int) -> dict[str, Any]:
        """The arguments of the page *step* pages on."""
        return query_args(replace(self.query, page=self.page.number + step))

    def sort_args(self, column: str) -> dict[str, Any]:
        """The arguments of the first page in the next order of *column*."""
        sort = next_sort(self.query.sort, column)
        return query_args(replace(self.query, sort=sort, page=1))

    def sorted_by(self, column: str) -> str:
        """The value of ``aria-sort`` for *column*."""
        if self.query.sort.lstrip("-") != column:
            return "none"
        return "descending" if self.query.sort.startswith("-") else "ascending"


@dataclass(frozen=True)
class Single:
    """What stands on the page in place of a list.

    :param row: the token; none where there is none, or it was revoked.
    :param generate_url: where another one is generated; empty where none can be.
    """

    row: Row | None
    generate_url: str


@dataclass(frozen=True)
class Overview:
    """Everything around the list: the whole section of one user."""

    list: TokenList
    account_id: str
    expiring: int
    expiring_days: int
    #: the choices of the filters
    statuses: Sequence[tuple[str, str]]
    services: Sequence[tuple[str, str]]
    #: how many tokens of theirs wait for an address they no longer have
    moved: int = 0
    #: whether a token would work, whoever generates it
    has_access: bool = True
    kinds: Sequence[tuple[str, str]] = ()
    uses: Sequence[tuple[str, str]] = ()
    policies: Sequence[tuple[str, str]] = ()
    origins: Sequence[tuple[str, str]] = ()
    #: what stands in place of the list, where one token is all there may be
    single: Single | None = None


def list_of(
    page: Page[Token],
    rows: Sequence[Row],
    query: ListQuery,
    *,
    owned: int,
    services_shown: bool,
    may_generate: bool,
    at: UrlSet = OWN,
    wording: Wording | None = None,
    makers_shown: bool = False,
    owners_shown: bool = False,
) -> TokenList:
    """The list of one page, with the page's real number in its query."""
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
    """The list with its focus and what is spoken of it.

    :param focus: "list" after paging and sorting, a token's id after its name was
        changed; :data:`SEARCH` or empty while somebody searches.
    """
    if focus == "list":
        return replace(shown, focus="caption", announce=place(shown.page))
    if focus and focus != SEARCH:
        return replace(shown, focus=focus)
    return replace(shown, announce=found(shown))


def found(shown: TokenList) -> str:
    """What a search found, to be spoken."""
    page = shown.page
    if not page.total and shown.query.q:
        return _("No token matches “%(query)s”", query=shown.query.q)
    if not page.is_counted:
        return _("More than %(n)s tokens found", n=f"{page.limit:,}")
    return _n("%(n)s token found", "%(n)s tokens found", page.total)


def place(page: Page[Token]) -> str:
    """Which part of the list is on screen, to be spoken."""
    return _(
        "Tokens %(first)s to %(last)s of %(total)s",
        first=page.first,
        last=page.last,
        total=page.counted,
    )


def query_args(query: ListQuery) -> dict[str, Any]:
    """The arguments of an address that asks for *query* again."""
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
    """The order that a click on the head of *column* asks for.

    First the useful way round, then the other, then newest first again.
    """
    useful = {"last_used": "-last_used"}.get(column, column)
    other = column if useful.startswith("-") else f"-{column}"
    return {useful: other, other: "-created"}.get(current, useful)


def statuses_offered() -> list[tuple[str, str]]:
    """The choices of the status filter."""
    chips = [(word, badge.text) for word, badge in status_badges().items()]
    return [("", _("All statuses")), *chips]


def services_offered(catalog: Catalog) -> list[tuple[str, str]]:
    """The choices of the service filter, none where there is nothing to choose."""
    if not catalog:
        return []
    named = [(slug, service.name) for slug, service in catalog.services.items()]
    return [("", _("All services")), *named]
