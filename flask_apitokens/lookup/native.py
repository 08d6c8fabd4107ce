"""The one SELECT behind the guard.

The statement is written once, in SQLAlchemy Core. On the drivers in
:data:`AUTOCOMMIT` it is compiled once and runs on driver connections of our own, kept
in autocommit: what a call costs is then the database, not the layers above it, and
there is no BEGIN and no ROLLBACK. Every other driver takes the way through Core.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from typing import NamedTuple
from typing import cast

from sqlalchemy import Boolean
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Select
from sqlalchemy import String
from sqlalchemy import and_
from sqlalchemy import bindparam
from sqlalchemy import case
from sqlalchemy import event
from sqlalchemy import literal_column
from sqlalchemy import null
from sqlalchemy import select
from sqlalchemy import true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

from flask_apitokens.core.user_model import active_column
from flask_apitokens.db.mapping import Models


def _set_up_sqlite(connection: Any) -> None:
    """Let nothing be begun, and keep the memory small.

    By itself sqlite3 begins nothing before a SELECT. Told to do as PEP 249 says, which
    it can since Python 3.12, it would read what was there at the first one for ever.
    A connection would hold 2 MiB of pages. What is not in these 256 KiB is in those of
    the operating system, a microsecond away.
    """
    if hasattr(connection, "autocommit"):
        connection.autocommit = True
    connection.execute("PRAGMA cache_size = -256")


def _set_up_postgresql(connection: Any) -> None:
    # What the host has set at connect began a transaction, and is to last.
    connection.commit()
    connection.autocommit = True


#: how a driver connection is put into autocommit, by the name of its driver
AUTOCOMMIT: dict[str, Callable[[Any], None]] = {
    "pysqlite": _set_up_sqlite,
    "psycopg": _set_up_postgresql,
    "psycopg2": _set_up_postgresql,
    "pymysql": lambda connection: connection.autocommit(True),
    "mysqldb": lambda connection: connection.autocommit(True),
}
#: driver connections one process keeps for look-ups, and how long one is used
LIMIT = 8
MAX_AGE = 600.0
PATIENCE = 5.0


class Unavailable(Exception):
    """The database did not answer; says nothing about any token."""


class TokenRow(NamedTuple):
    """What the guard needs to know, in the order of the statement's columns."""

    check_digest: bytes
    secret_hash: str
    kind: str
    name: str
    service: str | None
    scopes: tuple[str, ...] | None
    account_id: str
    userless: bool
    owner_id: Any
    expires_at: datetime | None
    #: "revoked", "deactivated" or nothing
    stopped: str | None
    networks: tuple[str, ...] | None
    #: the owner's key as the user table has it: none where the user is gone
    owner_key: Any
    owner_active: Any
    #: what columns of the user's say of their account and permission, where they do
    owner_account: Any
    owner_permitted: Any
    subscription_active: bool | None
    service_active: bool | None
    #: what the token keeps of its owner's address, and the address they have now
    email_digest: bytes | None
    owner_email: Any


def statement(models: Models, *, with_services: bool, **columns: Any) -> Select[Any]:
    """The token with its owner, subscription and service setting, by public id.

    The arguments are those of :func:`joined`.
    """
    found = joined(models, with_services=with_services, **columns)
    return found.where(models.Token.id == bindparam("token_id"))


def joined(
    models: Models,
    *,
    with_services: bool,
    account: InstrumentedAttribute[Any] | None = None,
    permission: InstrumentedAttribute[Any] | None = None,
    bound_to_email: bool = False,
    email: InstrumentedAttribute[Any] | None = None,
) -> Select[Any]:
    """Tokens with what the guard needs to know of each, in the order of TokenRow.

    :param with_services: whether the host declares services at all.
    :param account: the column of the user table that names their account.
    :param permission: the column that says whether they may use the API.
    :param bound_to_email: whether tokens end with their owner's address.
    :param email: the column that has it.
    """
    # Our tables and not their classes, whose attributes take a third of a MiB more. Of
    # the user it is the class: it may be mapped to more than one table.
    tokens, subscriptions, settings, *_ = models.tables
    token, subscription, setting = tokens.c, subscriptions.c, settings.c
    active = active_column(models.user)
    columns: list[Any] = [token[name] for name in TokenRow._fields[:10]]
    columns += [_stopped(token), token.networks]
    columns += [models.user_key.label("owner_key")]
    columns += [(true() if active is None else active).label("owner_active")]
    columns += [(null() if account is None else account).label("owner_account")]
    columns += [(null() if permission is None else permission).label("owner_permitted")]
    if with_services:
        columns += [subscription.active, setting.active.label("service_active")]
    if bound_to_email:
        # What is left out stands at the end.
        columns += [] if with_services else [null().label("a"), null().label("b")]
        columns += [token.email_digest]
        columns += [(null() if email is None else email).label("owner_email")]
    found = select(*columns).select_from(tokens)
    found = found.outerjoin(models.user, models.user_key == token.owner_id)
    if with_services:
        ours = and_(
            subscription.user_id == token.owner_id,
            subscription.service == token.service,
        )
        all_of_it = and_(
            setting.account_id == token.account_id, setting.service == token.service
        )
        found = found.outerjoin(subscriptions, ours).outerjoin(settings, all_of_it)
    return found


