"""The owners of tokens to import, looked up many at a time."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import click
from sqlalchemy import false
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import is_text
from flask_apitokens.core.user_model import as_key
from flask_apitokens.domain import users as account_users
from flask_apitokens.errors import DomainError
from flask_apitokens.importing.service import ImportOwner
from flask_apitokens.importing.service import import_owner

from .arguments import find_owner

#: holders, or what is wrong, by the text that names them
Holders = dict[Any, ImportOwner | str]


def import_owners(
    ctx: Context, names: Collection[Any], *, by_key: bool = False
) -> Holders:
    """Whom each of *names* means: a primary key, email, username or name.

    Who is called exactly so is found with all the others; for the rest the database is
    asked one by one, which may not mind the case.

    :param by_key: they are primary keys and nothing else.
    """
    wanted = {name for name in names if is_text(str(name))}
    columns = [] if by_key else account_users.label_columns(ctx)
    users = _called(ctx, wanted, columns)
    return {
        name: _one(ctx, name, users.get(str(name), []), by_key=by_key) for name in names
    }


def _called(
    ctx: Context, names: Collection[Any], columns: Sequence[Any]
) -> dict[str, list[Any]]:
    key = ctx.models.user_key
    texts = sorted({str(name) for name in names})
    keys = [value for text in texts if (value := as_key(key.type, text)) is not None]
    query = select(ctx.models.user).where(
        or_(
            key.in_(keys) if keys else false(),
            *(column.in_(texts) for column in columns),
        )
    )
    found: dict[str, list[Any]] = {}
    for user in ctx.session.scalars(query).unique() if texts else ():
        labels = {getattr(user, column.key) for column in columns}
        for text in {ctx.key_text(user), *filter(None, labels)}:
            found.setdefault(text, []).append(user)
    return found


def _one(
    ctx: Context, name: Any, users: list[Any], *, by_key: bool
) -> ImportOwner | str:
    if len(users) > 1:
        return "its owner is more than one user"
    if by_key and not users:
        return "no user has the key of its owner"
    try:
        user = users[0] if users else find_owner(ctx, str(name))
        return import_owner(ctx, user)
    except click.BadParameter:
        # Not in its own words, which have the text: that may be a token.
        return "no user, or more than one, has its owner's key, email, username or name"
    except DomainError as error:
        return error.message
