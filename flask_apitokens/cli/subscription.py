"""``flask apitokens subscription …``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens import subscriptions
from flask_apitokens.domain import Actor
from flask_apitokens.domain import Domain
from flask_apitokens.models import Subscription

from . import edge
from .arguments import Decorator
from .arguments import check_services
from .arguments import find_owner
from .arguments import json_option
from .arguments import owner_option
from .facts import Facts
from .facts import key_of
from .output import printable
from .output import say
from .output import show_json
from .output import show_table

_CHANGE = ("changed_at", "changed_by")
_COLUMNS = ("service", "name", "active", *_CHANGE)

Switch = Callable[..., Subscription]

subscription_group = AppGroup("subscription", help="Who may use which service.")
services_argument: Decorator = click.argument(
    "services", metavar="SERVICE...", nargs=-1, required=True
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
@owner_option(required=True)
@json_option
def list_subscriptions(*, owner: str, as_json: bool) -> None:
    """List every declared service and whether a user may use it."""
    with edge.reading() as domain:
        found = _facts(domain, find_owner(domain, owner))
    if as_json:
        show_json(found)
    elif not found:
        say("The application declares no services.")
    else:
        show_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in found])


def _switch(
    switch: Switch, owner: str, services: tuple[str, ...], *, as_json: bool
) -> None:
    actor: Actor = edge.actor()
    with edge.changing() as domain:
        check_services(domain, *services, hint="SERVICE")
        user = find_owner(domain, owner)
        for slug in services:
            switch(domain, user, slug, actor=actor)
        label = printable(domain.user_label(user))
        changed = [row for row in _facts(domain, user) if row["service"] in services]
    if as_json:
        show_json(changed)
    for row in changed:
        say(f"{row['service']} is {'on' if row['active'] else 'off'} for {label}.")


def _facts(domain: Domain, user: Any) -> list[Facts]:
    stored = {row.service: row for row in subscriptions.subscriptions_of(domain, user)}
    return [
        {
            "owner": domain.user_label(user),
            "owner_id": key_of(domain.models.user_id(user)),
            "service": slug,
            "name": domain.catalog.label(slug),
            "active": active,
            **{name: getattr(stored.get(slug), name, None) for name in _CHANGE},
        }
        for slug, active in subscriptions.states(domain, user).items()
    ]
