"""Moments as text for people, in UTC."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest

from flask_apitokens.core import time_format

NOW = datetime(2026, 11, 21, 12, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(minutes=-5), "Just now"),
        (timedelta(), "Just now"),
        (timedelta(seconds=59), "Just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(hours=8, minutes=14), "Today, 04:00"),
        (timedelta(hours=17, minutes=34), "Yesterday, 18:40"),
        (timedelta(days=9), "12 Nov 2026"),
    ],
)
def test_ago_words_a_past_moment(age: timedelta, text: str) -> None:
    """DBS-08: a moment in the future has no negative age."""
    assert time_format.ago(NOW - age, NOW).text == text


def test_ago_counts_hours_across_midnight() -> None:
    just_after = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    before = just_after - timedelta(hours=2)
    assert time_format.ago(before, just_after).text == "2 hours ago"


@pytest.mark.parametrize(
    ("age", "sentence"),
    [
        (timedelta(seconds=5), "In use just now."),
        (timedelta(minutes=8), "In use 8 minutes ago."),
        (timedelta(hours=8), "In use today at 04:14."),
        (timedelta(hours=20), "In use yesterday at 16:14."),
        (timedelta(days=30), "In use on 22 Oct 2026."),
    ],
)
def test_in_use_is_a_sentence(age: timedelta, sentence: str) -> None:
    assert time_format.in_use(NOW - age, NOW) == sentence


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        (timedelta(days=-1), ""),
        (timedelta(hours=2), "today"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(days=90), "in 90 days"),
    ],
)
def test_in_days_counts_days_to_a_date(ahead: timedelta, text: str) -> None:
    assert time_format.in_days(NOW + ahead, NOW) == text


@pytest.mark.parametrize(
    ("days", "text"),
    [(1, "1 day"), (90, "90 days"), (365, "1 year"), (730, "2 years")],
)
def test_span_names_days_and_years(days: int, text: str) -> None:
    assert time_format.span(days) == text


def test_moment_of_any_time_zone_is_shown_in_utc() -> None:
    """DBS-06"""
    kathmandu = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    moment = time_format.moment(kathmandu)
    assert moment == time_format.moment(NOW)
    assert moment == time_format.Moment(
        "21 Nov 2026, 12:14", "2026-11-21T12:14:30Z", "21 Nov 2026, 12:14 UTC"
    )


def test_day_names_every_month() -> None:
    names = [
        time_format.day(datetime(2026, month, 1, tzinfo=UTC)) for month in range(1, 13)
    ]
    assert names[0] == "1 Jan 2026"
    assert len(set(names)) == 12
