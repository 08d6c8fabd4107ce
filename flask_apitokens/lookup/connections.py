"""Driver connections for the guard's SELECT: a few per process, kept in autocommit.

SQLAlchemy's pools and connections were measured and cost too much here, see
``docs/explanation/performance.md``. What a host configured on its engine still applies,
because its own pool opens each connection.
"""

from __future__ import annotations

import os
import queue
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from typing import NamedTuple
from typing import TypeVar
from typing import cast

from sqlalchemy import Engine
from sqlalchemy import Pool
from sqlalchemy.pool import NullPool
from sqlalchemy.pool import QueuePool
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

from flask_apitokens.db.engines import when_disposed

#: the most connections that one process uses for look-ups
LIMIT = 8
#: seconds after which a connection is closed instead of used again
MAX_AGE = 600.0
#: seconds to wait for a connection while all of them are in use
TIMEOUT = 5.0
#: SQLSTATEs of a prepared statement that exists already, or does not exist
_PREPARED_ELSEWHERE = frozenset({"42P05", "26000"})
#: the same, and of one whose table has changed since: a new connection prepares it anew
_LOST = _PREPARED_ELSEWHERE | {"0A000"}

_Fetched = TypeVar("_Fetched")


class LookupFailed(Exception):
    """A look-up ended without an answer."""


class Unavailable(LookupFailed):
    """The database did not answer. This says nothing about any token."""


class UnreadableRow(LookupFailed):
    """The row was found, and a value in it is not of its column's type."""


def _set_up_sqlite(connection: Any) -> None:
    # By default sqlite3 begins no transaction before a SELECT. In the mode of PEP 249,
    # which exists since Python 3.12, the first SELECT begins one, and every later
    # SELECT reads that old snapshot.
    if hasattr(connection, "autocommit"):
        connection.autocommit = True
    # By default each connection caches 2 MiB of pages. The operating system caches the
    # same pages, so 256 KiB here cost a look-up about a microsecond.
    connection.execute("PRAGMA cache_size = -256")


def _set_up_postgresql(connection: Any) -> None:
    # A listener of the host may have executed SET. That began a transaction, and
    # without a commit the setting is lost.
    connection.commit()
    connection.autocommit = True


#: puts a driver connection into autocommit, by the name of its driver
AUTOCOMMIT: dict[str, Callable[[Any], None]] = {
    "pysqlite": _set_up_sqlite,
    "psycopg": _set_up_postgresql,
    "psycopg2": _set_up_postgresql,
    "pymysql": lambda connection: connection.autocommit(True),
    "mysqldb": lambda connection: connection.autocommit(True),
}


def _can_prepare(connection: Any) -> bool:
    """Return whether psycopg may prepare statements here; name them for us alone.

    psycopg numbers its statements in each connection from 0. Behind a proxy that
    spreads the transactions of one client over several servers, another client's
    statement of the same name would be run in the place of ours. A random first number
    makes that impossible: the server knows no such name, and says so.
    """
    # A host sets None if it has such a proxy, and it stays None here.
    if getattr(connection, "prepare_threshold", None) is None:
        return False
    statements: Any = getattr(connection, "_prepared", None)
    if not hasattr(statements, "_prepared_idx"):
        return False  # a psycopg that names them in another way
    # psycopg has no public name for it. SQL's PREPARE has, but pgbouncer from 1.21 on
    # follows the protocol's statements alone. Unprepared, it would be six times slower.
    statements._prepared_idx = secrets.randbits(96)
    return True


