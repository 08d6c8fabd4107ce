"""What stands on the command line: whose, which, until when."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from typing import Any

import click
from sqlalchemy import ColumnElement
from sqlalchemy import false
from sqlalchemy import inspect
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.core.context import utcnow
from flask_apitokens.core.text import is_text
from flask_apitokens.core.user_model import as_key
from flask_apitokens.core.user_model import python_type_of
from flask_apitokens.db.models import ACCOUNT_LENGTH
from flask_apitokens.db.models import Token
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.tokens import find_any
from flask_apitokens.domain.users import LABELS
from flask_apitokens.errors import TokenNotFound

from .output import printable

_DAYS = re.compile(r"[0-9]{1,5}d")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document."
)
account_option: Decorator = click.option(
    "--account", metavar="ID", help="In this account alone."
)
reason_option: Decorator = click.option(
    "--reason", metavar="TEXT", default="", help="For the user to read."
)
ids_argument: Decorator = click.argument(
    "token_ids", metavar="ID...", nargs=-1, required=True
)


def owner_option(*, required: bool = False, text: str = "The user") -> Decorator:
    """``--owner``, to be looked up with :func:`find_owner`."""
    return click.option(
        "--owner",
        metavar="USER",
        required=required,
        help=f"{text}: primary key, email, username or name.",
    )


def expiry(value: str) -> datetime | str:
    """The moment that a command line means, in UTC, or the word "never".

    :raises BadParameter: saying which forms there are.
    """
    if value == "never":
        return value
    try:
        return _moment(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"“{printable(value)}” is none of 90d, 2027-01-31, 2027-01-31T12:00Z "
            "(with Z or an offset) and never."
        ) from None


def _moment(text: str) -> datetime:
    if _DAYS.fullmatch(text):
        return utcnow() + timedelta(days=int(text[:-1]))
    if _DATE.fullmatch(text):
        # As in the pages: "until 3 July" includes the third of July.
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment.astimezone(UTC)


def check_account(account: str | None) -> None:
    """Refuse an account id that no column can hold."""
    if account is None:
        return
    if not account or len(account) > ACCOUNT_LENGTH or not is_text(account):
        raise click.BadParameter(
            f"an account id has 1 to {ACCOUNT_LENGTH} characters of text.",
            param_hint="'--account'",
        )


def account_meant(ctx: Context, account: str | None) -> str | None:
    """The account that ``--account`` names; the only one, where there are none.

    :returns: none where there are accounts and none of them was named.
    """
    check_account(account)
    return account if account or ctx.callbacks.has_accounts else ""


def check_account_named(ctx: Context, account: str | None) -> None:
    """Refuse what is nobody's of no account, or of a mistyped one.

    :raises UsageError: if none was named.
    :raises ClickException: if nobody and nothing belongs to it.
    """
    if account is None:
        raise click.UsageError("Say in which account: --account ID.")
    check_account_known(ctx, account)


def check_account_known(ctx: Context, account: str) -> None:
    """Refuse an account that nobody and nothing belongs to: it is mistyped.

    :raises ClickException: saying so.
    """
    models = ctx.models
    for model in (models.Token, models.ServiceSetting):
        held = select(model.account_id).where(model.account_id == account)
        if ctx.session.scalar(held.limit(1)) is not None:
            return
    if not account_users.has_users(ctx, account):
        raise click.ClickException(
            f"No user and no token belongs to the account {printable(account)}."
        )


def check_services(ctx: Context, *slugs: str | None, hint: str) -> None:
    """Refuse services that the host does not declare; ``None`` is no service.

    :param hint: the option or argument they came from.
    """
    for slug in slugs:
        if slug is not None and slug not in ctx.catalog.services:
            raise click.BadParameter(
                f"“{printable(slug)}” is not a service; {_known(ctx)}",
                param_hint=f"'{hint}'",
            )


def _known(ctx: Context) -> str:
    slugs = ", ".join(ctx.catalog.services)
    return f"there are {slugs}." if slugs else "the application declares none."


def check_scopes(ctx: Context, service: str | None, scopes: Collection[str]) -> None:
    """Refuse scopes the service does not have, and none where it has some."""
    known = ctx.catalog.services[service].scopes if service else {}
    if all(scope in known for scope in scopes) and (scopes or not known):
        return
    if known:
        message = f"{service} takes one or more of {', '.join(known)}."
    elif service:
        message = f"{service} has no scopes."
    else:
        message = "scopes belong to a service; give --service."
    raise click.BadParameter(message, param_hint="'--scope'")


def find_owner(ctx: Context, text: str) -> Any:
    """The one user whose key, email, username or name is *text*.

    :raises BadParameter: if there is none, or more than one.
    """
    found: Sequence[Any] = ()
    if text and is_text(text):
        query = select(ctx.models.user).where(_called(ctx, text)).limit(6)
        found = ctx.session.scalars(query).unique().all()
    if len(found) == 1:
        return found[0]
    if not found:
        reason = f"no user has the key, email, username or name “{printable(text)}”."
    else:
        who = ", ".join(_key_and_label(ctx, user) for user in found)
        reason = f"“{printable(text)}” is more than one user: {who}. Say which."
    raise click.BadParameter(reason, param_hint="'--owner'")


def _called(ctx: Context, text: str) -> ColumnElement[bool]:
    mapper = inspect(ctx.models.user)
    ways = [
        getattr(ctx.models.user, name) == text
        for name in LABELS
        if name in mapper.column_attrs
        and python_type_of(mapper.column_attrs[name].columns[0].type) is str
    ]
    column = ctx.models.user_key
    key = as_key(column.type, text)
    # Nothing to compare with must find nobody, not everybody.
    return or_(false() if key is None else column == key, *ways)


def _key_and_label(ctx: Context, user: Any) -> str:
    return printable(f"{ctx.key_text(user)} ({ctx.user_label(user)})")


def find_tokens(ctx: Context, token_ids: Sequence[str]) -> list[Token]:
    """The tokens with these ids, all of them.

    :raises UsageError: if a whole token was given in place of its id.
    :raises ClickException: naming the ids that no token has.
    """
    found, unknown = [], []
    for token_id in dict.fromkeys(token_ids):
        check_no_secret(ctx, token_id)
        try:
            found.append(find_any(ctx, token_id))
        except TokenNotFound:
            unknown.append(printable(token_id)[:80])
    if unknown:
        raise click.ClickException(f"No token has the id {', '.join(unknown)}.")
    return found


def check_no_secret(ctx: Context, token_id: str) -> None:
    """Refuse a whole token in place of its id."""
    brand = ctx.settings.brand
    if token_id.startswith((f"{brand}_", f"{brand}s_")):
        # Not repeated: what follows is a secret.
        raise click.UsageError(
            "That looks like a whole token. Give its id, the 12 characters "
            "between the first two underscores, and keep the rest to yourself."
        )
