"""psycopg below its cursors: one statement, prepared once and run again and again.

A cursor finds out at each execution how to adapt the arguments, whether the statement
is worth preparing and how to load the columns. For a statement that never changes all
this is known after the first time, and what is left costs a third. The waiting is
psycopg's own: signals, a lost server and gevent meet what they meet in its cursors.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg import Cursor
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

#: psycopg's own statements are called _pg3_0, _pg3_1 …
_NAME = b"apitokens_%d"


class PreparedCursor:
    """As much of a cursor as a look-up needs; text and bytes go in.

    Of the two statements there can be, by id and by digest, each is prepared when it is
    first run.

    :param connection: in autocommit, and nobody else's.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._server = connection.pgconn
        self._rows = Transformer(connection)
        self._result: PGresult | None = None
        self._sql, self._name = "", _NAME % 0
        #: what is put aside of the other statements
        self._others: dict[str, tuple[Any, PGresult | None, bytes]] = {}

    @property
    def description(self) -> list[tuple[None, int]]:
        """The type of each column, where the DB-API has it (PEP 249)."""
        result = self._result
        columns = range(result.nfields) if result else ()
        return [(None, result.ftype(column)) for column in columns if result]

    def execute(self, sql: str, arguments: Mapping[str, str | bytes]) -> None:
        """Run *sql*, which is mostly the same as the last time."""
        if sql is not self._sql:
            self._turn_to(sql)
        known = self._result is not None
        if not known:
            self._prepare(sql, arguments)
        values = [
            value.encode() if isinstance(value, str) else b"\\x" + hexlify(value)
            for value in arguments.values()
        ]
        self._server.send_query_prepared(self._name, values)
        self._result = result = self._answer(ExecStatus.TUPLES_OK)
        # How to load a column stays as it was found out the first time.
        self._rows.set_pgresult(result, set_loaders=not known)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        if self._result is None or not self._result.ntuples:
            return None
        return self._rows.load_row(0, tuple)

    def _turn_to(self, sql: str) -> None:
        if self._sql:
            self._others[self._sql] = (self._rows, self._result, self._name)
            fresh = sql not in self._others
            self._rows, self._result, self._name = (
                (Transformer(self._connection), None, _NAME % len(self._others))
                if fresh
                else self._others.pop(sql)
            )
        self._sql = sql

    def _prepare(self, sql: str, arguments: Mapping[str, str | bytes]) -> None:
        numbered = {name: f"${i}" for i, name in enumerate(arguments, start=1)}
        encoding = self._connection.info.encoding
        self._server.send_prepare(self._name, (sql % numbered).encode(encoding))
        self._answer(ExecStatus.COMMAND_OK)

    def _answer(self, expected: ExecStatus) -> PGresult:
        result: PGresult = self._connection.wait(execute(self._server))[0]
        if result.status != expected:
            raise error_from_result(result)
        return result


def cursor_of(connection: Connection[Any]) -> PreparedCursor | Cursor[Any]:
    """The fastest cursor that *connection* allows.

    A host that wants nothing prepared, because a proxy hands its statements to several
    servers, says so with ``prepare_threshold=None`` or a cursor class of its own.
    """
    plain = connection.cursor_factory is Cursor
    if plain and connection.prepare_threshold is not None:
        return PreparedCursor(connection)
    return connection.cursor()
