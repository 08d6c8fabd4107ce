"""The recorded calls as they are read: filtered, a page or a batch at a time.

Always by moment and key, so that a page stays the same page while calls arrive above
it. The hours that :mod:`.history` has added up say where to look: a rare result is not
searched for in a million calls that ended otherwise.
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
from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Call

from .totals import HOUR
from .totals import CallCounts
from .totals import CallFilter
from .totals import Window
from .totals import hour_of
from .totals import where_clause

PAGE_SIZE = 50
#: calls that :func:`batches` reads at a time
BATCH = 1000
#: what is read of a call: all but whose account it is
COLUMNS = (
    *("id", "at", "service", "token_id", "token_name", "owner_key", "method", "rule"),
    *("path", "status", "result", "code", "duration", "ip", "user_agent"),
)


class Key(NamedTuple):
    """The place of a call among all of them."""

    at: datetime
    id: int


@dataclass(frozen=True)
class CallQuery:
    """Which of the calls of an extent are wanted.

    :param day: of this day alone, in UTC.
    :param result: those that ended so, one of :data:`.models.RESULTS`.
    :param before: only those older than this one, the newest of them first.
    :param after: only those newer than this one, the oldest of them on the page.
    :param first: the number the first of the page is said to have, from 1.
    """

    day: date | None = None
    result: int | None = None
    before: Key | None = None
    after: Key | None = None
    first: int = 1


@dataclass(frozen=True)
class CallPage:
    """Some calls, the newest first, and whether there are others on either side.

    :param first: the number of the first one among all that are found.
    :param total: how many are found.
    """

    items: Sequence[Any]
    newer: bool
    older: bool
    first: int
    total: int


def within(query: CallQuery, window: Window) -> Window:
    """The part of the window that *query* asks for."""
    return window if query.day is None else window.day(query.day)


def count(
    query: CallQuery, window: Window, hours: Mapping[datetime, CallCounts]
) -> int:
    """How many calls *query* finds.

    :param hours: from :func:`.history.hours_of`, of the same extent and window.
    """
    part = within(query, window)
    return sum(counts.of(query.result) for _hour, counts in _hours(hours, part))


def page_of(
    ctx: Context,
    call_filter: CallFilter,
    query: CallQuery,
    window: Window,
    hours: Mapping[datetime, CallCounts],
) -> CallPage:
    """One page of calls, in one statement.

    Fewer newer ones than fill a page are shown among the newest of all.

    :param hours: from :func:`.history.hours_of`, of the same extent and window.
    """
    total = count(query, window, hours)
    if query.after is not None:
        page = _newer_than(ctx, call_filter, query, window, hours)
        if page is not None:
            return replace(page, total=max(total, page.first + PAGE_SIZE - 1))
        query = replace(query, after=None, before=None)
    rows = _read(ctx, call_filter, query, window, hours, limit=PAGE_SIZE + 1)
    items = rows[:PAGE_SIZE]
    newer = query.before is not None
    first = max(query.first, 2) if newer else 1
    # What a link says of the place is only said again, as far as it can be true.
    first = max(1, min(first, total - len(items) + 1))
    total = max(total, first + len(items) - 1)
    return CallPage(items, newer, len(rows) > PAGE_SIZE, first, total)


def _newer_than(
    ctx: Context,
    call_filter: CallFilter,
    query: CallQuery,
    window: Window,
    hours: Mapping[datetime, CallCounts],
) -> CallPage | None:
    # Two pages of them: near the top the number of the first one is then certain.
    limit = 2 * PAGE_SIZE + 1
    rows = _read(ctx, call_filter, query, window, hours, limit=limit)
    if len(rows) < PAGE_SIZE:
        return None
    above = len(rows) - PAGE_SIZE
    first = above + 1 if len(rows) < limit else max(query.first, above + 1)
    return CallPage(rows[:PAGE_SIZE][::-1], above > 0, True, first, 0)


def _read(
    ctx: Context,
    call_filter: CallFilter,
    query: CallQuery,
    window: Window,
    hours: Mapping[datetime, CallCounts],
    *,
    limit: int,
) -> Sequence[Any]:
    model, up = ctx.models.Call, query.after is not None
    spans = _spans(query, window, hours, limit)
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
    query: CallQuery, window: Window, hours: Mapping[datetime, CallCounts], limit: int
) -> list[tuple[datetime, datetime]]:
    """The hours that hold the next *limit* calls, those without any left out."""
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
        # Of the hour that the page begins in, nobody knows how much lies behind it.
        held += 0 if hour == edge else number
        if held >= limit:
            break
    return _joined(sorted(spans))


def _joined(
    spans: Sequence[tuple[datetime, datetime]],
) -> list[tuple[datetime, datetime]]:
    """Spans that touch as one."""
    joined: list[tuple[datetime, datetime]] = []
    for since, until in spans:
        if joined and joined[-1][1] == since:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined


def batches(
    ctx: Context, call_filter: CallFilter, query: CallQuery, window: Window
) -> Iterator[Sequence[Any]]:
    """All calls that *query* finds, newest first, some at a time.

    Rows of :data:`COLUMNS`, which the session does not keep. What is added meanwhile
    is newer than the first of them and left out.
    """
    part = within(query, window)
    while True:
        rows = _read_on(ctx, call_filter, query, part)
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        query = replace(query, before=Key(rows[-1].at, rows[-1].id))


def _read_on(
    ctx: Context, call_filter: CallFilter, query: CallQuery, part: Window
) -> Sequence[Any]:
    model = ctx.models.Call
    found = _found(ctx, call_filter, query).where(
        model.at >= part.since, model.at < part.until
    )
    ordered = found.order_by(model.at.desc(), model.id.desc())
    return ctx.session.execute(ordered.limit(BATCH)).all()


def _found(ctx: Context, call_filter: CallFilter, query: CallQuery) -> Select[Any]:
    model = ctx.models.Call
    columns = [getattr(model, name) for name in COLUMNS]
    found = select(*columns).where(*where_clause(model, call_filter))
    if query.result is not None:
        found = found.where(model.result == query.result)
    if query.before is not None:
        found = found.where(_beyond(model, query.before, older=True))
    if query.after is not None:
        found = found.where(_beyond(model, query.after, older=False))
    return found


def _beyond(model: type[Call], key: Key, *, older: bool) -> ColumnElement[bool]:
    # Not as a comparison of rows, for which MariaDB uses no index.
    if older:
        return and_(model.at <= key.at, or_(model.at < key.at, model.id < key.id))
    return and_(model.at >= key.at, or_(model.at > key.at, model.id > key.id))
