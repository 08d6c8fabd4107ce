"""Records to import, read from a table of the application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from sqlalchemy import Column
from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import null
from sqlalchemy import select
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import NullType

from flask_apitokens.core.context import Context

from .import_records import BATCH
from .import_records import Record


@dataclass(frozen=True)
class TokenColumn:
    """A column of an application's table that holds tokens.

    :param key: the primary key of the table, which orders the rows.
    :param owner: the column with the owners' primary keys.
    :param expires: the column with the expiry times; None if the tokens never expire.
    """

    key: Column[Any]
    owner: Column[Any]
    token: Column[Any]
    expires: Column[Any] | None = None

    def records(self, ctx: Context) -> Iterator[Record]:
        """Yield the rows that have a token, read in batches by primary key.

        The caller may end the transaction after each record.
        """
        number, last = 0, None
        expires_at: Any = null() if self.expires is None else self.expires
        rows_by_key = (
            select(self.key, self.owner, self.token, expires_at)
            .where(self.token.is_not(None))
            .order_by(self.key)
            .limit(BATCH)
        )
        while True:
            query = rows_by_key
            if last is not None:
                query = rows_by_key.where(self.key > last)
            rows = self._connection(ctx).execute(query).all()
            for key, owner, value, expires in rows:
                # Empty tokens are skipped here and not by the query: a UUID column, for
                # example, cannot be compared with an empty text.
                token = _token_text(value)
                if token == "":
                    continue
                number += 1
                if token is None:
                    yield Record(number, problem="its token is not text")
                else:
                    expiry = _expiry_text(expires)
                    yield Record(number, owner, token, expires=expiry, key=key)
            if len(rows) < BATCH:
                return
            last = rows[-1][0]

    def _connection(self, ctx: Context) -> Any:
        where = {"mapper": ctx.models.Token}
        return ctx.session.connection(bind_arguments=where)

    def clear(self, ctx: Context, tokens: dict[Any, str]) -> int:
        """Set the column to NULL in the rows that still hold these tokens.

        A token that was changed since it was read is another token, and stays.

        :param tokens: by the primary key of the row, the token that was read.
        :returns: how many were cleared.
        """
        ctx.lock_for_write()
        connection, table = self._connection(ctx), self.token.table
        query = select(self.key, self.token).where(self.key.in_(list(tokens)))
        now = connection.execute(query.with_for_update()).all()
        # Compared here and not by the statement: statements and their values may be
        # logged, and these values are plaintext tokens.
        same = [key for key, value in now if tokens[key] == _token_text(value)]
        if same:
            change = table.update().where(self.key.in_(same))
            connection.execute(change.values({self.token.name: None}))
        return len(same)


def _token_text(value: object) -> str | None:
    """Return a column's value as callers send the token; None if it is not text."""
    # MariaDB returns bytes from a column that compares case; a CHAR column is padded
    # with spaces.
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode("ascii", "replace")
    if isinstance(value, UUID):
        value = str(value)
    return value.strip() if isinstance(value, str) else None


def _expiry_text(value: object) -> str:
    """Return an expiry time as a file has it; a time without a zone is in UTC."""
    if isinstance(value, datetime):
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def token_column(
    ctx: Context,
    engine: Engine,
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
    found = _reflect_table(engine, table) if mapped is None else mapped
    if len(keys := list(found.primary_key.columns)) != 1:
        raise click.BadParameter(
            "its primary key has to be one column.", param_hint="'--table'"
        )
    if owner_column is None and found.name != users.name:
        raise click.UsageError(
            "The rows of this table are no users: name the column with the users' keys "
            "by --owner-column."
        )
    token = _column(found, column, option="--column")
    if mapped is None:
        # SQLite reports an unknown type as a number, and SQLAlchemy would convert the
        # token to one. Without a type, the driver's value is used as it is.
        token.type = NullType()
    owner, expires = keys[0], None
    if owner_column is not None:
        owner = _column(found, owner_column, option="--owner-column")
    if expires_column is not None:
        expires = _column(found, expires_column, option="--expires-column")
    return TokenColumn(keys[0], owner, token, expires)


def _reflect_table(engine: Engine, name: str) -> Table:
    schema, _dot, bare_name = name.rpartition(".")
    try:
        return Table(bare_name, MetaData(), schema=schema or None, autoload_with=engine)
    except NoSuchTableError:
        raise click.BadParameter(
            "the database has no such table.", param_hint="'--table'"
        ) from None


def _column(table: Table, name: str, *, option: str) -> Column[Any]:
    if name not in table.columns:
        raise click.BadParameter(
            "the table has no such column.", param_hint=f"'{option}'"
        )
    return table.columns[name]
