"""Handing a new token over to whoever ran the command."""

from __future__ import annotations

import click

from flask_apitokens.domain import tokens

from . import output
from . import session as cli_session
from .output import say
from .serialize import Facts
from .serialize import named


def hand_over(facts: Facts, plaintext: str, *, as_json: bool) -> None:
    """Print the plaintext, and only then note that it was shown."""
    told = {key: value for key, value in facts.items() if key != "shown_at"}
    try:
        if as_json:
            output.show_json({**told, "token": plaintext})
        else:
            click.echo(plaintext)
    except OSError as error:
        output.give_up_stdout()
        raise click.ClickException(
            f"Token {facts['id']} exists, but its plaintext could not be written "
            f"({error.strerror}) and cannot be shown again. End it: "
            f"flask apitokens token revoke {facts['id']}"
        ) from None
    say(f"Generated {named(facts)}. The plaintext is not shown again.")
    try:
        with cli_session.changing() as ctx:
            tokens.mark_shown(ctx, facts["id"])
    except click.ClickException as error:
        # The token is out and works: a failure now must not make a script drop it.
        error.show()
