"""Where tokens to import come from: CSV, JSON Lines, or a table of the host's.

What is wrong with a record is told with its number and never with its text: where two
columns were swapped, any of them may be a token.
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
#: what a line of CSV without a header has, in this order
BARE = COLUMNS[:4]
#: rows of a table that are read, and hashed, between two commits
BATCH = 100


@dataclass(frozen=True)
class Record:
    """What stands in one line or row; *problem* where it cannot be read.

    :param number: of the line in its file, or of the row in its table, from 1.
    :param key: the primary key of the row, in a table.
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


#: begins at the first record, as often as it is called
Records = Callable[[], Iterator[Record]]


def records_of_text(data: bytes, form: str) -> Records:
    """The records of a file.

    :param form: "csv", "jsonl" or "auto": JSON Lines begin with a brace.
    :raises ClickException: if it is no text in UTF-8.
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
            # Not one bad line to skip: where the next record begins is a guess, and
            # what a user of the old system wrote into a name must never become one.
            raise click.ClickException(
                f"Line {number} begins what is no CSV ({error}). Nothing was imported."
            ) from None
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, is_header = _header(cells)
            if is_header:
                continue
        yield _of_cells(number, columns, cells)


def _header(cells: list[str]) -> tuple[tuple[str, ...], bool]:
    """The columns, and whether *cells* name them rather than fill them.

    :raises ClickException: if they name others: without its columns a file is misread.
    """
    words = tuple(cell.strip().lower() for cell in cells)
    # No token is so short. A record may be called so, but to be asked for a header is
    # less than to have what stands below another one taken for something else.
    if "token" not in words:
        return BARE, False
    if len(set(words)) < len(words) or not set(words) <= {*COLUMNS}:
        raise click.ClickException(
            'The first line is a header, as it has a cell "token", but names other '
            f"columns than {', '.join(COLUMNS)}, or one of them twice. Nothing was "
            "imported."
        )
    return words, True


def _of_cells(number: int, columns: tuple[str, ...], cells: list[str]) -> Record:
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
            yield _of_object(number, found)


def _of_object(number: int, found: dict[str, Any]) -> Record:
    values: dict[str, str] = {}
    for name, value in found.items():
        if name == "owner" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        elif name == "scopes" and isinstance(value, list):
            value = " ".join(map(str, value))
        if not isinstance(value, str | None):
            return Record(number, problem=f"its {name} is no text")
        values[name] = (value or "").strip()
    return Record(number, **values)


# -- a table of the host's -----------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A column of the host's that holds tokens.

    :param key: the primary key of its table, whose order it is read in.
    :param owner: the column with the owners' primary keys.
    :param expires: the column with the tokens' ends; none where they have none.
    """

    key: Column[Any]
    owner: Column[Any]
    token: Column[Any]
    expires: Column[Any] | None = None

    def records(self, ctx: Context) -> Iterator[Record]:
        """The rows that have a token, without a transaction left open between them."""
        number, last = 0, None
        end: Any = null() if self.expires is None else self.expires
        every = select(self.key, self.owner, self.token, end).order_by(self.key)
        every = every.where(self.token.is_not(None)).limit(BATCH)
        while True:
            query = every if last is None else every.where(self.key > last)
            rows = self._connection(ctx).execute(query).all()
            for key, owner, value, expires in rows:
                # Not left out by the database: not all that a token may be stored as
                # can be compared with a text.
                if (token := _token_in(value)) == "":
                    continue
                number += 1
                if token is None:
                    yield Record(number, problem="its token is no text")
                else:
                    when = _moment_in(expires)
                    yield Record(number, owner, token, expires=when, key=key)
            if len(rows) < BATCH:
                return
            last = rows[-1][0]

    def _connection(self, ctx: Context) -> Any:
        where = {"mapper": ctx.models.Token}
        return ctx.session.connection(bind_arguments=where)

    def clear(self, ctx: Context, tokens: dict[Any, str]) -> int:
        """Take tokens out of the column, by the key of their row; answers how many.

        One that was changed since it was read stays: it is another token. The tokens
        are compared here, so that none gets into a statement that may be logged.
        """
        ctx.lock_for_write()
        connection, table = self._connection(ctx), self.token.table
        query = select(self.key, self.token).where(self.key.in_(list(tokens)))
        now = connection.execute(query.with_for_update()).all()
        same = [key for key, value in now if tokens[key] == _token_in(value)]
        if same:
            change = table.update().where(self.key.in_(same))
            connection.execute(change.values({self.token.name: None}))
        return len(same)


def _token_in(value: object) -> str | None:
    """The text of a token in a column; none where it is none.

    A UUID is sent in its usual form; a column of a fixed length is filled with spaces,
    and MariaDB has bytes where case matters.
    """
    if isinstance(value, bytes | memoryview):
        value = bytes(value).decode("ascii", "replace")
    if isinstance(value, UUID):
        value = str(value)
    return value.strip() if isinstance(value, str) else None


def _moment_in(value: object) -> str:
    """The end of a token in a column, as a file has it; without a zone it is in UTC."""
    if isinstance(value, datetime):
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def source_of(
    ctx: Context,
    engine: Engine,
    table: str,
    column: str,
    *,
    owner_column: str | None,
    expires_column: str | None,
) -> Source:
    """The column that ``--table`` and ``--column`` name.

    :param table: its name, after the schema's and a dot where it is in another one.
    :param owner_column: where not given, the primary key of the table.
    :param expires_column: where not given, no token ends.
    :raises BadParameter: if there is no such table or column.
    """
    schema, _dot, name = table.rpartition(".")
    users = ctx.models.user_key.table
    found = users.metadata.tables.get(table)
    if found is None:
        try:
            found = Table(name, MetaData(), schema=schema or None, autoload_with=engine)
        except NoSuchTableError:
            raise click.BadParameter(
                "the database has no such table.", param_hint="'--table'"
            ) from None
    keys = list(found.primary_key.columns)
    if len(keys) != 1:
        raise click.BadParameter(
            "its primary key has to be one column.", param_hint="'--table'"
        )
    if owner_column is None and found.name != users.name:
        raise click.UsageError(
            "The rows of this table are no users: say where their keys stand, with "
            "--owner-column."
        )
    token = _column(found, column, "")
    if found.metadata is not users.metadata:
        # As the driver has it: SQLite would make a number of a type it does not know.
        token.type = NullType()
    owner = keys[0] if owner_column is None else _column(found, owner_column, "owner-")
    if expires_column is None:
        return Source(keys[0], owner, token)
    return Source(keys[0], owner, token, _column(found, expires_column, "expires-"))


def _column(table: Table, name: str, which: str) -> Column[Any]:
    if name not in table.columns:
        raise click.BadParameter(
            "the table has no such column.", param_hint=f"'--{which}column'"
        )
    return table.columns[name]
