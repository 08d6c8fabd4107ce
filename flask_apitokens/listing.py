"""Tokens as a list, an owner's or everybody's: search, filter, sort, page, count."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import case
from sqlalchemy import exists
from sqlalchemy import false
from sqlalchemy import func
from sqlalchemy import not_
from sqlalchemy import or_
from sqlalchemy import select

from . import rules
from . import subscriptions
from .domain import Domain
from .models import Token

PAGE_SIZE = 10
SORTS = ("created", "name", "last_used", "expires")
STATUSES = ("active", "expiring", "paused", "expired", "revoked", "deactivated")


@dataclass(frozen=True)
class ListQuery:
    """What a list shows.

    :param q: part of a name or of an id.
    :param status: one of :data:`STATUSES`, or empty for all.
    :param service: a slug, or empty for all.
    :param sort: one of :data:`SORTS`, with ``-`` in front for the largest first.
    :param page: from 1; a page past the end shows the last.
    """

    q: str = ""
    status: str = ""
    service: str = ""
    sort: str = "-created"
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.q or self.status or self.service)


@dataclass(frozen=True)
class Page:
    """One page of a list; *total* counts all that the query finds."""

    items: Sequence[Token]
    total: int
    page: int
    size: int = PAGE_SIZE

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of the first item shown, 0 on an empty page."""
        return (self.page - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item shown."""
        return self.first + len(self.items) - 1 if self.items else 0


@dataclass(frozen=True)
class Counts:
    """An owner's tokens in numbers."""

    total: int
    live: int
    expiring: int


def owned_by(domain: Domain, owner: Any) -> Select[Token]:
    """Where every query for a user starts: at the tokens of *owner*."""
    model = domain.models.Token
    return select(model).where(model.owner_id == domain.models.user_id(owner))


def page_of(domain: Domain, owner: Any, query: ListQuery) -> Page:
    """One page of the tokens of *owner*."""
    found = _narrowed(domain, owned_by(domain, owner), query)
    if query.status:
        states = subscriptions.states(domain, owner)
        # A service that is no longer declared is off, as for the guard.
        service, active = domain.models.Token.service, [s for s in states if states[s]]
        paused = and_(service.is_not(None), service.not_in(active))
        found = found.where(_has_status(domain, paused, query.status))
    return _page(domain, found, query)


def page_of_all(
    domain: Domain,
    query: ListQuery,
    *,
    owner: Any = None,
    userless: bool = False,
    size: int = PAGE_SIZE,
) -> Page:
    """One page of everybody's tokens, for administrators.

    :param owner: only the tokens of this user.
    :param userless: only the tokens without an owner.
    :param size: how many tokens make a page.
    """
    model = domain.models.Token
    found = select(model) if owner is None else owned_by(domain, owner)
    if userless:
        found = found.where(model.userless.is_(True))
    found = _narrowed(domain, found, query)
    if query.status:
        paused = _paused_sql(domain)
        found = found.where(_has_status(domain, paused, query.status))
    return _page(domain, found, query, size=size)


def statuses_of(domain: Domain, tokens: Collection[Token]) -> dict[str, str]:
    """The status of each of *tokens* by its id, whoever owns it, in one statement."""
    model = domain.models.Token
    status = _status_sql(domain, _paused_sql(domain))
    ids = [token.id for token in tokens]
    rows = domain.session.execute(select(model.id, status).where(model.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


def owners_of(domain: Domain, tokens: Collection[Token]) -> dict[Any, Any]:
    """The users who own *tokens* by their key, in one statement."""
    models = domain.models
    keys = {token.owner_id for token in tokens if not token.userless}
    query = select(models.user).where(models.user_key.in_(keys))
    users = domain.session.scalars(query).unique() if keys else ()
    return {models.user_id(user): user for user in users}


def _page(
    domain: Domain, found: Select[Token], query: ListQuery, *, size: int = PAGE_SIZE
) -> Page:
    total = domain.session.scalar(select(func.count()).select_from(found.subquery()))
    pages = max(1, -(-(total or 0) // size))
    page = min(max(query.page, 1), pages)
    ordered = found.order_by(*_order(domain, query.sort))
    items = ordered.limit(size).offset((page - 1) * size)
    return Page(domain.session.scalars(items).all(), total or 0, page, size)


def _narrowed(domain: Domain, found: Select[Token], query: ListQuery) -> Select[Token]:
    model = domain.models.Token
    if query.q.strip():
        part = _searchable(query.q)
        matches = [
            # SQLite folds the case of ASCII alone, so the text as it came too.
            func.lower(model.name).contains(part.lower(), autoescape=True),
            model.name.contains(part, autoescape=True),
        ]
        if part.isascii():
            # MariaDB refuses to compare an ASCII column with other text.
            matches.append(model.id.contains(part.lower(), autoescape=True))
        found = found.where(or_(*matches))
    if query.service:
        known = query.service in domain.catalog.services
        found = found.where(model.service == query.service if known else false())
    return found


def _searchable(text: str) -> str:
    """What of a search can stand in a name at all: a database refuses the rest."""
    normal = unicodedata.normalize("NFC", text.strip())
    return "".join(c for c in normal if unicodedata.category(c) not in rules.NOT_TEXT)


def _has_status(
    domain: Domain, paused: ColumnElement[bool], status: str
) -> ColumnElement[bool]:
    # What is no status may be text that no database takes.
    return _status_sql(domain, paused) == status if status in STATUSES else false()


def _status_sql(domain: Domain, paused: ColumnElement[bool]) -> ColumnElement[str]:
    model, now = domain.models.Token, domain.now()
    soon = now + timedelta(days=domain.settings.expiring_days)
    return case(
        (model.revoked_at.is_not(None), "revoked"),
        (model.deactivated_at.is_not(None), "deactivated"),
        (model.expires_at <= now, "expired"),
        (paused, "paused"),
        (model.expires_at <= soon, "expiring"),
        else_="active",
    )


def _paused_sql(domain: Domain) -> ColumnElement[bool]:
    """Whether a token's service is off for it, decided as the guard decides."""
    model, subscription = domain.models.Token, domain.models.Subscription
    setting, services = domain.models.ServiceSetting, domain.catalog.services
    by_default = [slug for slug, service in services.items() if service.default_active]
    own = select(subscription.active).where(
        subscription.user_id == model.owner_id, subscription.service == model.service
    )
    switched_off = exists().where(
        setting.account_id == model.account_id,
        setting.service == model.service,
        setting.active.is_(False),
    )
    open_to_all = or_(model.userless.is_(True), model.service.in_(by_default))
    return and_(
        model.service.is_not(None),
        or_(
            model.service.not_in(list(services)),
            switched_off,
            not_(func.coalesce(own.scalar_subquery(), open_to_all)),
        ),
    )


def _order(domain: Domain, sort: str) -> list[ColumnElement[Any]]:
    model = domain.models.Token
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
    # NULLS LAST as MariaDB can say it: never used and never expiring come last.
    blanks = case((column.is_(None), 1), else_=0)
    return [blanks, column.desc() if down else column.asc(), *newest]


def status_of(domain: Domain, token: Token, *, paused: bool = False) -> str:
    """One of :data:`STATUSES`; the first that fits, as in the list of them reversed.

    :param paused: whether its owner may not use its service now.
    """
    now = domain.now()
    if token.revoked_at is not None:
        return "revoked"
    if token.deactivated_at is not None:
        return "deactivated"
    if token.expires_at is not None and token.expires_at <= now:
        return "expired"
    if paused:
        return "paused"
    soon = now + timedelta(days=domain.settings.expiring_days)
    if token.expires_at is not None and token.expires_at <= soon:
        return "expiring"
    return "active"


def counts(domain: Domain, owner: Any) -> Counts:
    """The tokens of *owner* in numbers, in one statement."""
    model, now = domain.models.Token, domain.now()
    live = case((rules.is_live(domain, model), 1), else_=0)
    soon = now + timedelta(days=domain.settings.expiring_days)
    expiring = case(
        (and_(rules.is_live(domain, model), model.expires_at <= soon), 1), else_=0
    )
    row = domain.session.execute(
        select(func.count(), func.sum(live), func.sum(expiring)).where(
            model.owner_id == domain.models.user_id(owner)
        )
    ).one()
    return Counts(row[0], int(row[1] or 0), int(row[2] or 0))