def _stopped(token: Any) -> Any:
    """In a word what has stopped a token, if anything.

    Nobody here asks when, and a moment takes psycopg four microseconds to load.
    """
    words = {"revoked": token.revoked_at, "deactivated": token.deactivated_at}
    whens = [
        (at.is_not(None), literal_column(f"'{word}'", String))
        for word, at in words.items()
    ]
    return case(*whens).label("stopped")


def find_on(
    connection: Connection, query: Select[Any], token_id: str
) -> TokenRow | None:
    """Find a token on a Core connection, inside whatever transaction it is in.

    :param query: from :func:`statement`.
    """
    row = connection.execute(query, {"token_id": token_id}).one_or_none()
    if row is None:
        return None
    blanks = (None,) * (len(TokenRow._fields) - len(row))
    return TokenRow._make((*row, *blanks))


class _Kept:
    """A driver connection of ours with its cursor; only one thread has it at a time."""

    __slots__ = ("connection", "cursor", "opened_at")

    def __init__(self, engine: Engine, autocommit: Callable[[Any], None]) -> None:
        # Opened with the arguments and listeners of the host's pool, but not taken out
        # of it: that may be used up, or full of connections that died with the server.
        # Nor kept in one, which would send a ROLLBACK after each use.
        borrowed = engine.pool.recreate().connect()
        self.connection = cast("Any", borrowed.driver_connection)
        borrowed.detach()
        try:
            autocommit(self.connection)
            self.cursor = _cursor_of(self.connection, engine.dialect.driver)
        except BaseException:
            self.close()
            raise
        self.opened_at = time.monotonic()

    def close(self) -> None:
        """Part with it; it may be broken already."""
        with suppress(Exception):
            self.connection.close()


def _cursor_of(connection: Any, driver: str) -> Any:
    if driver != "psycopg":
        return connection.cursor()
    from .psycopg_cursor import cursor_of  # not everybody has psycopg

    return cursor_of(connection)


