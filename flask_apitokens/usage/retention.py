"""Retention of the usage history: what is past it goes, a little at a time.

A batch is a short transaction of its own, so nobody waits long for it. One process
prunes at a time; to be second is no error. Nothing depends on it: the pages show no
call past its time, pruned or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from datetime import timedelta
from zlib import crc32

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import delete
from sqlalchemy import func
from sqlalchemy import select

from .statements import Tables

#: calls in one transaction
AT_ONCE = 1_000
_NAME = "apitokens-usage-prune"


def prune_some(engine: Engine, tables: Tables, *, since: datetime) -> int | None:
    """Remove a batch of what is older than *since*, the oldest first.

    An hour's figures go when all of the hour is older.

    :returns: how many rows; None where another process is at it.
    """
    options = {}
    if engine.dialect.name in {"mysql", "mariadb"}:
        # It would lock the gaps between what it deletes, where others insert.
        options = {"isolation_level": "READ COMMITTED"}
    with (
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
        _alone(connection) as alone,
    ):
        if not alone:
            return None
        return _calls(connection, tables, since) or _hours(connection, tables, since)


def _calls(connection: Connection, tables: Tables, since: datetime) -> int:
    call = tables.call.c
    old = select(call.id).where(call.at < since).order_by(call.at).limit(AT_ONCE)
    # Once more inside, as MariaDB takes no limit in a subquery otherwise.
    ids = select(old.subquery("old").c.id)
    return connection.execute(delete(tables.call).where(call.id.in_(ids))).rowcount


def _hours(connection: Connection, tables: Tables, since: datetime) -> int:
    hour = tables.hour.c.hour
    oldest = connection.scalar(select(func.min(hour)))
    if oldest is None or oldest > since - timedelta(hours=1):
        return 0
    return connection.execute(delete(tables.hour).where(hour == oldest)).rowcount


@contextmanager
def _alone(connection: Connection) -> Iterator[bool]:
    """Whether no other process prunes this database now; no waiting either way."""
    name = connection.dialect.name
    if name == "postgresql":
        number = crc32(_NAME.encode())
        yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(number))))
    elif name in {"mysql", "mariadb"}:
        lock = func.md5(func.concat(_NAME, func.database()))  # known to all databases
        taken = bool(connection.scalar(select(func.get_lock(lock, 0))))
        try:
            yield taken
        finally:
            if taken:
                connection.execute(select(func.release_lock(lock)))
    else:  # SQLite lets one write at a time anyway
        yield True
