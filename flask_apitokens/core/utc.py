"""Moments and days as machines write and read them: RFC 3339, in UTC."""

from __future__ import annotations

from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time


def rfc3339(at: datetime, timespec: str = "seconds") -> str:
    """Return a moment as RFC 3339 text in UTC, such as "2026-11-21T09:14:02Z".

    :param timespec: "seconds", "microseconds", or "auto" for both as needed, as for
        :meth:`datetime.datetime.isoformat`.
    """
    # In UTC the offset is always the last six characters.
    return at.astimezone(UTC).isoformat(timespec=timespec)[:-6] + "Z"


def parse_day(text: str) -> date | None:
    """Return the day of an ISO date; ``None`` for any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_moment(text: str) -> datetime:
    """Return the moment of an ISO date and time with an offset.

    :raises ValueError: for any other text.
    :raises OverflowError: for a moment that UTC cannot express.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC)


def start_of_day(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime.combine(day, time(), UTC)


def end_of_day(day: date) -> datetime:
    """Return the last second of a day in UTC, so that "until 3 July" includes it."""
    return datetime.combine(day, time(23, 59, 59), UTC)
