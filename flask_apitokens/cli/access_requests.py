"""``flask apitokens subscription requests``, ``approve`` and ``decline``."""

from __future__ import annotations

from typing import Any

import click

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.pagination import MAX_ID
from flask_apitokens.domain import access_requests
from flask_apitokens.errors import Conflict

from . import options
from . import output
from . import session as cli_session
from .serialize import Record
from .serialize import serialize_key
from .subscription import subscription_group

requests_argument = options.argument(
    "request_ids",
    metavar="ID...",
    nargs=-1,
    required=True,
    type=int,
    help="The ids of one or more requests; “subscription requests” lists them.",
)


@subscription_group.command("requests")
@options.account_option()
@options.json_option
def list_requests(*, account: str | None, as_json: bool) -> None:
    """List the users who wait for access, the longest first."""
    with cli_session.open_context() as ctx:
        found = [
            _serialize(ctx, row, user)
            for row, user in access_requests.all_waiting(ctx, account)
        ]
    output.print_records(
        found,
        ("id", "owner", "account_id", "service", "requested_at", "reason"),
        as_json=as_json,
        empty="No one is waiting for access.",
    )


@subscription_group.command("approve")
@requests_argument
@options.reason_option
@options.json_option
def approve(*, request_ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Approve requests: all of them or, on an error, none."""
    _decide(request_ids, reason, approve=True, as_json=as_json)


@subscription_group.command("decline")
@requests_argument
@options.reason_option
@options.json_option
def decline(*, request_ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Decline requests: all of them or, on an error, none."""
    _decide(request_ids, reason, approve=False, as_json=as_json)


def _decide(
    request_ids: tuple[int, ...], reason: str, *, approve: bool, as_json: bool
) -> None:
    decision = {"approve": approve, "reason": reason}
    with cli_session.transaction() as ctx:
        decided = [
            _decide_one(ctx, request_id, **decision)
            for request_id in dict.fromkeys(request_ids)
        ]
        idle = [
            access_requests.is_idle(ctx, record["account_id"], record["service"])
            for record in decided
        ]
    if as_json:
        output.print_json(decided)
    for record, is_off in zip(decided, idle, strict=True):
        what = record["service"] or "the API as a whole"
        owner = output.printable(record["owner"])
        output.print_message(f"{record['decision'].capitalize()}: {owner}, {what}.")
        if approve and is_off:
            output.print_message(
                f"{what} is off for the whole account: it counts once that is on."
            )


def _decide_one(ctx: Context, request_id: int, **decision: Any) -> Record:
    row, user = _find_request(ctx, request_id)
    actor = cli_session.current_actor()
    try:
        access_requests.settle(ctx, user, row.service, actor=actor, **decision)
    except Conflict:
        raise click.ClickException(
            f"Request {request_id} was decided or withdrawn already."
        ) from None
    return {**_serialize(ctx, row, user), "decision": row.decision}


def _find_request(ctx: Context, request_id: int) -> tuple[Subscription, Any]:
    models = ctx.models
    row = None
    if 0 < request_id <= MAX_ID:
        row = ctx.session.get(models.Subscription, request_id)
    if row is None or (row.requested_at is None and row.decided_at is None):
        raise click.ClickException(f"No request has the id {request_id}.")
    user = ctx.session.get(models.user, row.user_id)
    if user is None:
        # The row of a deleted user stays where a database keeps no foreign keys.
        raise click.ClickException(f"Who made request {request_id} no longer exists.")
    if row.request_account != ctx.account_of(user):
        raise click.ClickException(
            f"Who made request {request_id} has left the account it was made in."
        )
    return row, user


def _serialize(ctx: Context, row: Subscription, user: Any) -> Record:
    return {
        "id": row.id,
        "owner": ctx.user_label(user),
        "owner_id": serialize_key(row.user_id),
        "account_id": ctx.account_of(user),
        # An empty slug is a request for the API as a whole.
        "service": row.service or None,
        "requested_at": row.requested_at,
        "reason": row.request_reason,
    }