class _PooledConnection:
    """A driver connection and its cursor. One thread at a time uses it."""

    __slots__ = ("connection", "cursor", "opened_at")

    def __init__(self, engine: Engine, *, prepare: bool) -> None:
        # A copy of the host's pool opens it, with the same arguments and listeners: the
        # pool itself may be exhausted, or full of connections that died with the
        # server. It is detached, because a pool sends a ROLLBACK after each use.
        borrowed = engine.pool.recreate().connect()
        self.connection = cast("Any", borrowed.driver_connection)
        borrowed.detach()
        try:
            AUTOCOMMIT[engine.dialect.driver](self.connection)
            if hasattr(self.connection, "prepare_threshold"):
                prepare = prepare and _can_prepare(self.connection)
                # psycopg prepares a statement at its fifth execution, at once with 0.
                self.connection.prepare_threshold = 0 if prepare else None
            self.cursor = self.connection.cursor()
        except BaseException:
            self.close()
            raise
        self.opened_at = time.monotonic()

    def close(self) -> None:
        """Close the connection, which may be broken already."""
        with suppress(Exception):
            self.connection.close()


class Bounds(NamedTuple):
    """How many connections there are, how old they get, and how long a call waits."""

    most: int
    max_age: float
    timeout: float

    @classmethod
    def of(cls, pool: Pool) -> Bounds:
        """Return our own bounds, or those of the host's pool where they are lower."""
        most, max_age, timeout = LIMIT, MAX_AGE, TIMEOUT
        if isinstance(pool, NullPool):
            max_age = 0.0
        # SQLAlchemy has no public names for what its pools were made with.
        recycle = getattr(pool, "_recycle", -1)
        if recycle > -1:
            max_age = min(max_age, recycle)
        if isinstance(pool, QueuePool):
            overflow = getattr(pool, "_max_overflow", -1)
            if overflow > -1 and pool.size():
                most = min(most, pool.size() + overflow)
            timeout = min(timeout, pool.timeout())
        return cls(most, max_age, timeout)


class _Slots:
    """The idle connections of one process, and a permit for each that may be used."""

    def __init__(self, most: int) -> None:
        # The one that was used last is used next, so a quiet process opens only one.
        self.idle: deque[_PooledConnection] = deque()
        self.permits: queue.SimpleQueue[None] = queue.SimpleQueue()
        #: whether what is returned now is to be closed
        self.is_closed = False
        for _ in range(most):
            self.permits.put(None)

    def close_idle(self) -> None:
        """Close the connections that are not in use."""
        with suppress(IndexError):
            while True:
                self.idle.pop().close()


def _close_all(by_process: dict[int, _Slots]) -> None:
    """Close what this process has open; a connection in use, when it is returned."""
    slots = by_process.pop(os.getpid(), None)
    if slots is not None:
        slots.is_closed = True
        slots.close_idle()


