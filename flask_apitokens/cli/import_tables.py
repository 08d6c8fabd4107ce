"""Records to import, read from a table of the application.

The table is read as the database has it, which may differ from the application's
models. Its values are read raw: one that SQLAlchemy or the driver cannot convert is the
fault of its row, and the other rows are imported.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click
from sqlalchemy import Column
from sqlalchemy import Connection
from sqlalchemy import Date
from sqlalchemy import DateTime
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import Uuid
from sqlalchemy import cast
from sqlalchemy import func
from sqlalchemy import inspect
from sqlalchemy import literal_column
from sqlalchemy import null
from sqlalchemy import select
from sqlalchemy import type_coerce
from sqlalchemy.dialects.mysql import TIMESTAMP as MYSQL_TIMESTAMP
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import NullType
from sqlalchemy.types import TypeDecorator

from flask_apitokens.core.context import Context

from .import_records import BATCH
from .import_records import Record

_NO_EXPIRY = "its expiry is not a moment"
_WITHOUT_ZONE = re.compile(r".*[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?")


@dataclass(frozen=True)
class TokenColumn:
    """A column of an application's table that holds tokens.

    :param key: the primary key of the table, which orders the rows.
    :param owner: the column with the owners' primary keys.
    :param expires: the column with the expiry times; None if the tokens never expire.
    :param as_owner: converts a value of *owner* to one of the user model's key.
    """

    key: Column[Any]
    owner: Column[Any]
    token: Column[Any]
    expires: Column[Any] | None
    as_owner: Callable[[Any], Any]

    @property
    def is_key(self) -> bool:
        """Return whether the tokens are the primary keys of the table."""
        return self.key is self.token

    @property
    def can_be_cleared(self) -> bool:
        """Return whether the database accepts NULL in place of a token."""
        return bool(self.token.nullable) and not self.is_key

    def records(self, ctx: Context) -> Iterator[Record]:
        """Yield the rows that have a token, in the order of the primary key.

        The caller may end the transaction after each record.
        """
        number = 0
        for key, owner, value, expires in self._rows(ctx):
            # Empty tokens are skipped here and not by the query: a UUID column, for
            # example, cannot be compared with an empty text.
            token = _token_text(value)
            if token == "":
                continue
            number += 1
            if token is None:
                yield Record(number, problem="its token is not text")
                continue
            try:
                yield Record(
                    number,
                    self.as_owner(owner),
                    token,
                    expires=_expiry_text(ctx, expires),
                    key=key,
                )
            except ValueError as error:
                yield Record(number, problem=str(error))

    def _rows(self, ctx: Context) -> Iterator[Any]:
        query = (
            select(self.key, self.owner, self.token, _raw_time(ctx, self.expires))
            .where(self.token.is_not(None))
            .order_by(self.key)
        )
        if self.is_key:
            # The next page would begin after a token, which would be a value of the
            # statement, and databases log these. So all rows are read at once.
            yield from _fetched(connection_of(ctx), query)
            return
        rows, last = _fetched(connection_of(ctx), query.limit(BATCH)), None
        while rows:
            yield from rows
            if len(rows) < BATCH or rows[-1][0] == last:
                return
            last = rows[-1][0]
            page = query.where(self.key > last).limit(BATCH)
            rows = _fetched(connection_of(ctx), page)

    def clear(self, ctx: Context, tokens: dict[Any, str]) -> int:
        """Set the column to NULL in the rows that still hold these tokens.

        A token that was changed since it was read is another token, and stays.

        :param tokens: by the primary key of the row, the token that was read.
        :returns: how many were cleared.
        """
        ctx.lock_for_write()
        connection, table = connection_of(ctx), self.token.table
        query = select(self.key, self.token).where(self.key.in_(list(tokens)))
        now = _fetched(connection, query.with_for_update())
        # Compared here and not by the statement: statements and their values may be
        # logged, and these values are plaintext tokens.
        same = [key for key, value in now if tokens[key] == _token_text(value)]
        if same:
            change = table.update().where(self.key.in_(same))
            connection.execute(change.values({self.token.name: None}))
        return len(same)


def connection_of(ctx: Context) -> Connection:
    """Return the session's connection to the database of the user table."""
    return ctx.session.connection(bind_arguments={"mapper": ctx.models.Token})


def _fetched(connection: Connection, query: Any) -> list[Any]:
    with _any_text(connection):
        return list(connection.execute(query).all())


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """Let SQLite's driver replace bytes that are not UTF-8, in place of an error.

    One such text would otherwise end the reading of all rows.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    before = driver.text_factory
    driver.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        yield
    finally:
        driver.text_factory = before


def _token_text(value: object) -> str | None:
    """Return a column's value as callers send the token; None if it is not text."""
    # MariaDB returns bytes from a column that compares case; a CHAR column is padded
    # with spaces.
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode("ascii", "replace")
    if isinstance(value, UUID):
        value = str(value)
    return value.strip() if isinstance(value, str) else None


