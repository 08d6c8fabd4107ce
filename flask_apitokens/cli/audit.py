"""``flask apitokens audit …``."""

from __future__ import annotations

from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time

import click
from flask.cli import AppGroup

from flask_apitokens.audit import log as audit_log
from flask_apitokens.audit import queries as audit_queries
from flask_apitokens.audit.queries import ACTIONS
from flask_apitokens.audit.queries import LogQuery
from flask_apitokens.core.text import is_text
from flask_apitokens.db.models import Event

from . import session as cli_session
from .arguments import account_option
from .arguments import check_account
from .arguments import check_no_secret
from .arguments import find_owner
from .arguments import json_option
from .arguments import owner_option
from .output import printable
from .output import say
from .output import show_json
from .output import show_table
from .serialize import Facts

audit_group = AppGroup("audit", help="Who did what to which token, and when.")

MOST = 1000
COLUMNS = ("id", "at", "actor", "action", "token_id", "about", "service", "ip")


def day(value: str) -> datetime:
    """The moment that ``--since`` means: a day's begin in UTC, or with a zone.

    :raises BadParameter: saying which forms there are.
    """
    try:
        if len(value) == len("2027-01-31"):
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment without a zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"“{printable(value)}” is neither 2027-01-31 nor 2027-01-31T12:00Z "
            "(with Z or an offset)."
        ) from None


@audit_group.command("list")
@account_option
@owner_option(text="Only what is about this user")
@click.option("--token", "token_id", metavar="ID", help="Only what is about this one.")
@click.option("--action", "actions", type=click.Choice(ACTIONS), multiple=True)
@click.option(
    "--since", metavar="DATE", type=day, help="2027-01-31 (UTC), or a moment."
)
@click.option(
    "--before",
    metavar="ID",
    type=click.IntRange(1, 2**63 - 1),
    help="Only events older than this.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    help="How many events at most.",
)
@json_option
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
    """List events, the newest first; every account's unless told."""
    check_account(account)
    with cli_session.reading() as ctx:
        check_no_secret(ctx, token_id or "")
        user = None if owner is None else find_owner(ctx, owner)
        query = LogQuery(
            actions=actions,
            since=since,
            token_id=token_id or "",
            subject_id="" if user is None else ctx.key_text(user),
            before=before,
        )
        # An id that no column holds is nobody's, rather than an error of a database.
        known = token_id is None or (token_id.isascii() and is_text(token_id))
        found = (
            audit_queries.newest(ctx, query, account_id=account, limit=limit)
            if known
            else ()
        )
        listed = [_facts(event) for event in found]
    if as_json:
        show_json(listed)
    elif listed:
        show_table(COLUMNS, [_row(facts) for facts in listed])
    if not listed:
        say("No events.")
    elif len(listed) == limit:
        say(f"There may be older ones: --before {listed[-1]['id']}")


def _facts(event: Event) -> Facts:
    return {
        "id": event.id,
        "at": event.at,
        "actor": event.actor_label,
        "actor_id": event.actor_id,
        "action": event.action,
        "account_id": event.account_id,
        "token_id": event.token_id,
        "token_name": event.token_name,
        "service": event.service,
        "subject": event.subject_label,
        "subject_id": event.subject_id,
        "ip": event.ip,
        "detail": event.detail,
    }


def _row(facts: Facts) -> list[object]:
    about = facts["token_name"] or facts["subject"] or facts["subject_id"]
    return [about if name == "about" else facts[name] for name in COLUMNS]


@audit_group.command("prune")
@json_option
def prune(*, as_json: bool) -> None:
    """Remove what is older than APITOKENS_AUDIT_RETENTION_DAYS, for a cron job."""
    removed = 0
    with cli_session.reading() as ctx:
        days = ctx.settings.audit_retention_days
        for number in audit_log.prune(ctx):
            # One batch at a time: an end in the middle loses nothing.
            ctx.session.commit()
            removed += number
    if as_json:
        show_json({"removed": removed, "retention_days": days})
    if days is None:
        say("Nothing is removed: APITOKENS_AUDIT_RETENTION_DAYS is not set.")
    else:
        say(f"Removed {removed} events older than {days} days.")
