"""``flask apitokens subscription …``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Subscription
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.errors import Conflict

from . import session as cli_session
from .arguments import Decorator
from .arguments import account_option
from .arguments import check_account
from .arguments import check_services
from .arguments import find_owner
from .arguments import json_option
from .arguments import owner_option
from .arguments import reason_option
from .output import printable
from .output import say
from .output import show_json
from .output import show_table
from .serialize import Facts
from .serialize import key_of

_CHANGE = ("changed_at", "changed_by")
#: larger than any key
_KEYS = 2**63
_COLUMNS = ("service", "name", "active", *_CHANGE)

Switch = Callable[..., Subscription]

subscription_group = AppGroup("subscription", help="Who may use which service.")
services_argument: Decorator = click.argument(
    "services", metavar="SERVICE...", nargs=-1, required=True
)
requests_argument: Decorator = click.argument(
    "request_ids", metavar="ID...", nargs=-1, required=True, type=int
)


@subscription_group.command("activate")
@owner_option(required=True)
@services_argument
@json_option
def activate(*, owner: str, services: tuple[str, ...], as_json: bool) -> None:
    """Let a user use services from now on."""
    _switch(subscriptions.activate, owner, services, as_json=as_json)


@subscription_group.command("deactivate")
@owner_option(required=True)
@services_argument
@json_option
def deactivate(*, owner: str, services: tuple[str, ...], as_json: bool) -> None:
    """Stop a user from using services; tokens for them are paused, not deleted."""
    _switch(subscriptions.deactivate, owner, services, as_json=as_json)


@subscription_group.command("list")
@owner_option(text="Every service, for this user")
@click.option("--service", metavar="SERVICE", help="Every user who was switched.")
@account_option
@json_option
def list_subscriptions(
    *, owner: str | None, service: str | None, account: str | None, as_json: bool
) -> None:
    """List who may use what: of one user, or of one service."""
    if (owner is None) == (service is None):
        raise click.UsageError("Say of what: --owner USER or --service SERVICE.")
    if account is not None and service is None:
        raise click.UsageError("--account goes with --service; a user has one.")
    check_account(account)
    with cli_session.reading() as ctx:
        check_services(ctx, service, hint="--service")
        if owner is not None:
            found = _facts(ctx, find_owner(ctx, owner))
        else:
            found = _of_service(ctx, service or "", account)
    columns = _COLUMNS if owner is not None else ("owner", *_COLUMNS)
    if as_json:
        show_json(found)
    elif found:
        show_table(columns, [[row[name] for name in columns] for row in found])
    elif owner is not None:
        say("The application declares no services.")
    else:
        say("No user was switched on or off for it.")


def _of_service(ctx: Context, slug: str, account: str | None) -> list[Facts]:
    return [
        _facts_of(ctx, user, slug, row, active=active)
        for user, row, active in subscriptions.subscribers(ctx, slug, account)
    ]


def _switch(
    switch: Switch, owner: str, services: tuple[str, ...], *, as_json: bool
) -> None:
    actor: Actor = cli_session.actor()
    with cli_session.changing() as ctx:
        check_services(ctx, *services, hint="SERVICE")
        user = find_owner(ctx, owner)
        for slug in services:
            switch(ctx, user, slug, actor=actor)
        label = printable(ctx.user_label(user))
        changed = [row for row in _facts(ctx, user) if row["service"] in services]
    if as_json:
        show_json(changed)
    for row in changed:
        say(f"{row['service']} is {'on' if row['active'] else 'off'} for {label}.")


def _facts(ctx: Context, user: Any) -> list[Facts]:
    stored = {row.service: row for row in subscriptions.subscriptions_of(ctx, user)}
    return [
        _facts_of(ctx, user, slug, stored.get(slug), active=active)
        for slug, active in subscriptions.states(ctx, user).items()
    ]


def _facts_of(
    ctx: Context, user: Any, slug: str, row: Subscription | None, *, active: bool
) -> Facts:
    return {
        "owner": ctx.user_label(user),
        "owner_id": key_of(ctx.models.user_id(user)),
        "service": slug,
        "name": ctx.catalog.label(slug),
        "active": active,
        **{name: getattr(row, name, None) for name in _CHANGE},
    }


# -- requests ------------------------------------------------------------------


@subscription_group.command("requests")
@account_option
@json_option
def list_requests(*, account: str | None, as_json: bool) -> None:
    """List who waits for access, the longest first."""
    check_account(account)
    with cli_session.reading() as ctx:
        found = [
            _request(ctx, row, user)
            for row, user in access_requests.everybodys(ctx, account)
        ]
    if as_json:
        show_json(found)
    elif found:
        columns = ("id", "owner", "account_id", "service", "requested_at", "reason")
        show_table(columns, [[row[name] for name in columns] for row in found])
    else:
        say("No one is waiting for access.")


@subscription_group.command("approve")
@requests_argument
@reason_option
@json_option
def approve(*, request_ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Grant requests, by their ids. All of them or, on an error, none."""
    _decide(request_ids, reason, approve=True, as_json=as_json)


@subscription_group.command("decline")
@requests_argument
@reason_option
@json_option
def decline(*, request_ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Decline requests, by their ids. All of them or, on an error, none."""
    _decide(request_ids, reason, approve=False, as_json=as_json)


def _decide(
    request_ids: tuple[int, ...], reason: str, *, approve: bool, as_json: bool
) -> None:
    with cli_session.changing() as ctx:
        decided = []
        for request_id in dict.fromkeys(request_ids):
            row, user = _asked(ctx, request_id)
            try:
                access_requests.settle(
                    ctx,
                    user,
                    row.service,
                    approve=approve,
                    reason=reason,
                    actor=cli_session.actor(),
                )
            except Conflict:
                raise click.ClickException(
                    f"Request {request_id} was decided or withdrawn already."
                ) from None
            decided.append({**_request(ctx, row, user), "decision": row.decision})
        idle = [
            access_requests.is_idle(ctx, f["account_id"], f["service"]) for f in decided
        ]
    if as_json:
        show_json(decided)
    for facts, off in zip(decided, idle, strict=True):
        what = facts["service"] or "the API as a whole"
        say(f"{facts['decision'].capitalize()}: {printable(facts['owner'])}, {what}.")
        if approve and off:
            say(f"{what} is off for the whole account: it counts once that is on.")


def _asked(ctx: Context, request_id: int) -> tuple[Subscription, Any]:
    models = ctx.models
    row = None
    if 0 < request_id < _KEYS:
        row = ctx.session.get(models.Subscription, request_id)
    if row is None or (row.requested_at is None and row.decided_at is None):
        raise click.ClickException(f"No request has the id {request_id}.")
    user = ctx.session.get(models.user, row.user_id)
    if user is None:
        # Deleted behind our back, by a database that keeps no foreign keys.
        raise click.ClickException(f"Who made request {request_id} no longer exists.")
    if row.request_account != ctx.account_of(user):
        raise click.ClickException(
            f"Who made request {request_id} has left the account it was made in."
        )
    return row, user


def _request(ctx: Context, row: Subscription, user: Any) -> Facts:
    """A request; without a service it is for the API as a whole."""
    return {
        "id": row.id,
        "owner": ctx.user_label(user),
        "owner_id": key_of(row.user_id),
        "account_id": ctx.account_of(user),
        "service": row.service or None,
        "requested_at": row.requested_at,
        "reason": row.request_reason,
    }
