"""Files that spreadsheets open, in which nothing that people typed is computed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

#: what a spreadsheet takes for the start of a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Iterable[Any]], header: Sequence[str] = ()) -> str:
    """Rows of cells as lines of comma-separated values.

    :param rows: of plain values; none makes an empty cell.
    :param header: the names of the columns, where they come first.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def inert(cell: Any) -> str:
    """*cell* as text: no spreadsheet is to compute what people have typed."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
