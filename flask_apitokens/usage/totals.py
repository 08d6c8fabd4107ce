"""The usage history in figures: added up from the hours, whatever the number of calls.

Everything starts at an account or at one token. What is past retention is not there
for anybody, pruned or not: of the hour in which the window begins, and of that one
alone, the calls themselves are counted.
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
#: so many tokens, and so many users, people are offered to choose from
OFFERED = 100
#: the hours that :func:`recently_used_tokens` looks at before the whole window
_LATELY = timedelta(hours=6)


@dataclass(frozen=True)
class CallCounts:
    """A number of calls by how they ended."""

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
        """All of them."""
        return self.succeeded + self.rejected + self.failed

    def of(self, result: int | None) -> int:
        """How many ended in one way; all of them for ``None``."""
        if result is None:
            return self.total
        return (self.succeeded, self.rejected, self.failed)[result]


@dataclass(frozen=True)
class Window:
    """The time that is shown.

    :param since: its first moment.
    :param until: the first moment after it: the next midnight in UTC.
    """

    since: datetime
    until: datetime

    @property
    def first_full_hour(self) -> datetime:
        """The first hour that lies in it as a whole."""
        begun = hour_of(self.since)
        return begun if begun == self.since else begun + HOUR

    @property
    def days(self) -> list[date]:
        """Its days in UTC, of which the first has usually begun before."""
        first, after = self.since.date(), self.until.date()
        return [first + timedelta(days=n) for n in range((after - first).days)]

    def day(self, wanted: date) -> Window:
        """One of its days, as far as it lies in it."""
        midnight = datetime.combine(wanted, time(), UTC)
        end = min(self.until, midnight + timedelta(days=1))
        return Window(max(self.since, midnight), end)


@dataclass(frozen=True)
class CallFilter:
    """Which calls are meant.

    :param account_id: of this account; ``None``, for the command line, of every one.
    :param service: with tokens of this service; empty for those bound to none.
    :param token_id: with this token; empty for all.
    :param owner_key: with tokens of this user, by the primary key as text; empty for
        userless ones.
    """

    account_id: str | None
    service: str | None = None
    token_id: str = ""
    owner_key: str | None = None


def of_account(account_id: str, service: str | None = None) -> CallFilter:
    """Where an administrator starts: at the calls of the account, or of a service."""
    return CallFilter(account_id, service)


def of_token(token: Token) -> CallFilter:
    """Where an owner starts: at the calls with a token, from a list of theirs."""
    return CallFilter(token.account_id, token_id=token.id)


def hour_of(at: datetime) -> datetime:
    """The first moment of the hour of *at*, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def window_of(ctx: Context) -> Window:
    """What is kept, as of now."""
    now = ctx.now().astimezone(UTC)
    since = now - timedelta(days=ctx.settings.usage_retention_days)
    tomorrow = datetime.combine(now.date(), time(), UTC) + timedelta(days=1)
    return Window(since, tomorrow)


def hours_of(
    ctx: Context, call_filter: CallFilter, window: Window
) -> dict[datetime, CallCounts]:
    """How many calls there were in each hour that had some; two statements.

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
    """The rows to be added up: a service's own, unless a token or a user is meant."""
    model = ctx.models.CallHour
    where = where_clause(model, call_filter)
    if not call_filter.token_id:
        whole = call_filter.owner_key is None
        where.append(model.token_id == "" if whole else model.token_id != "")
    return where


def where_clause(
    model: type[Call] | type[CallHour], call_filter: CallFilter
) -> list[ColumnElement[bool]]:
    """What a row has to be to be among the calls that *extent* means."""
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
    """The calls of less than an hour, one by one."""
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
    """The hours of each day of the window together, its first day first."""
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
    """How many calls there were with each of some tokens; two statements.

    :param among: where the list starts that they are in.
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
    """The tokens used last, deleted ones too, and their owners' keys.

    :returns: :data:`OFFERED` of them at most, and one more where there are more.
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
    # In a busy account the last hours say it all, and an index finds them.
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
    """The keys of the users whose tokens were used last, those used last first.

    :returns: :data:`OFFERED` of them at most, and one more where there are more.
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
