"""Totals of recorded calls: by window, filter, day, service and token."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest

from flask_apitokens.core.context import Context
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.totals import CallCounts
from flask_apitokens.usage.totals import CallFilter
from flask_apitokens.usage.totals import Window
from flask_apitokens.web.presenters import daily_usage
from tests import bearing
from tests.calling import ACME
from tests.calling import NOW
from tests.calling import SINCE
from tests.calling import TICK
from tests.calling import TOKEN
from tests.calling import call
from tests.calling import store
from tests.conftest import MakeApp

LAST_HOUR = datetime(2026, 11, 21, 9, tzinfo=UTC)
OTHER = "zzzzzzzzzzzz"


def counts(ctx: Context, extent: CallFilter) -> CallCounts:
    """Return the number of all calls of *extent*."""
    window = usage_totals.window_of(ctx)
    hours = usage_totals.hours_of(ctx, extent, window)
    return sum(hours.values(), CallCounts())


def test_totals_count_exactly_the_window(ctx: Context) -> None:
    first_full_hour = datetime(2026, 11, 14, 10, tzinfo=UTC)
    rows = [
        call(SINCE - TICK),
        call(SINCE),
        call(SINCE + TICK, status=403),
        call(first_full_hour - TICK, status=500),
        call(first_full_hour),
        call(NOW),
    ]
    store(ctx, rows)

    window = usage_totals.window_of(ctx)
    hours = usage_totals.hours_of(ctx, usage_totals.of_account(ACME), window)
    assert hours == {
        first_full_hour - usage_totals.HOUR: CallCounts(1, 1, 1),
        first_full_hour: CallCounts(1, 0, 0),
        LAST_HOUR: CallCounts(1, 0, 0),
    }
    days = usage_totals.by_day(hours, window)
    assert list(days) == [date(2026, 11, 14 + n) for n in range(8)]
    assert days[date(2026, 11, 14)] == CallCounts(2, 1, 1)
    assert days[date(2026, 11, 15)] == CallCounts()
    assert days[date(2026, 11, 21)].of(0) == 1

    # A window that begins with an hour needs nothing counted one by one.
    sharp = replace(ctx, now=lambda: first_full_hour + timedelta(days=7))
    assert usage_totals.window_of(sharp).first_full_hour == first_full_hour
    assert counts(sharp, usage_totals.of_account(ACME)).total == 2


@pytest.mark.parametrize(
    ("begun", "remark"),
    [
        (datetime(2026, 11, 14, 9, 14, 2, tzinfo=UTC), "from 09:14"),
        (datetime(2026, 11, 14, 0, 1, tzinfo=UTC), "from 00:01"),
        # less than a minute is missing
        (datetime(2026, 11, 14, 0, 0, 59, tzinfo=UTC), ""),
    ],
)
def test_partly_kept_day_names_its_first_moment(begun: datetime, remark: str) -> None:
    window = Window(begun, datetime(2026, 11, 22, tzinfo=UTC))
    days = usage_totals.by_day({}, window)
    first, second, *_rest = daily_usage.days_of(days, window, url=str)
    assert first.label == ("Sat 14 Nov, " + remark if remark else "Sat 14 Nov")
    assert second.label == "Sun 15 Nov"
    bars = daily_usage.day_chart(days, window, url=str, rtl=False).bars
    assert [bar.remark for bar in bars] == [remark, *[""] * 6, "so far"]


def test_totals_count_only_calls_of_the_filter(ctx: Context) -> None:
    at, begun = NOW - timedelta(hours=3), SINCE + timedelta(minutes=1)
    for moment in (at, begun):
        store(
            ctx,
            [
                call(moment),
                call(moment, status=429),
                call(moment, service="", owner_key="2", token_id=OTHER),
                call(moment, service="timeseries", owner_key="", token_id="0" * 12),
                call(moment, account_id="other", token_id="1" * 12, owner_key="1"),
            ],
        )

    account = usage_totals.of_account(ACME)
    for extent, expected in [
        (account, 4),
        (usage_totals.of_account(ACME, "tmy"), 2),
        (usage_totals.of_account(ACME, ""), 1),
        (replace(account, owner_key="1"), 2),
        (replace(account, owner_key=""), 1),
        (replace(account, token_id=TOKEN), 2),
        (replace(account, token_id=TOKEN, owner_key="2"), 0),
        (replace(account, token_id=TOKEN, service="timeseries"), 0),
        (replace(account, token_id="1" * 12), 0),
        (usage_totals.of_account("other"), 1),
        (CallFilter(None), 5),
        (CallFilter(None, owner_key="1"), 3),
    ]:
        assert counts(ctx, extent).total == 2 * expected, extent


def test_daily_totals_are_separate_for_each_service(ctx: Context) -> None:
    rows = [
        call(SINCE - TICK),
        call(SINCE, status=500),
        call(NOW, status=403),
        call(NOW, token_id=OTHER),
        call(SINCE, service="timeseries"),
        call(NOW, account_id="other"),
    ]
    store(ctx, rows)
    window = usage_totals.window_of(ctx)
    found = usage_totals.days_by_service(ctx, ACME, window)
    first, last = window.days[0], window.days[-1]
    quiet = dict.fromkeys(window.days, 0)
    assert found == {
        "tmy": quiet | {first: 1, last: 2},
        "timeseries": quiet | {first: 1},
    }


def test_calls_of_tokens_outside_the_list_are_not_counted(ctx: Context) -> None:
    user: Any = ctx.models.user
    ada, eve = user(email="ada@example.com"), user(email="eve@example.com")
    ctx.session.add_all([ada, eve])
    mine, unused = bearing.make(ctx, ada, "mine"), bearing.make(ctx, ada, "new")
    hers = bearing.make(ctx, eve, "hers")
    for token in (mine, hers):
        values: dict[str, Any]
        values = {"account_id": token.account_id, "token_id": token.id}
        moments = (SINCE - TICK, SINCE, SINCE + timedelta(hours=2), NOW)
        store(ctx, [call(moment, **values) for moment in moments])
        token.last_used_at = NOW
    # made before its owner came here from another account
    store(
        ctx,
        [call(at, account_id="another", token_id=mine.id) for at in (SINCE, NOW)],
    )
    unused.last_used_at = SINCE - TICK
    ctx.session.commit()

    among = token_list.owned_by(ctx, ada)
    ids = [mine.id, unused.id]
    assert usage_totals.calls_of(ctx, among, ids) == {mine.id: 3, unused.id: 0}
    assert usage_totals.calls_of(ctx, among, [hers.id]) == {hers.id: 0}
    assert usage_totals.calls_of(ctx, among, []) == {}
    assert counts(ctx, usage_totals.of_token(mine)).total == 3
    assert token_counts.count_used_since(ctx, among, SINCE) == (1, 2)
    extent = usage_totals.of_account(mine.account_id)
    window = usage_totals.window_of(ctx)
    users = usage_totals.recently_active_owners(ctx, extent, window)
    assert sorted(users) == sorted(str(owner.id) for owner in (ada, eve))
    in_service = replace(extent, service="tmy")
    assert usage_totals.recently_active_owners(ctx, in_service, window) == []
    elsewhere = usage_totals.of_account("another")
    assert usage_totals.recently_active_owners(ctx, elsewhere, window) == []


@pytest.mark.parametrize("hours", [0, 20, 100])
def test_recently_used_tokens_come_first(ctx: Context, hours: int) -> None:
    at = NOW - timedelta(hours=hours)
    rows = [
        call(at, token_id=f"{n:012}", owner_key=str(n % 3))
        for n in range(usage_totals.OFFERED + 5)
    ]
    old = call(SINCE + timedelta(hours=2), token_id=TOKEN, service="timeseries")
    store(ctx, [*rows, old, call(SINCE - TICK, token_id=OTHER)])
    window, account = usage_totals.window_of(ctx), usage_totals.of_account(ACME)

    found = usage_totals.recently_used_tokens(ctx, account, window)
    assert len(found) == usage_totals.OFFERED + 1
    assert (f"{1:012}", "1") in found
    assert (TOKEN, "1") not in found

    few = usage_totals.recently_used_tokens(
        ctx, replace(account, service="timeseries"), window
    )
    assert few == [(TOKEN, "1")]


def test_hour_of_another_time_zone_is_counted_in_utc(make_app: MakeApp) -> None:
    moment = datetime.fromisoformat("2026-11-21T02:29:59+05:30")
    assert usage_totals.hour_of(moment) == datetime(2026, 11, 20, 20, tzinfo=UTC)
    app = make_app(APITOKENS_USAGE_RETENTION_DAYS=1)
    with app.app_context():
        here = replace(bearing.context_of(app), now=lambda: moment)
        window = usage_totals.window_of(here)
    assert window.days == [date(2026, 11, 19), date(2026, 11, 20)]
    assert window.day(window.days[0]).since == moment - timedelta(days=1)
    assert window.day(window.days[0]).until == datetime(2026, 11, 20, tzinfo=UTC)
