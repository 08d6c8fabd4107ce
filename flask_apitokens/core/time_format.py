"""Moments as text for people, in UTC; recent ones as "3 hours ago".

A page shows the text. The exact moment is in the ``title``, and in ``datetime`` for
scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime

from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n

from .utc import rfc3339

#: the hours after which a page shows the time of day instead of "3 hours ago"
HOURS_IN_WORDS = 6


@dataclass(frozen=True)
class Moment:
    """A moment as text, as RFC 3339, and as the exact time for a tooltip."""

    text: str
    iso: str
    title: str


def months() -> tuple[str, ...]:
    """Return the short names of the months."""
    return (
        _("Jan"),
        _("Feb"),
        _("Mar"),
        _("Apr"),
        _("May"),
        _("Jun"),
        _("Jul"),
        _("Aug"),
        _("Sep"),
        _("Oct"),
        _("Nov"),
        _("Dec"),
    )


def day(at: datetime) -> str:
    """Return the date: ``21 Nov 2026``."""
    at = at.astimezone(UTC)
    return _(
        "%(day)s %(month)s %(year)s",
        day=at.day,
        month=months()[at.month - 1],
        year=at.year,
    )


def day_and_time(at: datetime) -> str:
    """Return date and minute: ``21 Nov 2026, 09:14``."""
    return _(
        "%(day)s, %(time)s", day=day(at), time=at.astimezone(UTC).strftime("%H:%M")
    )


def moment(at: datetime, text: str = "") -> Moment:
    """Return a moment with *text*, by default its date and minute."""
    exact = day_and_time(at)
    return Moment(text or exact, rfc3339(at), _("%(time)s UTC", time=exact))


def to_the_second(at: datetime) -> Moment:
    """Return a moment with its second: ``21 Nov 2026, 09:14:02``."""
    text = _(
        "%(day)s, %(time)s", day=day(at), time=at.astimezone(UTC).strftime("%H:%M:%S")
    )
    return replace(moment(at, text), title=_("%(time)s UTC", time=text))


def ago(at: datetime, now: datetime) -> Moment:
    """Return a past moment relative to *now*; a future one reads "Just now".

    A moment is in the future if the clocks of two machines differ.
    """
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    minutes = int((now - at).total_seconds() // 60)
    days = (now.date() - at.date()).days
    clock = at.strftime("%H:%M")
    if minutes < 1:
        return moment(at, _("Just now"))
    if minutes < 60:
        return moment(at, _n("%(n)s minute ago", "%(n)s minutes ago", minutes))
    if minutes < HOURS_IN_WORDS * 60:
        return moment(at, _n("%(n)s hour ago", "%(n)s hours ago", minutes // 60))
    if days == 0:
        return moment(at, _("Today, %(time)s", time=clock))
    if days == 1:
        return moment(at, _("Yesterday, %(time)s", time=clock))
    return moment(at, day(at))


def in_use(at: datetime, now: datetime) -> str:
    """Return the last use as a sentence for a confirmation."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    minutes = int((now - at).total_seconds() // 60)
    days = (now.date() - at.date()).days
    clock = at.strftime("%H:%M")
    if minutes < 1:
        return _("In use just now.")
    if minutes < HOURS_IN_WORDS * 60:
        return _("In use %(ago)s.", ago=ago(at, now).text)
    if days == 0:
        return _("In use today at %(time)s.", time=clock)
    if days == 1:
        return _("In use yesterday at %(time)s.", time=clock)
    return _("In use on %(day)s.", day=day(at))


def in_days(at: datetime, now: datetime) -> str:
    """Return how far off a date is: ``in 5 days``; empty for a past date."""
    days = (at.astimezone(UTC).date() - now.astimezone(UTC).date()).days
    if days < 0:
        return ""
    if days == 0:
        return _("today")
    return _n("in %(n)s day", "in %(n)s days", days)


def span(days: int) -> str:
    """Return a length of time: ``90 days``, ``1 year``."""
    if days % 365 == 0:
        return _n("%(n)s year", "%(n)s years", days // 365)
    return _n("%(n)s day", "%(n)s days", days)
