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
from typing import Any

import click
from sqlalchemy import Column
from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import select
from sqlalchemy.exc import NoSuchTableError

from flask_apitokens.domain import Domain

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
        except csv.Error:
            yield Record(number, problem="it is no CSV; the rest was not read")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns, is_header = _header(cells)
            if is_header:
                continue
        yield _of_cells(number, columns, cells)


def _header(cells: list[str]) -> tuple[tuple[str, ...], bool]:
    """The columns, and whether *cells* name them rather than fill them."""
    words = tuple(cell.strip().lower() for cell in cells)
    if "token" in words and len(set(words)) == len(words) and set(words) <= {*COLUMNS}:
        return words, True
    return BARE, False


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
    """

    key: Column[Any]
    owner: Column[Any]
    token: Column[Any]

    def records(self, domain: Domain) -> Iterator[Record]:
        """The rows that have a token, without a transaction left open between them."""
        number, last = 0, None
        while True:
            query = select(self.key, self.owner, self.token).order_by(self.key)
            query = query.where(self.token.is_not(None), self.token != "")
            query = query if last is None else query.where(self.key > last)
            rows = self._connection(domain).execute(query.limit(BATCH)).all()
            for key, owner, token in rows:
                number += 1
                if isinstance(token, str):
                    yield Record(number, owner, token, key=key)
                else:
                    yield Record(number, problem="its token is no text")
            if len(rows) < BATCH:
                return
            last = rows[-1][0]

    def _connection(self, domain: Domain) -> Any:
        where = {"mapper": domain.models.Token}
        return domain.session.connection(bind_arguments=where)

    def clear(self, domain: Domain, tokens: dict[Any, str]) -> int:
        """Take tokens out of the column, by the key of their row; answers how many.

        One that was changed since it was read stays: it is another token. The tokens
        are compared here, so that none gets into a statement that may be logged.
        """
        domain.begin_writing()
        connection, table = self._connection(domain), self.token.table
        query = select(self.key, self.token).where(self.key.in_(list(tokens)))
        now = connection.execute(query.with_for_update()).all()
        same = [key for key, token in now if tokens[key] == token]
        if same:
            change = table.update().where(self.key.in_(same))
            connection.execute(change.values({self.token.name: None}))
        return len(same)


def source_of(
    domain: Domain, engine: Engine, table: str, column: str, owner_column: str | None
) -> Source:
    """The column that ``--table`` and ``--column`` name.

    :param table: its name, after the schema's and a dot where it is in another one.
    :param owner_column: where not given, the primary key of the table.
    :raises BadParameter: if there is no such table or column.
    """
    schema, _dot, name = table.rpartition(".")
    users = domain.models.user_key.table
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
    owner = keys[0] if owner_column is None else _column(found, owner_column, "owner-")
    return Source(keys[0], owner, _column(found, column, ""))


def _column(table: Table, name: str, which: str) -> Column[Any]:
    if name not in table.columns:
        raise click.BadParameter(
            "the table has no such column.", param_hint=f"'--{which}column'"
        )
    return table.columns[name]
