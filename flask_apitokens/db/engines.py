"""What the host configured on its engine, as far as our own connections follow it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Table
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

#: SQLSTATEs and error numbers of a transaction that gave way to another one: a client
#: is to begin it anew
_SQLSTATES = frozenset({"40001", "40P01"})
_ERROR_NUMBERS = frozenset({1213, 1020})
_ABOVE_READ_COMMITTED = frozenset({"REPEATABLE READ", "SERIALIZABLE"})
#: the key in a pooled connection's notes of what puts it back into autocommit
_RESTORE = "apitokens.autocommit"
#: whether a driver's connection commits each statement at once, by the driver's name
_AT_ONCE: dict[str, Callable[[Any], bool]] = {
    "pysqlite": lambda each: each.isolation_level is None and not each.in_transaction,
    "psycopg": lambda each: each.autocommit and not each.info.transaction_status,
    "psycopg2": lambda each: each.autocommit and not each.info.transaction_status,
    "pymysql": lambda each: bool(each.get_autocommit()),
    "mysqldb": lambda each: bool(each.get_autocommit()),
}


def shares_connection(engine: Engine) -> bool:
    """Return whether the pool lends one connection to a whole thread or process.

    It does for in-memory SQLite, where another connection has another database.
    """
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


def schema_of(table: Table, bind: Engine | Connection) -> str | None:
    """Return the schema that *bind* has *table* in, which its options may translate."""
    schemas = bind.get_execution_options().get("schema_translate_map") or {}
    schema: str | None = schemas.get(table.schema, table.schema)
    return schema


def isolation_level(engine: Engine) -> Any:
    """Return the isolation level that the host set on *engine*; None for no level."""
    level = engine.get_execution_options().get("isolation_level")
    # SQLAlchemy has no public name for the argument of create_engine.
    level = level or getattr(engine.dialect, "_on_connect_isolation_level", None)
    return level and level.upper().replace("_", " ")


def is_autocommit(engine: Engine) -> bool:
    """Return whether the host's connections commit each statement at once."""
    return bool(isolation_level(engine) == "AUTOCOMMIT")


def begin_transaction(connection: Connection) -> None:
    """Begin a transaction where *connection* would commit each statement at once.

    It is put back into autocommit when it returns to its pool.
    """
    dialect, driver = connection.dialect, connection.connection.dbapi_connection
    # The driver is asked, because a host can set autocommit in the connect arguments
    # too, of which SQLAlchemy does not know.
    ask = _AT_ONCE.get(dialect.driver, lambda _: is_autocommit(connection.engine))
    if driver is None or not ask(driver):
        return
    set_level: Any = dialect.set_isolation_level
    connection.connection.info[_RESTORE] = partial(set_level, level="AUTOCOMMIT")
    if not event.contains(connection.engine, "checkin", _restore):
        event.listen(connection.engine, "checkin", _restore)
    set_level(driver, dialect.default_isolation_level)


def _restore(driver: Any, record: Any) -> None:
    restore = record.info.pop(_RESTORE, None)
    if restore is not None and driver is not None:
        restore(driver)


def when_disposed(engine: Engine, method: Callable[[], object]) -> None:
    """Call a bound *method* when the host disposes of *engine*.

    The engine does not keep the method's object: it may outlive its application.
    """
    held = weakref.WeakMethod(method)

    def call(_engine: Engine) -> None:
        there = held()
        if there is not None:
            there()

    event.listen(engine, "engine_disposed", call)


def read_committed_next(session: Session | scoped_session[Any]) -> None:
    """Let the next transaction of *session* read what is committed, without locks.

    It reads what a page shows after a change, such as a token that is shown once. Above
    READ COMMITTED it could have to give way to another transaction.
    """
    own: Session = session() if isinstance(session, scoped_session) else session
    event.listen(own, "after_begin", _read_committed, once=True)


def _read_committed(*begun: Any) -> None:
    connection: Connection = begun[-1]
    level = isolation_level(connection.engine)
    if level in _ABOVE_READ_COMMITTED and connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def reason(error: BaseException) -> str:
    """Return one line that says what went wrong, without the statement's values."""
    # The driver's own message, because SQLAlchemy's has the statement in it.
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"{type(cause).__name__}: {cause}".splitlines()[0]


def without_values(error: BaseException) -> BaseException:
    """Let the text of *error* leave out the values of its statement; return it.

    They may be the hash and the digest of a token. Call it before *error* is logged.
    """
    if isinstance(error, StatementError):
        error.hide_parameters = True
    return error


def gave_way(error: BaseException) -> bool:
    """Return whether the database ended a transaction in favour of another one.

    Both were in each other's way, and the same may succeed in a new transaction.
    """
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _SQLSTATES or (
        cause is not None and cause.args[:1] and cause.args[0] in _ERROR_NUMBERS
    )
