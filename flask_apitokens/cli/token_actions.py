"""``flask apitokens token …``: the commands that change existing tokens.

An action on several tokens is one transaction: it happens to all of them or, on an
error, to none.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import click

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.domain import activation
from flask_apitokens.domain import tokens

from . import lookups
from . import options
from . import output
from . import serialize
from . import session as cli_session
from .token import token_group


@token_group.command("rename")
@options.id_argument
@options.argument("name", metavar="NAME", help="The new name of the token.")
@options.json_option
def rename(*, token_id: str, name: str, as_json: bool) -> None:
    """Give a live token another name."""
    with cli_session.transaction() as ctx:
        [token] = lookups.find_tokens(ctx, [token_id])
        if token.revoked_at is not None:
            raise click.ClickException(
                f"{token.id} is revoked; its record keeps its name."
            )
        tokens.rename(ctx, token, name, actor=cli_session.current_actor())
        [record] = serialize.serialize_tokens(ctx, [token])
    if as_json:
        output.print_json(record)
    output.print_message(f"Renamed {serialize.describe(record)}.")


@token_group.command("revoke")
@options.ids_argument
@options.json_option
def revoke(*, token_ids: tuple[str, ...], as_json: bool) -> None:
    """Revoke tokens: they stop working now, and their rows stay."""

    def revoke_one(ctx: Context, token: Token, actor: Actor) -> str:
        before = token.revoked_at is not None
        tokens.revoke(ctx, token, actor=actor)
        return "Was revoked before:" if before else "Revoked"

    _act_on_each(token_ids, revoke_one, as_json=as_json)


@token_group.command("deactivate")
@options.ids_argument
@click.option(
    "--reason", metavar="TEXT", required=True, help="The reason, which the owner reads."
)
@options.json_option
def deactivate(*, token_ids: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Deactivate tokens: they stop working until they are activated again."""

    def deactivate_one(ctx: Context, token: Token, actor: Actor) -> str:
        before = token.deactivated_at is not None
        activation.deactivate(ctx, token, reason, actor=actor)
        return "Was inactive before:" if before else "Deactivated"

    _act_on_each(token_ids, deactivate_one, live_only=True, as_json=as_json)


@token_group.command("activate")
@options.ids_argument
@options.json_option
def activate(*, token_ids: tuple[str, ...], as_json: bool) -> None:
    """Activate deactivated tokens: they work again."""

    def activate_one(ctx: Context, token: Token, actor: Actor) -> str:
        activation.activate(ctx, token, actor=actor)
        return "Activated"

    _act_on_each(token_ids, activate_one, live_only=True, as_json=as_json)


@token_group.command("delete")
@options.ids_argument
@click.option("--yes", is_flag=True, help="Delete without a question.")
@options.json_option
def delete(*, token_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete tokens: they stop working now, and their rows are removed."""
    if not yes:
        _confirm_deletion(token_ids)
    with cli_session.transaction() as ctx:
        found = lookups.find_tokens(ctx, token_ids)
        # Serialized first: afterwards there is no row to read.
        records = [
            {**record, "status": "deleted"}
            for record in serialize.serialize_tokens(ctx, found)
        ]
        for token in found:
            tokens.delete(ctx, token, actor=cli_session.current_actor())
    _print_actions(records, ["Deleted"] * len(records), as_json=as_json)


def _confirm_deletion(token_ids: Sequence[str]) -> None:
    """Ask before the transaction, so that it holds no lock during the question."""
    if not cli_session.is_interactive():
        raise click.UsageError(
            "There is no terminal to ask the question on; to delete, give --yes."
        )
    with cli_session.open_context() as ctx:
        records = serialize.serialize_tokens(ctx, lookups.find_tokens(ctx, token_ids))
    for record in records:
        last_used = output.format_cell(record["last_used_at"])
        output.print_message(f"{serialize.describe(record)}, last used {last_used}")
    question = "Delete? What uses it stops working at once; it cannot be undone."
    click.confirm(question, abort=True, err=True)


def _act_on_each(
    token_ids: Sequence[str],
    act: Callable[[Context, Token, Actor], str],
    *,
    as_json: bool,
    live_only: bool = False,
) -> None:
    """Act on tokens in one transaction and print what happened to each.

    :param act: returns what happened, as the first words of a sentence.
    :param live_only: whether a revoked token is an error.
    """
    actor = cli_session.current_actor()
    with cli_session.transaction() as ctx:
        found = lookups.find_tokens(ctx, token_ids)
        for token in found:
            if live_only and token.revoked_at is not None:
                raise click.ClickException(f"{token.id} is revoked, for good.")
        done = [act(ctx, token, actor) for token in found]
        records = serialize.serialize_tokens(ctx, found)
    _print_actions(records, done, as_json=as_json)


def _print_actions(
    records: Sequence[serialize.Record], done: Sequence[str], *, as_json: bool
) -> None:
    if as_json:
        output.print_json(records)
    for record, words in zip(records, done, strict=True):
        output.print_message(f"{words} {serialize.describe(record)}.")
