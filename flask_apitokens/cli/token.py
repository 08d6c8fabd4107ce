"""``flask apitokens token …``."""

from __future__ import annotations

import shlex
from datetime import datetime
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.domain import rotation
from flask_apitokens.domain import single_token
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import OUTSIDE
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.domain.token_list import page_of_all
from flask_apitokens.domain.token_status import STATUSES
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import ServiceUnavailable

from . import output
from . import rotate
from . import session as cli_session
from .arguments import check_account
from .arguments import check_account_named
from .arguments import check_scopes
from .arguments import check_services
from .arguments import expiry
from .arguments import find_owner
from .arguments import find_tokens
from .arguments import ids_argument
from .arguments import json_option
from .arguments import owner_option
from .import_command import import_tokens
from .output import say
from .reveal import hand_over
from .serialize import COLUMNS
from .serialize import EVENT_COLUMNS
from .serialize import events_of
from .serialize import facts_of
from .serialize import named
from .serialize import row_of

token_group = AppGroup(
    "token", help="Generate, list, show, rename, rotate, stop, delete, import."
)
rotate.add_to(token_group)
token_group.add_command(import_tokens)

KINDS = ("api", "access")
MOST = 1000


@token_group.command("generate")
@owner_option(text="The user it acts for")
@click.option("--userless", is_flag=True, help="It acts for nobody.")
@click.option("--account", metavar="ID", help="The account of a userless token.")
@click.option("--name", required=True, help="Unique among the owner's live tokens.")
@click.option("--kind", type=click.Choice(KINDS), help="api, unless it is not offered.")
@click.option("--service", metavar="SERVICE", help="The service it is for.")
@click.option("--scope", "scopes", multiple=True, help="What it may do; repeatable.")
@click.option("--expires", type=expiry, help="90d, 2027-01-31, a moment, or never.")
@click.option(
    "--network",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="Where it may be used from; repeatable.",
)
@json_option
def generate(
    *,
    owner: str | None,
    userless: bool,
    account: str | None,
    name: str,
    kind: str | None,
    service: str | None,
    scopes: tuple[str, ...],
    expires: datetime | str | None,
    networks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a token; its plaintext, alone on stdout, is shown this once.

    TOKEN=$(flask apitokens token generate --owner ada@example.com --name CI)
    """
    if (owner is not None) == userless:
        raise click.UsageError("Say whose it is: --owner USER or --userless.")
    if account is not None and not userless:
        raise click.UsageError("--account goes with --userless; a user has one.")
    check_account(account)
    with cli_session.changing() as ctx:
        check_services(ctx, service, hint="--service")
        check_scopes(ctx, service, scopes)
        if userless and ctx.callbacks.has_accounts:
            check_account_named(ctx, account)
        user = None if owner is None else find_owner(ctx, owner)
        token, plaintext = _generate(
            ctx,
            user,
            name=name,
            kind=_offered(ctx, kind),
            service=service,
            scopes=scopes,
            expires_at=_end(ctx, expires),
            networks=networks,
            account_id=account,
        )
        [facts] = facts_of(ctx, [token])
    hand_over(facts, plaintext, as_json=as_json)


def _offered(ctx: Context, kind: str | None) -> str:
    kinds = ctx.settings.kinds
    if kind is None:
        return "api" if "api" in kinds else kinds[0]
    if kind not in kinds:
        raise click.BadParameter(
            f"the application offers {', '.join(kinds)} only.", param_hint="'--kind'"
        )
    return kind


def _end(ctx: Context, expires: datetime | str | None) -> datetime | None:
    """When the token expires; not said, what the pages preselect."""
    if isinstance(expires, datetime):
        return expires
    days = ctx.settings.expiry_default
    if expires == "never" or days is None:
        return None
    return ctx.now() + timedelta(days=days)


def _generate(
    ctx: Context, user: Any, *, service: str | None, **wish: Any
) -> tuple[Token, str]:
    try:
        return tokens.generate(
            ctx, user, service=service, actor=cli_session.actor(), **wish
        )
    except (LimitReached, NameTaken):
        message = _how_to_replace(ctx, user)
        if not message:
            raise
        raise click.ClickException(message) from None
    except ServiceUnavailable:
        account = (wish["account_id"] or "") if user is None else None
        account = ctx.account_of(user) if account is None else account
        raise click.ClickException(
            _how_to_allow(ctx, user, service or "", account)
        ) from None


def _how_to_replace(ctx: Context, user: Any) -> str:
    """The command that puts a new token in the place of the only one there may be."""
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


def _how_to_allow(ctx: Context, user: Any, slug: str, account: str) -> str:
    """Why a service cannot be used, and the command that changes it."""
    where = f"the account {output.printable(account)}" if account else "everybody"
    on = subscriptions.services_on(ctx, account)
    if slug not in on:
        return f"{slug} is not among the services of {where}."
    if not on[slug]:
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


@token_group.command("list")
@owner_option(text="Only the tokens of this user")
@click.option("--userless", is_flag=True, help="Only tokens without an owner.")
@click.option("--service", metavar="SERVICE", help="Only tokens for this service.")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option(
    "--outside-policy",
    is_flag=True,
    help="Only those that outlive APITOKENS_EXPIRY_MAX.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    help="How many tokens a page has.",
)
@click.option(
    "--page", type=click.IntRange(1), default=1, show_default=True, help="Which page."
)
@json_option
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
    """List tokens, the newest first; everybody's unless told."""
    if owner is not None and userless:
        raise click.UsageError("Give --owner or --userless, not both.")
    policy = OUTSIDE if outside_policy else ""
    query = ListQuery(
        status=status or "", service=service or "", policy=policy, page=page
    )
    with cli_session.reading() as ctx:
        check_services(ctx, service, hint="--service")
        user = None if owner is None else find_owner(ctx, owner)
        found = page_of_all(ctx, query, owner=user, userless=userless, size=limit)
        # The pages of a browser show the last page instead; a script that counts up
        # would never come to an end.
        past_the_end = found.number != page
        listed = [] if past_the_end else facts_of(ctx, found.items)
        unlimited = ctx.settings.expiry_max is None
    if as_json:
        output.show_json(listed)
    elif listed:
        output.show_table(COLUMNS, [row_of(facts) for facts in listed])
    if outside_policy and unlimited:
        say("APITOKENS_EXPIRY_MAX is not set, so there is nothing to outlive.")
    if past_the_end or not listed:
        say(f"Nothing on page {page}; {found.counted} in all.")
    elif found.more or page > 1:
        total = found.counted
        say(f"{found.first} to {found.last} of {total}, page {page}.")


@token_group.command("show")
@click.argument("token_id", metavar="ID")
@json_option
def show(*, token_id: str, as_json: bool) -> None:
    """Show the facts and the newest events of one token."""
    with cli_session.reading() as ctx:
        [token] = find_tokens(ctx, [token_id])
        [facts] = facts_of(ctx, [token])
        events = events_of(ctx, token)
    if as_json:
        output.show_json({**facts, "events": events})
        return
    output.show_facts(facts)
    output.show("")
    output.show_table(
        EVENT_COLUMNS, [[e[key] for key in EVENT_COLUMNS] for e in events]
    )


@token_group.command("rename")
@click.argument("token_id", metavar="ID")
@click.argument("name")
@json_option
def rename(*, token_id: str, name: str, as_json: bool) -> None:
    """Give a live token another name."""
    with cli_session.changing() as ctx:
        [token] = find_tokens(ctx, [token_id])
        if token.revoked_at is not None:
            raise click.ClickException(
                f"{token.id} is revoked; its record keeps its name."
            )
        tokens.rename(ctx, token, name, actor=cli_session.actor())
        [facts] = facts_of(ctx, [token])
    if as_json:
        output.show_json(facts)
    say(f"Renamed {named(facts)}.")


@token_group.command("revoke")
@ids_argument
@json_option
def revoke(*, token_ids: tuple[str, ...], as_json: bool) -> None:
    """End tokens now; their rows stay. All of them or, on an error, none."""
    with cli_session.changing() as ctx:
        found = find_tokens(ctx, token_ids)
        before = {token.id for token in found if token.revoked_at is not None}
        for token in found:
            tokens.revoke(ctx, token, actor=cli_session.actor())
        revoked = facts_of(ctx, found)
    if as_json:
        output.show_json(revoked)
    for facts in revoked:
        word = "Was revoked before:" if facts["id"] in before else "Revoked"
        say(f"{word} {named(facts)}.")


@token_group.command("deactivate")
@ids_argument
@click.option("--reason", metavar="TEXT", required=True, help="Its owner reads it.")
@json_option
def deactivate(*, token_ids: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Stop tokens until they are activated again. All of them or, on an error, none."""
    with cli_session.changing() as ctx:
        found = _unrevoked(ctx, token_ids)
        before = {token.id for token in found if token.deactivated_at is not None}
        for token in found:
            tokens.deactivate(ctx, token, reason, actor=cli_session.actor())
        stopped = facts_of(ctx, found)
    if as_json:
        output.show_json(stopped)
    for facts in stopped:
        word = "Was inactive before:" if facts["id"] in before else "Deactivated"
        say(f"{word} {named(facts)}.")


@token_group.command("activate")
@ids_argument
@json_option
def activate(*, token_ids: tuple[str, ...], as_json: bool) -> None:
    """Let deactivated tokens work again. All of them or, on an error, none."""
    with cli_session.changing() as ctx:
        found = _unrevoked(ctx, token_ids)
        for token in found:
            tokens.activate(ctx, token, actor=cli_session.actor())
        working = facts_of(ctx, found)
    if as_json:
        output.show_json(working)
    for facts in working:
        say(f"Activated {named(facts)}.")


def _unrevoked(ctx: Context, token_ids: tuple[str, ...]) -> list[Token]:
    found = find_tokens(ctx, token_ids)
    for token in found:
        if token.revoked_at is not None:
            raise click.ClickException(f"{token.id} is revoked, for good.")
    return found


@token_group.command("delete")
@ids_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(*, token_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """End tokens now and remove their rows. All of them or, on an error, none."""
    if not yes:
        _ask(token_ids)
    with cli_session.changing() as ctx:
        found = find_tokens(ctx, token_ids)
        deleted = facts_of(ctx, found)
        for token in found:
            tokens.delete(ctx, token, actor=cli_session.actor())
    if as_json:
        output.show_json([{**facts, "status": "deleted"} for facts in deleted])
    for facts in deleted:
        say(f"Deleted {named(facts)}.")


def _ask(token_ids: tuple[str, ...]) -> None:
    """Have the deletion confirmed, without holding the database meanwhile."""
    if not cli_session.interactive():
        raise click.UsageError("Nobody can be asked here; to delete, give --yes.")
    with cli_session.reading() as ctx:
        asked = facts_of(ctx, find_tokens(ctx, token_ids))
    for facts in asked:
        say(f"{named(facts)}, last used {output.cell(facts['last_used_at'])}")
    question = "Delete? What uses it stops working at once; it cannot be undone."
    click.confirm(question, abort=True, err=True)
