"""Lines of CSV files. No cell is a formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .utc import rfc3339

#: the characters that begin a formula in a spreadsheet
_FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")


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

    A token's name that is a formula would run in the administrator's spreadsheet.
    """
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def at(moment: datetime | None) -> str:
    """Return a moment as RFC 3339 text in UTC; empty for ``None``."""
    return "" if moment is None else rfc3339(moment)
