"""Files that spreadsheets open: lines of cells, none of which is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .utc import rfc3339

#: what a spreadsheet takes for the start of a formula
_FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")


def lines(rows: Iterable[Iterable[Any]], header: Sequence[str] = ()) -> str:
    """Rows of cells as lines of a file.

    :param rows: of plain values; none makes an empty cell.
    :param header: the names of the columns, where they come first.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: Any) -> str:
    """*cell* as text: no spreadsheet is to compute what people have typed."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def at(moment: datetime | None) -> str:
    """A moment in UTC, as a spreadsheet reads it; empty for none."""
    return "" if moment is None else rfc3339(moment)
