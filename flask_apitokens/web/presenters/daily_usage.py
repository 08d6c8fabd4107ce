"""The usage history of the last days: statistics, a bar chart and a table."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flask_apitokens.core.time_format import clock
from flask_apitokens.core.time_format import day as date_of
from flask_apitokens.core.time_format import short_day
from flask_apitokens.core.time_format import weekday
from flask_apitokens.db.pagination import format_count
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.i18n import number as number_text
from flask_apitokens.i18n import percent
from flask_apitokens.usage.export import RESULTS
from flask_apitokens.usage.totals import CallCounts
from flask_apitokens.usage.totals import Window

from .bar_chart import Chart
from .bar_chart import Column
from .bar_chart import chart_of
from .widgets import Stat

#: returns the address of the calls that its arguments filter
Url = Callable[..., str]


@dataclass(frozen=True)
class TokensUsed:
    """How many tokens were used, and of how many.

    :param href: lists those that were used.
    """

    some: int
    every: int
    href: str


@dataclass(frozen=True)
class DayRow:
    """A day in the table below the chart.

    :param href: lists its calls; empty for a day without calls.
    """

    label: str
    href: str
    succeeded: str
    rejected: str
    failed: str
    total: str


def stats(
    counts: CallCounts, days: int, *, url: Url, used: TokensUsed | None = None
) -> list[Stat]:
    """Return the statistics above the chart. Each leads to the list it counts.

    :param url: returns the address of the calls that its arguments filter.
    :param used: the tokens in use; ``None`` for one token.
    """
    share = _share(counts.succeeded, counts.total)
    calls = _n("Calls, %(n)s day", "Calls, %(n)s days", days)
    succeeded, rejected, failed = RESULTS
    shown = [
        Stat(calls, number_text(counts.total), href=url() if counts.total else ""),
        Stat(
            _("Succeeded"),
            share,
            number_text(counts.succeeded),
            url(result=succeeded) if counts.succeeded else "",
        ),
        Stat(
            _("Rejected"),
            number_text(counts.rejected),
            href=url(result=rejected) if counts.rejected else "",
        ),
        Stat(
            _("Failed"),
            number_text(counts.failed),
            href=url(result=failed) if counts.failed else "",
        ),
    ]
    if used is not None:
        some, every = format_count(used.some), format_count(used.every)
        text = _("of %(total)s", total=every)
        href = used.href if used.some else ""
        shown.append(Stat(_("Tokens in use"), some, text, href))
    return shown


def _share(part: int, whole: int) -> str:
    """Return a share in per cent; "0%" and "100%" are always exact."""
    if part in (0, whole):
        return "–" if not whole else percent(1000 if part else 0)
    return percent(min(max(round(1000 * part / whole), 1), 999))


def _day_label(day: date, window: Window) -> str:
    """Return a day as ``Sun 15 Nov``, and what part of it is counted."""
    label, remark = short_day(day), _remark(day, window)
    # Translators: a day and what part of it is counted: "Sun 15 Nov, so far".
    return _("%(day)s, %(rest)s", day=label, rest=remark) if remark else label


def _remark(day: date, window: Window) -> str:
    since = window.day(day).since
    if (since.hour, since.minute) != (0, 0):
        return _("from %(time)s", time=clock(since))
    return _("so far") if day == window.days[-1] else ""


def _href(day: date, counts: CallCounts, *, url: Url) -> str:
    return url(day=day.isoformat()) if counts.total else ""


def days_of(
    days: Mapping[date, CallCounts], window: Window, *, url: Url
) -> list[DayRow]:
    """Return the rows of the table.

    :param url: returns the address of the calls that its arguments filter.
    """
    return [
        DayRow(
            _day_label(day, window),
            _href(day, counts, url=url),
            number_text(counts.succeeded),
            number_text(counts.rejected),
            number_text(counts.failed),
            number_text(counts.total),
        )
        for day, counts in days.items()
    ]


def day_chart(
    days: Mapping[date, CallCounts], window: Window, *, url: Url, rtl: bool
) -> Chart:
    """Return the bar chart of the days. Each bar leads to the calls of its day.

    :param url: returns the address of the calls that its arguments filter.
    """
    columns = [
        Column(
            weekday(day),
            _title(_day_label(day, window), counts),
            (counts.succeeded, counts.rejected, counts.failed),
            number_text(counts.total),
            _remark(day, window),
            _href(day, counts, url=url),
        )
        for day, counts in days.items()
    ]
    first, last = window.days[0], window.days[-1]
    title = _(
        "Calls per day, %(first)s to %(last)s", first=date_of(first), last=date_of(last)
    )
    return chart_of(columns, title=title, desc=_description(days), rtl=rtl)


def _title(day: str, counts: CallCounts) -> str:
    numbers = {
        "calls": number_text(counts.total),
        "succeeded": number_text(counts.succeeded),
        "rejected": number_text(counts.rejected),
        "failed": number_text(counts.failed),
    }
    return _(
        "%(day)s. Calls: %(calls)s. Succeeded: %(succeeded)s. "
        "Rejected: %(rejected)s. Failed: %(failed)s.",
        day=day,
        **numbers,
    )


def _description(days: Mapping[date, CallCounts]) -> str:
    busiest = max(days, key=lambda day: days[day].total)
    rejected = sum(counts.rejected for counts in days.values())
    failed = sum(counts.failed for counts in days.values())
    return _(
        "Most calls on %(day)s: %(most)s. Rejected on all days: %(rejected)s. "
        "Failed: %(failed)s. The figures are in the table “Calls per day”.",
        day=date_of(busiest),
        most=number_text(days[busiest].total),
        rejected=number_text(rejected),
        failed=number_text(failed),
    )


def days_offered(window: Window, days: int) -> list[tuple[str, str]]:
    """Return the choices of the day filter, today first."""
    whole = _n("Last %(n)s day", "Last %(n)s days", days)
    today, *before = window.days[::-1]
    return [
        ("", whole),
        (today.isoformat(), _("Today")),
        *((day.isoformat(), _day_label(day, window)) for day in before),
    ]
