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

from . import expiry as token_expiry
from . import validation


@dataclass(frozen=True)
class Counts:
    """The tokens of a list in numbers."""

    total: int
    expiring: int


@dataclass(frozen=True)
class Figures:
    """An account's working tokens in numbers."""

    live: int
    expiring: int
    never_used: int
    unused: int
    #: imported ones that are weak; none where no token can be imported
    weak: int | None = None


def count_up_to(ctx: Context, found: Select[Any], most: int = COUNT_LIMIT) -> int:
    """How many rows *found* has, or *most* and one if they are more."""
    return ctx.session.scalar(select(_number(found, most))) or 0


def _number(found: Select[Any], most: int = COUNT_LIMIT) -> ColumnElement[int]:
    one: Any = literal_column("1").label("one")
    some: Select[Any] = found.with_only_columns(one, maintain_column_froms=True)
    some = some.order_by(None).limit(most + 1)
    return select(func.count()).select_from(some.subquery()).scalar_subquery()


def counts(ctx: Context, among: Select[Token]) -> Counts:
    """The tokens of a list in numbers, in one statement.

    :param among: where the list starts: :func:`listing.owned_by` and the like.
    """
    model = ctx.models.Token
    # Whoever rotated a token knows that it ends, and has another.
    near = and_(token_expiry.is_near(ctx, model), model.successor_id.is_(None))
    soon = among.where(validation.is_live(ctx, model), near)
    return Counts(*_numbers(ctx, [among, soon]))


def figures_of(ctx: Context, account_id: str) -> Figures:
    """An account's working tokens in numbers, in one statement."""
    model = ctx.models.Token
    works = select(model).where(
        model.account_id == account_id, validation.is_usable(ctx, model)
    )
    several = [
        works,
        works.where(token_expiry.is_near(ctx, model)),
        works.where(model.last_used_at.is_(None)),
        works.where(is_unused(ctx)),
    ]
    if ctx.settings.peppers:
        several.append(works.where(is_weak(ctx)))
    return Figures(*_numbers(ctx, several))


def is_weak(ctx: Context) -> ColumnElement[bool]:
    """Whether a token was imported with less to guess than there should be."""
    row = ctx.models.Import
    weak = select(row.token_id).where(row.strength == "weak", row.token_id.is_not(None))
    return ctx.models.Token.id.in_(weak)


def used_since(ctx: Context, among: Select[Token], since: datetime) -> tuple[int, int]:
    """How many tokens of a list were used since a moment, and how many there are."""
    used = among.where(ctx.models.Token.last_used_at >= since)
    some, every = _numbers(ctx, [used, among])
    return some, every


def is_unused(ctx: Context) -> ColumnElement[bool]:
    """Whether a token was not used for long; a new one has not had the time yet."""
    model = ctx.models.Token
    since = ctx.now() - timedelta(days=ctx.settings.unused_days)
    idle = or_(model.last_used_at < since, model.last_used_at.is_(None))
    # Said of all: from the newest that are old enough an index finds the way.
    return and_(model.created_at < since, idle)


def counts_by_service(
    ctx: Context, account_id: str, services: Collection[Service]
) -> dict[str, tuple[int, int]]:
    """The user tokens and the userless ones of services that work in an account."""
    model = ctx.models.Token
    works = select(model).where(
        model.account_id == account_id, validation.is_usable(ctx, model)
    )
    numbers = _numbers(
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


def _numbers(ctx: Context, several: Sequence[Select[Any]]) -> list[int]:
    """How many rows each of *several* has, in one statement."""
    if not several:
        return []
    row = ctx.session.execute(select(*[_number(found) for found in several])).one()
    return [int(value or 0) for value in row]
