"""``flask apitokens service …``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.domain import subscriptions

from . import session as cli_session
from .arguments import Decorator
from .arguments import account_meant
from .arguments import account_option
from .arguments import check_account_known
from .arguments import check_services
from .arguments import json_option
from .output import printable
from .output import say
from .output import show_json
from .output import show_table
from .serialize import Facts

service_group = AppGroup("service", help="The services the application declares.")
services_argument: Decorator = click.argument(
    "services", metavar="SERVICE...", nargs=-1, required=True
)


@service_group.command("list")
@account_option
@json_option
def list_services(*, account: str | None, as_json: bool) -> None:
    """List the declared services, their scopes and whether they are on."""
    with cli_session.reading() as ctx:
        account = account_meant(ctx, account)
        found = _facts(ctx, account)
    on = "off_in" if account is None else "active"
    columns = ("slug", "name", "scopes", "default_active", on)
    if as_json:
        show_json(found)
    elif not found:
        say("The application declares no services.")
    else:
        show_table(columns, [[row[name] for name in columns] for row in found])


def _facts(ctx: Context, account: str | None) -> list[Facts]:
    """The services of *account* and whether they are on there; of all, where not."""
    off = subscriptions.accounts_without(ctx)
    services = ctx.catalog.services
    if account is not None:
        services = ctx.services_of(account)
    return [
        {
            "slug": slug,
            "name": service.name,
            "description": service.description,
            "scopes": {s.name: s.description for s in service.scopes.values()},
            "docs_url": service.docs_url,
            "default_active": service.default_active,
            **({"off_in": off[slug]} if account is None else {}),
            **({"active": account not in off[slug]} if account is not None else {}),
        }
        for slug, service in services.items()
    ]


@service_group.command("enable")
@services_argument
@account_option
@json_option
def enable(*, services: tuple[str, ...], account: str | None, as_json: bool) -> None:
    """Switch services on for a whole account."""
    _switch(services, account, active=True, as_json=as_json)


@service_group.command("disable")
@services_argument
@account_option
@json_option
def disable(*, services: tuple[str, ...], account: str | None, as_json: bool) -> None:
    """Switch services off for a whole account; their tokens are paused."""
    _switch(services, account, active=False, as_json=as_json)


def _switch(
    services: tuple[str, ...], account: str | None, *, active: bool, as_json: bool
) -> None:
    with cli_session.changing() as ctx:
        check_services(ctx, *services, hint="SERVICE")
        meant = account_meant(ctx, account)
        if meant is None:
            raise click.UsageError("Say in which account: --account ID.")
        if ctx.callbacks.has_accounts:
            check_account_known(ctx, meant)
        for slug in services:
            if slug not in ctx.services_of(meant):
                raise click.ClickException(
                    f"The account {printable(meant)} does not have {slug}."
                )
            subscriptions.switch_service(
                ctx, meant, slug, active=active, actor=cli_session.actor()
            )
        changed = [row for row in _facts(ctx, meant) if row["slug"] in services]
    if as_json:
        show_json(changed)
    where = f"the account {printable(meant)}" if meant else "everybody"
    for row in changed:
        say(f"{row['slug']} is {'on' if row['active'] else 'off'} for {where}.")
