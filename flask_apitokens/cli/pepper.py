"""``flask apitokens pepper …``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from flask_apitokens.importing import pepper_check

from . import options
from . import output
from . import session as cli_session

pepper_group = AppGroup("pepper", help="List the peppers of imported tokens.")

COLUMNS = ("id", "configured", "tokens")


@pepper_group.command("list")
@options.json_option
def list_peppers(*, as_json: bool) -> None:
    """List the ids of peppers, the newest first, and how many tokens need each.

    The exit code is 1 if a token needs a pepper that APITOKENS_PEPPERS does not have.
    Run it before you remove a pepper, and in each deployment.
    """
    with cli_session.open_context() as ctx:
        needed = pepper_check.needed(ctx.session, ctx.models, now=ctx.now())
        missing = pepper_check.missing(ctx.settings, needed)
        configured = [pepper.id for pepper in ctx.settings.peppers]
    rows = [(name, True, needed.get(name, 0)) for name in configured]
    rows += [(name, False, number) for name, number in missing.items()]
    output.print_records(
        [dict(zip(COLUMNS, row, strict=True)) for row in rows],
        COLUMNS,
        as_json=as_json,
        empty="APITOKENS_PEPPERS is not set, and no imported token needs it.",
        # A table shows a dash for a number that is 0, which is a value here.
        cells=lambda record: {**record, "tokens": str(record["tokens"])},
    )
    if missing:
        output.print_message(pepper_check.complaint(missing))
        raise click.exceptions.Exit(1)
