"""The names of the tokens and users of recorded calls, looked up for display."""

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
    """Return the names of an account's tokens that still exist, by token id.

    :param account_id: ``None`` for every account.
    """
    if not ids:
        return {}
    model = ctx.models.Token
    query = select(model.id, model.name).where(model.id.in_(set(ids)))
    if account_id is not None:
        query = query.where(model.account_id == account_id)
    return {row[0]: row[1] for row in ctx.session.execute(query)}


def last_names(ctx: Context, account_id: str, ids: Collection[str]) -> dict[str, str]:
    """Return the names of an account's deleted tokens from the audit log, by id."""
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
    """Return the last owner of each token from the audit log, by token id.

    A user who is in another account by now keeps the label of the audit log, because
    the label in the other account is not for this one.
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
    """Return the labels of an account's users, by the primary key as text.

    Users who were deleted or are in another account by now are left out.

    :param account_id: ``None`` for every account.
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
