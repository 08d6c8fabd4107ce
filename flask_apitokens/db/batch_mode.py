"""Keep our rows when Alembic recreates a table on SQLite.

Alembic's batch mode copies a table to ``_alembic_tmp_<name>``, drops it and renames the
copy. If foreign keys are enforced, SQLite deletes the rows of a table before it drops
it, so ON DELETE CASCADE would delete the tokens of all users. SQLite's documentation
says to switch foreign keys off for such a change; this does it.

Alembic cannot drop a foreign key without a name. Earlier versions of our tables have
such keys on SQLite, so they get their present names when they are reflected.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy import Table
from sqlalchemy import event
from sqlalchemy import text
from sqlalchemy.engine.mock import MockConnection

from flask_apitokens.errors import ConfigurationError

_PREFIX = "_alembic_tmp_"
_SUSPENDED = "apitokens_foreign_keys_suspended"
_SUSPEND = text("PRAGMA foreign_keys = OFF")
#: how many tables of ours refer to a table
_REFERENCES = text(
    "SELECT count(*) FROM sqlite_master AS ours, pragma_foreign_key_list(ours.name) "
    "AS reference WHERE ours.name LIKE 'apitokens@_%' ESCAPE '@' "
    'AND lower(reference."table") = lower(:name)'
)


def keep_rows_in_batch_mode() -> None:
    """Watch for the tables that Alembic's batch mode creates, in any metadata."""
    event.listen(Table, "before_create", _before_create)
    event.listen(ForeignKeyConstraint, "after_parent_attach", _after_attach)


def _before_create(
    table: Table, connection: Connection | MockConnection, **_options: Any
) -> None:
    if connection.dialect.name != "sqlite" or not table.name.startswith(_PREFIX):
        return
    if isinstance(connection, MockConnection):
        # "flask db upgrade --sql" writes a script, which may run with them enforced.
        connection.execute(_SUSPEND)
        return
    if not _is_enforcing(connection):
        return
    # At the first of the tables that a migration recreates, whichever it is: the copy
    # of its rows opens a transaction, in which SQLite ignores this.
    connection.execute(_SUSPEND)
    connection.info[_SUSPENDED] = True
    event.listen(connection.engine.pool, "checkin", _enforce_again)
    name = table.name.removeprefix(_PREFIX)
    if _is_enforcing(connection) and connection.scalar(_REFERENCES, {"name": name}):
        raise ConfigurationError(
            f"recreating the table {name!r} would delete tokens, because SQLite cannot "
            "switch foreign keys off inside a transaction. In your env.py, before "
            "context.configure(): connection.connection.dbapi_connection.execute("
            '"PRAGMA foreign_keys = OFF")'
        )


def _after_attach(key: ForeignKeyConstraint, table: Any) -> None:
    if key.name is None and table.name.startswith("apitokens_"):
        key.name = f"fk_{table.name}_{key.column_keys[0]}"


def _is_enforcing(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())


def _enforce_again(connection: Any, record: Any) -> None:
    if record.info.pop(_SUSPENDED, False) and connection is not None:
        connection.execute("PRAGMA foreign_keys = ON")
