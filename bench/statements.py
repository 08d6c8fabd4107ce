"""The statements that reach the database, as the driver itself reports them.

sqlite3 tells a callback each statement it runs, BEGIN and ROLLBACK included; libpq
writes every message of a connection into a file, and PostgreSQL answers each command
with a tag. So nothing that the layers above do or leave out can hide a statement.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections import Counter
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import event

_COMPLETED = re.compile(rb'\tB\t\d+\tCommandComplete\t "(\w+)')


class Watch:
    """Counts the statements on every connection that *engine*'s pool opens from now."""

    def __init__(self, engine: Engine) -> None:
        self._lines: list[str] = []
        self._files: list[io.FileIO] = []
        self._closed = False
        event.listen(engine, "connect", self._attend)

    def _attend(self, connection: Any, _record: Any) -> None:
        if self._closed:
            return  # the recorder's pool is a copy, listeners included
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(self._lines.append)
        else:
            self._attend_psycopg(connection)

    def _attend_psycopg(self, connection: Any) -> None:
        # libpq writes to this descriptor as long as the connection lives, so it is
        # never closed; we read the file through another.
        descriptor, path = tempfile.mkstemp(prefix="apitokens-bench-")
        connection.pgconn.trace(descriptor)
        self._files.append(io.FileIO(path))
        os.unlink(path)

    def forget(self) -> None:
        """Count from here on."""
        self._lines.clear()
        for file in self._files:
            file.seek(0, os.SEEK_END)

    def counts(self) -> Counter[str]:
        """Return how often each kind of statement ran, by its first word."""
        words = [line.split(None, 1)[0].upper() for line in self._lines]
        for file in self._files:
            words += [tag.decode() for tag in _COMPLETED.findall(file.read())]
        return Counter(words)

    def close(self) -> None:
        """Stop watching."""
        self._closed = True
        for file in self._files:
            file.close()
