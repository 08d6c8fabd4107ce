"""What reaches the database during requests, as the driver itself reports it.

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
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import event

_COMPLETED = re.compile(rb'\tB\t\d+\tCommandComplete\t "(\w+)')


class Watch:
    """Counts the statements on every connection that *engine*'s pool opens from now."""

    def __init__(self, engine: Engine) -> None:
        self._lines: list[str] = []
        self._files: list[io.FileIO] = []
        watch: dict[str, Callable[[Any, Any], None]] = {
            "pysqlite": self._watch_sqlite,
            "psycopg": self._watch_psycopg,
        }
        event.listen(engine, "connect", watch[engine.dialect.driver])

    def _watch_sqlite(self, connection: Any, _record: Any) -> None:
        connection.set_trace_callback(self._lines.append)

    def _watch_psycopg(self, connection: Any, _record: Any) -> None:
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
        """How often each kind of statement ran, by its first word."""
        words = [line.split(None, 1)[0].upper() for line in self._lines]
        for file in self._files:
            words += [tag.decode() for tag in _COMPLETED.findall(file.read())]
        self._lines.clear()
        return Counter(words)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()
