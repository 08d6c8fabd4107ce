"""Create our references to the user with the collation of the user's key on MariaDB.

A foreign key needs the collation of the column that it refers to, and the user table
may have another one than the database. Only the database knows which, so it is asked
when our tables are created, by ``db.create_all()`` or by a migration.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import event
from sqlalchemy import text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

_COLLATION = text(
    "SELECT collation_name FROM information_schema.columns "
    "WHERE table_schema = coalesce(:schema, database()) "
    "AND table_name = :name AND column_name = :column"
)
_DECLARED = re.compile(r" (CHARACTER SET|COLLATE) \w+")


class _Collated(TypeDecorator[Any]):
    """A type as it was declared, with the collation that the database has."""

    impl = String
    cache_ok = True

    def __init__(self, declared: Any, collation: str) -> None:
        super().__init__()
        self.impl = declared
        self.declared = declared
        self.collation = collation


@compiles(_Collated)
def _compile(collated: _Collated, compiler: Any, **options: Any) -> str:
    declared = compiler.process(collated.declared, **options)
    return f"{_DECLARED.sub('', declared)} COLLATE {collated.collation}"


def follow_collation_of_users() -> None:
    """Watch for the creation of our tables, in any metadata."""
    event.listen(Table, "before_create", _before_create)
    event.listen(Table, "after_create", _after_create)


def _before_create(table: Table, connection: Any, **_options: Any) -> None:
    if not table.name.startswith("apitokens_") or not _is_mariadb(connection):
        return
    for key in table.foreign_keys:
        collation = _collation_of(connection, key)
        if collation and not isinstance(key.parent.type, _Collated):
            key.parent.type = _Collated(key.parent.type, collation)


def _after_create(table: Table, connection: Any, **_options: Any) -> None:
    for column in table.columns:
        if isinstance(column.type, _Collated):
            column.type = column.type.declared


def _is_mariadb(connection: Any) -> bool:
    # Without a connection the statements are only written to a file.
    return isinstance(connection, Connection) and connection.dialect.name in {
        "mysql",
        "mariadb",
    }


def _collation_of(connection: Connection, key: ForeignKey) -> str | None:
    """Return the collation of the column that *key* refers to; None if not of text."""
    *schema, name, column = key.target_fullname.split(".")
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    where = ".".join(schema) or None
    values = {"schema": translated.get(where, where), "name": name, "column": column}
    found: str | None = connection.scalar(_COLLATION, values)
    return found
