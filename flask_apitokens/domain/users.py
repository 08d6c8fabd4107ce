"""The users of an account: find, page and count them, with their tokens."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy import and_
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import not_
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.catalog import Service
from flask_apitokens.core.context import Context
from flask_apitokens.core.text import contains
from flask_apitokens.core.text import is_text
from flask_apitokens.core.text import searchable
from flask_apitokens.core.user_model import active_column
from flask_apitokens.core.user_model import as_key
from flask_apitokens.core.user_model import column_named
from flask_apitokens.db import pagination
from flask_apitokens.db.pagination import Page
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import NotFound

from . import validation

#: the columns that name a user, if the user model has them
LABELS = ("email", "username", "name")
PAGE_SIZE = 25
STATES = ("active", "inactive")


@dataclass(frozen=True)
class UserQuery:
    """The search and filter of a list of users.

    :param q: part of a name or email.
    :param state: one of :data:`STATES`, or empty for all.
    :param page: from 1; a page past the end shows the last.
    """

    q: str = ""
    state: str = ""
    page: int = 1


@dataclass(frozen=True)
class Member:
    """A user with the subscription and the tokens of one service."""

    user: Any
    active: bool
    #: the number of tokens that work, or that are paused
    tokens: int
    last_used_at: datetime | None


def users_of(ctx: Context, account_id: str) -> Select[Any]:
    """Return the query that everything about an account's users starts from.

    :raises ConfigurationError: if the host gave no ``users_of``, or an unusable one.
    """
    if ctx.callbacks.users_of is None:
        raise ConfigurationError(
            "APITokens(…, users_of=…) is missing: the users of an account"
        )
    users = ctx.callbacks.users_of(account_id)
    if not isinstance(users, Select):
        raise ConfigurationError(
            f"users_of answered {type(users).__name__}; it is to answer select(User)…"
        )
    return users


def keys_of(ctx: Context, account_id: str) -> Select[Any]:
    """Return the query of the primary keys of an account's users, for a subquery."""
    key = ctx.models.user_key
    # Tables that the host joins may be what restricts the query to the account.
    users = users_of(ctx, account_id)
    return users.with_only_columns(key, maintain_column_froms=True).order_by(None)


def user_in(ctx: Context, account_id: str, key: str) -> Any:
    """Return the user of an account with the primary key *key*.

    :raises NotFound: if the account has no such user.
    """
    column = ctx.models.user_key
    value = as_key(column.type, key) if is_text(key) else None
    found = None
    if value is not None:
        query = users_of(ctx, account_id).where(column == value)
        found = ctx.session.scalars(query).unique().one_or_none()
    if found is None or ctx.account_of(found) != account_id:
        raise NotFound
    return found


def users_by_key(
    ctx: Context, account_id: str, keys: Collection[Any]
) -> dict[Any, Any]:
    """Return the account's users with these keys, by key, in one statement."""
    column = ctx.models.user_key
    query = users_of(ctx, account_id).where(column.in_(set(keys)))
    found = ctx.session.scalars(query.order_by(None)).unique() if keys else ()
    return {
        ctx.models.user_id(user): user
        for user in found
        if ctx.account_of(user) == account_id
    }


def page_of(
    ctx: Context, account_id: str, slug: str, *, query: UserQuery
) -> Page[Member]:
    """Return one page of an account's users, with their tokens of a service."""
    found = users_of(ctx, account_id).order_by(None)
    if query.state:
        on = _is_on(ctx, slug)
        found = found.where(on if query.state == "active" else not_(on))
    if query.q.strip():
        page = _search(ctx, found.where(_matches(ctx, query.q)), query.page)
    else:
        page = _numbered_page(ctx, found, query.page)
    return replace(page, items=_members(ctx, account_id, slug, users=page.items))


def _numbered_page(ctx: Context, found: Select[Any], number: int) -> Page[Any]:
    keys = _keys(ctx, found, ctx.models.user_key).subquery()
    total = ctx.session.scalar(select(func.count()).select_from(keys)) or 0
    last = pagination.page_count(total, PAGE_SIZE)
    number = min(max(number, 1), last)
    users = _from_the_nearer_end(ctx, found, total, offset=(number - 1) * PAGE_SIZE)
    return Page(users, total, number, PAGE_SIZE, more=number < last)


def _search(ctx: Context, found: Select[Any], number: int) -> Page[Any]:
    order = _order(ctx)

    def load(keys: Sequence[Any]) -> dict[Any, Any]:
        query = found.where(ctx.models.user_key.in_(keys))
        users = ctx.session.scalars(query).unique()
        return {ctx.models.user_id(user): user for user in users}

    keys = _keys(ctx, found, *order).order_by(*order)
    return pagination.search_page(
        ctx.session, keys, load=load, number=number, size=PAGE_SIZE
    )


def _keys(ctx: Context, found: Select[Any], *columns: Any) -> Select[Any]:
    """Return the query of some columns of the users in *found*, each user once."""
    keys = found.with_only_columns(*columns, maintain_column_froms=True)
    # Removing repeated rows from a large account is slow.
    return keys.distinct() if _may_repeat(ctx, found) else keys


def _may_repeat(ctx: Context, found: Select[Any]) -> bool:
    """Return whether a join of the host may repeat users in the result."""
    return found.get_final_froms() != [ctx.models.user.__table__]


