"""The statements that write recorded calls, the same for any number of rows.

The rows are sent as one JSON value, which the database takes apart. So a write is the
same few statements for one call or five thousand, compiled once, and costs this process
one ``json.dumps``. Other databases get the rows one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Column
from sqlalchemy import Connection
from sqlalchemy import Dialect
from sqlalchemy import Executable
from sqlalchemy import FromClause
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import bindparam
from sqlalchemy import column
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import literal_column
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import true
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from flask_apitokens.db.types import text_stored_by

from .rows import CALL_COLUMNS
from .rows import HOUR_COLUMNS
from .rows import USE_COLUMNS
from .rows import Call
from .rows import call_rows
from .rows import hour_rows
from .rows import mappings
from .rows import unhurried
from .rows import use_rows

#: a statement and its parameters, which are JSON
_Work = tuple[Executable, dict[str, str]]
_COUNTS = HOUR_COLUMNS[-3:]
#: Calls in one JSON value. The process may keep the memory of the largest one.
AT_ONCE = 250
#: rows encoded without a pause
_IN_A_ROW = 20


@dataclass(frozen=True)
class Tables:
    """The tables that recorded calls are written to."""

    token: Table
    call: Table
    hour: Table


class OneByOne:
    """Writes calls with statements that every database has."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        token = tables.token.c
        at = bindparam("at", type_=token.last_used_at.type)
        unused = or_(token.last_used_at.is_(None), token.last_used_at < at)
        self._use = (
            update(tables.token)
            .where(token.id == bindparam("token"), unused)
            .values(last_used_at=at, last_used_ip=bindparam("address"))
        )

    def prepared(self, calls: Sequence[Call]) -> Callable[[Connection], None]:
        """Return a function that writes *calls* in a connection's transaction."""
        return partial(self._write, calls)

    def _write(self, calls: Sequence[Call], connection: Connection) -> None:
        rows = mappings(CALL_COLUMNS, call_rows(calls))
        connection.execute(insert(self._tables.call), rows)
        uses = mappings(("token", "at", "address"), use_rows(calls))
        if uses:
            connection.execute(self._use, uses)
        for row in mappings(HOUR_COLUMNS, hour_rows(calls)):
            self._add(connection, row)

    def _add(self, connection: Connection, row: dict[str, Any]) -> None:
        hour = self._tables.hour
        key = [column == row[column.name] for column in hour.primary_key]
        more = {name: hour.c[name] + row[name] for name in _COUNTS}
        change = update(hour).where(*key).values(more)
        if connection.execute(change).rowcount:
            return
        try:
            with connection.begin_nested():
                connection.execute(insert(hour).values(row))
        except IntegrityError:  # Another process has inserted it meanwhile.
            connection.execute(change)


class AtOnce:
    """Writes calls with a few statements, each over one JSON array of rows.

    Times are sent as the database stores them, all other values as JSON.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        rows_of, insert_or_add = _DIALECTS[dialect.name]
        call, hour, token = tables.call, tables.hour, tables.token
        calls = rows_of([call.c[name] for name in CALL_COLUMNS], dialect, rows="calls")
        self._insert = insert(call).from_select(
            list(CALL_COLUMNS), select(*calls.c), include_defaults=False
        )
        hours = rows_of([hour.c[name] for name in HOUR_COLUMNS], dialect, rows="hours")
        # Without a WHERE, SQLite parses ON CONFLICT as the condition of a join.
        self._add_up = insert_or_add(hour, select(*hours.c).where(true()))
        uses = rows_of([token.c[name] for name in USE_COLUMNS], dialect, rows="uses")
        used = token.c.last_used_at
        self._use = (
            update(token)
            .where(
                token.c.id == uses.c.id, or_(used.is_(None), used < uses.c.last_used_at)
            )
            .values({name: uses.c[name] for name in USE_COLUMNS[1:]})
            .execution_options(synchronize_session=False)
        )
        self._as_json = partial(
            _as_json,
            json.JSONEncoder(check_circular=False, default=text_stored_by(dialect)),
        )

    def prepared(self, calls: Sequence[Call]) -> Callable[[Connection], None]:
        """Return a function that writes *calls* in a connection's transaction.

        The rows are encoded now, before the transaction, so no lock is held meanwhile.
        """
        work: list[_Work] = []
        for start in range(0, len(calls), AT_ONCE):
            rows = call_rows(calls[start : start + AT_ONCE])
            work.append((self._insert, {"calls": self._as_json(rows)}))
        uses = use_rows(calls)
        if uses:
            work.append((self._use, {"uses": self._as_json(uses)}))
        work.append((self._add_up, {"hours": self._as_json(hour_rows(calls))}))
        return partial(_write, work)


class InOne(AtOnce):
    """Writes calls with one statement, which needs no transaction around it.

    PostgreSQL alone can: the other writes are in its WITH clause.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        super().__init__(tables, dialect)
        insert: Any = self._insert
        use: Any = self._use
        add_up: Any = self._add_up
        self._all = add_up.add_cte(insert.cte("new_calls"), use.cte("new_uses"))

    def prepared(self, calls: Sequence[Call]) -> Callable[[Connection], None]:
        """Return a function that writes *calls*, :data:`AT_ONCE` at most."""
        rows = {
            "calls": self._as_json(call_rows(calls)),
            "uses": self._as_json(use_rows(calls)),
            "hours": self._as_json(hour_rows(calls)),
        }
        return partial(_write, [(self._all, rows)])


