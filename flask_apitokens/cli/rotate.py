"""``flask apitokens token rotate``."""

from __future__ import annotations

from datetime import datetime

import click
from flask.cli import AppGroup
from flask.cli import with_appcontext

from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation

from . import session as cli_session
from .arguments import expiry
from .arguments import find_tokens
from .arguments import json_option
from .output import cell
from .output import say
from .reveal import hand_over
from .serialize import Facts
from .serialize import facts_of
from .serialize import named


def add_to(group: AppGroup) -> None:
    """Let the noun ``token`` have this verb."""
    group.add_command(rotate)


@click.command("rotate")
@click.argument("token_id", metavar="ID")
@click.option(
    "--grace",
    type=click.IntRange(0),
    metavar="DAYS",
    help="How long the old one works, too; one of APITOKENS_ROTATION_GRACE.",
)
@click.option(
    "--expires",
    type=expiry,
    help="90d, 2027-01-31, a moment, or never; as long as the old one unless told.",
)
@json_option
@with_appcontext
def rotate(
    *,
    token_id: str,
    grace: int | None,
    expires: datetime | str | None,
    as_json: bool,
) -> None:
    """Give a token a successor; its plaintext, alone on stdout, is shown this once.

    TOKEN=$(flask apitokens token rotate 7hq2m9x4kd3w --grace 7)
    """
    end = None if isinstance(expires, str) else expires
    with cli_session.changing() as ctx:
        [token] = find_tokens(ctx, [token_id])
        days = _checked_grace(ctx, token, grace)
        _check_working(ctx, token)
        successor, plaintext = rotation.rotate(
            ctx,
            token,
            grace=days,
            expires_at=SAME if expires is None else end,
            actor=cli_session.actor(),
        )
        old, facts = facts_of(ctx, [token, successor])
    hand_over(facts, plaintext, as_json=as_json)
    say(_what_of(old, days))


def _checked_grace(ctx: Context, token: Token, grace: int | None) -> int:
    offered = rotation.graces_for(ctx, token)
    if grace is None:
        return rotation.first_grace(ctx, token)
    if grace not in offered:
        days = ", ".join(map(str, offered))
        raise click.BadParameter(
            f"the application offers {days} only.", param_hint="'--grace'"
        )
    return grace


def _check_working(ctx: Context, token: Token) -> None:
    if token.successor_id is not None:
        raise click.ClickException(
            f"{token.id} was rotated before; {token.successor_id} took its place."
        )
    if not rotation.can_be_rotated(ctx, token):
        raise click.ClickException(
            f"{token.id} does not work any more, so nothing can take its place."
        )


def _what_of(old: Facts, days: int) -> str:
    if not days:
        return f"{named(old)} has stopped working."
    return f"{named(old)} works until {cell(old['expires_at'])}."
