"""The users of an account: found, paged, counted, each beside what they hold."""

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

#: what a user may be called by besides the primary key, where the model has it
LABELS = ("email", "username", "name")
PAGE_SIZE = 25
STATES = ("active", "inactive")


@dataclass(frozen=True)
class PeopleQuery:
    """Which users of an account a list shows.

    :param q: part of a name or email.
    :param state: one of :data:`STATES`, or empty for all.
    :param page: from 1; a page past the end shows the last.
    """

    q: str = ""
    state: str = ""
    page: int = 1


@dataclass(frozen=True)
class Member:
    """A user beside what they hold of one service."""

    user: Any
    active: bool
    #: tokens that work, or will again once they are no longer paused
    tokens: int
    last_used_at: datetime | None


def users_of(ctx: Context, account_id: str) -> Select[Any]:
    """Where every query about an account's users starts.

    :raises ConfigurationError: if the host does not say who they are.
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
    """The primary keys of an account's users, for use inside another statement."""
    key = ctx.models.user_key
    # What the host joins, or inherits from, keeps the account's users apart.
    users = users_of(ctx, account_id)
    return users.with_only_columns(key, maintain_column_froms=True).order_by(None)


def user_in(ctx: Context, account_id: str, key: str) -> Any:
    """The user with the primary key *key*, if it is one of the account's.

    :raises NotFound: if there is no such user, or in another account.
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
    """Those of the account's users who have these keys, by key, in one statement."""
    column = ctx.models.user_key
    query = users_of(ctx, account_id).where(column.in_(set(keys)))
    found = ctx.session.scalars(query.order_by(None)).unique() if keys else ()
    return {
        ctx.models.user_id(user): user
        for user in found
        if ctx.account_of(user) == account_id
    }


def page_of(
    ctx: Context, account_id: str, slug: str, *, query: PeopleQuery
) -> Page[Member]:
    """One page of the users of an account beside what they hold of a service."""
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
    """The columns of the users that *found* names, each user once."""
    keys = found.with_only_columns(*columns, maintain_column_froms=True)
    # Removing repeated rows from a large account is slow.
    return keys.distinct() if _may_repeat(ctx, found) else keys


def _may_repeat(ctx: Context, found: Select[Any]) -> bool:
    """Whether what the host joins may make a statement name a user twice."""
    return found.get_final_froms() != [ctx.models.user.__table__]


def _from_the_nearer_end(
    ctx: Context, found: Select[Any], total: int, *, offset: int
) -> Sequence[Any]:
    """The users of a page; the last ones are reached from the end, in no time."""
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
    """The users of an account with these keys beside what they hold of a service."""
    column = ctx.models.user_key
    values = [as_key(column.type, key) for key in keys if is_text(key)]
    query = users_of(ctx, account_id).where(
        column.in_([value for value in values if value is not None])
    )
    found = ctx.session.scalars(query.order_by(None).order_by(*_order(ctx)))
    # Before anything of theirs is changed the user's own account decides.
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
    """How many users an account has."""
    keys = keys_of(ctx, account_id).subquery()
    return ctx.session.scalar(select(func.count()).select_from(keys)) or 0


def has_users(ctx: Context, account_id: str) -> bool:
    """Whether an account has any user at all, told without ``users_of`` too."""
    if ctx.callbacks.users_of is not None:
        one = keys_of(ctx, account_id).limit(1)
        return ctx.session.scalar(one) is not None
    everybody = ctx.session.scalars(select(ctx.models.user)).unique()
    return any(ctx.account_of(user) == account_id for user in everybody)


def count_subscribed(
    ctx: Context, account_id: str, services: Collection[Service], *, users: int
) -> dict[str, int]:
    """How many users of an account are subscribed to each of some services.

    :param users: how many there are, from :func:`count`.
    """
    model = ctx.models.Subscription
    # Who was switched to what the service is by default anyhow need not be looked at.
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
    """Whether a user is subscribed; by one look at all subscriptions, not one each."""
    model, key = ctx.models.Subscription, ctx.models.user_key
    default = ctx.catalog.services[slug].default_active
    differ = select(model.user_id).where(
        model.service == slug, model.active.is_(not default)
    )
    return key.not_in(differ) if default else key.in_(differ)


def keys_matching(ctx: Context, account_id: str, text: str) -> Select[Any]:
    """The keys of an account's users whose name or email contains *text*."""
    return keys_of(ctx, account_id).where(_matches(ctx, text))


def names_of(ctx: Context, user: Any) -> tuple[str, str]:
    """What a user is called, and what tells them from another of the same name.

    :returns: the second is empty where the first is all there is.
    """
    label = ctx.user_label(user)
    name = str(getattr(user, "name", None) or label)
    return name, "" if name == label else label


def is_enabled(ctx: Context, user: Any) -> bool:
    """Whether the host lets *user* in, read where the guard reads it."""
    column = active_column(ctx.models.user)
    return bool(getattr(user, "is_active" if column is None else column.key, True))


def label_columns(ctx: Context) -> list[Any]:
    """The columns that people call a user by, where the model has them."""
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
