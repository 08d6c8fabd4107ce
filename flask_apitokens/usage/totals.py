"""Count recorded calls by adding up hourly totals, whatever the number of calls.

Calls past retention are never counted, pruned or not. The window therefore begins
within an hour, and only the calls of that hour are counted one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import FAILED
from flask_apitokens.db.models import REJECTED
from flask_apitokens.db.models import SUCCEEDED
from flask_apitokens.db.models import Call
from flask_apitokens.db.models import CallHour
from flask_apitokens.db.models import Token

HOUR = timedelta(hours=1)
#: the most tokens, and the most users, that a filter offers
OFFERED = 100
#: the hours that :func:`recently_used_tokens` looks at before the whole window
_LATELY = timedelta(hours=6)


@dataclass(frozen=True)
class CallCounts:
    """The number of calls by result."""

    succeeded: int = 0
    rejected: int = 0
    failed: int = 0

    def __add__(self, other: CallCounts) -> CallCounts:
        return CallCounts(
            self.succeeded + other.succeeded,
            self.rejected + other.rejected,
            self.failed + other.failed,
        )

    @property
    def total(self) -> int:
        """The number of all calls."""
        return self.succeeded + self.rejected + self.failed

    def of(self, result: int | None) -> int:
        """Return the number of calls with a result; ``None`` for any result."""
        if result is None:
            return self.total
        return (self.succeeded, self.rejected, self.failed)[result]


@dataclass(frozen=True)
class Window:
    """The time that a usage history covers.

    :param since: the first moment.
    :param until: the first moment after it: the next midnight in UTC.
    """

    since: datetime
    until: datetime

    @property
    def first_full_hour(self) -> datetime:
        """The first hour that is wholly in the window."""
        begun = hour_of(self.since)
        return begun if begun == self.since else begun + HOUR

    @property
    def days(self) -> list[date]:
        """The days in UTC; the first has usually begun before the window."""
        first, after = self.since.date(), self.until.date()
        return [first + timedelta(days=n) for n in range((after - first).days)]

    def day(self, wanted: date) -> Window:
        """Return the part of a day that is in the window."""
        midnight = datetime.combine(wanted, time(), UTC)
        end = min(self.until, midnight + timedelta(days=1))
        return Window(max(self.since, midnight), end)


@dataclass(frozen=True)
class CallFilter:
    """The calls that a usage history is about.

    :param account_id: of this account; ``None`` for every account.
    :param service: with tokens of this service; empty for tokens without a service.
    :param token_id: with this token; empty for all tokens.
    :param owner_key: with tokens of this user, by the primary key as text; empty for
        userless tokens.
    """

    account_id: str | None
    service: str | None = None
    token_id: str = ""
    owner_key: str | None = None


def of_account(account_id: str, service: str | None = None) -> CallFilter:
    """Return the calls of an account, or of one of its services."""
    return CallFilter(account_id, service)


def of_token(token: Token) -> CallFilter:
    """Return the calls with one token."""
    return CallFilter(token.account_id, token_id=token.id)


def hour_of(at: datetime) -> datetime:
    """Return the first moment of the hour of *at*, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def window_of(ctx: Context) -> Window:
    """Return the window of the calls that are kept now."""
    now = ctx.now().astimezone(UTC)
    since = now - timedelta(days=ctx.settings.usage_retention_days)
    tomorrow = datetime.combine(now.date(), time(), UTC) + timedelta(days=1)
    return Window(since, tomorrow)


def hours_of(
    ctx: Context, call_filter: CallFilter, window: Window
) -> dict[datetime, CallCounts]:
    """Return the number of calls in each hour that had any, by two statements.

    :param window: from :func:`window_of`.
    """
    model = ctx.models.CallHour
    query = select(
        model.hour,
        func.sum(model.succeeded),
        func.sum(model.rejected),
        func.sum(model.failed),
    ).where(
        *_hours_in(ctx, call_filter),
        model.hour >= window.first_full_hour,
        model.hour < window.until,
    )
    hours = {
        row[0]: CallCounts(int(row[1]), int(row[2]), int(row[3]))
        for row in ctx.session.execute(query.group_by(model.hour))
    }
    begun = _counted(ctx, call_filter, Window(window.since, window.first_full_hour))
    if begun.total:
        hours[hour_of(window.since)] = begun
    return hours


