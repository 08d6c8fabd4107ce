"""The audit log of a token, and how long the audit log is kept.

Recording an event appends a row (:meth:`~flask_apitokens.core.context.Context.record`).
No row is ever changed. Rows older than ``APITOKENS_AUDIT_RETENTION_DAYS`` are removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta

from sqlalchemy import Select
from sqlalchemy import delete
from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Event

#: how many rows :func:`prune` removes in one transaction
PRUNE_BATCH = 1000


def events_of(ctx: Context, token_id: str, *, limit: int = 50) -> Sequence[Event]:
    """Return the newest events of one token, newest first.

    :param limit: the highest number of events.
    """
    model = ctx.models.Event
    of_token = within_retention(ctx).where(model.token_id == token_id)
    return ctx.session.scalars(of_token.order_by(model.id.desc()).limit(limit)).all()


def within_retention(ctx: Context) -> Select[Event]:
    """Return the query that every reader of the audit log starts from.

    It hides rows that are older than the retention and wait to be pruned.
    """
    model, start = ctx.models.Event, _start(ctx)
    return select(model) if start is None else select(model).where(model.at >= start)


def _start(ctx: Context) -> datetime | None:
    days = ctx.settings.audit_retention_days
    return None if days is None else ctx.now() - timedelta(days=days)


def prune(ctx: Context) -> Iterator[int]:
    """Remove the rows that are older than the retention, oldest first.

    The caller commits after each batch, so that locks and transactions stay small. Two
    callers at once share the work: both read the keys in ascending order, and skip rows
    that the other one has removed.

    :returns: the number of rows removed, for each batch.
    """
    model, start = ctx.models.Event, _start(ctx)
    last: int | None = None
    while start is not None:
        # SQLite cannot turn a read transaction into a write transaction while another
        # process writes, so the write lock comes first.
        ctx.lock_for_write()
        old = select(model.id).where(model.at < start)
        old = old if last is None else old.where(model.id > last)
        ids = ctx.session.scalars(old.order_by(model.id).limit(PRUNE_BATCH)).all()
        if not ids:
            return
        last = ids[-1]
        ended = delete(model).where(model.id.in_(ids))
        result = ctx.session.execute(ended.execution_options(synchronize_session=False))
        yield getattr(result, "rowcount", len(ids))
