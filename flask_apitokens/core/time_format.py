"""Moments as text for people, in UTC; recent ones as "3 hours ago".

A page shows the text. The exact moment is in the ``title``, and in ``datetime`` for
scripts. English without a country has the formats that are written here; other
languages have those of Babel.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Literal
from typing import TypeAlias

from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import language

from .utc import rfc3339

#: the hours after which a page shows the time of day instead of "3 hours ago"
HOURS_IN_WORDS = 6
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_Unit: TypeAlias = Literal["minute", "hour", "day", "year"]


@dataclass(frozen=True)
class Moment:
    """A moment as text, as RFC 3339, and as the exact time for a tooltip."""

    text: str
    iso: str
    title: str


def day(at: date) -> str:
    """Return the date: ``21 Nov 2026``; a moment has its date in UTC."""
    locale, at = language().locale, _in_utc(at)
    if locale is None:
        return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
    from babel.dates import format_date

    return format_date(at, "medium", locale=locale)


def short_day(at: date) -> str:
    """Return the date without its year: ``Sat 21 Nov``."""
    locale = language().locale
    if locale is None:
        return f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}"
    from babel.dates import format_skeleton

    return format_skeleton("MMMEd", at, locale=locale)


def weekday(at: date) -> str:
    """Return the day of the week and of the month: ``Sat 21``."""
    locale = language().locale
    if locale is None:
        return f"{_WEEKDAYS[at.weekday()]} {at.day}"
    from babel.dates import format_skeleton

    return format_skeleton("Ed", at, locale=locale)


def clock(at: datetime) -> str:
    """Return the time of day: ``09:14``."""
    return _clock(at, "short")


def _clock(at: datetime, length: Literal["short", "medium"]) -> str:
    locale, at = language().locale, at.astimezone(UTC)
    if locale is None:
        return at.strftime("%H:%M" if length == "short" else "%H:%M:%S")
    from babel.dates import format_time

    return format_time(at, length, tzinfo=UTC, locale=locale)


def day_and_time(at: datetime) -> str:
    """Return date and minute: ``21 Nov 2026, 09:14``."""
    return _joined(day(at), clock(at))


def _joined(date_text: str, time_text: str) -> str:
    locale = language().locale
    if locale is None:
        return f"{date_text}, {time_text}"
    from babel.dates import get_datetime_format

    pattern = str(get_datetime_format("medium", locale=locale))
    return pattern.replace("'", "").replace("{0}", time_text).replace("{1}", date_text)


def moment(at: datetime, text: str = "") -> Moment:
    """Return a moment with *text*, by default its date and minute."""
    exact = day_and_time(at)
    return Moment(text or exact, rfc3339(at), _("%(time)s UTC", time=exact))


def to_the_second(at: datetime) -> Moment:
    """Return a moment with its second: ``21 Nov 2026, 09:14:02``."""
    text = _joined(day(at), _clock(at, "medium"))
    return replace(moment(at, text), title=_("%(time)s UTC", time=text))


def ago(at: datetime, now: datetime) -> Moment:
    """Return a past moment relative to *now*; a future one reads "Just now".

    A moment is in the future if the clocks of two machines differ.
    """
    minutes, days = _age(at, now)
    if minutes < 1:
        return moment(at, _("Just now"))
    if minutes < HOURS_IN_WORDS * 60:
        return moment(at, _elapsed(minutes))
    # Translators: a time of day follows, "Today, 09:14".
    if days == 0:
        return moment(at, _("Today, %(time)s", time=clock(at)))
    if days == 1:
        return moment(at, _("Yesterday, %(time)s", time=clock(at)))
    return moment(at, day(at))


def _age(at: datetime, now: datetime) -> tuple[int, int]:
    """Return the whole minutes since a moment, and the dates in UTC since then."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return int((now - at).total_seconds() // 60), (now.date() - at.date()).days


def _elapsed(minutes: int) -> str:
    if minutes < 60:
        return _duration(-minutes, "minute", directed=True)
    return _duration(-(minutes // 60), "hour", directed=True)


def in_use(at: datetime, now: datetime) -> str:
    """Return the last use as a sentence for a confirmation."""
    minutes, days = _age(at, now)
    if minutes < 1:
        return _("In use just now.")
    if minutes < HOURS_IN_WORDS * 60:
        # Translators: "In use 3 hours ago."
        return _("In use %(ago)s.", ago=_elapsed(minutes))
    if days == 0:
        return _("In use today at %(time)s.", time=clock(at))
    if days == 1:
        return _("In use yesterday at %(time)s.", time=clock(at))
    return _("In use on %(day)s.", day=day(at))


def in_days(at: datetime, now: datetime) -> str:
    """Return how far off a date is: ``in 5 days``; empty for a past date."""
    days = (at.astimezone(UTC).date() - now.astimezone(UTC).date()).days
    if days < 0:
        return ""
    if days == 0:
        return _("today")
    return _duration(days, "day", directed=True)


def span(days: int) -> str:
    """Return a length of time: ``90 days``, ``1 year``."""
    if days % 365 == 0:
        return _duration(days // 365, "year")
    return _duration(days, "day")


def _duration(number: int, unit: _Unit, *, directed: bool = False) -> str:
    """Return *number* units of time.

    :param directed: says whether they are past or ahead: ``3 days ago``, ``in 3 days``.
    """
    locale, count = language().locale, abs(number)
    if locale is None:
        text = f"{count:,} {unit}{'' if count == 1 else 's'}"
        if not directed:
            return text
        return f"{text} ago" if number < 0 else f"in {text}"
    from babel.dates import TIMEDELTA_UNITS
    from babel.dates import format_timedelta

    return format_timedelta(
        timedelta(seconds=number * dict(TIMEDELTA_UNITS)[unit]),
        granularity=unit,
        threshold=float("inf"),  # no larger unit
        add_direction=directed,
        locale=locale,
    )


def _in_utc(at: date) -> date:
    return at.astimezone(UTC) if isinstance(at, datetime) else at
