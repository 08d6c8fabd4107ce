"""What the tokens and the users of recorded calls are called, looked up when shown."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import is_text
from flask_apitokens.core.user_model import as_key
from flask_apitokens.domain import users as account_users


def token_names(
    ctx: Context, account_id: str | None, ids: Collection[str]
) -> dict[str, str]:
    """The names of those of an account's tokens that are still there, by their ids.

    :param account_id: ``None``, for the command line, for every account's.
    """
    if not ids:
        return {}
    model = ctx.models.Token
    query = select(model.id, model.name).where(model.id.in_(set(ids)))
    if account_id is not None:
        query = query.where(model.account_id == account_id)
    return {row[0]: row[1] for row in ctx.session.execute(query)}


def last_names(ctx: Context, account_id: str, ids: Collection[str]) -> dict[str, str]:
    """What the audit log calls an account's deleted tokens, by their ids."""
    if not ids:
        return {}
    model = ctx.models.Event
    query = select(model.token_id, model.token_name).where(
        model.token_id.in_(set(ids)),
        model.account_id == account_id,
        model.action == "deleted",
    )
    return {str(row[0]): str(row[1]) for row in ctx.session.execute(query)}


def last_owners(ctx: Context, account_id: str, ids: Collection[str]) -> dict[str, str]:
    """What the audit log last called the owners of an account's tokens, by their ids.

    Of who is in another account by now, what people call them there is not told here.
    """
    if not ids:
        return {}
    model = ctx.models.Event
    query = select(model.token_id, model.subject_label).where(
        model.token_id.in_(set(ids)),
        model.account_id == account_id,
        model.subject_label.is_not(None),
    )
    found = ctx.session.execute(query.order_by(model.id))
    return {str(row[0]): str(row[1]) for row in found}


def owner_labels(
    ctx: Context, account_id: str | None, keys: Collection[str]
) -> dict[str, str]:
    """What people call an account's users, by the primary key as text.

    Who was deleted, or is of another account by now, is not among them.

    :param account_id: ``None``, for the command line, for every account's.
    """
    column = ctx.models.user_key
    known = [as_key(column.type, key) for key in set(keys) if key and is_text(key)]
    values = [key for key in known if key is not None]
    if not values:
        return {}
    if account_id is None:
        query = select(ctx.models.user).where(column.in_(values))
        users = list(ctx.session.scalars(query).unique())
    else:
        users = list(account_users.users_by_key(ctx, account_id, values).values())
    return {ctx.key_text(user): ctx.user_label(user) for user in users}
