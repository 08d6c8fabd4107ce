"""Lists of tokens, of an owner or of an account: search, filter, sort and page."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import true

from flask_apitokens.core import networks
from flask_apitokens.core.context import Context
from flask_apitokens.core.text import contains
from flask_apitokens.core.text import searchable
from flask_apitokens.crypto.tokens import ID_ALPHABET
from flask_apitokens.crypto.tokens import ID_LENGTH
from flask_apitokens.crypto.tokens import IMPORTED
from flask_apitokens.db import pagination
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import Page
from flask_apitokens.db.pagination import Position

from . import expiry as token_expiry
from . import subscriptions
from . import token_counts
from . import token_status
from . import users as account_users
from . import validation

PAGE_SIZE = 10
SORTS = ("created", "name", "last_used", "expires")
#: filters by use: never used, not used for ``APITOKENS_UNUSED_DAYS``, or used in the
#: days for which calls are kept
USES = ("never", "unused", "recent")
#: the filter for tokens that outlive ``APITOKENS_EXPIRY_MAX``
OUTSIDE = "outside"
#: filters by origin: tokens of another system, or the weak ones of those
ORIGINS = ("imported", "weak")
_FEW_OWNERS = 500


@dataclass(frozen=True)
class ListQuery:
    """The search, filters and order of a list.

    :param q: part of a name or of an id.
    :param status: one of the statuses or groups of :mod:`.token_status`, or empty for
        all.
    :param service: a slug, or empty for all.
    :param kind: "api" or "access", or empty for both.
    :param use: one of :data:`USES`, or empty for any.
    :param policy: "outside" for live tokens that outlive ``APITOKENS_EXPIRY_MAX``.
    :param origin: one of :data:`ORIGINS`, or empty for all.
    :param sort: one of :data:`SORTS`, with ``-`` in front for the largest first.
    :param page: from 1; a page past the end shows the last.
    """

    q: str = ""
    status: str = ""
    service: str = ""
    kind: str = ""
    use: str = ""
    policy: str = ""
    origin: str = ""
    sort: str = "-created"
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Whether it leaves out any token."""
        filters = self.status, self.service, self.kind, self.use
        return bool(self.q or any(filters) or self.policy or self.origin)

    @property
    def is_figure(self) -> bool:
        """Whether a page shows the number of these tokens, so it is counted alike."""
        named = self.status in token_status.GROUPS or self.use == "recent"
        return not self.q and (named or bool(self.policy))


def owned_by(ctx: Context, owner: Any) -> Select[Token]:
    """Return the query that every page of a user starts from: the tokens of *owner*."""
    model = ctx.models.Token
    return select(model).where(model.owner_id == ctx.models.user_id(owner))


def owned_in(ctx: Context, account_id: str, slug: str, *, owner: Any) -> Select[Token]:
    """Return the query of the tokens of *owner* in an account's service."""
    model = ctx.models.Token
    return owned_by(ctx, owner).where(
        model.account_id == account_id, model.service == slug
    )


def userless_in(ctx: Context, account_id: str, slug: str) -> Select[Token]:
    """Return the query of the userless tokens of an account's service."""
    model = ctx.models.Token
    return of_account(ctx, account_id).where(
        model.service == slug, model.userless.is_(True)
    )


def of_account(ctx: Context, account_id: str) -> Select[Token]:
    """Return the query that every page of an administrator starts from."""
    model = ctx.models.Token
    return select(model).where(model.account_id == account_id)


def page_of(ctx: Context, owner: Any, query: ListQuery) -> Page[Token]:
    """Return one page of the tokens of *owner*."""
    found = _narrowed(ctx, owned_by(ctx, owner), query)
    if query.status:
        paused = _paused_for(ctx, owner)
        found = found.where(token_status.has_status(ctx, query.status, paused))
    return _page(ctx, found, query)


def _paused_for(ctx: Context, owner: Any) -> ColumnElement[bool]:
    """Return whether a token of *owner* is paused now."""
    model = ctx.models.Token
    if not ctx.may_use_api(owner):
        return true()
    states = subscriptions.states(ctx, owner)
    # As in the guard, a service that is no longer declared is off.
    active = [slug for slug in states if states[slug]]
    elsewhere = model.account_id != ctx.account_of(owner)
    return or_(
        elsewhere, and_(model.service.is_not(None), model.service.not_in(active))
    )


def page_in(
    ctx: Context,
    found: Select[Token],
    query: ListQuery,
    *,
    account_id: str,
    size: int = PAGE_SIZE,
) -> Page[Token]:
    """Return one page of an account's tokens, or of some of them.

    :param found: from :func:`of_account`, :func:`userless_in` and the like.
    :param size: how many tokens make a page.
    """
    found = _found_in(ctx, found, query, account_id=account_id)
    return _page(ctx, found, query, size=size)


def _found_in(
    ctx: Context, found: Select[Token], query: ListQuery, *, account_id: str
) -> Select[Token]:
    found = _narrowed(ctx, found, query, account_id=account_id)
    if query.status:
        paused = token_status.paused_in(ctx, account_id)
        found = found.where(token_status.has_status(ctx, query.status, paused))
    return found


def batches(
    ctx: Context, found: Select[Token], query: ListQuery, *, account_id: str
) -> Iterator[Sequence[Token]]:
    """Read all of an account's tokens that *query* finds, newest first, in batches.

    A token that is generated meanwhile is newer than the first batch and left out.

    :param found: as for :func:`page_in`.
    """
    model = ctx.models.Token
    found = _found_in(ctx, found, query, account_id=account_id)
    ordered = found.order_by(model.created_at.desc(), model.id.desc())

    def read(last: Position | None, limit: int) -> Sequence[Token]:
        below = () if last is None else (last.older(model.created_at, model.id),)
        return ctx.session.scalars(ordered.where(*below).limit(limit)).all()

    return pagination.batches(read, lambda token: Position(token.created_at, token.id))


