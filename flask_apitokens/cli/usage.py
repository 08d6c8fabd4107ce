"""``flask apitokens usage …``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import is_text
from flask_apitokens.crypto.tokens import ID_LENGTH
from flask_apitokens.state import current_apitokens
from flask_apitokens.usage import export as call_export
from flask_apitokens.usage import labels as call_labels
from flask_apitokens.usage import queries as call_queries
from flask_apitokens.usage import totals as usage_totals
from flask_apitokens.usage.queries import CallQuery
from flask_apitokens.usage.totals import CallCounts
from flask_apitokens.usage.totals import CallFilter
from flask_apitokens.usage.totals import Window

from . import lookups
from . import options
from . import output
from . import session as cli_session
from .serialize import Record

usage_group = AppGroup("usage", help="Count, export and prune the recorded calls.")

#: on the command line: tokens that are bound to no service
NO_SERVICE = "-"
COLUMNS = ("day", "calls", "succeeded", "rejected", "failed")


@dataclass(frozen=True)
class CallSelection:
    """The calls that the options of a command select; None selects all."""

    account: str | None
    service: str | None
    token_id: str | None
    owner: str | None
    userless: bool
    day: date | None
    result: str | None

    def call_filter(self, ctx: Context) -> CallFilter:
        """Return the filter by account, service, token and owner.

        :raises click.BadParameter: if the service or owner is unknown, or the id cannot
            be one.
        """
        token_id = lookups.pasted_id(ctx, self.token_id or "")
        if self.token_id is not None and not _could_be_id(token_id):
            raise click.BadParameter(
                f"an id has {ID_LENGTH} characters.", param_hint="'--token'"
            )
        service = self.service
        if service == NO_SERVICE:
            service = ""
        else:
            lookups.check_services(ctx, service, hint="--service")
        owner_key = "" if self.userless else None
        if self.owner is not None:
            owner_key = ctx.key_text(lookups.find_owner(ctx, self.owner))
        return CallFilter(self.account, service, token_id, owner_key)

    def query(self, window: Window) -> CallQuery:
        """Return the filter by day and result.

        :raises click.BadParameter: if the calls of the day are not kept.
        """
        if self.day is not None and self.day not in window.days:
            kept = f"{window.days[0]} to {window.days[-1]}"
            raise click.BadParameter(
                f"calls are kept of {kept} alone.", param_hint="'--day'"
            )
        result = None if self.result is None else call_export.RESULTS[self.result]
        return CallQuery(day=self.day, result=result)


def _could_be_id(token_id: str) -> bool:
    return len(token_id) == ID_LENGTH and token_id.isascii() and is_text(token_id)


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Declare the options that select calls; *command* gets a CallSelection."""

    def with_selection(*, as_json: bool, **given: Any) -> None:
        options.check_owner_or_userless(given["owner"], userless=given["userless"])
        command(CallSelection(**given), as_json=as_json)

    with_selection.__doc__ = command.__doc__
    for option in (
        options.json_option,
        click.option(
            "--result",
            type=click.Choice(list(call_export.RESULTS)),
            help="Only calls with this result.",
        ),
        click.option(
            "--day",
            metavar="DATE",
            type=options.parse_date,
            help="Only the calls of this day in UTC: 2027-01-31.",
        ),
        options.userless_option("Only calls with tokens that have no owner."),
        options.owner_option("Only calls with the tokens of this user"),
        click.option(
            "--token", "token_id", metavar="ID", help="Only calls with this token."
        ),
        options.service_option(
            "Only calls with tokens for this service; "
            f"{NO_SERVICE} for tokens without a service."
        ),
        options.account_option(),
    ):
        with_selection = option(with_selection)
    return with_selection


@usage_group.command("show")
@selection_options
def show_usage(selection: CallSelection, *, as_json: bool) -> None:
    """Count calls by day; without options, those of every account."""
    with cli_session.open_context() as ctx:
        window = usage_totals.window_of(ctx)
        call_filter, query = selection.call_filter(ctx), selection.query(window)
        hours = usage_totals.hours_of(ctx, call_filter, window)
        days = _selected_days(usage_totals.by_day(hours, window), query)
        retention_days = ctx.settings.usage_retention_days
        is_recording = ctx.records_calls
    listed = [
        {"day": at.isoformat(), **_numbers(counts)} for at, counts in days.items()
    ]
    whole = _numbers(sum(days.values(), CallCounts()))
    if as_json:
        since = call_queries.within(query, window).since
        output.print_json(
            {"since": since, "retention_days": retention_days, **whole, "days": listed}
        )
    else:
        rows = [*listed, {"day": "total", **whole}]
        output.print_records(rows, COLUMNS, as_json=False)
    _warn_if_off(is_recording=is_recording)


def _selected_days(
    days: Mapping[date, CallCounts], query: CallQuery
) -> dict[date, CallCounts]:
    selected = {at: counts for at, counts in days.items() if query.day in (None, at)}
    if query.result is None:
        return selected
    narrowed = {}
    for at, counts in selected.items():
        numbers = [0, 0, 0]
        numbers[query.result] = counts.of(query.result)
        narrowed[at] = CallCounts(*numbers)
    return narrowed


def _numbers(counts: CallCounts) -> Record:
    by_result = {name: getattr(counts, name) for name in call_export.RESULTS}
    return {"calls": counts.total, **by_result}


def _warn_if_off(*, is_recording: bool) -> None:
    if not is_recording:
        output.print_message("No call is recorded: APITOKENS_USAGE is off.")


@usage_group.command("export")
@selection_options
def export(selection: CallSelection, *, as_json: bool) -> None:
    """Write calls to stdout, the newest first: CSV, or with --json JSON Lines."""
    # Taken now: inside the block stdout leads to stderr.
    stdout, number = sys.stdout, 0
    with cli_session.open_context() as ctx:
        window = usage_totals.window_of(ctx)
        call_filter, query = selection.call_filter(ctx), selection.query(window)
        is_recording = ctx.records_calls
        for rows in call_queries.batches(ctx, call_filter, query, window=window):
            keys = {row.owner_key for row in rows}
            owners = call_labels.owner_labels(ctx, selection.account, keys)
            # The transaction ends before the rows are written: the process that reads
            # them may be slow, and an open transaction would hold back the database.
            ctx.session.rollback()
            lines = (
                _json_lines(rows, owners)
                if as_json
                else call_export.csv_lines(rows, owners, header=not number)
            )
            output.print_text(lines, stdout, end="")
            number += len(rows)
        if not number and not as_json:
            header = call_export.csv_lines([], {}, header=True)
            output.print_text(header, stdout, end="")
    output.print_message(f"{number} calls.")
    _warn_if_off(is_recording=is_recording)


def _json_lines(rows: Sequence[Any], owners: Mapping[str, str]) -> str:
    calls = (call_export.facts_of(row, owners) for row in rows)
    return "".join(f"{json.dumps(call)}\n" for call in calls)


@usage_group.command("prune")
@options.json_option
def prune(*, as_json: bool) -> None:
    """Remove calls older than APITOKENS_USAGE_RETENTION_DAYS, for a cron job.

    Processes that record calls also do this from time to time.
    """
    with cli_session.open_context() as ctx:
        days = ctx.settings.usage_retention_days
        removed = current_apitokens.recorder.prune()
    if as_json:
        output.print_json({"removed": removed, "retention_days": days})
    output.print_message(f"Removed {removed} rows older than {days} days.")
