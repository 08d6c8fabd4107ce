"""A usage history: its figures, a page of its calls, and a file of all of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import date
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import Position
from flask_apitokens.errors import NotFound
from flask_apitokens.i18n import gettext as _
from flask_apitokens.i18n import language
from flask_apitokens.i18n import ngettext as _n
from flask_apitokens.usage import export as call_export
from flask_apitokens.usage import queries as call_queries
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.queries import CallQuery
from flask_apitokens.usage.totals import CallFilter
from flask_apitokens.usage.totals import Window
from flask_apitokens.web.presenters.bar_chart import Chart
from flask_apitokens.web.presenters.calls import CallList
from flask_apitokens.web.presenters.calls import Names
from flask_apitokens.web.presenters.daily_usage import DayRow
from flask_apitokens.web.presenters.daily_usage import TokensUsed
from flask_apitokens.web.presenters.widgets import Filter
from flask_apitokens.web.presenters.widgets import Stat
from flask_apitokens.web.scopes.token_scope import TokenScope

from . import htmx
from .csv_response import stream_csv
from .pages import partial
from .presenters import calls as call_presenter
from .presenters import daily_usage
from .query_args import LAST_PAGE
from .urls import UsageUrlSet

#: how many calls the page of a token lists at a time, beside all else it shows
LATEST = 10


@dataclass(frozen=True)
class History:
    """A usage history as a page shows it.

    :param at: the addresses of the history.
    :param list: a page of its calls.
    :param partly: whether the filters offer only the most recently used choices.
    :param kept: the sentence that says how long calls are kept.
    :param none: whether there is no call at all.
    """

    at: UsageUrlSet
    kpis: Sequence[Stat]
    chart: Chart
    days: Sequence[DayRow]
    list: CallList
    filters: Sequence[Filter]
    partly: bool
    kept: str
    none: bool


@dataclass(frozen=True)
class Reading:
    """Reads the calls with one token, as the address of this request filters them.

    :param whole: all calls of this history.
    :param at: the addresses of the history.
    :param window: the time for which calls are kept, as of the start of this request.
    :param labels: the labels of owners by their keys.
    :param size: how many calls a page has.
    """

    ctx: Context
    whole: CallFilter
    at: UsageUrlSet
    window: Window
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int = call_queries.PAGE_SIZE

    @property
    def args(self) -> dict[str, Any]:
        """The filters as arguments of an address. Invalid ones are left out."""
        day, result = self.day, request.args.get("result", "")
        every = {
            "day": day.isoformat() if day else "",
            "result": result if result in call_export.RESULTS else "",
        }
        return {name: value for name, value in every.items() if value}

    @property
    def day(self) -> date | None:
        """The day that the address asks for; None unless its calls are kept."""
        asked = request.args.get("day", "")
        return next((day for day in self.window.days if day.isoformat() == asked), None)

    @property
    def call_filter(self) -> CallFilter:
        """The calls that the filters find."""
        return self.whole

    @property
    def query(self) -> CallQuery:
        """The part of these calls that the address asks for."""
        given = request.args
        first = given.get("from", 1, type=int)
        return CallQuery(
            day=self.day,
            result=call_export.RESULTS.get(given.get("result", "")),
            before=Position.from_text(given.get("before", "")),
            after=Position.from_text(given.get("after", "")),
            first=min(max(first, 1), LAST_PAGE * self.size),
            size=self.size,
        )

    @property
    def days_kept(self) -> int:
        """The number of days for which calls are kept."""
        return self.ctx.settings.usage_retention_days

    @property
    def file_name(self) -> str:
        """The name of the CSV file, before the date."""
        return f"usage-{self.whole.token_id}"

    def used(self) -> TokensUsed | None:
        """Return how many tokens were used, and of how many; None for one token."""
        return None

    def names(self, rows: Sequence[Any]) -> Names | None:
        """Return the names of tokens and owners; None where each call has the same."""
        return None

    def service_of(self, row: Any) -> str:
        """Return the service of a call; empty where each call has the same."""
        return ""

    def filters(self) -> tuple[list[Filter], bool]:
        """Return the filters, and whether they offer only recently used choices."""
        days = daily_usage.days_offered(self.window, self.days_kept)
        given = self.args
        return [
            Filter(_("Day"), "day", days, given.get("day", "")),
            Filter(
                *(_("Result"), "result", call_presenter.results_offered()),
                given.get("result", ""),
            ),
        ], False

    def list(self, hours: Any = None) -> CallList:
        """Return the page of calls that this address asks for.

        :param hours: the hourly totals of the filtered calls, if they are known.
        """
        ctx, call_filter, query = self.ctx, self.call_filter, self.query
        if hours is None:
            hours = usage_totals.hours_of(ctx, call_filter, self.window)
        page = call_queries.page_of(
            ctx, call_filter, query, window=self.window, hours=hours
        )
        names = self.names(page.items)
        return call_presenter.list_of(
            page,
            [
                call_presenter.row_of(row, names, service=self.service_of(row))
                for row in page.items
            ],
            args=self.args,
            place=query.place,
            at=self.at,
            days=self.days_kept,
            size=self.size,
            tokens_shown=names is not None,
            focus=request.args.get("focus") == "list",
        )

    def shown(self) -> History:
        """Return the whole history."""
        hours = usage_totals.hours_of(self.ctx, self.whole, self.window)
        days = usage_totals.by_day(hours, self.window)
        counts = sum(days.values(), usage_totals.CallCounts())
        same = self.call_filter == self.whole
        filters, partly = self.filters()
        kept = self.days_kept
        is_mirrored = language().direction == "rtl"
        url = functools.partial(self.at.page_url, _anchor="at-calls")
        return History(
            at=self.at,
            kpis=daily_usage.stats(counts, kept, url=url, used=self.used()),
            chart=daily_usage.day_chart(days, self.window, url=url, rtl=is_mirrored),
            days=daily_usage.days_of(days, self.window, url=url),
            list=self.list(hours if same else None),
            filters=filters,
            partly=partly,
            kept=_n(
                "Kept for %(n)s day. Times are UTC.",
                "Kept for %(n)s days. Times are UTC.",
                kept,
            ),
            none=not counts.total,
        )

    def fragment(self) -> ResponseReturnValue:
        """Answer a filter or a page link with the list of calls."""
        shown = self.list()
        # The address of the download carries the filters of the list.
        link = partial("calls_download", list=shown, at=self.at)
        return htmx.fragment(
            partial("calls", list=shown, at=self.at), out_of_band={htmx.ACTIONS: link}
        )

    def owners(self, rows: Sequence[Any]) -> Mapping[str, str]:
        """Return the labels of the owners of calls, by their keys."""
        return self.labels

    def file(self) -> ResponseReturnValue:
        """Answer with all calls that the filters find, as a CSV file."""
        query = replace(self.query, before=None, after=None)
        found = call_queries.batches(
            self.ctx, self.call_filter, query, window=self.window
        )
        header = call_export.FILE_HEADER
        return stream_csv(
            self.ctx, self.file_name, header, batches=map(self._cells, found)
        )

    def _cells(self, rows: Sequence[Any]) -> Iterable[Iterable[Any]]:
        owners = self.owners(rows)
        return [call_export.facts_of(row, owners).values() for row in rows]


def check_recorded(ctx: Context) -> None:
    """Check that calls are recorded.

    :raises NotFound: if ``APITOKENS_USAGE`` is off.
    """
    if not ctx.records_calls:
        raise NotFound


def token_reading(scope: TokenScope, token: Token) -> Reading:
    """Return what reads the calls with one token of *scope*."""
    at = UsageUrlSet(
        page=scope.urls.token,
        list=f"{scope.urls.prefix}usage",
        file=f"{scope.urls.prefix}usage_csv",
        values={"token_id": token.id},
    )
    window = usage_totals.window_of(scope.ctx)
    return Reading(scope.ctx, usage_totals.of_token(token), at, window, size=LATEST)


def token_history(scope: TokenScope, token: Token) -> History | None:
    """Return the history for the page of *token*; None if calls are not recorded."""
    return token_reading(scope, token).shown() if scope.ctx.records_calls else None
