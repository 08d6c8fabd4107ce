"""Read the recorded calls: filtered, in pages or in batches.

Pages are keyset pages by moment and id, so that a page stays the same while calls
arrive. The hourly totals of :mod:`.totals` say which hours to read, so that a rare
result is not searched for among a million other calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.db.pagination import Position

from .totals import HOUR
from .totals import CallCounts
from .totals import CallFilter
from .totals import Window
from .totals import hour_of
from .totals import where_clause

PAGE_SIZE = 50
#: the columns that are read: all but the account
COLUMNS = (
    *("id", "at", "service", "token_id", "token_name", "owner_key", "method", "rule"),
    *("path", "status", "result", "code", "duration", "ip", "user_agent"),
)


@dataclass(frozen=True)
class CallQuery:
    """A page of calls, and the filters that the user can change.

    :param day: only this day, in UTC.
    :param result: only this result, one of :data:`flask_apitokens.db.models.RESULTS`.
    :param before: only calls older than this position.
    :param after: only calls newer than this position.
    :param first: the number of the first call according to the address, from 1.
    :param size: how many calls a page has.
    """

    day: date | None = None
    result: int | None = None
    before: Position | None = None
    after: Position | None = None
    first: int = 1
    size: int = PAGE_SIZE

    @property
    def place(self) -> dict[str, Any]:
        """The page as arguments of an address; empty for the first page."""
        beside = {"before": self.before, "after": self.after}
        named = {name: at.to_text() for name, at in beside.items() if at is not None}
        return {**named, "from": self.first} if named else {}


def within(query: CallQuery, window: Window) -> Window:
    """Return the part of the window that *query* asks for."""
    return window if query.day is None else window.day(query.day)


def count(
    query: CallQuery, window: Window, *, hours: Mapping[datetime, CallCounts]
) -> int:
    """Return how many calls *query* finds.

    :param hours: from :func:`.totals.hours_of`, of the same filter and window.
    """
    part = within(query, window)
    return sum(counts.of(query.result) for _hour, counts in _hours(hours, part))


def page_of(
    ctx: Context,
    call_filter: CallFilter,
    query: CallQuery,
    *,
    window: Window,
    hours: Mapping[datetime, CallCounts],
) -> KeysetPage[Any]:
    """Return one page of calls, read by one statement.

    If fewer newer calls exist than fill a page, the newest page is returned.

    :param hours: from :func:`.totals.hours_of`, of the same filter and window.
    """

    def read(*, before: Position | None, after: Position | None, limit: int) -> Any:
        beside = replace(query, before=before, after=after)
        return _read(ctx, call_filter, beside, window=window, hours=hours, limit=limit)

    page = pagination.keyset_page(
        read,
        size=query.size,
        before=query.before,
        after=query.after,
        # Near the first page all newer calls are read, so its number is certain.
        look_ahead=query.size + 1,
    )
    return _numbered(page, query, total=count(query, window, hours=hours))


def _numbered(
    page: KeysetPage[Any], query: CallQuery, *, total: int
) -> KeysetPage[Any]:
    """Return the page with the number of its first call and the total."""
    shown, first = len(page.items), page.newer + 1
    is_exact = not page.newer or (query.after and page.newer <= query.size)
    if not is_exact:
        # The address says the number; it is repeated only as far as it can be true.
        first = max(1, min(max(query.first, first), total - shown + 1))
    return replace(page, first=first, total=max(total, first + shown - 1))


def _read(
    ctx: Context,
    call_filter: CallFilter,
    query: CallQuery,
    *,
    window: Window,
    hours: Mapping[datetime, CallCounts],
    limit: int,
) -> Sequence[Any]:
    model, up = ctx.models.Call, query.after is not None
    spans = _spans(query, window, hours=hours, limit=limit)
    if not spans:
        return ()
    lying = [and_(model.at >= since, model.at < until) for since, until in spans]
    found = _found(ctx, call_filter, query).where(or_(*lying))
    order = (model.at, model.id) if up else (model.at.desc(), model.id.desc())
    return ctx.session.execute(found.order_by(*order).limit(limit)).all()


def _hours(
    hours: Mapping[datetime, CallCounts], part: Window
) -> Iterator[tuple[datetime, CallCounts]]:
    for hour in sorted(hours):
        if hour_of(part.since) <= hour < part.until:
            yield hour, hours[hour]


def _spans(
    query: CallQuery,
    window: Window,
    *,
    hours: Mapping[datetime, CallCounts],
    limit: int,
) -> list[tuple[datetime, datetime]]:
    """Return the hours that contain the next *limit* calls, without empty hours."""
    part, spans, held = within(query, window), [], 0
    key = query.after or query.before
    edge = None if key is None else hour_of(key.at)
    there = list(_hours(hours, part))
    for hour, counts in there if query.after else reversed(there):
        number = counts.of(query.result)
        beyond = edge is not None and (hour < edge if query.after else hour > edge)
        if not number or beyond:
            continue
        spans.append((max(hour, part.since), min(hour + HOUR, part.until)))
        # The hour of the key is read in part, so its calls cannot be counted here.
        held += 0 if hour == edge else number
        if held >= limit:
            break
    return _joined(sorted(spans))


def _joined(
    spans: Sequence[tuple[datetime, datetime]],
) -> list[tuple[datetime, datetime]]:
    """Join the spans that touch."""
    joined: list[tuple[datetime, datetime]] = []
    for since, until in spans:
        if joined and joined[-1][1] == since:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined


def batches(
    ctx: Context, call_filter: CallFilter, query: CallQuery, *, window: Window
) -> Iterator[Sequence[Any]]:
    """Read all calls that *query* finds in batches, the newest first.

    :returns: rows of :data:`COLUMNS`, which the session does not keep.
    """
    model, part = ctx.models.Call, within(query, window)

    def read(last: Position | None, limit: int) -> Sequence[Any]:
        found = _found(ctx, call_filter, replace(query, before=last)).where(
            model.at >= part.since, model.at < part.until
        )
        ordered = found.order_by(model.at.desc(), model.id.desc())
        return ctx.session.execute(ordered.limit(limit)).all()

    return pagination.batches(
        read, lambda row: Position(row.at, row.id), start=query.before
    )


def _found(ctx: Context, call_filter: CallFilter, query: CallQuery) -> Select[Any]:
    model = ctx.models.Call
    columns = [getattr(model, name) for name in COLUMNS]
    found = select(*columns).where(*where_clause(model, call_filter))
    if query.result is not None:
        found = found.where(model.result == query.result)
    if query.before is not None:
        found = found.where(query.before.older(model.at, model.id))
    if query.after is not None:
        found = found.where(query.after.newer(model.at, model.id))
    return found
