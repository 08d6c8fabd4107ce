"""Write recorded calls on a connection of their own.

Neither ``db.session`` nor the host's pool is used. So an exhausted pool, or one that a
forked process inherited with open connections, does not stop the recording.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy.exc import DataError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from flask_apitokens.db.engines import is_autocommit
from flask_apitokens.db.engines import isolation_level
from flask_apitokens.db.engines import shares_connection

from .rows import Call
from .statements import AT_ONCE
from .statements import Tables
from .statements import statements_for

#: seconds before the second attempt of a write; each further pause is twice as long
_FIRST_PAUSE = 0.02
#: calls in one transaction, so that it holds its row locks for a short time only
_BATCH = 5_000


class Writer:
    """The connection that one process writes its recorded calls on.

    It is created at the first record, which is after any fork and after gevent patched
    the threads. So its lock and its connection belong to this process alone.

    :param host: the engine of the host's user table.
    """

    def __init__(self, host: Engine, tables: Tables) -> None:
        #: whether the host's own connection is the only one (in-memory SQLite)
        self.shared = shares_connection(host)
        #: held while a batch is written
        self.writing = threading.Lock()
        self._host = host
        self._in_one = in_one = not self.shared and _needs_one_statement(host)
        self._statements = statements_for(tables, host.dialect, in_one=in_one)
        #: the most calls that :meth:`write` takes
        self.batch = AT_ONCE if in_one else _BATCH
        self._open()

    def _open(self) -> None:
        """Take over what the host has set on its engine and listens for there."""
        host = self._host
        self._followed = host.get_execution_options()
        #: what it writes on
        self.engine = host
        if not self.shared:
            self.engine = _private_engine(host, in_one=self._in_one)
            # An application that is collected without a close must leave no connection
            # open. Not at exit: in a child process it would close the parent's.
            self._closing = weakref.finalize(self, self.engine.dispose)
            self._closing.atexit = False

    def is_lent_out(self) -> bool:
        """Return whether a write would commit an open transaction of the host."""
        return self.shared and _in_transaction(self.engine)

    def write(self, calls: Sequence[Call], *, patience: float) -> None:
        """Write a batch in one short transaction.

        :param patience: seconds in which the write is repeated after a lock or a lost
            connection. The wait is here and not in SQLite, where it blocks gevent.
        :raises SQLAlchemyError: if it fails. The driver may raise its own errors too.
        """
        self._follow_host()
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

    def _follow_host(self) -> None:
        """Take over the options that the host has set on its engine meanwhile."""
        options = self._host.get_execution_options()
        if options is not self._followed and not self.shared:
            self.engine.update_execution_options(
                **_options_of(self._host, in_one=self._in_one)
            )
        self._followed = options

    def close(self, *, timeout: float) -> None:
        """Close our connection once no batch is written, unless it takes too long.

        A later record may write already, and a connection that is returned after the
        pool was disposed of is never closed.
        """
        if self.writing.acquire(timeout=timeout):
            self.disconnect()
            self.writing.release()

    def disconnect(self) -> None:
        """Close our connection; the next write opens one."""
        if not self.shared:
            self._closing()
            self._open()


def is_hopeless(error: BaseException) -> bool:
    """Return whether the rows themselves fail, so that a second attempt is useless."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    return isinstance(error, StatementError | ValueError | TypeError)


def _in_transaction(engine: Engine) -> bool:
    """Return whether the one connection of *engine* is inside a transaction.

    True as well if the driver cannot tell.
    """
    if isinstance(engine.pool, StaticPool):
        # Not checked out, because the pool rolls back what is returned to it.
        connection = engine.pool.connection.dbapi_connection
        return bool(getattr(connection, "in_transaction", True))
    # The pool counts this thread's checkouts, so returning it rolls back nothing.
    lent = engine.raw_connection()
    try:
        return bool(getattr(lent.dbapi_connection, "in_transaction", True))
    finally:
        lent.close()


def _needs_one_statement(host: Engine) -> bool:
    """Return whether a batch must be one statement, without a transaction around it.

    A host with PostgreSQL in AUTOCOMMIT may be behind a pgbouncer in statement mode,
    which refuses transactions.
    """
    return host.dialect.name == "postgresql" and is_autocommit(host)


def _private_engine(host: Engine, *, in_one: bool) -> Engine:
    """Return an engine that connects as the host's does, on connections of its own.

    It has the host's dialect and options. The host's listeners for statements and
    transactions do not see ours.
    """
    engine = Engine(
        host.pool.recreate(),
        host.dialect,
        host.url,
        echo=host.echo,
        execution_options=_options_of(host, in_one=in_one),
        hide_parameters=True,
    )
    name = engine.dialect.name
    if name in _AT_CONNECT:
        event.listen(engine, "connect", _AT_CONNECT[name])
    if name != "sqlite" and not in_one:
        event.listen(engine, "connect", partial(_with_transactions, host))
    if name in _AT_BEGIN and not in_one:
        event.listen(engine, "begin", _AT_BEGIN[name])
    return engine


def _options_of(host: Engine, *, in_one: bool) -> dict[str, Any]:
    options = dict(host.get_execution_options())
    if not in_one:
        options.pop("isolation_level", None)
    return options


def _with_transactions(host: Engine, connection: Any, _record: object) -> None:
    # If the host connects in AUTOCOMMIT, a batch that fails half way would be written
    # a second time with its first half.
    level = isolation_level(host)
    if level in {None, "AUTOCOMMIT"}:
        level = host.dialect.default_isolation_level
    # A listener of the host may have executed SET, which began a transaction.
    host.dialect.do_commit(connection)
    host.dialect.set_isolation_level(connection, level)


def _connect_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver begins no transaction.
    connection.execute("PRAGMA busy_timeout = 20")
    # In KiB; the default is 2 MiB, most of it unused.
    connection.execute("PRAGMA cache_size = -256")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes fails if another one wrote in between.
    if not getattr(connection.connection.dbapi_connection, "in_transaction", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _connect_mariadb(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 1")


def _connect_postgresql(connection: Any, _record: object) -> None:
    # psycopg names the statements that it prepares by their number in the connection,
    # and a pooling proxy may run the statement of that name of another client.
    if hasattr(connection, "prepare_threshold"):
        connection.prepare_threshold = None


def _begin_postgresql(connection: Connection) -> None:
    # LOCAL, because a pooling proxy may hand the session to another client. Shorter
    # than deadlock_timeout (one second), so that a deadlock never aborts the host.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '500ms'")


_AT_CONNECT = {
    "sqlite": _connect_sqlite,
    "postgresql": _connect_postgresql,
    "mysql": _connect_mariadb,
    "mariadb": _connect_mariadb,
}
_AT_BEGIN = {"sqlite": _begin_sqlite, "postgresql": _begin_postgresql}