class _Connections:
    """At most :data:`LIMIT` kept connections; who finds none waits for one."""

    def __init__(self, engine: Engine, autocommit: Callable[[Any], None]) -> None:
        self._engine = engine
        self._autocommit = autocommit
        self._left_to_parent: list[_Kept] = []
        self._birth = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._idle: deque[_Kept] = deque()
        self._open = 0
        self._waiting = 0
        self._changed = threading.Condition()
        # Last: from here on other threads take what is there.
        self._pid = os.getpid()

    def take(self) -> _Kept:
        """One connection for this thread alone.

        :raises Unavailable: if all are in use for too long.
        """
        if self._pid != os.getpid():
            with self._birth:
                if self._pid != os.getpid():
                    # They belong to the parent: neither used nor closed here.
                    self._left_to_parent += self._idle
                    self._start()
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._open_or_wait()
        if time.monotonic() - kept.opened_at < MAX_AGE:
            return kept
        self.drop(kept)
        return self.take()

    def _open_or_wait(self) -> _Kept:
        until = time.monotonic() + PATIENCE
        with self._changed:
            self._waiting += 1
            try:
                while self._open >= LIMIT:
                    with suppress(IndexError):
                        return self._idle.pop()
                    left = until - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        raise Unavailable("no connection is free for a look-up")
                self._open += 1
            finally:
                self._waiting -= 1
        try:
            return _Kept(self._engine, self._autocommit)
        except BaseException:
            self._one_less()
            raise

    def give_back(self, kept: _Kept) -> None:
        """Hand a sound connection back."""
        self._idle.append(kept)
        if self._waiting:
            with self._changed:
                self._changed.notify()

    def drop(self, kept: _Kept) -> None:
        """Part with a broken or old connection."""
        kept.close()
        self._one_less()

    def close(self) -> None:
        """Close what is idle, as the host does with its own; more open when needed."""
        if self._pid != os.getpid():
            return  # they are the parent's
        with suppress(IndexError):
            while True:
                self.drop(self._idle.pop())

    def _one_less(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()


class Lookup:
    """Finds a token by its public id.

    :param query: from :func:`statement`.
    :param engine: the primary's, which writes go to.
    :param beside: one of the same engine, whose connections it uses as well.
    """

    def __init__(
        self, query: Select[Any], engine: Engine, beside: Lookup | None = None
    ) -> None:
        self._query = query
        self._engine = engine
        self._blanks = (None,) * (len(TokenRow._fields) - len(query.selected_columns))
        self._driver_error = engine.dialect.loaded_dbapi.Error
        # The last two are for values that are not what the schema promises.
        self._failures = (SQLAlchemyError, self._driver_error, ValueError, TypeError)
        compiled = query.compile(dialect=engine.dialect)
        self._sql = str(compiled)
        self._positional = compiled.positional
        self._converters: list[tuple[int, Callable[[Any], Any]]] | None = None
        self._shared: Any = None
        self._connections: _Connections | None = None
        autocommit = AUTOCOMMIT.get(engine.dialect.driver)
        if beside is not None:
            self._shared, self._connections = beside._shared, beside._connections
        elif isinstance(engine.pool, StaticPool):
            self._shared = engine.raw_connection()
        elif autocommit and not isinstance(engine.pool, SingletonThreadPool):
            connections = self._connections = _Connections(engine, autocommit)
            # The pool knows them no more, so it cannot close them.
            event.listen(engine, "engine_disposed", lambda _engine: connections.close())

    def find(self, token_id: str) -> TokenRow | None:
        """The row of *token_id*, read now.

        :raises Unavailable: if the database does not answer.
        """
        arguments = (token_id,) if self._positional else {"token_id": token_id}
        found: TokenRow | None
        try:
            if self._connections is not None:
                found = self._find_fast(self._connections, arguments)
                return found
            if self._shared is not None:
                found = self._find_shared(self._shared, arguments)
                return found
            with self._engine.connect() as connection:
                return find_on(connection, self._query, token_id)
        except self._failures as error:
            raise Unavailable(str(error)) from error

    def _find_fast(self, connections: _Connections, arguments: Any) -> Any:
        kept = connections.take()
        try:
            return self._find_kept(connections, kept, arguments)
        except self._driver_error:
            # It may have been closed behind our back since its last use, and the
            # others with it: a fresh one tells whether the database is there.
            connections.close()
        return self._find_kept(connections, connections.take(), arguments)

    def _find_kept(self, connections: _Connections, kept: _Kept, arguments: Any) -> Any:
        try:
            cursor = kept.cursor
            cursor.execute(self._sql, arguments)
            row = cursor.fetchone()
            found = None if row is None else self._converted(row, cursor)
        except BaseException:
            # Also where a timeout or a signal breaks in: nobody knows what state the
            # connection is in then.
            connections.drop(kept)
            raise
        connections.give_back(kept)
        return found

    def _find_shared(self, shared: Any, arguments: Any) -> Any:
        """In-memory SQLite: one connection for all, and the host may be writing.

        Nothing is begun, committed or handed back to the pool, which would roll back
        what the host has not committed yet.
        """
        cursor = shared.driver_connection.execute(self._sql, arguments)
        row = cursor.fetchone()
        return None if row is None else self._converted(row, cursor)

    def _converted(self, row: Any, cursor: Any) -> Any:
        if self._converters is None:
            self._converters = self._make_converters(cursor.description)
        values = [*row, *self._blanks]
        for place, convert in self._converters:
            value = values[place]
            if value is not None:
                values[place] = convert(value)
        return TokenRow._make(values)

    def _make_converters(
        self, description: Any
    ) -> list[tuple[int, Callable[[Any], Any]]]:
        """From what the driver gives to what the columns' types promise.

        Plain booleans are left as the driver has them: the guard asks for truth only.
        """
        dialect = self._engine.dialect
        converters: list[tuple[int, Callable[[Any], Any]]] = []
        for place, column in enumerate(self._query.selected_columns):
            if type(column.type) is Boolean:
                continue
            kind = column.type.dialect_impl(dialect)
            convert = kind.result_processor(dialect, description[place][1])
            if convert is not None:
                converters.append((place, convert))
        return converters
