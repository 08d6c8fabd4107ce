"""What commands print: aligned tables for people, one JSON document for machines."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from typing import Any

import click

from flask_apitokens.core.text import NOT_TEXT

#: what could move the cursor of a terminal or turn its text around
_UNSAFE = NOT_TEXT | {"Cf"}
BLANK = "-"


def printable(text: str) -> str:
    """*text* with its invisible characters written out: ``\\u202e``."""
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNSAFE
        else char
        for char in text
    )


def show_json(value: Any) -> None:
    """Print one JSON document, in ASCII: exact in every terminal and encoding."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def show_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print aligned columns under the names of *header*; a dash is no value."""
    titles = [_title(name).upper() for name in header]
    lines = [titles, *([cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        padded = [cell + " " * (width - _width(cell)) for cell, width in cells]
        show("  ".join(padded).rstrip())


def show_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line."""
    titles = {_title(name): value for name, value in facts.items()}
    width = max(map(len, titles))
    for title, value in titles.items():
        show(f"{title:<{width}}  {cell(value)}")


def _title(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ").capitalize()


def show(text: str) -> None:
    """Print a line; what the terminal's encoding lacks is written out."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def give_up_stdout() -> None:
    """Close stdout after it failed, or Python tries once more at the end."""
    with suppress(OSError):
        sys.stdout.close()


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for results."""
    click.echo(text, err=True)


def cell(value: Any) -> str:
    """A value in a table."""
    if value is None or value in ("", (), [], {}):
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return printable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, list | tuple):
        return printable(",".join(map(str, value)))
    return printable(str(value))


def _width(text: str) -> int:
    """How many columns of a terminal *text* takes."""
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me"}
        else 1 + (unicodedata.east_asian_width(char) in {"W", "F"})
        for char in text
    )