def _write(work: list[_Work], connection: Connection) -> None:
    for statement, rows in work:
        connection.execute(statement, rows)


def _as_json(encoder: json.JSONEncoder, rows: Iterable[tuple[Any, ...]]) -> str:
    """Return *rows* as one JSON array."""
    left = iter(rows)
    parts = iter(lambda: list(islice(left, _IN_A_ROW)), [])
    return f"[{','.join(encoder.encode(part)[1:-1] for part in unhurried(parts))}]"


def statements_for(
    tables: Tables, dialect: Dialect, *, in_one: bool = False
) -> AtOnce | OneByOne:
    """Return the writer of calls for a database of this kind.

    :param in_one: whether a batch must be one statement; for PostgreSQL only.
    """
    if dialect.name not in _DIALECTS or not _knows_json(dialect):
        return OneByOne(tables)
    return InOne(tables, dialect) if in_one else AtOnce(tables, dialect)


def _knows_json(dialect: Dialect) -> bool:
    """Return whether it can read JSON: SQLite since 3.38, MariaDB 10.6, MySQL 8."""
    if dialect.name == "sqlite":
        version: tuple[int, ...] = dialect.loaded_dbapi.sqlite_version_info
        return version >= (3, 38)
    return True


def _of_postgresql(
    columns: Sequence[Column[Any]], dialect: Dialect, *, rows: str
) -> FromClause:
    from sqlalchemy.dialects.postgresql import JSONB

    given = bindparam(rows, type_=Text).cast(JSONB)
    each = func.jsonb_array_elements(given).table_valued("value", name="each_row")
    values = [
        each.c.value.op("->>", return_type=Text())(literal_column(str(at))).cast(
            one.type
        )
        for at, one in enumerate(columns)
    ]
    return _named(columns, values)


def _of_sqlite(
    columns: Sequence[Column[Any]], dialect: Dialect, *, rows: str
) -> FromClause:
    each = func.json_each(bindparam(rows, type_=Text)).table_valued(
        "value", name="each_row"
    )
    # Without the type of the column, which would convert them a second time.
    values = [
        func.json_extract(each.c.value, literal_column(f"'$[{at}]'"))
        for at in range(len(columns))
    ]
    return _named(columns, values)


def _of_mysql(
    columns: Sequence[Column[Any]], dialect: Dialect, *, rows: str
) -> FromClause:
    type_of = dialect.type_compiler_instance.process
    defined = ", ".join(
        f"{one.name} {type_of(one.type)} PATH '$[{at}]'"
        for at, one in enumerate(columns)
    )
    query = f"SELECT * FROM JSON_TABLE(:{rows}, '$[*]' COLUMNS ({defined})) AS each_row"  # noqa: S608
    return (
        text(query)
        .bindparams(bindparam(rows, type_=Text))
        .columns(*[column(one.name, one.type) for one in columns])
        .subquery("recorded")
    )


def _named(columns: Sequence[Column[Any]], values: Sequence[Any]) -> FromClause:
    pairs = zip(columns, values, strict=True)
    return select(*[value.label(one.name) for one, value in pairs]).subquery("recorded")


def _postgresql_insert(hour: Table, recorded: Any) -> Executable:
    from sqlalchemy.dialects.postgresql import insert

    return _or_add(insert(hour), hour, recorded=recorded)


def _sqlite_insert(hour: Table, recorded: Any) -> Executable:
    from sqlalchemy.dialects.sqlite import insert

    return _or_add(insert(hour), hour, recorded=recorded)


def _or_add(made: Any, hour: Table, *, recorded: Any) -> Executable:
    made = made.from_select(list(HOUR_COLUMNS), recorded, include_defaults=False)
    more = {name: hour.c[name] + made.excluded[name] for name in _COUNTS}
    key = list(hour.primary_key)
    changed: Executable = made.on_conflict_do_update(index_elements=key, set_=more)
    return changed


def _mysql_insert(hour: Table, recorded: Any) -> Executable:
    from sqlalchemy.dialects.mysql import insert

    made = insert(hour).from_select(
        list(HOUR_COLUMNS), recorded, include_defaults=False
    )
    more = {name: hour.c[name] + made.inserted[name] for name in _COUNTS}
    changed: Executable = made.on_duplicate_key_update(more)
    return changed


_DIALECTS: dict[str, tuple[Callable[..., FromClause], Callable[..., Executable]]] = {
    "postgresql": (_of_postgresql, _postgresql_insert),
    "sqlite": (_of_sqlite, _sqlite_insert),
    "mysql": (_of_mysql, _mysql_insert),
    "mariadb": (_of_mysql, _mysql_insert),
}
