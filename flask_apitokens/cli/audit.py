"""``flask apitokens audit …``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.audit import log as audit_log
from flask_apitokens.audit import queries as audit_queries
from flask_apitokens.audit.queries import ACTIONS
from flask_apitokens.audit.queries import LogQuery
from flask_apitokens.core.text import is_text
from flask_apitokens.db.pagination import MAX_ID

from . import lookups
from . import options
from . import output
from . import serialize
from . import session as cli_session

audit_group = AppGroup("audit", help="List and prune the audit log.")

COLUMNS = ("id", "at", "actor", "action", "token_id", "about", "service", "ip")


@audit_group.command("list")
@options.account_option()
@options.owner_option("Only events about this user")
@click.option("--token", "token_id", metavar="ID", help="Only events of this token.")
@click.option(
    "--action",
    "actions",
    type=click.Choice(ACTIONS),
    multiple=True,
    help="Only events of this kind.",
)
@click.option(
    "--since",
    metavar="WHEN",
    type=options.parse_since,
    help="Only events from then on: 2027-01-31 (in UTC) or 2027-01-31T12:00Z.",
)
@click.option(
    "--before",
    metavar="ID",
    type=click.IntRange(1, MAX_ID),
    help="Only events older than the one with this id.",
)
@options.limit_option("How many events are listed")
@options.json_option
def list_events(
    *,
    account: str | None,
    owner: str | None,
    token_id: str | None,
    actions: tuple[str, ...],
    since: datetime | None,
    before: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List events, the newest first; without options, those of every account."""
    # Some databases raise an error for a text that no column can hold.
    storable = token_id is None or (token_id.isascii() and is_text(token_id))
    with cli_session.open_context() as ctx:
        token_id = lookups.pasted_id(ctx, token_id or "")
        user = None if owner is None else lookups.find_owner(ctx, owner)
        query = LogQuery(
            actions=actions,
            since=since,
            token_id=token_id,
            subject_id="" if user is None else ctx.key_text(user),
            before=before,
        )
        found = (
            audit_queries.newest(ctx, query, account_id=account, limit=limit)
            if storable
            else ()
        )
        listed = [serialize.serialize_event(event) for event in found]
    output.print_records(listed, COLUMNS, as_json=as_json, cells=_cells)
    if not listed:
        output.print_message("No events.")
    elif len(listed) == limit:
        output.print_message(f"There may be older ones: --before {listed[-1]['id']}")


def _cells(event: Mapping[str, Any]) -> serialize.Record:
    about = event["token_name"] or event["subject"] or event["subject_id"]
    return {**event, "about": about}


@audit_group.command("prune")
@options.json_option
def prune(*, as_json: bool) -> None:
    """Remove events older than APITOKENS_AUDIT_RETENTION_DAYS, for a cron job."""
    removed = 0
    with cli_session.open_context() as ctx:
        days = ctx.settings.audit_retention_days
        for number in audit_log.prune(ctx):
            # Committed after each batch, so that an interruption loses no work and no
            # lock is held for long.
            ctx.session.commit()
            removed += number
    if as_json:
        output.print_json({"removed": removed, "retention_days": days})
    if days is None:
        output.print_message(
            "Nothing is removed: APITOKENS_AUDIT_RETENTION_DAYS is not set."
        )
    else:
        output.print_message(f"Removed {removed} events older than {days} days.")
