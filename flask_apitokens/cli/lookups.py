"""Look up what the command line names: users, tokens, services, accounts."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import false
from sqlalchemy import inspect
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import is_text
from flask_apitokens.core.user_model import as_key
from flask_apitokens.core.user_model import python_type_of
from flask_apitokens.crypto.plaintext import pasted
from flask_apitokens.db.models import Token
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.tokens import find_token
from flask_apitokens.domain.users import LABELS
from flask_apitokens.errors import TokenNotFound

from .output import printable

#: users that an ambiguous --owner names in its error
_MOST_NAMED = 6


def required_account(ctx: Context, account: str | None) -> str:
    """Return the account that ``--account`` names.

    :returns: an empty text if the application has no accounts and none is named.
    :raises click.UsageError: if the application has accounts and none is named.
    :raises click.ClickException: if no user, token or setting belongs to the account.
    """
    if not ctx.callbacks.has_accounts:
        return account or ""
    if account is None:
        raise click.UsageError("Say in which account: --account ID.")
    # A mistyped account would store something that no administrator ever sees.
    models = ctx.models
    for model in (models.Token, models.ServiceSetting):
        stored = select(model.account_id).where(model.account_id == account)
        if ctx.session.scalar(stored.limit(1)) is not None:
            return account
    if not account_users.has_users(ctx, account):
        raise click.ClickException(
            f"No user and no token belongs to the account {printable(account)}."
        )
    return account


def check_services(ctx: Context, *slugs: str | None, hint: str) -> None:
    """Refuse services that the application does not declare.

    :param slugs: ``None`` is no service, and allowed.
    :param hint: the option or argument they came from.
    :raises click.BadParameter: with the services there are.
    """
    for slug in slugs:
        if slug is not None and slug not in ctx.catalog.services:
            known = ", ".join(ctx.catalog.services)
            known = f"there are {known}" if known else "the application declares none"
            raise click.BadParameter(
                f"“{printable(slug)}” is not a service; {known}.",
                param_hint=f"'{hint}'",
            )


def check_scopes(ctx: Context, service: str | None, scopes: Collection[str]) -> None:
    """Refuse scopes that the service lacks, and no scope if the service has some.

    :raises click.BadParameter: with the scopes there are.
    """
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
    """Return the one user whose key, email, username or name is *text*.

    :raises click.BadParameter: if there is no such user, or more than one.
    """
    users = users_named(ctx, [text], limit=_MOST_NAMED) if is_text(text) else []
    if len(users) == 1:
        return users[0]
    if not users:
        reason = f"no user has the key, email, username or name “{printable(text)}”."
    else:
        names = ", ".join(
            printable(f"{ctx.key_text(user)} ({ctx.user_label(user)})")
            for user in users
        )
        reason = f"“{printable(text)}” is more than one user: {names}. Say which."
    raise click.BadParameter(reason, param_hint="'--owner'")


def label_attributes(ctx: Context) -> list[Any]:
    """Return the text attributes that a user can be named by, besides the key."""
    columns = inspect(ctx.models.user).column_attrs
    return [
        getattr(ctx.models.user, name)
        for name in LABELS
        if name in columns and python_type_of(columns[name].columns[0].type) is str
    ]


def users_named(
    ctx: Context,
    texts: Collection[str],
    *,
    by_key: bool = False,
    limit: int | None = None,
) -> list[Any]:
    """Return the users whose key, email, username or name is one of *texts*.

    :param by_key: whether the texts are primary keys and nothing else.
    """
    texts = sorted(text for text in set(texts) if text)
    key = ctx.models.user_key
    keys = [value for text in texts if (value := as_key(key.type, text)) is not None]
    labels = [] if by_key else label_attributes(ctx)
    matches = or_(
        # Without any key to compare with, this condition must match no user.
        key.in_(keys) if keys else false(),
        *(label.in_(texts) for label in labels),
    )
    query = select(ctx.models.user).where(matches).limit(limit)
    return [*ctx.session.scalars(query).unique()] if texts else []


def find_tokens(ctx: Context, token_ids: Sequence[str]) -> list[Token]:
    """Return the tokens with these ids.

    :raises click.UsageError: if a plaintext was given instead of an id.
    :raises click.ClickException: with the ids that no token has.
    """
    found, unknown = [], []
    for token_id in dict.fromkeys(pasted_id(ctx, each) for each in token_ids):
        try:
            found.append(find_token(ctx, token_id))
        except TokenNotFound:
            unknown.append(printable(token_id)[:80])
    if unknown:
        raise click.ClickException(f"No token has the id {', '.join(unknown)}.")
    return found


def pasted_id(ctx: Context, token_id: str) -> str:
    """Return an id without white space around it, and refuse a plaintext in its place.

    :raises click.UsageError: which does not repeat the text, as it has a secret.
    """
    brand = ctx.settings.brand
    if re.search(rf"(?<![A-Za-z0-9]){brand}s?_", token_id):
        raise click.UsageError(
            "That looks like a whole token. Give its id, the 12 characters "
            "between the first two underscores, and keep the rest to yourself."
        )
    return pasted(token_id)
