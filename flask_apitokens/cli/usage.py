"""``flask apitokens usage …``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from typing import TextIO

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

from . import session as cli_session
from .arguments import account_option
from .arguments import check_account
from .arguments import check_no_secret
from .arguments import check_services
from .arguments import find_owner
from .arguments import json_option
from .arguments import owner_option
from .output import printable
from .output import say
from .output import show_json
from .output import show_table

usage_group = AppGroup("usage", help="The calls of the last days.")

#: on the command line: tokens that are bound to no service
NO_SERVICE = "-"
COLUMNS = ("day", "calls", "succeeded", "rejected", "failed")


@dataclass(frozen=True)
class Asked:
    """Which calls a command line means."""

    account: str | None
    service: str | None
    token_id: str | None
    owner: str | None
    userless: bool
    day: date | None
    result: str | None

    def call_filter(self, ctx: Context) -> CallFilter:
        """The same for the domain functions, looked up.

        :raises BadParameter: for what there is not.
        """
        token_id = self.token_id or ""
        check_no_secret(ctx, token_id)
        if self.token_id is not None and not _could_be_id(token_id):
            raise click.BadParameter(
                f"an id has {ID_LENGTH} characters.", param_hint="'--token'"
            )
        service = self.service
        if service == NO_SERVICE:
            service = ""
        else:
            check_services(ctx, service, hint="--service")
        owner_key = "" if self.userless else None
        if self.owner is not None:
            owner_key = ctx.key_text(find_owner(ctx, self.owner))
        return CallFilter(self.account, service, token_id, owner_key)

    def query(self, window: Window) -> CallQuery:
        """The day and the result among what is kept.

        :raises BadParameter: for a day that is not.
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


def day(value: str) -> date:
    """The day that ``--day`` means.

    :raises BadParameter: saying which form there is.
    """
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"“{printable(value)}” is not 2027-01-31.") from None


def which(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which calls are meant, as one :class:`Asked`."""

    def asked(*, as_json: bool, **given: Any) -> None:
        check_account(given["account"])
        if given["userless"] and given["owner"] is not None:
            raise click.UsageError("Give --owner or --userless, not both.")
        command(Asked(**given), as_json=as_json)

    asked.__doc__ = command.__doc__
    for option in (
        account_option,
        click.option(
            "--service",
            metavar="SERVICE",
            help=f"Only with its tokens; {NO_SERVICE} for those bound to none.",
        ),
        click.option("--token", "token_id", metavar="ID", help="Only with this one."),
        owner_option(text="Only with the tokens of this user"),
        click.option("--userless", is_flag=True, help="Only with nobody's tokens."),
        click.option("--day", metavar="DATE", type=day, help="2027-01-31, in UTC."),
        click.option("--result", type=click.Choice(list(call_export.RESULTS))),
    ):
        asked = option(asked)
    return asked


@usage_group.command("show")
@json_option
@which
def show_usage(asked: Asked, *, as_json: bool) -> None:
    """Count calls by day; every account's unless told."""
    with cli_session.reading() as ctx:
        window = usage_totals.window_of(ctx)
        call_filter, query = asked.call_filter(ctx), asked.query(window)
        hours = usage_totals.hours_of(ctx, call_filter, window)
        days = _narrowed(usage_totals.by_day(hours, window), query)
        kept, recorded = ctx.settings.usage_retention_days, ctx.records_calls
    listed = [
        {"day": at.isoformat(), **_numbers(counts)} for at, counts in days.items()
    ]
    whole = _numbers(sum(days.values(), CallCounts()))
    if as_json:
        since = call_queries.within(query, window).since
        told = {"since": since, "retention_days": kept, **whole, "days": listed}
        show_json(told)
    else:
        total = {"day": "total", **whole}
        show_table(COLUMNS, [[row[c] for c in COLUMNS] for row in [*listed, total]])
    _say_if_off(recorded=recorded)


def _narrowed(days: dict[date, CallCounts], query: CallQuery) -> dict[date, CallCounts]:
    chosen = {at: s for at, s in days.items() if query.day in (None, at)}
    if query.result is None:
        return chosen
    only = [0, 0, 0]
    narrowed = {}
    for at, counts in chosen.items():
        only[query.result] = counts.of(query.result)
        narrowed[at] = CallCounts(*only)
    return narrowed


def _numbers(counts: CallCounts) -> dict[str, Any]:
    return {
        "calls": counts.total,
        "succeeded": counts.succeeded,
        "rejected": counts.rejected,
        "failed": counts.failed,
    }


def _say_if_off(*, recorded: bool) -> None:
    if not recorded:
        say("No call is recorded: APITOKENS_USAGE is off.")


@usage_group.command("export")
@json_option
@which
def export(asked: Asked, *, as_json: bool) -> None:
    """Write calls to stdout, the newest first: CSV, or with --json JSON Lines."""
    # What the host prints while this is read must not get among the calls.
    out, number = sys.stdout, 0
    with cli_session.reading() as ctx:
        window = usage_totals.window_of(ctx)
        call_filter, query = asked.call_filter(ctx), asked.query(window)
        recorded = ctx.records_calls
        for rows in call_queries.batches(ctx, call_filter, query, window):
            keys = {row.owner_key for row in rows}
            owners = call_labels.owner_labels(ctx, asked.account, keys)
            # No transaction is open while a slow reader takes its time.
            ctx.session.rollback()
            _write(out, rows, owners, first=not number, as_json=as_json)
            number += len(rows)
        if not number:
            _write(out, [], {}, first=True, as_json=as_json)
    say(f"{number} calls.")
    _say_if_off(recorded=recorded)


def _write(
    out: TextIO,
    rows: Sequence[Any],
    owners: dict[str, str],
    *,
    first: bool,
    as_json: bool,
) -> None:
    if as_json:
        lines = [json.dumps(call_export.facts_of(row, owners)) + "\n" for row in rows]
        text = "".join(lines)
    else:
        text = call_export.csv_lines(rows, owners, header=first)
    encoding = getattr(out, "encoding", None) or "utf-8"
    # What the encoding of the terminal lacks is written out.
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, file=out, nl=False)


@usage_group.command("prune")
@json_option
def prune(*, as_json: bool) -> None:
    """Remove calls older than APITOKENS_USAGE_RETENTION_DAYS, for a cron job.

    Processes that record calls do so now and then by themselves.
    """
    with cli_session.reading() as ctx:
        days = ctx.settings.usage_retention_days
        removed = current_apitokens.recorder.prune()
    if as_json:
        show_json({"removed": removed, "retention_days": days})
    say(f"Removed {removed} rows older than {days} days.")
