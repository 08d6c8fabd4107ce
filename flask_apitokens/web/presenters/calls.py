"""Recorded calls as the usage history lists them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import to_the_second
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.db.pagination import Position
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.i18n import number as number_text
from flask_apitokens.usage.export import RESULTS
from flask_apitokens.web.urls import UsageUrlSet

from .widgets import Badge
from .widgets import PageLinks

_TONES = ("ok", "warn", "bad")


def results_offered() -> list[tuple[str, str]]:
    """Return the choices of the result filter."""
    words = (_("Succeeded"), _("Rejected"), _("Failed"))
    return [("", _("All results")), *zip(RESULTS, words, strict=True)]


@dataclass(frozen=True)
class Names:
    """The names of tokens and the labels of users that still exist.

    :param tokens: names by token id.
    :param owners: labels by the primary key as text.
    """

    tokens: Mapping[str, str]
    owners: Mapping[str, str]

    def owner(self, key: str) -> str:
        """Return the owner's label, or a text for a deleted owner or for no owner."""
        return self.owners.get(key) or _("Former user") if key else _("Userless")


@dataclass(frozen=True)
class CallRow:
    """A call in the list.

    :param rule: the route; empty if the path is the same.
    :param code: why the call was refused.
    :param token: the name of the token; empty on the page of one token.
    :param deleted: whether the token was deleted.
    :param whose: the owner; empty on the page of one token.
    :param service: the service; empty if the page is about one service.
    """

    at: Moment
    method: str
    path: str
    rule: str
    badge: Badge
    code: str
    token: str
    token_id: str
    deleted: bool
    whose: str
    service: str
    duration: str
    ip: str
    agent: str


def row_of(row: Any, names: Names | None, *, service: str = "") -> CallRow:
    """Return a call as a row.

    :param names: ``None`` on the page of one token.
    """
    known = names is not None and row.token_id in names.tokens
    name = names.tokens.get(row.token_id, row.token_name) if names else ""
    return CallRow(
        at=to_the_second(row.at),
        method=row.method,
        path=row.path,
        rule="" if row.rule == row.path else row.rule,
        badge=status_badge(row.status, row.result),
        code=row.code or "",
        token=name,
        token_id=row.token_id,
        deleted=names is not None and not known,
        whose=names.owner(row.owner_key) if names else "",
        service=service,
        duration=_("%(n)s ms", n=number_text(row.duration)),
        ip=row.ip or "",
        agent=row.user_agent or "",
    )


def status_badge(status: int, result: int) -> Badge:
    """Return the status of a call as a badge: ``200 OK``."""
    words = {
        200: _("OK"),
        401: _("Unauthorized"),
        403: _("Forbidden"),
        404: _("Not found"),
        429: _("Too many calls"),
        503: _("Unavailable"),
    }
    try:
        word = words.get(status) or HTTPStatus(status).phrase
    except ValueError:
        word = ""
    return Badge(f"{status} {word}".strip(), _TONES[result])


@dataclass(frozen=True)
class CallList:
    """One page of calls: the content of ``#at-list`` in a usage history.

    :param args: the filters, as arguments of an address.
    :param address: of a page that shows the same list.
    :param days: how many days calls are kept.
    :param tokens_shown: whether the calls may be with several tokens.
    :param focus: whether the page was reached by a page link, not by a filter.
    """

    rows: Sequence[CallRow]
    page: KeysetPage[Any]
    args: Mapping[str, Any]
    links: PageLinks
    address: str
    days: int
    tokens_shown: bool
    focus: bool = False

    @property
    def span(self) -> str:
        """The numbers of the calls shown: ``1–50 of 12,480``."""
        return _("%(first)s–%(last)s of %(total)s", **self._numbers())

    @property
    def announce(self) -> str:
        """The text that a screen reader speaks when the list changes."""
        if not self.rows:
            return _("No call matches")
        if self.focus:
            return _("Calls %(first)s to %(last)s of %(total)s", **self._numbers())
        total = self.page.total
        return _n(
            "%(number)s call found",
            "%(number)s calls found",
            total,
            number=number_text(total),
        )

    @property
    def none_title(self) -> str:
        """The heading when no call was recorded."""
        return _n(
            "No calls in the last %(n)s day",
            "No calls in the last %(n)s days",
            self.days,
        )

    def _numbers(self) -> dict[str, str]:
        first, last = self.page.first, self.page.first + len(self.rows) - 1
        numbers = {"first": first, "last": last, "total": self.page.total}
        return {name: number_text(number) for name, number in numbers.items()}


def list_of(
    page: KeysetPage[Any],
    rows: Sequence[CallRow],
    *,
    args: Mapping[str, Any],
    place: Mapping[str, Any],
    at: UsageUrlSet,
    days: int,
    size: int,
    tokens_shown: bool,
    focus: bool,
) -> CallList:
    """Return one page of calls with the links to its neighbours.

    :param args: the filters, as arguments of an address.
    :param place: the page, likewise.
    """
    newer = older = None
    # "from" repeats the number of the first call, which a keyset page does not know.
    if rows and page.has_newer:
        first = max(1, page.first - size)
        newer = {**args, "after": _position(page.items[0]), "from": first}
    if rows and page.has_older:
        first = page.first + len(rows)
        older = {**args, "before": _position(page.items[-1]), "from": first}
    page_url = partial(at.page_url, _anchor="at-calls")
    return CallList(
        rows=rows,
        page=page,
        args=args,
        links=PageLinks.of(
            page_url, previous=newer, following=older, fragment_url=at.list_url
        ),
        address=at.page_url(**args, **place),
        days=days,
        tokens_shown=tokens_shown,
        focus=focus,
    )


def _position(row: Any) -> str:
    return Position(row.at, row.id).to_text()
