"""Counts of tokens. Counting stops at :data:`COUNT_LIMIT`, to bound its cost."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import func
from sqlalchemy import literal_column
from sqlalchemy import or_
from sqlalchemy import select

from flask_apitokens.catalog import Service
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import COUNT_LIMIT

from . import token_status
from . import validation


@dataclass(frozen=True)
class ListCounts:
    """Counts of the tokens in a list."""

    total: int
    expiring: int


@dataclass(frozen=True)
class AccountCounts:
    """Counts of an account's working tokens."""

    live: int
    expiring: int
    never_used: int
    unused: int
    #: imported ones that are weak; None if no token can be imported
    weak: int | None = None


def count_up_to(ctx: Context, found: Select[Any], most: int = COUNT_LIMIT) -> int:
    """Return the number of rows of *found*, or *most* + 1 if there are more."""
    return ctx.session.scalar(select(_count_query(found, most))) or 0


def _count_query(found: Select[Any], most: int = COUNT_LIMIT) -> ColumnElement[int]:
    one: Any = literal_column("1").label("one")
    some: Select[Any] = found.with_only_columns(one, maintain_column_froms=True)
    some = some.order_by(None).limit(most + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def count_list(ctx: Context, among: Select[Token]) -> ListCounts:
    """Count the tokens of a list, in one statement.

    :param among: the query of the list, such as :func:`.token_list.owned_by`.
    """
    soon = among.where(token_status.is_ending(ctx))
    return ListCounts(*_count_each(ctx, [among, soon]))


def count_account(ctx: Context, account_id: str) -> AccountCounts:
    """Count the working tokens of an account, in one statement."""
    model = ctx.models.Token
    works = select(model).where(
        model.account_id == account_id, validation.is_usable(ctx, model)
    )
    several = [
        works,
        works.where(token_status.is_ending(ctx)),
        works.where(model.last_used_at.is_(None)),
        works.where(is_unused(ctx)),
    ]
    if ctx.settings.peppers:
        several.append(works.where(is_weak(ctx)))
    return AccountCounts(*_count_each(ctx, several))


def is_weak(ctx: Context) -> ColumnElement[bool]:
    """Return whether an imported token is weak: too easy to guess."""
    row = ctx.models.Import
    weak = select(row.token_id).where(row.strength == "weak", row.token_id.is_not(None))
    return ctx.models.Token.id.in_(weak)


def count_used_since(
    ctx: Context, among: Select[Token], since: datetime
) -> tuple[int, int]:
    """Return how many tokens of a list were used since a moment, and how many exist."""
    used = among.where(ctx.models.Token.last_used_at >= since)
    some, every = _count_each(ctx, [used, among])
    return some, every


def is_unused(ctx: Context) -> ColumnElement[bool]:
    """Return whether a token was not used for ``APITOKENS_UNUSED_DAYS``.

    A token that is younger than that is not unused.
    """
    model = ctx.models.Token
    since = ctx.now() - timedelta(days=ctx.settings.unused_days)
    idle = or_(model.last_used_at < since, model.last_used_at.is_(None))
    # The condition on created_at lets the database use the index on it.
    return and_(model.created_at < since, idle)


def count_by_service(
    ctx: Context, account_id: str, services: Collection[Service]
) -> dict[str, tuple[int, int]]:
    """Count the working tokens of services in an account.

    :returns: by slug the number of user tokens and of userless tokens.
    """
    model = ctx.models.Token
    works = select(model).where(
        model.account_id == account_id, validation.is_usable(ctx, model)
    )
    numbers = _count_each(
        ctx,
        [
            works.where(model.service == service.slug, model.userless.is_(userless))
            for service in services
            for userless in (False, True)
        ],
    )
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    slugs = [service.slug for service in services]
    return dict(zip(slugs, pairs, strict=True))


def _count_each(ctx: Context, several: Sequence[Select[Any]]) -> list[int]:
    """Return the number of rows of each query, in one statement."""
    if not several:
        return []
    row = ctx.session.execute(select(*[_count_query(found) for found in several])).one()
    return [int(value or 0) for value in row]
