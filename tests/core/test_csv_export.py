"""core/csv_export.py: no cell is a formula, however a spreadsheet splits the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import product

import pytest

from flask_apitokens.core import csv_export

FORMULA = "=+-@＝＋－＠﹦﹢﹣﹫−"
#: what a spreadsheet may take away before it looks at a cell
UNSEEN = ' "\t\xa0\u200b\u3000\ufeff'
STARTS = ("", "x", 'x"', "x;", "a\r\n", "a, b", "\u200b")
SPLITS = ("", ",", ";", "\t", "|", "\n", "\r", "\r\n", "\v", "\u2028", ";;", ",;")
MIDDLES = ("", " ", '"', ' "', "\t", "\u200b", "\xa0", "\ufeff ")


def cells_of(text: str, delimiter: str) -> Iterator[str]:
    """Yield all cells of a file as a spreadsheet with this delimiter splits it.

    Quotation marks mean something at the start of its cells only, or nothing at all.
    """
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        yield from row
    for line in text.splitlines():
        yield from line.split(delimiter)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_cell_is_a_formula_at_any_delimiter(delimiter: str) -> None:
    risky = []
    for parts in product(STARTS, SPLITS, MIDDLES, FORMULA):
        if not parts[1] and parts[0] not in {"", "\u200b"}:
            continue  # it is inside a cell, as the minus of "CI - build" is
        evil = "".join(parts) + "HYPERLINK(1)"
        text = csv_export.lines([(evil, "ok", evil)])
        cells = cells_of(text, delimiter)
        risky += [evil for cell in cells if cell.lstrip(UNSEEN)[:1] in {*FORMULA}]
    assert risky == []


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("x;=HYPERLINK(1);y", "x;'=HYPERLINK(1);y"),
        ("x\n@y", "x\n'@y"),
        (" -1", " '-1"),
        ('a|"+1"', 'a|"\'+1"'),
        ('["read", "-x"]', '["read", "\'-x"]'),
        ("＝1", "'＝1"),
        ("\tx", "'\tx"),
        # what is no formula stays as it is
        ("CI - build", "CI - build"),
        ("a=b; c=d", "a=b; c=d"),
        ("ada+solar@example.com", "ada+solar@example.com"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07Z"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_cell_stays_readable(cell: str, shown: str) -> None:
    [[read]] = csv.reader(io.StringIO(csv_export.lines([[cell]]), newline=""))
    assert read == shown
