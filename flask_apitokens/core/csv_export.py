"""Lines of CSV files. No cell is a formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .utc import rfc3339

#: The characters that begin a formula in a spreadsheet, also in their wide, small and
#: raised forms, which some spreadsheets take for the plain ones.
_FORMULA = "=\\-+@＝＋－＠﹦﹢﹣﹫⁼₌⁺₊−"  # noqa: RUF001
#: What begins a cell: the file, a line, or a character that a spreadsheet may split at.
#: A spreadsheet may leave out quotation marks and characters that are invisible.
_RISK = re.compile(
    r"((?:^|[,;|\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
    r"[\s\"\0\xad\u200b-\u200f\u2060-\u2064\ufeff]*)"
    rf"(?=[{_FORMULA}])"
)
#: some spreadsheets leave these out, and then begin with what follows
_BREAKS = ("\t", "\r", "\n")


def lines(rows: Iterable[Iterable[Any]], header: Sequence[str] = ()) -> str:
    """Return rows of cells as lines of a CSV file.

    :param rows: of plain values; ``None`` makes an empty cell.
    :param header: the names of the columns, for the first line of a file.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: Any) -> str:
    """Return a cell as text, with an apostrophe before what looks like a formula.

    A token's name that is a formula would run in the administrator's spreadsheet. That
    may split the file at semicolons, so a formula may begin inside a cell of ours.
    """
    text = "" if cell is None else str(cell)
    inert = _RISK.sub(r"\1'", text)
    return f"'{inert}" if inert.startswith(_BREAKS) else inert


def at(moment: datetime | None) -> str:
    """Return a moment as RFC 3339 text in UTC; empty for ``None``."""
    return "" if moment is None else rfc3339(moment)
