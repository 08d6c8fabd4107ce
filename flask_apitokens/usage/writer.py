"""How recorded calls reach the database: the statement, and a connection of its own.

Never ``db.session``, and not the host's pool either: a pool that is used up, or that a
forked process has inherited with its connections in it, is none of our business.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Dialect
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy.exc import DataError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

from .rows import Call
from .statements import Tables
from .statements import statements_for

#: seconds before the second try of a write; each further pause is twice as long
_FIRST_PAUSE = 0.02
#: seconds between two tries in an outage, at most
_LONGEST_PAUSE = 30.0

#: of tables and columns that are not there
_WHAT_TO_DO = " - after an upgrade, run your migrations or db.create_all()"

_log = logging.getLogger("flask_apitokens.usage")


def shares_connection(engine: Engine) -> bool:
    """Whether the pool lends one connection to all of a thread or of the process.

    It does for in-memory SQLite, where another connection has another database.
    """
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


class Writer:
    """The database's side of recording, for one process.

    Made at the first record in the process: after any fork, and after gevent patched
    the threads, so that its lock and its connection belong to this process alone.

    :param host: the engine the host keeps its tokens in.
    :param tables: those the calls go to.
    """

    def __init__(self, host: Engine, tables: Tables) -> None:
        #: whether there is but the host's own connection to write on
        self.shared = shares_connection(host)
        #: held while a batch is written
        self.writing = threading.Lock()
        #: what it writes on
        self.engine = host if self.shared else _private_engine(host)
        self._tables = tables
        self._statements = statements_for(tables, self.engine.dialect)

    def is_lent_out(self) -> bool:
        """Whether a write now would join, and so commit, a transaction of the host."""
        return self.shared and _in_transaction(self.engine)

    def write(self, calls: Sequence[Call], *, patience: float) -> None:
        """Write a batch in one short transaction.

        :param patience: seconds to try again for, if a lock or a lost connection is in
            the way. We wait here and not inside SQLite, which would stop all of gevent.
        :raises SQLAlchemyError: or whatever else the host's driver raises.
        """
        write = self._statements.prepared(calls)
        give_up = time.monotonic() + patience
        pause = _FIRST_PAUSE
        while True:
            try:
                with self.engine.begin() as connection:
                    write(connection)
            except OperationalError:
                if time.monotonic() + pause > give_up:
                    raise
            else:
                return
            time.sleep(pause)
            pause *= 2

    def prune(self, since: datetime, *, seconds: float) -> bool:
        """Remove what is older than *since*, for so long at most.

        :returns: whether nothing is left that this process has to remove.
        """
        from .retention import prune_some  # most processes need it late, or never

        end = time.monotonic() + seconds
        while prune_some(self.engine, self._tables, since=since):
            if time.monotonic() > end:
                return False
        return True

    def prune_all(self, since: datetime) -> int:
        """Remove all that is older than *since*; the number of rows.

        Others get their turn between two batches, whether they write or prune too.

        :raises OperationalError: if for long none of it can be removed.
        """
        from .retention import prune_some

        removed, give_up = 0, time.monotonic() + _LONGEST_PAUSE
        while True:
            begun = time.monotonic()
            try:
                number = prune_some(self.engine, self._tables, since=since)
            except OperationalError:
                if begun > give_up:
                    raise
                number = None
            if number == 0:
                return removed
            if number:
                removed, give_up = removed + number, begun + _LONGEST_PAUSE
            time.sleep(max(_FIRST_PAUSE, time.monotonic() - begun))

    def disconnect(self) -> None:
        """Close our connection; the next write opens one."""
        if not self.shared:
            self.engine.dispose()


class Outage:
    """A time in which the database does not take what we write."""

    def __init__(self, first_pause: float) -> None:
        self.failures = 0
        self._first_pause = first_pause
        self._in_a_row = 0
        self._retry_at = 0.0
        self._told = False

    @property
    def lasts(self) -> bool:
        """Whether the last write failed."""
        return self._in_a_row > 0

    def remaining(self) -> float:
        """Seconds until the next try is due, 0 if one is."""
        return max(0.0, self._retry_at - time.monotonic())

    def note(self, error: Exception) -> None:
        """Count a failure, wait longer for the next try, say so at the first."""
        self.failures += 1
        self._in_a_row += 1
        pause = self._first_pause * 2 ** min(self._in_a_row, 16)
        self._retry_at = time.monotonic() + min(pause, _LONGEST_PAUSE)
        self.tell("%s", reason(error))

    def tell(self, message: str, *details: object) -> None:
        """Log what is wrong, once until it is over."""
        if not self._told:
            self._told = True
            text = "Recorded calls are not written for now, no call fails for it: "
            _log.warning(text + message, *details)

    def end(self, dropped: int) -> None:
        """Say that it is over, if it was ever said to be on."""
        self._in_a_row = 0
        self._retry_at = 0.0
        if self._told:
            self._told = False
            _log.warning(
                "Recorded calls are written again; %d were dropped since the process "
                "began",
                dropped,
            )


def is_hopeless(error: BaseException) -> bool:
    """Whether these very rows fail, so that they would at every further try."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    return isinstance(error, StatementError | ValueError | TypeError)


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    # The driver's own words: SQLAlchemy's add the statement.
    cause = error.orig if isinstance(error, DBAPIError) else error
    line = f"{type(cause).__name__}: {cause}".splitlines()[0]
    # SQLite calls it operational.
    lacking = isinstance(error, ProgrammingError) or ": no such " in line
    return line + (_WHAT_TO_DO if lacking else "")


