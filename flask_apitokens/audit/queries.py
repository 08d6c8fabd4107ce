"""Read the audit log: search, filter, in pages or in batches.

Pages are keyset pages, so that a page stays the same while events are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Row
from sqlalchemy import Select
from sqlalchemy import or_

from flask_apitokens.core.context import Context
from flask_apitokens.core.text import contains
from flask_apitokens.core.text import searchable
from flask_apitokens.crypto.tokens import ID_ALPHABET
from flask_apitokens.crypto.tokens import ID_LENGTH
from flask_apitokens.db import pagination
from flask_apitokens.db.models import Event
from flask_apitokens.db.pagination import KeysetPage

from . import log as audit_log

PAGE_SIZE = 50
#: the choices of the event filter, each with its actions
GROUPS = {
    "generated": ("generated",),
    "imported": ("imported",),
    "renamed": ("renamed",),
    "moved": ("moved",),
    "rotated": ("rotated", "late-use"),
    "ended": ("revoked", "deactivated", "deleted"),
    "activated": ("activated",),
    "services": (
        *("subscription-activated", "subscription-deactivated"),
        *("service-enabled", "service-disabled"),
    ),
    "requests": (
        *("access-requested", "access-withdrawn"),
        *("access-approved", "access-declined"),
    ),
}
ACTIONS = tuple(action for group in GROUPS.values() for action in group)
#: the columns of an export
COLUMNS = (
    *("id", "at", "actor_label", "action", "token_id", "token_name", "service"),
    *("subject_label", "subject_id", "ip", "detail"),
)


@dataclass(frozen=True)
class LogQuery:
    """The search and the filters of the audit log.

    :param q: part of a user's label, of a token's name or of its id.
    :param actions: some of :data:`ACTIONS`; empty for all.
    :param since: the first moment.
    :param token_id: only events of this token.
    :param subject_id: only events about this user, by the primary key as text.
    :param before: the id of an event; only older ones.
    :param after: the id of an event; only newer ones.
    """

    q: str = ""
    actions: tuple[str, ...] = ()
    since: datetime | None = None
    token_id: str = ""
    subject_id: str = ""
    before: int | None = None
    after: int | None = None


def page_of(ctx: Context, account_id: str, query: LogQuery) -> KeysetPage[Event]:
    """Return one page of an account's events.

    If fewer newer events exist than fill a page, the newest page is returned.
    """
    model, found = ctx.models.Event, _found(ctx, account_id, query)

    def read(*, before: int | None, after: int | None, limit: int) -> Sequence[Event]:
        if after is None:
            ordered = _below(ctx, found, before)
        else:
            ordered = found.where(model.id > after).order_by(model.id.asc())
        return ctx.session.scalars(ordered.limit(limit)).all()

    return pagination.keyset_page(
        read, size=PAGE_SIZE, before=query.before, after=query.after
    )


def newest(
    ctx: Context, query: LogQuery, *, account_id: str | None = None, limit: int
) -> Sequence[Event]:
    """Return the newest events, the newest first.

    :param account_id: only of this account; ``None`` for every account.
    """
    found = _below(ctx, _found(ctx, account_id, query), query.before)
    return ctx.session.scalars(found.limit(limit)).all()


def batches(
    ctx: Context, account_id: str, query: LogQuery
) -> Iterator[Sequence[Row[Any]]]:
    """Read all events of an account that *query* finds, in batches, the newest first.

    :returns: rows of :data:`COLUMNS`, which the session does not keep.
    """
    columns = [getattr(ctx.models.Event, name) for name in COLUMNS]
    found: Select[Any] = _found(ctx, account_id, query).with_only_columns(*columns)

    def read(last: int | None, limit: int) -> Sequence[Row[Any]]:
        return ctx.session.execute(_below(ctx, found, last).limit(limit)).all()

    return pagination.batches(read, lambda row: row.id, start=query.before)


def _below(ctx: Context, found: Select[Any], key: int | None) -> Select[Any]:
    model = ctx.models.Event
    below = found if key is None else found.where(model.id < key)
    return below.order_by(model.id.desc())


def _found(ctx: Context, account_id: str | None, query: LogQuery) -> Select[Event]:
    model = ctx.models.Event
    found = audit_log.within_retention(ctx)
    if account_id is not None:
        found = found.where(model.account_id == account_id)
    if query.q.strip():
        found = found.where(_matches(ctx, found, query.q))
    if query.actions:
        found = found.where(model.action.in_(query.actions))
    if query.since is not None:
        found = found.where(model.at >= query.since)
    if query.token_id:
        found = found.where(model.token_id == query.token_id)
    if query.subject_id:
        found = found.where(model.subject_id == query.subject_id)
    return found


def _matches(ctx: Context, found: Select[Event], text: str) -> ColumnElement[bool]:
    model, part = ctx.models.Event, searchable(text)
    could_be_id = set(part.lower()) <= set(ID_ALPHABET)
    if could_be_id and len(part) == ID_LENGTH:
        # The whole id of a token finds only this token, by an index.
        whole = model.token_id == part.lower()
        one = found.with_only_columns(model.id).where(whole).limit(1)
        if ctx.session.scalar(one) is not None:
            return whole
    named = (model.actor_label, model.subject_label, model.token_name)
    matches = [contains(ctx, column, text) for column in named]
    if could_be_id:
        matches.append(model.token_id.contains(part.lower(), autoescape=True))
    return or_(*matches)
