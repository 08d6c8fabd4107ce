"""The text of a token, kept where no log, ``repr`` or traceback shows it.

Tools that collect errors send the local variables of each frame. A plain string would
be sent too, from any frame between a view and what failed.
"""

from __future__ import annotations

import re
from html import escape

_SPACE = r"[\s\ufeff\u200b-\u200f\u2060]+"
_AROUND = re.compile(rf"\A{_SPACE}|{_SPACE}\Z")


def pasted(text: str) -> str:
    """Return *text* without what a copy from elsewhere brings along at its ends.

    That is white space, line ends, a byte order mark and characters of no width. No
    token has them.
    """
    return _AROUND.sub("", text)


class Plaintext:
    """The text of a token. It prints as ``***``; :meth:`reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. Keep the result in no variable."""
        return self._text

    @property
    def ascii(self) -> bytes:
        """The text as bytes.

        A character outside ASCII becomes "?", which no token has either.
        """
        return self._text.encode("ascii", "replace")

    def trimmed(self) -> Plaintext:
        """Return the text without what a copy brings along at its ends."""
        return Plaintext(pasted(self._text))

    def __html__(self) -> str:
        """Return the text for a template, where ``{{ plaintext }}`` shows it."""
        return escape(self._text)

    def __repr__(self) -> str:
        return "***"
