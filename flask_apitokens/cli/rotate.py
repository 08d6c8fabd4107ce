"""``flask apitokens token rotate``."""

from __future__ import annotations

from datetime import datetime

import click

from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation

from . import lookups
from . import options
from . import output
from . import serialize
from . import session as cli_session
from .token import hand_over
from .token import token_group


@token_group.command("rotate")
@options.id_argument
@click.option(
    "--grace",
    type=click.IntRange(0),
    metavar="DAYS",
    help="How many days the old token works too, one of APITOKENS_ROTATION_GRACE; "
    "without it, the shortest time above 0.",
)
@click.option(
    "--expires",
    metavar="WHEN",
    type=options.parse_expiry,
    help="When the new token expires: 90d, 2027-01-31, 2027-01-31T12:00Z or never; "
    "without it, it lives as long as the old one.",
)
@options.json_option
def rotate(
    *,
    token_id: str,
    grace: int | None,
    expires: datetime | str | None,
    as_json: bool,
) -> None:
    """Generate a token's successor and print its plaintext, this once, on stdout.

    \b
    TOKEN=$(flask apitokens token rotate 7hq2m9x4kd3w --grace 7)
    """
    expires_at = None if isinstance(expires, str) else expires
    with cli_session.transaction() as ctx:
        [token] = lookups.find_tokens(ctx, [token_id])
        days = _offered_grace(ctx, token, grace)
        _check_works(ctx, token)
        successor, plaintext = rotation.rotate(
            ctx,
            token,
            grace=days,
            expires_at=SAME if expires is None else expires_at,
            actor=cli_session.current_actor(),
        )
        old, new = serialize.serialize_tokens(ctx, [token, successor])
    hand_over(new, plaintext, as_json=as_json)
    until = f"works until {output.format_cell(old['expires_at'])}"
    output.print_message(
        f"{serialize.describe(old)} {until if days else 'has stopped working'}."
    )


def _offered_grace(ctx: Context, token: Token, grace: int | None) -> int:
    if grace is None:
        return rotation.first_grace(ctx, token)
    offered = rotation.graces_for(ctx, token)
    if grace not in offered:
        days = ", ".join(map(str, offered))
        raise click.BadParameter(
            f"the application offers {days} only.", param_hint="'--grace'"
        )
    return grace


def _check_works(ctx: Context, token: Token) -> None:
    if token.successor_id is not None:
        raise click.ClickException(
            f"{token.id} was rotated before; {token.successor_id} took its place."
        )
    if not rotation.can_be_rotated(ctx, token):
        raise click.ClickException(
            f"{token.id} does not work any more, so nothing can take its place."
        )
