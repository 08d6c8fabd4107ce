"""The types of our columns.

Alembic writes a column's type into a migration with the module and the ``repr`` of its
class. A migration must run without an import of this package, also after the plugin was
removed. So our own types have the module and the ``repr`` of the plain types that they
are in the database.
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

#: modules that Alembic writes as ``sa.`` or ``mysql.``
_PLAIN = "sqlalchemy.types"
_PLAIN_MYSQL = "sqlalchemy.dialects.mysql"


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond, on every database.

    SQLite and MariaDB drop the offset, and MariaDB drops the microseconds by default. A
    naive value is refused, because its time zone is unknown.
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
    """Return a function from a moment to the text that *dialect* stores.

    SQLAlchemy's own conversion takes three times as long.
    """
    # Only PostgreSQL stores the offset.
    end = None if dialect.name == "postgresql" else -len("+00:00")
    return lambda moment: _in_utc(moment).isoformat(" ", "microseconds")[:end]


class _OnMySQL(UTCDateTime):
    """The same on MySQL and MariaDB, with microseconds."""

    __module__ = _PLAIN_MYSQL
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # Imported here, because hosts on other databases need not load it.
        from sqlalchemy.dialects.mysql import DATETIME

        return dialect.type_descriptor(DATETIME(fsp=6))

    def __repr__(self) -> str:
        return "DATETIME(fsp=6)"


#: a moment, to the microsecond
MOMENT = UTCDateTime().with_variant(_OnMySQL(), "mysql", "mariadb")


class Words(TypeDecorator[tuple[str, ...]]):
    """Words such as scopes, in one string with spaces, as in RFC 6749, section 3.3."""

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
        # Not value.split(): SQLite stores bytes in a column of text too. Words of bytes
        # would be taken for packed addresses, for example.
        return tuple(str.split(value)) if value else ()

    def __repr__(self) -> str:
        return "Text()"


def ascii_string(length: int) -> TypeEngine[str]:
    """Return the type of ASCII text that compares by its bytes, also on MariaDB."""
    by_bytes = String(length, collation="ascii_bin")
    return String(length).with_variant(by_bytes, "mysql", "mariadb")


def text_string(length: int) -> TypeEngine[str]:
    """Return the type of text with all of Unicode, also on MariaDB."""
    of_four_bytes = String(length, collation="utf8mb4_bin")
    return String(length).with_variant(of_four_bytes, "mysql", "mariadb")


def binary(length: int) -> TypeEngine[bytes]:
    """Return the type of *length* bytes, which every database can index."""
    return LargeBinary(length).with_variant(BINARY(length), "mysql", "mariadb")


#: SQLite generates the values of a primary key only if it is an INTEGER.
BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")


class _ByBytes(FunctionElement[str]):
    """The text of a column, compared by its bytes and not by its collation."""

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
    """Return the condition that a column of the host equals *text* exactly.

    On MariaDB "Acme" equals "acme" by default. The column's own comparison is in the
    condition too, because an index serves that one.
    """
    return and_(column == text, _ByBytes(column) == text)
