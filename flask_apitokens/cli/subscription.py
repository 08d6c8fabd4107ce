"""``flask apitokens subscription activate``, ``deactivate`` and ``list``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Subscription
from flask_apitokens.domain import subscriptions

from . import lookups
from . import options
from . import output
from . import session as cli_session
from .serialize import Record
from .serialize import serialize_key

subscription_group = AppGroup(
    "subscription", help="Switch the services of users, decide their requests."
)

_CHANGE = ("changed_at", "changed_by")
_COLUMNS: tuple[str, ...] = ("service", "name", "active", *_CHANGE)


@subscription_group.command("activate")
@options.owner_option("The user", required=True)
@options.services_argument
@options.json_option
def activate(*, owner: str, services: tuple[str, ...], as_json: bool) -> None:
    """Let a user use services from now on."""
    _switch(subscriptions.activate, owner, services=services, as_json=as_json)


@subscription_group.command("deactivate")
@options.owner_option("The user", required=True)
@options.services_argument
@options.json_option
def deactivate(*, owner: str, services: tuple[str, ...], as_json: bool) -> None:
    """Stop a user from using services; tokens for them are paused, not deleted."""
    _switch(subscriptions.deactivate, owner, services=services, as_json=as_json)


def _switch(
    switch: Callable[..., Subscription],
    owner: str,
    *,
    services: tuple[str, ...],
    as_json: bool,
) -> None:
    actor = cli_session.current_actor()
    with cli_session.transaction() as ctx:
        lookups.check_services(ctx, *services, hint="SERVICE")
        user = lookups.find_owner(ctx, owner)
        for slug in services:
            switch(ctx, user, slug, actor=actor)
        label = output.printable(ctx.user_label(user))
        changed = [row for row in _of_user(ctx, user) if row["service"] in services]
    if as_json:
        output.print_json(changed)
    for row in changed:
        on = "on" if row["active"] else "off"
        output.print_message(f"{row['service']} is {on} for {label}.")


@subscription_group.command("list")
@options.owner_option("Every service, for this user")
@options.service_option("Every user who was switched on or off for this service.")
@options.account_option("Only the users of this account; goes with --service.")
@options.json_option
def list_subscriptions(
    *, owner: str | None, service: str | None, account: str | None, as_json: bool
) -> None:
    """List the services of one user, or the users of one service."""
    if (owner is None) == (service is None):
        raise click.UsageError("Say of what: --owner USER or --service SERVICE.")
    if account is not None and service is None:
        raise click.UsageError("--account goes with --service; a user has one.")
    with cli_session.open_context() as ctx:
        lookups.check_services(ctx, service, hint="--service")
        if owner is not None:
            found = _of_user(ctx, lookups.find_owner(ctx, owner))
            columns, empty = _COLUMNS, "The application declares no services."
        else:
            found = [
                _serialize(ctx, user, service or "", row=row, active=active)
                for user, row, active in subscriptions.subscribers(
                    ctx, service or "", account
                )
            ]
            columns = ("owner", *_COLUMNS)
            empty = "No user was switched on or off for it."
    output.print_records(found, columns, as_json=as_json, empty=empty)


def _of_user(ctx: Context, user: Any) -> list[Record]:
    stored = {row.service: row for row in subscriptions.subscriptions_of(ctx, user)}
    return [
        _serialize(ctx, user, slug, row=stored.get(slug), active=active)
        for slug, active in subscriptions.states(ctx, user).items()
    ]


def _serialize(
    ctx: Context, user: Any, slug: str, *, row: Subscription | None, active: bool
) -> Record:
    return {
        "owner": ctx.user_label(user),
        "owner_id": serialize_key(ctx.models.user_id(user)),
        "service": slug,
        "name": ctx.catalog.label(slug),
        "active": active,
        # A user who was never switched has no row.
        **{name: getattr(row, name, None) for name in _CHANGE},
    }
