"""Prune the usage history: remove the calls past retention, in small batches.

Each batch is a short transaction of its own, so that other transactions wait for it
only briefly. One process prunes at a time; another one skips it. The pages show no call
past its retention, so pruning late does no harm.
"""

from __future__ import annotations

import logging
import time
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
from sqlalchemy.exc import OperationalError

from .outage import LONGEST_PAUSE
from .outage import reason
from .statements import Tables

#: calls in one transaction
AT_ONCE = 1_000
#: seconds between two batches, at least
_PAUSE = 0.02
_NAME = "apitokens-usage-prune"
_log = logging.getLogger("flask_apitokens.usage")


def prune_for(
    seconds: float, engine: Engine, *, tables: Tables, since: datetime
) -> bool:
    """Remove what is older than *since* for *seconds* at most. Never raises.

    :returns: whether nothing is left that this process has to remove now.
    """
    end = time.monotonic() + seconds
    try:
        while prune_some(engine, tables, since=since):
            if time.monotonic() > end:
                return False
    except Exception as error:
        # Another transaction's lock is no reason to warn: the next pruning will do.
        is_transient = isinstance(error, OperationalError)
        level = logging.INFO if is_transient else logging.WARNING
        _log.log(level, "The usage history was not pruned: %s", reason(error))
    return True


def prune_all(engine: Engine, tables: Tables, *, since: datetime) -> int:
    """Remove all that is older than *since*, with pauses for other transactions.

    :returns: the number of removed rows.
    :raises OperationalError: if no row can be removed for a long time.
    """
    removed, give_up = 0, time.monotonic() + LONGEST_PAUSE
    while True:
        begun = time.monotonic()
        try:
            number = prune_some(engine, tables, since=since)
        except OperationalError:
            if begun > give_up:
                raise
            number = None
        if number == 0:
            return removed
        if number:
            removed, give_up = removed + number, begun + LONGEST_PAUSE
        time.sleep(max(_PAUSE, time.monotonic() - begun))


def prune_some(engine: Engine, tables: Tables, *, since: datetime) -> int | None:
    """Remove a batch of what is older than *since*, the oldest first.

    The counts of an hour are removed when all of the hour is older.

    :returns: the number of removed rows; None if another process prunes.
    """
    options = {}
    if engine.dialect.name in {"mysql", "mariadb"}:
        # REPEATABLE READ locks the gaps between the deleted rows, where others insert.
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
    # Nested twice, because MariaDB accepts no LIMIT in a subquery of IN.
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
    """Yield whether no other process prunes this database now, without waiting."""
    name = connection.dialect.name
    if name == "postgresql":
        number = crc32(_NAME.encode())
        yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(number))))
    elif name in {"mysql", "mariadb"}:
        # The name of a lock is the same in all databases of the server.
        lock = func.md5(func.concat(_NAME, func.database()))
        taken = bool(connection.scalar(select(func.get_lock(lock, 0))))
        try:
            yield taken
        finally:
            if taken:
                connection.execute(select(func.release_lock(lock)))
    else:  # SQLite allows one write at a time anyway.
        yield True