class ConnectionPool:
    """Lends at most :data:`LIMIT` connections at a time, fewer if the host's pool does.

    :param engine: the host's; its driver is one of :data:`AUTOCOMMIT`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: what the host's pool allows
        self.bounds = Bounds.of(engine.pool)
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._prepare = True
        # A forked child must neither use nor close the connections of its parent. Under
        # its own process id it finds none. It makes its slots at the first look-up and
        # not in the fork, because a gevent worker patches the queue in between.
        self._by_process: dict[int, _Slots] = {}
        # The host's pool does not know these connections, so it cannot close them.
        when_disposed(engine, self.close)
        # Nor does anybody, if the application is collected.
        weakref.finalize(self, _close_all, self._by_process).atexit = False

    def run(self, fetch: Callable[[Any, Any], _Fetched], arguments: Any) -> _Fetched:
        """Call *fetch* with a cursor and *arguments*; try again if the driver fails.

        :raises Unavailable: if no connection is free within :data:`TIMEOUT`.
        """
        try:
            return self._run_once(fetch, arguments)
        except self._driver_error as error:
            # The server may have closed this connection since its last use, and the
            # idle ones with it. A new one tells whether the server is there.
            self._recover_from(error, _PREPARED_ELSEWHERE)
        try:
            return self._run_once(fetch, arguments, fresh=True)
        except self._driver_error as error:
            if not self._recover_from(error, _LOST):
                raise
        return self._run_once(fetch, arguments, fresh=True)

    def _recover_from(self, error: Exception, states: frozenset[str]) -> bool:
        """Close what is idle; prepare nothing any more after an error of *states*.

        A proxy such as pgbouncer in transaction mode lends another server connection
        for each transaction, where a prepared statement may not exist.
        """
        self._slots().close_idle()
        is_lost = getattr(error, "sqlstate", None) in states
        if is_lost:
            self._prepare = False
        return is_lost

    def _run_once(
        self,
        fetch: Callable[[Any, Any], _Fetched],
        arguments: Any,
        *,
        fresh: bool = False,
    ) -> _Fetched:
        slots = self._slots()
        pooled = self._acquire(slots, fresh=fresh)
        try:
            fetched = fetch(pooled.cursor, arguments)
        except BaseException:
            # A timeout or a signal may have interrupted it: the state of the connection
            # is unknown.
            self._discard(slots, pooled)
            raise
        self._release(slots, pooled)
        return fetched

    def close(self) -> None:
        """Close the connections, as the host does with its own; a call opens others."""
        _close_all(self._by_process)

    def _slots(self) -> _Slots:
        pid = os.getpid()
        # setdefault is atomic: two threads that come first get the same slots.
        return self._by_process.get(pid) or self._by_process.setdefault(
            pid, _Slots(self.bounds.most)
        )

    def _acquire(self, slots: _Slots, *, fresh: bool) -> _PooledConnection:
        """Take a connection, a new one if *fresh*.

        Another thread may just have returned one that is no better than the one that
        failed.
        """
        try:
            slots.permits.get(timeout=self.bounds.timeout)
        except queue.Empty:
            raise Unavailable("no connection is free for a look-up") from None
        try:
            pooled = slots.idle.pop()
            age = time.monotonic() - pooled.opened_at
            if age < self.bounds.max_age and not fresh:
                return pooled
            pooled.close()
        except IndexError:
            pass
        try:
            return _PooledConnection(self._engine, prepare=self._prepare)
        except BaseException as error:
            slots.permits.put(None)
            if isinstance(error, OSError):
                # Of a creator of the host's, which may ask another service first.
                raise Unavailable(str(error)) from error
            raise

    def _release(self, slots: _Slots, pooled: _PooledConnection) -> None:
        if self.bounds.max_age:
            slots.idle.append(pooled)
        else:
            pooled.close()
        if slots.is_closed:
            slots.close_idle()
        slots.permits.put(None)

    def _discard(self, slots: _Slots, pooled: _PooledConnection) -> None:
        pooled.close()
        slots.permits.put(None)


class SharedConnection:
    """The one connection of SQLite in memory, on which the host may be writing.

    Nothing is begun, committed or returned to the pool, which would roll back what the
    host has not committed yet.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shared: Any = None
        self._lock = threading.Lock()
        when_disposed(engine, self._forget)

    def run(self, fetch: Callable[[Any, Any], _Fetched], arguments: Any) -> _Fetched:
        """Call *fetch* with a cursor and *arguments*."""
        shared = self._shared
        if shared is None:
            # A second one would go back to the pool, which rolls back the host's work.
            with self._lock:
                shared = self._shared = self._shared or self._engine.raw_connection()
        return fetch(shared.driver_connection.cursor(), arguments)

    def close(self) -> None:
        """Leave it open: it is the host's."""

    def _forget(self) -> None:
        # The connection is closed, and the next one has another, empty database.
        self._shared = None


def driver_connections(engine: Engine) -> ConnectionPool | SharedConnection | None:
    """Return what runs statements on the driver, None for a driver not known here."""
    if isinstance(engine.pool, StaticPool):
        return SharedConnection(engine)
    # A SingletonThreadPool is SQLite in memory with a database for each thread.
    if isinstance(engine.pool, SingletonThreadPool):
        return None
    return ConnectionPool(engine) if engine.dialect.driver in AUTOCOMMIT else None