def _raw_time(ctx: Context, column: Column[Any] | None) -> Any:
    """Return an expiry column in a form that no driver fails to read.

    psycopg raises an error for ``infinity``, and PyMySQL returns a zero date in a form
    of its own. On PostgreSQL the form depends on the settings of the server, except in
    JSON.
    """
    if column is None:
        return null()
    if ctx.dialect == "postgresql":
        return cast(func.to_json(column), Text)
    if ctx.dialect == "sqlite" or not isinstance(column.type, Date | DateTime):
        return type_coerce(column, NullType())
    if not isinstance(column.type, MYSQL_TIMESTAMP):
        return cast(column, String)
    # It is read in the time zone of the session, but its seconds since 1970 are the
    # same in each. They are 0 for the zero date.
    seconds = func.nullif(func.unix_timestamp(column), 0)
    in_utc = func.timestampadd(
        literal_column("MICROSECOND"), seconds * 1_000_000, "1970-01-01 00:00:00"
    )
    return func.coalesce(cast(in_utc, String), cast(column, String))


def _expiry_text(ctx: Context, value: Any) -> str:
    """Return an expiry time as a file has it; a time without a zone is in UTC.

    :raises ValueError: if it is no text, such as a number.
    """
    if ctx.dialect == "postgresql" and value is not None:
        value = json.loads(value)
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str) or not value.strip():
        # A file has nothing in the place of "never". A table has NULL there, so
        # that an empty text may be anything.
        raise ValueError(_NO_EXPIRY)
    text = value.strip()
    return f"{text}+00:00" if _WITHOUT_ZONE.fullmatch(text) else text


def token_column(
    ctx: Context,
    *,
    table: str,
    column: str,
    owner_column: str | None,
    expires_column: str | None,
) -> TokenColumn:
    """Return the column that ``--table`` and ``--column`` name.

    :param table: its name, after its schema and a dot if not in the default schema.
    :param owner_column: without it, the primary key of the user table.
    :param expires_column: without it, no token expires.
    :raises click.BadParameter: if the table or a column does not exist.
    :raises click.UsageError: if the table needs an owner column.
    """
    users = ctx.models.user_key.table
    mapped = users.metadata.tables.get(table)
    found = _reflect_table(connection_of(ctx), table)
    keys = list((found if mapped is None else mapped).primary_key.columns)
    if len(keys) != 1 or keys[0].name not in found.columns:
        raise click.BadParameter(
            "its primary key has to be one column.", param_hint="'--table'"
        )
    if owner_column is None and not _is_same(connection_of(ctx), found, users):
        raise click.UsageError(
            "The rows of this table are no users: name the column with the users' keys "
            "by --owner-column."
        )
    key = found.columns[keys[0].name]
    owner, expires = key, None
    if owner_column is not None:
        owner = _column(found, owner_column, option="--owner-column")
    if expires_column is not None:
        expires = _column(found, expires_column, option="--expires-column")
    as_owner = _conversion(ctx, owner, mapped)
    token = _column(found, column, option="--column")
    for raw in (key, owner, token):
        # SQLite reports an unknown type as a number, and SQLAlchemy would convert the
        # token to one. Without a type, the driver's value is used as it is.
        raw.type = NullType()
    return TokenColumn(key, owner, token, expires, as_owner)


def _reflect_table(connection: Connection, name: str) -> Table:
    schema: str | None
    schema, _dot, bare_name = name.rpartition(".")
    # Without its own name in the map, the schema is not translated a second time.
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    schema = translated.get(schema or None, schema or None)
    try:
        with warnings.catch_warnings():
            # about columns of types that SQLAlchemy does not know
            warnings.simplefilter("ignore", SAWarning)
            return Table(
                bare_name,
                MetaData(),
                schema=schema,
                autoload_with=connection,
                resolve_fks=False,
            )
    except NoSuchTableError:
        raise click.BadParameter(
            "the database has no such table.", param_hint="'--table'"
        ) from None


def _is_same(connection: Connection, found: Table, users: Any) -> bool:
    """Return whether a reflected table is the user table, and not its namesake."""
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    default = inspect(connection).default_schema_name
    schema = translated.get(users.schema, users.schema)
    same_schema = (found.schema or default) == (schema or default)
    return bool(found.name == users.name and same_schema)


def _conversion(
    ctx: Context, owner: Column[Any], mapped: Table | None
) -> Callable[[Any], Any]:
    """Return the function that makes a user's key of a value that was read raw.

    Types that store something else than they return, such as UUIDs on SQLite, have
    one.
    """
    columns = () if mapped is None else mapped.columns
    types = [column.type for column in columns if column.name == owner.name]
    dialect = connection_of(ctx).dialect
    for kind in types:
        if isinstance(kind, Uuid | TypeDecorator):
            convert = kind.dialect_impl(dialect).result_processor(dialect, None)
            return lambda value: value if convert is None else _key(convert, value)
    return lambda value: value


def _key(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except Exception:
        raise ValueError("its owner is not a key of the user table") from None


def _column(table: Table, name: str, *, option: str) -> Column[Any]:
    if name not in table.columns:
        raise click.BadParameter(
            "the table has no such column.", param_hint=f"'{option}'"
        )
    return table.columns[name]
