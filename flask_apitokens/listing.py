"""Tokens as a list, an owner's or everybody's: search, filter, sort, page, count."""

from __future__ import annotations

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
from sqlalchemy import true

from . import people
from . import rules
from . import subscriptions
from .domain import Domain
from .lookup import active_column
from .models import Token
from .textsearch import contains
from .textsearch import searchable

PAGE_SIZE = 10
SORTS = ("created", "name", "last_used", "expires")
#: never called with, or not for the days of ``APITOKENS_UNUSED_DAYS``
USES = ("never", "unused")
STATUSES = ("active", "expiring", "paused", "expired", "revoked", "deactivated")


@dataclass(frozen=True)
class ListQuery:
    """What a list shows.

    :param q: part of a name or of an id.
    :param status: one of :data:`STATUSES`, or empty for all.
    :param service: a slug, or empty for all.
    :param kind: "api" or "access", or empty for both.
    :param use: one of :data:`USES`, or empty for any.
    :param sort: one of :data:`SORTS`, with ``-`` in front for the largest first.
    :param page: from 1; a page past the end shows the last.
    """

    q: str = ""
    status: str = ""
    service: str = ""
    kind: str = ""
    use: str = ""
    sort: str = "-created"
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.q or self.status or self.service or self.kind or self.use)


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


@dataclass(frozen=True)
class Figures:
    """An account's working tokens in numbers."""

    live: int
    expiring: int
    never_used: int
    unused: int


def owned_by(domain: Domain, owner: Any) -> Select[Token]:
    """Where every query for a user starts: at the tokens of *owner*."""
    model = domain.models.Token
    return select(model).where(model.owner_id == domain.models.user_id(owner))


def owned_in(domain: Domain, account_id: str, slug: str, owner: Any) -> Select[Token]:
    """The tokens of *owner* in an account's service."""
    model = domain.models.Token
    return owned_by(domain, owner).where(
        model.account_id == account_id, model.service == slug
    )


def userless_in(domain: Domain, account_id: str, slug: str) -> Select[Token]:
    """The tokens of an account's service that are nobody's."""
    model = domain.models.Token
    return of_account(domain, account_id).where(
        model.service == slug, model.userless.is_(True)
    )


def of_account(domain: Domain, account_id: str) -> Select[Token]:
    """Where every query for an administrator starts: at their account's tokens."""
    model = domain.models.Token
    return select(model).where(model.account_id == account_id)


def page_of(domain: Domain, owner: Any, query: ListQuery) -> Page:
    """One page of the tokens of *owner*."""
    found = _narrowed(domain, owned_by(domain, owner), query)
    if query.status:
        paused = _paused_for(domain, owner)
        found = found.where(_has_status(domain, paused, query.status))
    return _page(domain, found, query)


def _paused_for(domain: Domain, owner: Any) -> ColumnElement[bool]:
    """What of an owner's tokens is off for them now."""
    model = domain.models.Token
    if not domain.may_use_api(owner):
        return true()
    states = subscriptions.states(domain, owner)
    # A service that is no longer declared is off, as for the guard.
    active = [slug for slug in states if states[slug]]
    elsewhere = model.account_id != domain.account_of(owner)
    return or_(
        elsewhere, and_(model.service.is_not(None), model.service.not_in(active))
    )


def page_in(
    domain: Domain,
    found: Select[Token],
    query: ListQuery,
    *,
    account_id: str,
    size: int = PAGE_SIZE,
) -> Page:
    """One page of an account's tokens, or of some of them.

    :param found: from :func:`of_account`, :func:`userless_in` and the like.
    :param size: how many tokens make a page.
    """
    found = _narrowed(domain, found, query, account_id=account_id)
    if query.status:
        paused = _paused_sql(domain, account_id)
        found = found.where(_has_status(domain, paused, query.status))
    return _page(domain, found, query, size=size)


