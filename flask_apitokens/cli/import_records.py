"""Records to import, read from CSV or JSON Lines.

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
from typing import Any

import click

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
