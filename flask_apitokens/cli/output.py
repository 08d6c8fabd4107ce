"""Output of the commands: tables and sentences for people, JSON for machines.

Results go to stdout, everything else to stderr, so that a script can use the results as
they are.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from typing import TextIO

import click

from flask_apitokens.core.text import NOT_TEXT
from flask_apitokens.core.utc import rfc3339

#: categories of characters that could move a terminal's cursor or reverse its text
_UNSAFE = NOT_TEXT | {"Cf"}
BLANK = "-"


def printable(text: str) -> str:
    """Return *text* with its invisible characters escaped: ``\\u202e``."""
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNSAFE
        else char
        for char in text
    )


def print_message(text: str) -> None:
    """Print a sentence to stderr."""
    click.echo(text, err=True)


def print_text(text: str, file: TextIO | None = None, *, end: str = "\n") -> None:
    """Print *text* to stdout.

    :param file: another stream, such as the stdout from before it was redirected.
    """
    file = file or sys.stdout
    # A terminal may use another encoding than UTF-8. A name that it cannot show must
    # not make the command fail, so the characters it lacks are escaped.
    encoding = getattr(file, "encoding", None) or "utf-8"
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(safe + end, file=file, nl=False)


def print_json(value: Any) -> None:
    """Print one JSON document, in ASCII, which every terminal shows exactly."""
    click.echo(json.dumps(value, indent=2, default=_as_json))


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339(value, timespec="auto")
    return str(value)


def print_records(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    empty: str = "",
    cells: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> None:
    """Print a list as a JSON document or as a table.

    :param columns: the keys of a record that the table shows; JSON has all of them.
    :param empty: the sentence for stderr if there are no records and no JSON.
    :param cells: makes the values of a row, where they differ from the record's.
    """
    if as_json:
        print_json(records)
    elif records:
        rows = [cells(record) for record in records]
        print_table(columns, [[row[name] for name in columns] for row in rows])
    elif empty:
        print_message(empty)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print aligned columns with a header; a dash means no value."""
    titles = [_title(name).upper() for name in columns]
    lines = [titles, *([format_cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        padded = [cell + " " * (width - _width(cell)) for cell, width in cells]
        print_text("  ".join(padded).rstrip())


def print_fields(record: Mapping[str, Any]) -> None:
    """Print the names and values of a record, one pair a line."""
    titles = {_title(name): value for name, value in record.items()}
    width = max(map(len, titles))
    for title, value in titles.items():
        print_text(f"{title:<{width}}  {format_cell(value)}")


def close_stdout() -> None:
    """Close stdout after it failed; else Python tries to write again at exit."""
    with suppress(OSError):
        sys.stdout.close()


def format_cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None or value in ("", (), [], {}):
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return printable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list | tuple):
        return printable(",".join(map(str, value)))
    return printable(str(value))


def _title(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ").capitalize()


def _width(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me"}
        else 1 + (unicodedata.east_asian_width(char) in {"W", "F"})
        for char in text
    )