def _from_the_nearer_end(
    ctx: Context, found: Select[Any], total: int, *, offset: int
) -> Sequence[Any]:
    """Return the users of a page, counted from the start or from the end.

    A database reads all rows before an offset, so the last pages of a large account
    are read in the opposite order.
    """
    order = _order(ctx)
    number = min(PAGE_SIZE, total - offset)
    if offset <= total // 2 or _may_repeat(ctx, found):
        shown = found.order_by(*order).limit(PAGE_SIZE).offset(offset)
        return ctx.session.scalars(shown).unique().all()
    down = found.order_by(*[column.desc() for column in order])
    shown = down.limit(number).offset(total - offset - number)
    return ctx.session.scalars(shown).unique().all()[::-1]


def members(
    ctx: Context, account_id: str, slug: str, *, keys: Collection[str]
) -> list[Member]:
    """Return an account's users with these keys, with their tokens of a service."""
    column = ctx.models.user_key
    values = [as_key(column.type, key) for key in keys if is_text(key)]
    query = users_of(ctx, account_id).where(
        column.in_([value for value in values if value is not None])
    )
    found = ctx.session.scalars(query.order_by(None).order_by(*_order(ctx)))
    # The result is for changes, so account_of must confirm what users_of says.
    users = [u for u in found.unique() if ctx.account_of(u) == account_id]
    return _members(ctx, account_id, slug, users=users)


def _members(
    ctx: Context, account_id: str, slug: str, *, users: Sequence[Any]
) -> list[Member]:
    keys = [ctx.models.user_id(user) for user in users]
    default = ctx.catalog.services[slug].default_active
    subscription, token = ctx.models.Subscription, ctx.models.Token
    switched = select(subscription.user_id, subscription.active).where(
        subscription.service == slug,
        subscription.user_id.in_(keys),
        subscription.active.is_not(None),
    )
    active = {row[0]: bool(row[1]) for row in ctx.session.execute(switched)}
    holding = (
        select(
            token.owner_id,
            func.sum(validation.as_number(validation.is_usable(ctx, token))),
            func.max(token.last_used_at),
        )
        .where(
            token.owner_id.in_(keys),
            token.service == slug,
            token.account_id == account_id,
        )
        .group_by(token.owner_id)
    )
    held = {row[0]: (int(row[1] or 0), row[2]) for row in ctx.session.execute(holding)}
    return [
        Member(user, active.get(key, default), *held.get(key, (0, None)))
        for user, key in zip(users, keys, strict=True)
    ]


def count(ctx: Context, account_id: str) -> int:
    """Return the number of users of an account."""
    keys = keys_of(ctx, account_id).subquery()
    return ctx.session.scalar(select(func.count()).select_from(keys)) or 0


def has_users(ctx: Context, account_id: str) -> bool:
    """Return whether an account has any user, also if the host gave no ``users_of``."""
    if ctx.callbacks.users_of is not None:
        one = keys_of(ctx, account_id).limit(1)
        return ctx.session.scalar(one) is not None
    everybody = ctx.session.scalars(select(ctx.models.user)).unique()
    return any(ctx.account_of(user) == account_id for user in everybody)


def count_subscribed(
    ctx: Context, account_id: str, services: Collection[Service], *, users: int
) -> dict[str, int]:
    """Return the number of users of an account who are subscribed to each service.

    :param users: the number of the account's users, from :func:`count`.
    """
    model = ctx.models.Subscription
    # Only subscriptions that differ from the default are counted, which are few.
    differ = [
        and_(model.service == s.slug, model.active.is_(not s.default_active))
        for s in services
    ]
    query = (
        select(model.service, func.count())
        .where(or_(false(), *differ), model.user_id.in_(keys_of(ctx, account_id)))
        .group_by(model.service)
    )
    switched: dict[str, int] = {row[0]: row[1] for row in ctx.session.execute(query)}
    return {
        s.slug: users - switched.get(s.slug, 0)
        if s.default_active
        else switched.get(s.slug, 0)
        for s in services
    }


def _is_on(ctx: Context, slug: str) -> ColumnElement[bool]:
    """Return whether a user is subscribed, by one subquery for all users."""
    model, key = ctx.models.Subscription, ctx.models.user_key
    default = ctx.catalog.services[slug].default_active
    differ = select(model.user_id).where(
        model.service == slug, model.active.is_(not default)
    )
    return key.not_in(differ) if default else key.in_(differ)


def keys_matching(ctx: Context, account_id: str, text: str) -> Select[Any]:
    """Return the query of the keys of an account's users whose label has *text*."""
    return keys_of(ctx, account_id).where(_matches(ctx, text))


def names_of(ctx: Context, user: Any) -> tuple[str, str]:
    """Return the name of a user, and the label that distinguishes users of one name.

    :returns: the label is empty if it equals the name.
    """
    label = ctx.user_label(user)
    name = str(getattr(user, "name", None) or label)
    return name, "" if name == label else label


def is_enabled(ctx: Context, user: Any) -> bool:
    """Return whether *user* is enabled, read from the same column as the guard does."""
    column = active_column(ctx.models.user)
    return bool(getattr(user, "is_active" if column is None else column.key, True))


def label_columns(ctx: Context) -> list[Any]:
    """Return the columns that name a user, as far as the user model has them."""
    columns = [column_named(ctx.models.user, name) for name in LABELS]
    return [
        column
        for column in columns
        if column is not None and isinstance(column.type, String | Text)
    ]


def _matches(ctx: Context, text: str) -> ColumnElement[bool]:
    matches = [contains(ctx, column, text) for column in label_columns(ctx)]
    value = as_key(ctx.models.user_key.type, searchable(text))
    by_key = [] if value is None else [ctx.models.user_key == value]
    return or_(false(), *by_key, *matches)


def _order(ctx: Context) -> list[Any]:
    return [*label_columns(ctx)[:1], ctx.models.user_key]
