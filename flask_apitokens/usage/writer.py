"""How recorded calls reach the database: the statement, and a connection of its own.

Never ``db.session``, and not the host's pool either: a pool that is used up, or that a
forked process has inherited with its connections in it, is none of our business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
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
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import StaticPool

from flask_apitokens.db.schema_check import shares_connection

from .rows import Call
from .statements import Tables
from .statements import statements_for

#: seconds before the second try of a write; each further pause is twice as long
_FIRST_PAUSE = 0.02


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

    def disconnect(self) -> None:
        """Close our connection; the next write opens one."""
        if not self.shared:
            self.engine.dispose()


def is_hopeless(error: BaseException) -> bool:
    """Whether these very rows fail, so that they would at every further try."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError)
    return isinstance(error, StatementError | ValueError | TypeError)


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
