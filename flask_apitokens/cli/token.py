"""``flask apitokens token generate``, and how a plaintext is handed over."""

from __future__ import annotations

import shlex
from datetime import datetime
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.domain import single_token
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import tokens
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import ServiceUnavailable

from . import lookups
from . import options
from . import output
from . import serialize
from . import session as cli_session

token_group = AppGroup(
    "token",
    help="Generate, list, show, rename, rotate, deactivate, revoke, delete and import "
    "tokens.",
)


@token_group.command("generate")
@options.owner_option("The user the token acts for")
@options.userless_option("The token acts for no user.")
@options.account_option("The account of a userless token.")
@click.option(
    "--name",
    metavar="TEXT",
    required=True,
    help="The name, unique among the owner's live tokens.",
)
@click.option(
    "--kind",
    type=click.Choice(("api", "access")),
    help="The kind; without it, api if the application offers that.",
)
@options.service_option(
    "The service the token is for; without it only routes that ask for no service "
    "accept the token."
)
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    help="A scope of the service that the token gets.",
)
@click.option(
    "--expires",
    metavar="WHEN",
    type=options.parse_expiry,
    help="When it expires: 90d, 2027-01-31, 2027-01-31T12:00Z or never; "
    "without it, APITOKENS_EXPIRY_DEFAULT decides.",
)
@click.option(
    "--network",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="An address or range it may be used from; without it, every address.",
)
@options.json_option
def generate(
    *,
    owner: str | None,
    userless: bool,
    account: str | None,
    service: str | None,
    kind: str | None,
    expires: datetime | str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Generate a token and print its plaintext, this once, alone on stdout.

    \b
    TOKEN=$(flask apitokens token generate --owner ada@example.com --name CI)
    """
    if (owner is not None) == userless:
        raise click.UsageError("Say whose it is: --owner USER or --userless.")
    if account is not None and not userless:
        raise click.UsageError("--account goes with --userless; a user has one.")
    with cli_session.transaction() as ctx:
        lookups.check_services(ctx, service, hint="--service")
        lookups.check_scopes(ctx, service, given["scopes"])
        if userless:
            account = lookups.required_account(ctx, account)
        token, plaintext = _generate(
            ctx,
            None if owner is None else lookups.find_owner(ctx, owner),
            account_id=account,
            service=service,
            kind=_offered_kind(ctx, kind),
            expires_at=_expires_at(ctx, expires),
            **given,
        )
        [record] = serialize.serialize_tokens(ctx, [token])
    hand_over(record, plaintext, as_json=as_json)


def _offered_kind(ctx: Context, kind: str | None) -> str:
    kinds = ctx.settings.kinds
    if kind is None:
        return "api" if "api" in kinds else kinds[0]
    if kind not in kinds:
        raise click.BadParameter(
            f"the application offers {', '.join(kinds)} only.", param_hint="'--kind'"
        )
    return kind


def _expires_at(ctx: Context, expires: datetime | str | None) -> datetime | None:
    """Return when the token expires; without the option, as the pages preselect."""
    if isinstance(expires, datetime):
        return expires
    days = ctx.settings.expiry_default
    if expires == "never" or days is None:
        return None
    return ctx.now() + timedelta(days=days)


def _generate(
    ctx: Context,
    user: Any,
    *,
    account_id: str | None,
    service: str | None,
    **given: Any,
) -> tuple[Token, Plaintext]:
    """Generate the token; a refusal names the command that would change it."""
    given |= {"account_id": account_id, "service": service}
    try:
        return tokens.generate(ctx, user, actor=cli_session.current_actor(), **given)
    except (LimitReached, NameTaken):
        message = _how_to_replace(ctx, user)
        if not message:
            raise
        raise click.ClickException(message) from None
    except ServiceUnavailable:
        account = (account_id or "") if user is None else ctx.account_of(user)
        message = _how_to_allow(ctx, user, slug=service or "", account=account)
        raise click.ClickException(message) from None


def _how_to_replace(ctx: Context, user: Any) -> str:
    """Return how to replace the only token a user may have; empty if there are more."""
    if user is None or not single_token.is_on(ctx):
        return ""
    label = output.printable(ctx.user_label(user))
    [token, *more] = single_token.live_of(ctx, user)
    if more or not rotation.can_be_rotated(ctx, token):
        return ""
    return (
        f"{label} already has a token, the only one there may be. To put a new one in "
        f"its place, which stops it at once: flask apitokens token rotate {token.id}"
    )


def _how_to_allow(ctx: Context, user: Any, *, slug: str, account: str) -> str:
    """Return why a service cannot be used, and the command that changes it."""
    where = f"the account {output.printable(account)}" if account else "every user"
    active = subscriptions.services_on(ctx, account)
    if slug not in active:
        return f"{slug} is not among the services of {where}."
    if not active[slug]:
        option = f" --account {shlex.quote(account)}" if account else ""
        return (
            f"{slug} is switched off for {where}. To switch it on: "
            f"flask apitokens service enable {slug}{option}"
        )
    label, key = ctx.user_label(user), shlex.quote(ctx.key_text(user))
    return (
        f"{output.printable(label)} may not use {slug}. To allow it: "
        f"flask apitokens subscription activate --owner {key} {slug}"
    )


def hand_over(record: serialize.Record, plaintext: Plaintext, *, as_json: bool) -> None:
    """Print the plaintext of a new token and, after that, store that it was shown.

    :param record: the token's, of :func:`.serialize.serialize_tokens`.
    :raises click.ClickException: if the plaintext could not be written.
    """
    # It was not shown yet when the record was made.
    shown = {name: value for name, value in record.items() if name != "shown_at"}
    try:
        if as_json:
            output.print_json({**shown, "token": plaintext.reveal()})
        else:
            click.echo(plaintext.reveal())
    except OSError as error:
        output.close_stdout()
        raise click.ClickException(
            f"Token {record['id']} exists, but its plaintext could not be written "
            f"({error.strerror}) and cannot be shown again. End it: "
            f"flask apitokens token revoke {record['id']}"
        ) from None
    output.print_message(
        f"Generated {serialize.describe(record)}. The plaintext is not shown again."
    )
    try:
        with cli_session.transaction() as ctx:
            tokens.mark_shown(ctx, record["id"])
    except click.ClickException as error:
        # The plaintext is out and the token works. A failure now must not change the
        # exit code, or a script would throw the token away.
        error.show()