def _in_transaction(engine: Engine) -> bool:
    """Whether the one connection of *engine* is inside a transaction.

    A driver that cannot say so is taken to be.
    """
    if isinstance(engine.pool, StaticPool):
        # Looked at in place: given back to the pool it would be rolled back.
        connection = engine.pool.connection.dbapi_connection
        return bool(getattr(connection, "in_transaction", True))
    lent = engine.raw_connection()  # this thread's own, counted: no rollback either
    try:
        return bool(getattr(lent.dbapi_connection, "in_transaction", True))
    finally:
        lent.close()


def _private_engine(host: Engine) -> Engine:
    """An engine that connects as the host's does, but shares no connection with it.

    Arguments, creator and the pool's listeners are the host's; what it has on its
    engine to watch queries and transactions does not see ours.
    """
    engine = create_engine(
        host.url,
        pool=host.pool.recreate(),
        execution_options=_but_isolation(host.get_execution_options()),
        hide_parameters=True,
    )
    if engine.dialect.name in _AT_CONNECT:
        event.listen(engine, "connect", _AT_CONNECT[engine.dialect.name])
    if engine.dialect.name != "sqlite":
        event.listen(engine, "connect", partial(_with_transactions, engine.dialect))
    if engine.dialect.name in _AT_BEGIN:
        event.listen(engine, "begin", _AT_BEGIN[engine.dialect.name])
    return engine


def _but_isolation(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: options[key] for key in options if key != "isolation_level"}


def _with_transactions(dialect: Dialect, connection: Any, _record: object) -> None:
    # In the AUTOCOMMIT of some hosts, what half a batch has left behind would be
    # written once more with the whole of it.
    dialect.reset_isolation_level(connection)


def _connect_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    connection.execute("PRAGMA busy_timeout = 20")
    # Of 2 MiB of pages that it would keep otherwise, it has no use for most.
    connection.execute("PRAGMA cache_size = -256")


def _begin_sqlite(connection: Connection) -> None:
    # One that reads before it writes fails at once if another wrote in between.
    if not getattr(connection.connection.dbapi_connection, "in_transaction", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _connect_mariadb(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 1")


def _begin_postgresql(connection: Connection) -> None:
    # LOCAL, as a pooling proxy may give the session to somebody else afterwards. Less
    # than deadlock_timeout, one second, so that it is never the host who is sacrificed.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")


_AT_CONNECT = {
    "sqlite": _connect_sqlite,
    "mysql": _connect_mariadb,
    "mariadb": _connect_mariadb,
}
_AT_BEGIN = {"sqlite": _begin_sqlite, "postgresql": _begin_postgresql}