def page_of_all(
    domain: Domain,
    query: ListQuery,
    *,
    owner: Any = None,
    userless: bool = False,
    size: int = PAGE_SIZE,
) -> Page:
    """One page of the tokens of every account, for the command line.

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


def statuses_of(
    domain: Domain, tokens: Collection[Token], *, account_id: str | None = None
) -> dict[str, str]:
    """The status of each of *tokens* by its id, whoever owns it, in one statement.

    :param account_id: the account they are all of, where they are of one.
    """
    model = domain.models.Token
    status = _status_sql(domain, _paused_sql(domain, account_id))
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


def _narrowed(
    domain: Domain,
    found: Select[Token],
    query: ListQuery,
    *,
    account_id: str | None = None,
) -> Select[Token]:
    model = domain.models.Token
    if query.q.strip():
        part = searchable(query.q)
        matches = [contains(model.name, query.q)]
        if part.isascii():
            # MariaDB refuses to compare an ASCII column with other text.
            matches.append(model.id.contains(part.lower(), autoescape=True))
        if account_id is not None:
            matches += _owned_or_used_by(domain, account_id, part)
        found = found.where(or_(*matches))
    if query.kind:
        found = found.where(model.kind == query.kind)
    if query.use == "never":
        found = found.where(model.last_used_at.is_(None))
    elif query.use:
        found = found.where(_unused(domain))
    if query.service:
        known = query.service in domain.catalog.services
        found = found.where(model.service == query.service if known else false())
    return found


def _owned_or_used_by(
    domain: Domain, account_id: str, part: str
) -> list[ColumnElement[bool]]:
    """What more an administrator looks for: owners, and the address of the last use."""
    model = domain.models.Token
    owners = people.keys_matching(domain, account_id, part)
    by_address = model.last_used_ip == part if part.isascii() else false()
    return [model.owner_id.in_(owners), by_address]


def _unused(domain: Domain) -> ColumnElement[bool]:
    """Whether a token was not used for long; a new one has not had the time yet."""
    model = domain.models.Token
    since = domain.now() - timedelta(days=domain.settings.unused_days)
    return func.coalesce(model.last_used_at, model.created_at) < since


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


def _paused_sql(domain: Domain, account_id: str | None = None) -> ColumnElement[bool]:
    """Whether a token is off through no act on itself, decided as the guard decides.

    What only the host's callables know is left to the guard.

    :param account_id: the account it is of: then its owner must be of it too.
    """
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
    had = services if account_id is None else domain.services_of(account_id)
    service_off = and_(
        model.service.is_not(None),
        or_(
            model.service.not_in(list(had)),
            switched_off,
            not_(func.coalesce(own.scalar_subquery(), open_to_all)),
        ),
    )
    if account_id is None:
        return service_off
    entitled = _entitled(domain, account_id)
    owner_off = and_(model.userless.is_(False), model.owner_id.not_in(entitled))
    return or_(service_off, owner_off)


def _entitled(domain: Domain, account_id: str) -> Select[Any]:
    """The keys of an account's users whose tokens the guard accepts."""
    keys = people.keys_of(domain, account_id)
    for column in (
        active_column(domain.models.user),
        domain.hooks.permission_column,
    ):
        if column is not None:
            keys = keys.where(column)
    return keys


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


def figures_of(domain: Domain, account_id: str) -> Figures:
    """An account's working tokens in numbers, in one statement."""
    model = domain.models.Token
    soon = domain.now() + timedelta(days=domain.settings.expiring_days)
    number = rules.as_number
    query = (
        of_account(domain, account_id)
        .where(rules.is_usable(domain, model))
        .with_only_columns(
            func.count(),
            func.sum(number(model.expires_at <= soon)),
            func.sum(number(model.last_used_at.is_(None))),
            func.sum(number(_unused(domain))),
        )
    )
    return Figures(*(int(value or 0) for value in domain.session.execute(query).one()))


def counts_by_service(domain: Domain, account_id: str) -> dict[str, tuple[int, int]]:
    """The user tokens and the userless ones of each service that work in an account."""
    model = domain.models.Token
    query = (
        select(model.service, model.userless, func.count())
        .where(model.account_id == account_id, rules.is_usable(domain, model))
        .group_by(model.service, model.userless)
    )
    number = {(row[0], bool(row[1])): row[2] for row in domain.session.execute(query)}
    return {
        slug: (number.get((slug, False), 0), number.get((slug, True), 0))
        for slug in domain.services_of(account_id)
    }


def counts(domain: Domain, among: Select[Token]) -> Counts:
    """The tokens of a list in numbers, in one statement.

    :param among: where the list starts: :func:`owned_by` and the like.
    """
    model, now = domain.models.Token, domain.now()
    live = case((rules.is_live(domain, model), 1), else_=0)
    soon = now + timedelta(days=domain.settings.expiring_days)
    expiring = case(
        (and_(rules.is_live(domain, model), model.expires_at <= soon), 1), else_=0
    )
    query = among.with_only_columns(func.count(), func.sum(live), func.sum(expiring))
    row = domain.session.execute(query).one()
    return Counts(row[0], int(row[1] or 0), int(row[2] or 0))
