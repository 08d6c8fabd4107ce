"""The types of our columns.

Flask-Migrate writes a column's type into the host's migrations as Alembic finds it:
with the module and the ``repr`` of its class. Migrations must run without an import
that nobody made, and long after the plugin has gone; so those of our types that
convert values give themselves out for the plain ones they are in the database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from sqlalchemy import BINARY
from sqlalchemy import BigInteger
from sqlalchemy import DateTime
from sqlalchemy import Integer
from sqlalchemy import LargeBinary
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy import and_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Dialect

#: what Alembic takes for SQLAlchemy's own, and writes as ``sa.`` or ``mysql.``
_PLAIN = "sqlalchemy.types"
_PLAIN_MYSQL = "sqlalchemy.dialects.mysql"


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond, on every database.

    SQLite and MariaDB drop an offset and MariaDB the microseconds, unless told; a
    naive value is refused because nobody can say which moment it is.
    """

    __module__ = _PLAIN
    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        moment = _in_utc(value)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    def __repr__(self) -> str:
        return "DateTime(timezone=True)"


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a naive datetime, {value!r}, is not a moment")
    return value.astimezone(UTC)


def text_stored_by(dialect: Dialect) -> Callable[[datetime], str]:
    """Makes text of a moment as :class:`UTCDateTime` is stored there.

    SQLAlchemy's own way there takes three times as long.
    """
    # Only PostgreSQL has the offset in its columns; elsewhere it is cut off.
    end = None if dialect.name == "postgresql" else -len("+00:00")
    return lambda moment: _in_utc(moment).isoformat(" ", "microseconds")[:end]


class _OnMySQL(UTCDateTime):
    """The same on MySQL and MariaDB, where microseconds have to be asked for."""

    __module__ = _PLAIN_MYSQL
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # Here, as it takes memory that hosts on another database need not give.
        from sqlalchemy.dialects.mysql import DATETIME

        return dialect.type_descriptor(DATETIME(fsp=6))

    def __repr__(self) -> str:
        return "DATETIME(fsp=6)"


#: a moment, to the microsecond
MOMENT = UTCDateTime().with_variant(_OnMySQL(), "mysql", "mariadb")


class Words(TypeDecorator[tuple[str, ...]]):
    """Scope names, kept as RFC 6749 writes them: in one string, with spaces."""

    __module__ = _PLAIN
    impl = Text
    cache_ok = True

    def process_bind_param(
        self, value: tuple[str, ...] | None, dialect: Dialect
    ) -> str | None:
        return None if value is None else " ".join(value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> tuple[str, ...]:
        return tuple(value.split()) if value else ()

    def __repr__(self) -> str:
        return "Text()"


def ascii_string(length: int) -> TypeEngine[str]:
    """A string that compares by its bytes, also where the database would fold case."""
    by_bytes = String(length, collation="ascii_bin")
    return String(length).with_variant(by_bytes, "mysql", "mariadb")


def text_string(length: int) -> TypeEngine[str]:
    """A string for people, with every character of Unicode on MariaDB as well."""
    of_four_bytes = String(length, collation="utf8mb4_bin")
    return String(length).with_variant(of_four_bytes, "mysql", "mariadb")


def binary(length: int) -> TypeEngine[bytes]:
    """Bytes of a fixed length, indexable everywhere."""
    return LargeBinary(length).with_variant(BINARY(length), "mysql", "mariadb")


#: SQLite numbers a primary key by itself only if it is an INTEGER.
BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")


class _ByBytes(FunctionElement[str]):
    """The text of a column whose own collation may find other text equal to it."""

    inherit_cache = True
    type = String()


@compiles(_ByBytes)
def _by_bytes(element: _ByBytes, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(_ByBytes, "sqlite")
def _by_bytes_on_sqlite(element: _ByBytes, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} COLLATE BINARY)"


@compiles(_ByBytes, "mysql", "mariadb")
def _by_bytes_on_mysql(element: _ByBytes, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"CAST(CONVERT({text} USING utf8mb4) AS BINARY)"


def is_exactly(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column of the host's is *text*, to the letter and to the space.

    MariaDB takes "Acme" for "acme" unless told; the column's own comparison stays
    beside ours, since it is the one that an index serves.
    """
    return and_(column == text, _ByBytes(column) == text)
