"""Parse the place and the period in a request."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import tzinfo

from example_app.problems import ParameterError
from example_app.solar import Place

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2100, 12, 31)
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """The whole days from `first` to `last`, both included, in one time zone."""

    first: date
    last: date
    zone: tzinfo = UTC

    @property
    def start(self) -> datetime:
        """Return the beginning of the first day."""
        return datetime.combine(self.first, time(), self.zone)

    @property
    def end(self) -> datetime:
        """Return the end of the last day."""
        return datetime.combine(self.last, time(), self.zone) + timedelta(days=1)


def read_place(values: Mapping[str, str], *, lat: str, lon: str) -> Place:
    """Parse a place.

    :param lat: the name of the latitude in `values`.
    :param lon: the name of the longitude in `values`.
    :raises ParameterError: if one is missing or out of range.
    """
    return Place(_degrees(values, lat, limit=90), _degrees(values, lon, limit=180))


def read_period(
    values: Mapping[str, str], *, first: str, last: str, zone: tzinfo = UTC
) -> Period:
    """Parse a period of whole days.

    :param first: the name of the first day in `values`.
    :param last: the name of the last day in `values`.
    :raises ParameterError: if one is missing, not a date, or out of range.
    """
    period = Period(_day(values, first), _day(values, last), zone)
    if period.last < period.first:
        raise ParameterError(last, f"is before {first}.")
    if (period.last - period.first).days >= MOST_DAYS:
        raise ParameterError(last, f"is more than {MOST_DAYS} days after {first}.")
    return period


def _degrees(values: Mapping[str, str], name: str, *, limit: int) -> float:
    expected = f"a number of degrees from -{limit} to {limit} is needed."
    try:
        degrees = float(values[name])
    except (KeyError, ValueError):
        raise ParameterError(name, expected) from None
    if not math.isfinite(degrees) or abs(degrees) > limit:
        raise ParameterError(name, expected)
    return degrees


def _day(values: Mapping[str, str], name: str) -> date:
    try:
        day = datetime.strptime(values[name], "%Y-%m-%d").date()
    except (KeyError, ValueError):
        raise ParameterError(name, "a day such as 2026-06-21 is needed.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ParameterError(name, f"a day from {FIRST_DAY} to {LAST_DAY} is needed.")
    return day
