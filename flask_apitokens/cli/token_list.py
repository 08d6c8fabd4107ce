"""``flask apitokens token list`` and ``token show``."""

from __future__ import annotations

import click

from flask_apitokens.domain.token_list import OUTSIDE
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.domain.token_list import page_of_all
from flask_apitokens.domain.token_status import STATUSES

from . import lookups
from . import options
from . import output
from . import serialize
from . import session as cli_session
from .token import token_group

COLUMNS = (
    *("id", "name", "owner", "kind", "service", "scopes", "status"),
    *("created_at", "last_used_at", "expires_at"),
)
EVENT_COLUMNS = ("at", "action", "actor", "ip", "detail")


@token_group.command("list")
@options.owner_option("Only the tokens of this user")
@options.userless_option("Only tokens without an owner.")
@options.service_option("Only tokens for this service.")
@click.option(
    "--status", type=click.Choice(STATUSES), help="Only tokens with this status."
)
@click.option(
    "--outside-policy",
    is_flag=True,
    help="Only tokens that outlive APITOKENS_EXPIRY_MAX.",
)
@options.limit_option("How many tokens a page has")
@click.option(
    "--page",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="The number of the page.",
)
@options.json_option
def list_tokens(
    *,
    owner: str | None,
    userless: bool,
    service: str | None,
    status: str | None,
    outside_policy: bool,
    limit: int,
    page: int,
    as_json: bool,
) -> None:
    """List tokens, the newest first; without options, those of every user."""
    options.check_owner_or_userless(owner, userless=userless)
    policy = OUTSIDE if outside_policy else ""
    query = ListQuery(
        status=status or "", service=service or "", policy=policy, page=page
    )
    with cli_session.open_context() as ctx:
        lookups.check_services(ctx, service, hint="--service")
        user = None if owner is None else lookups.find_owner(ctx, owner)
        found = page_of_all(ctx, query, owner=user, userless=userless, size=limit)
        # For a page past the end, the query returns the last page, which the web pages
        # show. A script that counts up its pages would then never end.
        past_the_end = found.number != page
        listed = [] if past_the_end else serialize.serialize_tokens(ctx, found.items)
        unlimited = ctx.settings.expiry_max is None
    output.print_records(listed, COLUMNS, as_json=as_json, cells=serialize.token_cells)
    if outside_policy and unlimited:
        output.print_message(
            "APITOKENS_EXPIRY_MAX is not set, so there is nothing to outlive."
        )
    total = found.counted
    if not listed:
        output.print_message(f"Nothing on page {page}; {total} in all.")
    elif found.more or page > 1:
        output.print_message(f"{found.first} to {found.last} of {total}, page {page}.")


@token_group.command("show")
@options.id_argument
@options.json_option
def show(*, token_id: str, as_json: bool) -> None:
    """Show one token and its newest events."""
    with cli_session.open_context() as ctx:
        [token] = lookups.find_tokens(ctx, [token_id])
        [record] = serialize.serialize_tokens(ctx, [token])
        events = serialize.newest_events(ctx, token)
    if as_json:
        output.print_json({**record, "events": events})
        return
    output.print_fields(record)
    output.print_text("")
    output.print_records(events, EVENT_COLUMNS, as_json=False)
