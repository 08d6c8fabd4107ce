"""Text that every database can store, and the search for a piece of it."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import collate
from sqlalchemy import or_

from .context import Context

#: categories of characters that no column takes: controls, surrogates, line ends
NOT_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_text(text: str) -> bool:
    """Return whether every database can store *text*."""
    return not any(unicodedata.category(char) in NOT_TEXT for char in text)


def contains(ctx: Context, column: Any, text: str) -> ColumnElement[bool]:
    """Whether *column* contains *text*, whatever the case of its letters."""
    part = searchable(text)
    if ctx.dialect == "postgresql" and part.isascii():
        # To fold the case of any letter takes a database longer than all the rest.
        column = collate(column, "C")
    match: ColumnElement[bool] = column.icontains(part, autoescape=True)
    if ctx.dialect != "sqlite":
        return match
    # It folds the case of ASCII alone, so the text as it came too.
    return or_(match, column.contains(part, autoescape=True))


def searchable(text: str) -> str:
    """What of a search can stand in a column at all: a database refuses the rest."""
    normal = unicodedata.normalize("NFC", text.strip())
    return "".join(c for c in normal if unicodedata.category(c) not in NOT_TEXT)