def _hours_in(ctx: Context, call_filter: CallFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of the hourly rows to add up.

    A service has rows of its own, which are the sums of those of its tokens.
    """
    model = ctx.models.CallHour
    where = where_clause(model, call_filter)
    if not call_filter.token_id:
        whole = call_filter.owner_key is None
        where.append(model.token_id == "" if whole else model.token_id != "")
    return where


def where_clause(
    model: type[Call] | type[CallHour], call_filter: CallFilter
) -> list[ColumnElement[bool]]:
    """Return the conditions that a row is among the calls of *call_filter*."""
    where = []
    if call_filter.account_id is not None:
        where.append(model.account_id == call_filter.account_id)
    if call_filter.service is not None:
        where.append(model.service == call_filter.service)
    if call_filter.token_id:
        where.append(model.token_id == call_filter.token_id)
    if call_filter.owner_key is not None:
        where.append(model.owner_key == call_filter.owner_key)
    return where


def _counted(ctx: Context, call_filter: CallFilter, window: Window) -> CallCounts:
    """Count the calls of a window shorter than an hour one by one."""
    if window.since >= window.until:
        return CallCounts()
    model = ctx.models.Call
    query = (
        select(model.result, func.count())
        .where(
            *where_clause(model, call_filter),
            model.at >= window.since,
            model.at < window.until,
        )
        .group_by(model.result)
    )
    found = {row[0]: row[1] for row in ctx.session.execute(query)}
    return CallCounts(
        *[found.get(result, 0) for result in (SUCCEEDED, REJECTED, FAILED)]
    )


def by_day(
    hours: Mapping[datetime, CallCounts], window: Window
) -> dict[date, CallCounts]:
    """Return the sum of the hours of each day of the window, the first day first."""
    days = dict.fromkeys(window.days, CallCounts())
    for hour, counts in hours.items():
        days[hour.date()] += counts
    return days


def days_by_service(
    ctx: Context, account_id: str, window: Window
) -> dict[str, dict[date, int]]:
    """How many calls each service of an account had on each day; two statements.

    :param window: from :func:`window_of`.
    :returns: by slug, of the services that had some.
    """
    hour, call = ctx.models.CallHour, ctx.models.Call
    total = func.sum(hour.succeeded + hour.rejected + hour.failed)
    full = (
        select(hour.service, hour.hour, total)
        .where(
            *_hours_in(ctx, of_account(account_id)),
            hour.hour >= window.first_full_hour,
            hour.hour < window.until,
        )
        .group_by(hour.service, hour.hour)
    )
    begun = (
        select(call.service, func.count())
        .where(
            *where_clause(call, of_account(account_id)),
            call.at >= window.since,
            call.at < window.first_full_hour,
        )
        .group_by(call.service)
    )
    first = window.since.date()
    rows = [(row[0], row[1].date(), row[2]) for row in ctx.session.execute(full)]
    rows += [(row[0], first, row[1]) for row in ctx.session.execute(begun)]
    found: dict[str, dict[date, int]] = {}
    for service, day, number in rows:
        days = found.setdefault(service, dict.fromkeys(window.days, 0))
        days[day] += int(number)
    return found


# -- of tokens -----------------------------------------------------------------


def calls_of(
    ctx: Context, among: Select[Token], ids: Collection[str]
) -> dict[str, int]:
    """Return the number of calls with each of some tokens, by two statements.

    :param among: the tokens of the list, without search and filters.
    """
    if not ids:
        return {}
    window, token = window_of(ctx), ctx.models.Token
    chosen = among.with_only_columns(token.id, token.account_id).order_by(None)
    mine = chosen.where(token.id.in_(ids)).subquery()
    hour, call = ctx.models.CallHour, ctx.models.Call
    total = func.sum(hour.succeeded + hour.rejected + hour.failed)
    full = (
        select(hour.token_id, total)
        .join(
            mine,
            and_(mine.c.id == hour.token_id, mine.c.account_id == hour.account_id),
        )
        .where(hour.hour >= window.first_full_hour, hour.hour < window.until)
        .group_by(hour.token_id)
    )
    begun = (
        select(call.token_id, func.count())
        .join(
            mine,
            and_(mine.c.id == call.token_id, mine.c.account_id == call.account_id),
        )
        .where(call.at >= window.since, call.at < window.first_full_hour)
        .group_by(call.token_id)
    )
    numbers = dict.fromkeys(ids, 0)
    for query in (full, begun):
        for row in ctx.session.execute(query):
            numbers[row[0]] += int(row[1])
    return numbers


def recently_used_tokens(
    ctx: Context, call_filter: CallFilter, window: Window
) -> Sequence[tuple[str, str]]:
    """Return the tokens used last, with their owners' keys; deleted tokens too.

    :returns: at most :data:`OFFERED`, plus one if there are more.
    """
    model = ctx.models.CallHour
    newest = func.max(model.hour)
    query = (
        select(model.token_id, model.owner_key)
        .where(*where_clause(model, call_filter), model.token_id != "")
        .group_by(model.token_id, model.owner_key)
        .order_by(newest.desc(), model.token_id)
        .limit(OFFERED + 1)
    )
    found: Sequence[Any] = ()
    # In a busy account the last hours contain enough tokens, and an index finds them.
    lately = max(hour_of(ctx.now()) - _LATELY, window.first_full_hour)
    for since in (lately, window.first_full_hour):
        found = ctx.session.execute(
            query.where(model.hour >= since, model.hour < window.until)
        ).all()
        if len(found) > OFFERED:
            break
    return [(row[0], row[1]) for row in found]


def recently_active_owners(
    ctx: Context, call_filter: CallFilter, window: Window
) -> list[str]:
    """Return the keys of the users whose tokens were used last, the last user first.

    :returns: at most :data:`OFFERED`, plus one if there are more.
    """
    model = ctx.models.Token
    query = select(model.owner_id).where(
        model.account_id == call_filter.account_id,
        model.last_used_at >= window.since,
        model.owner_id.is_not(None),
    )
    if call_filter.service is not None:
        query = query.where(model.service == (call_filter.service or None))
    query = query.group_by(model.owner_id)
    query = query.order_by(func.max(model.last_used_at).desc()).limit(OFFERED + 1)
    return [str(key) for key in ctx.session.scalars(query)]
