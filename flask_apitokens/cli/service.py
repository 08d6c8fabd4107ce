"""``flask apitokens service …``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.domain import subscriptions

from . import lookups
from . import options
from . import output
from . import session as cli_session
from .serialize import Record

service_group = AppGroup("service", help="List and switch the declared services.")


@service_group.command("list")
@options.account_option("Only this account: whether each service is on.")
@options.json_option
def list_services(*, account: str | None, as_json: bool) -> None:
    """List the declared services, their scopes and whether they are on.

    An application with accounts and no --account lists the accounts where they are off.
    """
    with cli_session.open_context() as ctx:
        if account is None and not ctx.callbacks.has_accounts:
            account = ""
        services = _serialize_services(ctx, account)
    on = "off_in" if account is None else "active"
    output.print_records(
        services,
        ("slug", "name", "scopes", "default_active", on),
        as_json=as_json,
        empty="The application declares no services.",
    )


def _serialize_services(ctx: Context, account: str | None) -> list[Record]:
    """Return the services of *account*, each with "active"; of all, with "off_in"."""
    off = subscriptions.accounts_without(ctx)
    services = ctx.catalog.services if account is None else ctx.services_of(account)
    return [
        {
            "slug": slug,
            "name": service.name,
            "description": service.description,
            "scopes": {s.name: s.description for s in service.scopes.values()},
            "docs_url": service.docs_url,
            "default_active": service.default_active,
            **(
                {"off_in": off[slug]}
                if account is None
                else {"active": account not in off[slug]}
            ),
        }
        for slug, service in services.items()
    ]


@service_group.command("enable")
@options.services_argument
@options.account_option("The account, in an application that has accounts.")
@options.json_option
def enable(*, services: tuple[str, ...], account: str | None, as_json: bool) -> None:
    """Switch services on for a whole account."""
    _switch(services, account, active=True, as_json=as_json)


@service_group.command("disable")
@options.services_argument
@options.account_option("The account, in an application that has accounts.")
@options.json_option
def disable(*, services: tuple[str, ...], account: str | None, as_json: bool) -> None:
    """Switch services off for a whole account; their tokens are paused."""
    _switch(services, account, active=False, as_json=as_json)


def _switch(
    services: tuple[str, ...], account: str | None, *, active: bool, as_json: bool
) -> None:
    with cli_session.transaction() as ctx:
        lookups.check_services(ctx, *services, hint="SERVICE")
        account = lookups.required_account(ctx, account)
        for slug in services:
            if slug not in ctx.services_of(account):
                raise click.ClickException(
                    f"The account {output.printable(account)} does not have {slug}."
                )
            subscriptions.switch_service(
                ctx, account, slug, active=active, actor=cli_session.current_actor()
            )
        changed = [
            record
            for record in _serialize_services(ctx, account)
            if record["slug"] in services
        ]
    if as_json:
        output.print_json(changed)
    where = f"the account {output.printable(account)}" if account else "every user"
    for record in changed:
        on = "on" if record["active"] else "off"
        output.print_message(f"{record['slug']} is {on} for {where}.")
