"""``flask apitokens pepper …``: which secrets imported tokens still need."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from flask_apitokens.importing import pepper_check

from . import session as cli_session
from .arguments import json_option
from .output import say
from .output import show_json
from .output import show_table

pepper_group = AppGroup("pepper", help="What imported tokens are hashed under.")

COLUMNS = ("id", "configured", "tokens")


@pepper_group.command("list")
@json_option
def list_peppers(*, as_json: bool) -> None:
    """List the ids of peppers, the newest first, with the tokens that need each.

    Ends with 1 if a token needs one that APITOKENS_PEPPERS does not have: run it before
    you drop a pepper for good, and where you deploy.
    """
    with cli_session.reading() as ctx:
        session, models = ctx.session, ctx.models
        needed = pepper_check.needed(session, models, now=ctx.now())
        lacking = pepper_check.missing(ctx.settings, needed)
        there = [pepper.id for pepper in ctx.settings.peppers]
    rows = [(name, True, needed.get(name, 0)) for name in there]
    rows += [(name, False, number) for name, number in lacking.items()]
    if as_json:
        show_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    elif rows:
        show_table(COLUMNS, [(name, is_there, str(n)) for name, is_there, n in rows])
    else:
        say("APITOKENS_PEPPERS is not set, and no imported token needs it.")
    if lacking:
        say(pepper_check.complaint(lacking))
        raise click.exceptions.Exit(1)
