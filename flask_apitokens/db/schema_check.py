"""Name the tables and columns that a migration has not created yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from weakref import WeakSet

from sqlalchemy import Engine
from sqlalchemy import Table
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from .engines import schema_of
from .engines import shares_connection

#: how PostgreSQL and MariaDB say that a table or a column does not exist
_SQLSTATES = {"42P01", "42703"}
_ERROR_NUMBERS = {1146, 1054}
#: what to do about a missing table or column
WHAT_TO_DO = (
    "run your migrations or db.create_all() (with Flask-Migrate: flask db migrate, "
    "then flask db upgrade; db.create_all() adds no column to an existing table)"
)
#: the engines of this process whose missing tables were reported
_reported: WeakSet[Engine] = WeakSet()


def is_about_schema(error: BaseException) -> bool:
    """Return whether *error* says that a table or a column does not exist.

    :param error: of SQLAlchemy or of the driver.
    """
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return bool(
        state in _SQLSTATES
        or re.search("no such (table|column)|has no column named", str(cause))  # SQLite
        or (cause.args[:1] and cause.args[0] in _ERROR_NUMBERS)
    )


def missing_in(engine: Engine, tables: Sequence[Table]) -> list[str]:
    """Return the names of the *tables*, and of their columns, that do not exist.

    :raises SQLAlchemyError: if the database does not answer.
    """
    inspector = inspect(engine)
    missing = []
    for table in tables:
        schema = schema_of(table, engine)
        if not inspector.has_table(table.name, schema=schema):
            missing.append(table.fullname)
            continue
        columns = inspector.get_columns(table.name, schema=schema)
        existing = {column["name"] for column in columns}
        missing += [str(each) for each in table.c if each.name not in existing]
    return missing


def advice(missing: Sequence[str]) -> str:
    """Return the sentence that names what is *missing* and the command to run."""
    return f"Missing in the database: {', '.join(missing)} - {WHAT_TO_DO}"


def report_once(
    error: BaseException, engine: Engine, *, tables: Sequence[Table]
) -> str | None:
    """Return :func:`advice` for the first such *error* of this process, else None.

    Each engine counts for itself. The database is not asked unless *error* is about
    its schema, because a failing database would be asked at every call.
    """
    if engine in _reported or not is_about_schema(error):
        return None
    missing = [str(getattr(error, "orig", None) or error)]
    if not shares_connection(engine):
        # On a shared connection this would end the host's transaction.
        try:
            missing = missing_in(engine, tables)
        except SQLAlchemyError:
            return None
    # Also if nothing is missing: that is not looked up at each call.
    _reported.add(engine)
    return advice(missing) if missing else None
