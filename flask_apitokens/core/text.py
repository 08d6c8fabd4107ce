"""Text that every database can store, and the search for a piece of it."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import collate
from sqlalchemy import or_

from .context import Context

#: The categories of characters that some database refuses: controls, surrogates and
#: line ends.
NOT_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_text(text: str) -> bool:
    """Return whether every database can store *text*."""
    return not any(unicodedata.category(char) in NOT_TEXT for char in text)


def contains(ctx: Context, column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that *column* contains *text*, in any letter case."""
    part = searchable(text)
    if ctx.dialect == "postgresql" and part.isascii():
        # Folding the case of all letters takes longer than the rest of the search.
        column = collate(column, "C")
    match: ColumnElement[bool] = column.icontains(part, autoescape=True)
    if ctx.dialect != "sqlite":
        return match
    # SQLite folds the case of ASCII letters only, so also search for the exact text.
    return or_(match, column.contains(part, autoescape=True))


def searchable(text: str) -> str:
    """Return a search without the characters that a column cannot contain.

    A database would refuse the statement.
    """
    normal = unicodedata.normalize("NFC", text.strip())
    return "".join(c for c in normal if unicodedata.category(c) not in NOT_TEXT)
