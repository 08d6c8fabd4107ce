"""Records to import, read from CSV, JSON Lines or a table of the application.

An error names a record by its number and never repeats its text: if two columns were
swapped, any of them may be a token.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
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

COLUMNS = ("owner", "token", "name", "service", "scopes", "expires")
#: the columns of a CSV file without a header, in this order
BARE = COLUMNS[:4]
#: records that are read, and hashed, between two commits
BATCH = 100


@dataclass(frozen=True)
class Record:
    """One line of a file or row of a table.

    :param number: the number of the line or row, from 1.
    :param key: the primary key of the row; None for a line.
    :param problem: what is wrong, if the record cannot be read.
    """

    number: int
    owner: Any = field(default="", repr=False)
    token: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    service: str = field(default="", repr=False)
    scopes: str = field(default="", repr=False)
    expires: str = field(default="", repr=False)
    key: Any = None
    problem: str = ""


#: returns the records from the first one on, at each call
Records = Callable[[], Iterator[Record]]


def read_file(data: bytes, form: str) -> Records:
    """Return the records of a file.

    :param form: "csv", "jsonl" or "auto", which takes a file that begins with a brace
        for JSON Lines.
    :raises click.ClickException: if the file is not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise click.ClickException(f"Line {line} is not UTF-8.") from None
    if form == "auto":
        form = "jsonl" if text.lstrip().startswith("{") else "csv"
    return lambda: _jsonl(text) if form == "jsonl" else _csv(text)


def _csv(text: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # This is not one bad line to skip. Where the next record begins is now a
            # guess, and a user of the other system may have put a line that looks like
            # a record into a name.
            raise click.ClickException(
                f"Line {number} begins what is no CSV ({error}). Nothing was imported."
            ) from None
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, is_header = _header(cells)
            if is_header:
                continue
        yield _record_of_cells(number, cells, columns=columns)


def _header(cells: list[str]) -> tuple[tuple[str, ...], bool]:
    """Return the columns, and whether *cells* are a header and no record.

    :raises click.ClickException: if the header has an unknown column or one twice; the
        records below it would be misread.
    """
    names = tuple(cell.strip().lower() for cell in cells)
    # No token is as short as this word. A first record with this word in another cell
    # is refused, which does less harm than a header that is taken for a record.
    if "token" not in names:
        return BARE, False
    if len(set(names)) < len(names) or not set(names) <= {*COLUMNS}:
        raise click.ClickException(
            'The first line is a header, as it has a cell "token", but names other '
            f"columns than {', '.join(COLUMNS)}, or one of them twice. Nothing was "
            "imported."
        )
    return names, True


def _record_of_cells(
    number: int, cells: list[str], *, columns: tuple[str, ...]
) -> Record:
    fewest = 2 if columns == BARE else len(columns)
    if not fewest <= len(cells) <= len(columns):
        wanted = ", ".join(columns)
        return Record(number, problem=f"it has {len(cells)} columns, not {wanted}")
    values = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
    return Record(number, **values)


def _jsonl(text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            yield Record(number, problem="it is no JSON object")
        elif not set(found) <= set(COLUMNS):
            wanted = ", ".join(COLUMNS)
            yield Record(number, problem=f"it has other names than {wanted}")
        else:
            yield _record_of_object(number, found)


def _record_of_object(number: int, found: dict[str, Any]) -> Record:
    values: dict[str, str] = {}
    for name, value in found.items():
        if name == "owner" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        elif name == "scopes" and isinstance(value, list):
            value = " ".join(map(str, value))
        if not isinstance(value, str | None):
            return Record(number, problem=f"its {name} is not text")
        values[name] = (value or "").strip()
    return Record(number, **values)


# -- a table of the application ------------------------------------------------


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
