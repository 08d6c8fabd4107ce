"""Pages and batches of recorded calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest

from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.db.models import FAILED
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.db.pagination import Position
from flask_apitokens.usage import queries as call_queries
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.queries import CallQuery
from tests.calling import ACME
from tests.calling import NOW
from tests.calling import SINCE
from tests.calling import TICK
from tests.calling import TOKEN
from tests.calling import call
from tests.calling import some
from tests.calling import store

ACCOUNT = usage_totals.of_account(ACME)


def page(
    ctx: Context, query: CallQuery, extent: usage_totals.CallFilter = ACCOUNT
) -> KeysetPage[Any]:
    """Return a page of calls."""
    window = usage_totals.window_of(ctx)
    hours = usage_totals.hours_of(ctx, extent, window)
    return call_queries.page_of(ctx, extent, query, window=window, hours=hours)


def paths(found: KeysetPage[Any]) -> list[str]:
    """Return the last part of each path: the number of the call."""
    return [row.path.removeprefix("/api/") for row in found.items]


def key(found: KeysetPage[Any], place: int) -> Position:
    """Return the position of a call on a page."""
    return Position(found.items[place].at, found.items[place].id)


def numbers(first: int, after: int) -> list[str]:
    """Return what :func:`paths` gives for a range of calls."""
    return [str(number) for number in range(first, after)]


def scattered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with ids by age, in an order that is not that of the ids."""
    keyed = [row | {"id": 1000 - number} for number, row in enumerate(rows)]
    return keyed[::3] + keyed[1::3] + keyed[2::3]


def test_page_of_calls_stays_the_same_while_calls_arrive(ctx: Context) -> None:
    # Some at one and the same moment, across the edges of pages and of hours.
    rows = some(130, until=NOW - timedelta(minutes=14))
    for row in rows[45:55]:
        row["at"] = rows[45]["at"]
    store(ctx, scattered(rows))

    first = page(ctx, CallQuery())
    assert paths(first) == numbers(0, 50)
    assert (first.first, first.total, first.has_newer, first.has_older) == (
        1,
        130,
        False,
        True,
    )

    second = page(ctx, CallQuery(before=key(first, -1), first=51))
    assert paths(second) == numbers(50, 100)
    assert (second.first, second.has_newer, second.has_older) == (51, True, True)

    store(ctx, [call(NOW - timedelta(seconds=n), path="/api/new") for n in range(3)])
    assert paths(page(ctx, CallQuery(before=key(first, -1), first=51))) == paths(second)
    third = page(ctx, CallQuery(before=key(second, -1), first=101))
    assert paths(third) == numbers(100, 130)
    assert (third.first, third.total, third.has_older) == (101, 133, False)

    back = page(ctx, CallQuery(after=key(third, 0), first=51))
    assert paths(back) == paths(second)
    # At least so many are above; how many, only a count of them all would tell.
    assert (back.first, back.has_newer, back.has_older) == (52, True, True)
    top = page(ctx, CallQuery(after=key(back, 0), first=2))
    assert paths(top) == paths(first)
    # So near the top it is known again.
    assert (top.first, top.has_newer) == (4, True)
    newest = page(ctx, CallQuery(after=key(top, 0), first=1))
    assert paths(newest) == ["new"] * 3 + numbers(0, 47)
    assert (newest.first, newest.has_newer) == (1, False)


def test_page_corrects_an_impossible_first_number(ctx: Context) -> None:
    store(ctx, some(60, until=NOW))
    first = page(ctx, CallQuery(first=30))
    assert first.first == 1
    beyond = page(ctx, CallQuery(before=key(first, -1), first=10**9))
    assert (beyond.first, len(beyond.items), beyond.total) == (51, 10, 60)
    nothing = page(ctx, CallQuery(before=Position(SINCE, 1), first=10**9))
    assert (nothing.items, nothing.total, nothing.has_newer) == ((), 60, True)


def test_filters_find_exactly_the_matching_calls(ctx: Context) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    named = {
        "gone": call(SINCE - TICK, status=500),
        "edge": call(SINCE, status=500),
        "before": call(midnight - TICK, status=500),
        "begin": call(midnight, status=500),
        "fine": call(midnight + timedelta(hours=5)),
        "end": call(midnight + timedelta(days=1) - TICK, status=503, owner_key="2"),
        "next": call(midnight + timedelta(days=1), status=500, service=""),
        "other": call(midnight, status=500, account_id="other"),
    }
    store(ctx, [{**row, "path": f"/api/{name}"} for name, row in named.items()])

    failed = CallQuery(result=FAILED)
    day = CallQuery(day=midnight.date())
    assert paths(page(ctx, failed)) == ["next", "end", "begin", "before", "edge"]
    assert paths(page(ctx, day)) == ["end", "fine", "begin"]
    both = replace(day, result=FAILED)
    assert paths(page(ctx, both)) == ["end", "begin"]
    assert page(ctx, both).total == 2
    partly = CallQuery(day=SINCE.date())
    assert paths(page(ctx, partly)) == ["edge"]
    assert paths(page(ctx, CallQuery(day=(NOW + timedelta(days=1)).date()))) == []
    unbound = replace(ACCOUNT, service="")
    assert paths(page(ctx, CallQuery(), unbound)) == ["next"]
    theirs = replace(ACCOUNT, owner_key="2", token_id=TOKEN, service="tmy")
    assert paths(page(ctx, failed, theirs)) == ["end"]

    window = usage_totals.window_of(ctx)
    rows = [*call_queries.batches(ctx, ACCOUNT, both, window=window)]
    assert [[row.path for row in batch] for batch in rows] == [
        ["/api/end", "/api/begin"]
    ]


def test_query_reads_only_hours_with_matching_calls(ctx: Context) -> None:
    step = timedelta(hours=2)
    rare = [
        call(NOW - step * n, status=500, path=f"/api/{n}", token_id=TOKEN)
        for n in range(60)
    ]
    often = [call(NOW - step * n + timedelta(hours=-1)) for n in range(60)]
    store(ctx, [*rare, *often])

    failed = CallQuery(result=FAILED)
    first = page(ctx, failed)
    assert paths(first) == numbers(0, 50)
    second = page(ctx, replace(failed, before=key(first, -1), first=51))
    assert paths(second) == numbers(50, 60)
    assert (second.first, second.total, second.has_older) == (51, 60, False)
    back = page(ctx, replace(failed, after=key(second, 0), first=1))
    assert paths(back) == paths(first)
    assert (back.first, back.has_newer) == (1, False)


def test_batches_contain_every_call_once(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 7)
    rows = some(21, until=NOW)
    for row in rows[5:9]:
        row["at"] = rows[5]["at"]
    store(ctx, scattered(rows))

    seen = []
    window = usage_totals.window_of(ctx)
    for batch in call_queries.batches(ctx, ACCOUNT, CallQuery(), window=window):
        seen += [row.path.removeprefix("/api/") for row in batch]
        store(ctx, [call(NOW, path="/api/late")])
    assert seen == numbers(0, 21)
