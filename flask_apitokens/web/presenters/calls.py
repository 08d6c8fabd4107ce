"""Recorded calls as people read them: each in words, a page and a file of them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask_apitokens.core.time_format import Moment
from flask_apitokens.core.time_format import to_the_second
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.db.pagination import Position
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.usage.export import RESULTS
from flask_apitokens.usage.queries import PAGE_SIZE

from .widgets import Badge

_TONES = ("ok", "warn", "bad")


# -- filters -------------------------------------------------------------------


def results_offered() -> list[tuple[str, str]]:
    """The choices of the result filter."""
    words = (_("Succeeded"), _("Rejected"), _("Failed"))
    return [("", _("All results")), *zip(RESULTS, words, strict=True)]


# -- calls ---------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """What tokens and users are called, for those that are still there.

    :param tokens: names by id.
    :param owners: what people call the users, by the primary key as text.
    """

    tokens: Mapping[str, str]
    owners: Mapping[str, str]

    def owner(self, key: str) -> str:
        """Whose a token is; a user who was deleted left no name behind."""
        return self.owners.get(key) or _("Former user") if key else _("Userless")


@dataclass(frozen=True)
class CallRow:
    """A call in the list.

    :param rule: the route, where the path does not say it already.
    :param code: why it was refused.
    :param token: the name of its token; empty where all are with one.
    :param deleted: whether that token is no longer there.
    :param whose: the owner; empty where it goes without saying.
    :param service: the service, where there are several.
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


def row_of(row: Any, names: Names | None, service: str = "") -> CallRow:
    """A call as it is listed.

    :param names: none where all calls are with one token, whose page it is.
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
        duration=_("%(n)s ms", n=f"{row.duration:,}"),
        ip=row.ip or "",
        agent=row.user_agent or "",
    )


def status_badge(status: int, result: int) -> Badge:
    """How a call ended, in a number and a word: ``200 OK``."""
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
    """What stands in ``#at-list`` of a usage history, and what it was asked for.

    :param args: the filters, as arguments of an address.
    :param newer: the arguments of the page of newer calls; none where it is the first.
    :param older: the same for older ones.
    :param days: how long calls are kept.
    :param tokens_shown: whether calls are with several tokens.
    :param focus: whether it was paged, rather than filtered.
    """

    rows: Sequence[CallRow]
    first: int
    total: int
    args: dict[str, Any]
    newer: dict[str, Any] | None
    older: dict[str, Any] | None
    days: int
    tokens_shown: bool
    focus: bool = False

    @property
    def span(self) -> str:
        """Which of them are shown: ``1–50 of 12,480``."""
        last = self.first + len(self.rows) - 1
        return _(
            "%(first)s–%(last)s of %(total)s",
            first=f"{self.first:,}",
            last=f"{last:,}",
            total=f"{self.total:,}",
        )

    @property
    def announce(self) -> str:
        """What is spoken of it."""
        if not self.rows:
            return _("No call matches")
        if self.focus:
            last = self.first + len(self.rows) - 1
            return _(
                "Calls %(first)s to %(last)s of %(total)s",
                first=f"{self.first:,}",
                last=f"{last:,}",
                total=f"{self.total:,}",
            )
        number = f"{self.total:,}"
        return _n(
            "%(number)s call found",
            "%(number)s calls found",
            self.total,
            number=number,
        )

    @property
    def none_title(self) -> str:
        """What is said where nothing was called at all."""
        return _n(
            "No calls in the last %(n)s day",
            "No calls in the last %(n)s days",
            self.days,
        )


def list_of(
    page: KeysetPage[Any],
    rows: Sequence[CallRow],
    args: dict[str, Any],
    *,
    days: int,
    tokens_shown: bool,
    focus: bool,
) -> CallList:
    """One page of calls with the ways to its neighbours."""
    newer = older = None
    if rows and page.has_newer:
        place = max(1, page.first - PAGE_SIZE)
        newer = {**args, "after": _position(page.items[0]), "from": place}
    if rows and page.has_older:
        place = page.first + len(rows)
        older = {**args, "before": _position(page.items[-1]), "from": place}
    return CallList(
        rows, page.first, page.total, args, newer, older, days, tokens_shown, focus
    )


def _position(row: Any) -> str:
    return Position(row.at, row.id).to_text()