def page_of_all(
    ctx: Context,
    query: ListQuery,
    *,
    owner: Any = None,
    userless: bool = False,
    size: int = PAGE_SIZE,
) -> Page[Token]:
    """Return one page of the tokens of all accounts, for the command line.

    :param owner: only the tokens of this user.
    :param userless: only the tokens without an owner.
    :param size: how many tokens make a page.
    """
    model = ctx.models.Token
    found = select(model) if owner is None else owned_by(ctx, owner)
    if userless:
        found = found.where(model.userless.is_(True))
    found = _narrowed(ctx, found, query)
    if query.status:
        paused = token_status.paused_anywhere(ctx)
        found = found.where(token_status.has_status(ctx, query.status, paused))
    return _page(ctx, found, query, size=size)


def owners_of(ctx: Context, tokens: Collection[Token]) -> dict[Any, Any]:
    """Return the users who own *tokens* by their key, in one statement."""
    models = ctx.models
    keys = {token.owner_id for token in tokens if not token.userless}
    query = select(models.user).where(models.user_key.in_(keys))
    users = ctx.session.scalars(query).unique() if keys else ()
    return {models.user_id(user): user for user in users}


def _page(
    ctx: Context, found: Select[Token], query: ListQuery, *, size: int = PAGE_SIZE
) -> Page[Token]:
    order = _order(ctx, query.sort)
    if query.narrows:
        keys = found.with_only_columns(ctx.models.Token.id).order_by(*order)
        return pagination.search_page(
            ctx.session,
            keys,
            load=partial(_by_id, ctx),
            number=query.page,
            size=size,
            limit=pagination.COUNT_LIMIT if query.is_figure else None,
        )
    return pagination.numbered_page(
        ctx.session,
        found.order_by(*order),
        total=token_counts.count_up_to(ctx, found),
        number=query.page,
        size=size,
        limit=pagination.COUNT_LIMIT,
    )


def _by_id(ctx: Context, ids: Sequence[str]) -> dict[str, Token]:
    model = ctx.models.Token
    rows = ctx.session.scalars(select(model).where(model.id.in_(ids)))
    return {token.id: token for token in rows}


def _narrowed(
    ctx: Context,
    found: Select[Token],
    query: ListQuery,
    *,
    account_id: str | None = None,
) -> Select[Token]:
    model = ctx.models.Token
    if query.q.strip():
        part = searchable(query.q)
        if _is_id(ctx, found, part):
            return found.where(model.id == part)
        matches = [contains(ctx, model.name, query.q)]
        if set(part.lower()) <= set(ID_ALPHABET):
            matches.append(model.id.contains(part.lower(), autoescape=True))
        if account_id is not None:
            matches += _owned_or_used_by(ctx, account_id, part)
        found = found.where(or_(*matches))
    if query.kind:
        found = found.where(model.kind == query.kind)
    if query.use == "never":
        found = found.where(model.last_used_at.is_(None))
    elif query.use == "recent":
        days = timedelta(days=ctx.settings.usage_retention_days)
        found = found.where(model.last_used_at >= ctx.now() - days)
    elif query.use:
        found = found.where(token_counts.is_unused(ctx))
    if query.policy:
        live = validation.is_live(ctx, model)
        found = found.where(live, token_expiry.outlives(ctx, model))
    if query.origin == "imported":
        found = found.where(model.scheme == IMPORTED)
    elif query.origin:
        found = found.where(token_counts.is_weak(ctx))
    if query.service:
        known = query.service in ctx.catalog.services
        found = found.where(model.service == query.service if known else false())
    return found


def _is_id(ctx: Context, found: Select[Token], part: str) -> bool:
    """Return whether *part* is the whole id of a token, so that only this is shown."""
    if len(part) != ID_LENGTH or not set(part) <= set(ID_ALPHABET):
        return False
    one = found.where(ctx.models.Token.id == part)
    return token_counts.count_up_to(ctx, one, 1) > 0


def _owned_or_used_by(
    ctx: Context, account_id: str, part: str
) -> list[ColumnElement[bool]]:
    """Return the conditions of an administrator's search: owners, and last address."""
    model = ctx.models.Token
    owners: Any = account_users.keys_matching(ctx, account_id, part)
    keys = ctx.session.scalars(owners.limit(_FEW_OWNERS + 1)).all()
    if len(keys) <= _FEW_OWNERS:
        # With a list of keys the database uses the index on the owner. With a subquery
        # it reads every token.
        owners = keys
    matches = [model.owner_id.in_(owners)]
    address = networks.address(part)
    if address is not None:
        matches.append(model.last_used_ip == address)
    return matches


def _order(ctx: Context, sort: str) -> list[ColumnElement[Any]]:
    model = ctx.models.Token
    down = sort.startswith("-")
    newest: list[ColumnElement[Any]] = [model.created_at.desc(), model.id.desc()]
    columns: dict[str, Any] = {
        "name": func.lower(model.name),
        "last_used": model.last_used_at,
        "expires": model.expires_at,
    }
    column = columns.get(sort.lstrip("-"))
    if column is None:
        return newest if down else [model.created_at.asc(), model.id.asc()]
    # MariaDB has no NULLS LAST. Tokens that never expire come last. Those that were
    # never used come first where the longest unused come first.
    unused_first = sort == "last_used"
    blanks = case((column.is_(None), 0 if unused_first else 1), else_=int(unused_first))
    return [blanks, column.desc() if down else column.asc(), *newest]
