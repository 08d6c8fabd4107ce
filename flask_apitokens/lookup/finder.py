"""``TokenFinder``: reads the row behind a presented token, now, in one SELECT."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from typing import Any

from sqlalchemy import Boolean
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from flask_apitokens.config import Settings
from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.db.mapping import Models
from flask_apitokens.errors import ConfigurationError

from . import native
from .connections import ConnectionPool
from .connections import SharedConnection
from .connections import Unavailable
from .connections import UnreadableRow
from .connections import driver_connections
from .native import TokenRow


def _is_about_a_value(error: Exception) -> bool:
    """Return whether *error*, raised where rows are fetched, is about a value in them.

    Drivers raise DataError for what they cannot convert, such as psycopg for the year
    10000. sqlite3 has no class of its own for text that is not UTF-8.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, ValueError | TypeError | AttributeError | ArithmeticError):
        return True
    name, text = type(cause).__name__, str(cause)
    return name == "DataError" or text.startswith("Could not decode")


class CoreLookup:
    """Runs a statement through SQLAlchemy Core, in whatever transaction there is.

    :param connect: returns a connection as a context manager.
    """

    def __init__(
        self,
        query: Select[Any],
        connect: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        self._query = query
        self._names = list(query.compile().params)
        self._connect = connect

    def find(self, values: Sequence[object]) -> TokenRow | None:
        """Return the first row for *values*, the parameters of the statement.

        :raises Unavailable: if the database does not answer.
        :raises UnreadableRow: if a value of the row is not of its column's type.
        """
        arguments = dict(zip(self._names, values, strict=True))
        try:
            with self._connect() as connection:
                result = connection.execute(self._query, arguments)
                try:
                    row = result.first()
                except Exception as error:
                    if _is_about_a_value(error):
                        raise UnreadableRow("a value") from error
                    raise
        # A function of the host that opens connections may raise the last two.
        except (SQLAlchemyError, ValueError, TypeError) as error:
            raise Unavailable(str(error)) from error
        return None if row is None else TokenRow(*row)


class DriverLookup:
    """Runs a statement on driver connections; it is compiled once.

    A call then costs what the database costs, and not the layers above it.

    :param query: has no parameters but those of the look-up.
    :param connections: run it; several look-ups may share them.
    """

    def __init__(
        self,
        query: Select[Any],
        engine: Engine,
        *,
        connections: ConnectionPool | SharedConnection,
    ) -> None:
        self._query = query
        self._dialect = engine.dialect
        self._connections = connections
        # A function of the host that opens connections may raise the last two.
        driver_error = engine.dialect.loaded_dbapi.Error
        self._failures = (SQLAlchemyError, driver_error, ValueError, TypeError)
        self._options_now = engine.get_execution_options
        self._compile(self._options_now())
        self._converters: list[tuple[int, Callable[[Any], Any]]] | None = None

    def _compile(self, options: Mapping[str, Any]) -> None:
        schemas = options.get("schema_translate_map")
        compiled = self._query.compile(
            dialect=self._dialect,
            schema_translate_map=schemas,
            render_schema_translate=schemas is not None,
        )
        self._sql = str(compiled)
        self._names = None if compiled.positional else list(compiled.params)
        self._options = options

    def find(self, values: Sequence[object]) -> TokenRow | None:
        """Return the first row for *values*, the parameters of the statement.

        :raises Unavailable: if the database does not answer.
        :raises UnreadableRow: if a value of the row is not of its column's type.
        """
        options = self._options_now()
        if options is not self._options:
            # The host has set others meanwhile, which makes a new mapping of them.
            self._compile(options)
        arguments: Any = tuple(values)
        if self._names is not None:
            arguments = dict(zip(self._names, values, strict=True))
        try:
            row = self._connections.run(self._fetch, arguments)
        except self._failures as error:
            raise Unavailable(str(error)) from error
        return None if row is None else self._convert(row)

    def _fetch(self, cursor: Any, arguments: Any) -> Sequence[Any] | None:
        cursor.execute(self._sql, arguments)
        try:
            # All rows: with an unread one, SQLite keeps its read lock until the next
            # look-up, and no writer can commit.
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        except Exception as error:
            if _is_about_a_value(error):
                raise UnreadableRow("a value") from error
            raise
        if rows and self._converters is None:
            self._converters = self._make_converters(cursor.description)
        return rows[0] if rows else None

    def _convert(self, row: Sequence[Any]) -> TokenRow:
        values = list(row)
        for place, convert in self._converters or ():
            value = values[place]
            if value is not None:
                try:
                    values[place] = convert(value)
                except Exception as error:
                    raise UnreadableRow(TokenRow._fields[place]) from error
        return TokenRow(*values)

    def _make_converters(
        self, description: Any
    ) -> list[tuple[int, Callable[[Any], Any]]]:
        """Return the functions that convert the driver's values, by their place.

        Plain booleans stay as the driver has them: the guard needs their truth only.
        """
        converters: list[tuple[int, Callable[[Any], Any]]] = []
        for place, column in enumerate(self._query.selected_columns):
            if type(column.type) is Boolean:
                continue
            kind = column.type.dialect_impl(self._dialect)
            convert = kind.result_processor(self._dialect, description[place][1])
            if convert is not None:
                converters.append((place, convert))
        return converters


class TokenFinder:
    """Finds tokens for the guard; ``init_app`` builds one for each application.

    The statement is written at the first look-up, because services may be declared
    until then.

    :param declares_services: whether there are services; the answer must stay the same
        from then on.
    :param engine: returns the primary's engine, which writes go to.
    :param session: returns the session whose connection look-ups use, with
        ``APITOKENS_LOOKUP = "session"``.
    """

    def __init__(
        self,
        models: Models,
        callbacks: Callbacks,
        settings: Settings,
        *,
        declares_services: Callable[[], bool],
        engine: Callable[[], object],
        session: Callable[[], Session | scoped_session[Any]],
    ) -> None:
        self._models = models
        self._callbacks = callbacks
        self._settings = settings
        self._declares_services = declares_services
        self._engine = engine
        self._session = session
        self._lock = threading.Lock()
        self._connections: ConnectionPool | SharedConnection | None = None
        self._by_id: CoreLookup | DriverLookup | None = None
        self._by_digests: CoreLookup | DriverLookup | None = None

    def find(self, token_id: str) -> TokenRow | None:
        """Return the row of the token with this public id.

        :raises LookupFailed: if the database does not answer, or the row is unreadable.
        """
        lookup = self._by_id or self._build()
        return lookup.find((token_id,))

    def find_by_digests(self, digests: Sequence[bytes]) -> TokenRow | None:
        """Return the row of the imported token that one of *digests* belongs to.

        :param digests: as many at each call.
        :raises LookupFailed: if the database does not answer, or the row is unreadable.
        """
        lookup = self._by_digests or self._build_by_digests(len(digests))
        return lookup.find(digests)

    def close(self) -> None:
        """Close the connections that are kept for look-ups; the next call opens one."""
        if self._connections is not None:
            self._connections.close()

    def _build(self) -> CoreLookup | DriverLookup:
        with self._lock:
            if self._by_id is None:
                query = native.select_by_id(self._models, self._select_tokens())
                self._by_id = self._lookup(query)
            return self._by_id

    def _build_by_digests(self, number: int) -> CoreLookup | DriverLookup:
        with self._lock:
            if self._by_digests is None:
                self._by_digests = self._lookup(self._select_by_digests(number))
            return self._by_digests

    def _select_by_digests(self, number: int) -> Select[Any]:
        # Most applications import no tokens and do not load this module.
        from .imported import select_by_digests

        return select_by_digests(self._models, self._select_tokens(), number)

    def _select_tokens(self) -> Select[Any]:
        return native.select_tokens(
            self._models,
            self._callbacks,
            with_services=self._declares_services(),
            bound_to_email=self._settings.bind_to_email,
        )

    def _lookup(self, query: Select[Any]) -> CoreLookup | DriverLookup:
        if self._settings.lookup == "session":
            return CoreLookup(query, self._session_connection)
        engine = self._engine()
        if not isinstance(engine, Engine):
            raise ConfigurationError(
                f"db.engines has a {type(engine).__name__} in the place of its engine, "
                "as tests put it there that keep all in one transaction: they need "
                'APITOKENS_LOOKUP = "session"; see docs/testing.md'
            )
        if self._connections is None:
            self._connections = driver_connections(engine)
        if self._connections is None:
            return CoreLookup(query, engine.connect)
        return DriverLookup(query, engine, connections=self._connections)

    def _session_connection(self) -> AbstractContextManager[Connection]:
        # The host's session stays as it is: it is neither ended nor closed here.
        where = {"mapper": self._models.Token}
        return nullcontext(self._session().connection(bind_arguments=where))
