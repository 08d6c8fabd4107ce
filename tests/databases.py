"""An empty database for a test: a file of SQLite, or one of a server's, reused.

Each test process has a database of its own on a server, made once and emptied before
each test that asks for it. Making tables takes a server a hundred times as long as
emptying them, so those of the hosts in :mod:`tests.hosts` are kept for the next host.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import MetaData
from sqlalchemy import Pool
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.machine import missing

_FACTS = "table_name, column_name, data_type, is_nullable"
_PUBLIC, _CURRENT = "table_schema = 'public'", "table_schema = database()"
#: A connection that a test forgot to close makes the next reset fail, not hang.
LOCK_SECONDS = 10


def sqlite_url(directory: Path) -> str:
    """The address of a new SQLite file in write-ahead mode."""
    path = directory / "test.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        _need_not_last(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    return f"sqlite:///{path}"


@event.listens_for(Pool, "connect")
def _need_not_last(connection: Any, _record: object = None) -> None:
    """Let SQLite not wait for the disk: a test database need not survive a power cut.

    Most of what a small test would do is wait for it.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


#: the statements that make the tables of a SQLite file, by the tables they make
_scripts: dict[tuple[int, frozenset[str]], str] = {}
_OBJECTS = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rootpage"


def create_tables(db: SQLAlchemy) -> None:
    """Create the tables of a host, in a SQLite file as they were created last time.

    Most tests create the same tables; to render each statement anew takes twenty times
    as long as to run them.
    """
    if db.engine.dialect.name != "sqlite" or len(db.metadatas) > 1:
        db.create_all()
        return
    key = (id(db.metadata), frozenset(db.metadata.tables))
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if driver.execute(_OBJECTS).fetchone() is None and key in _scripts:
            driver.executescript(_scripts[key])
            return
    db.create_all()
    with db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        _scripts[key] = ";\n".join(sql for (sql,) in driver.execute(_OBJECTS))


@dataclass(frozen=True)
class Server:
    """A database server, on which each test process creates a database.

    The address comes from an environment variable, or is the default.
    """

    product: str
    variable: str
    default: str
    #: statements in which {name} is the name of the database
    create: tuple[str, ...]
    drop: str

    @contextmanager
    def database(self, worker: str) -> Iterator[URL]:
        """Create a database of this test process and drop it in the end."""
        server = make_url(os.environ.get(self.variable) or self.default)
        name = _name(worker)
        with _administration(server, self.product, self.variable) as engine:
            _run(engine, *(statement.format(name=name) for statement in self.create))
            yield server.set(database=name)
            _run(engine, self.drop.format(name=name))


POSTGRESQL = Server(
    product="PostgreSQL",
    variable="APITOKENS_TEST_POSTGRESQL",
    default="postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    create=(
        'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
        'CREATE DATABASE "{name}"',
        # A test database need not survive a power cut.
        'ALTER DATABASE "{name}" SET synchronous_commit = off',
    ),
    drop='DROP DATABASE "{name}" WITH (FORCE)',
)
MARIADB = Server(
    product="MariaDB",
    variable="APITOKENS_TEST_MARIADB",
    # Without TLS: PyMySQL reads all certificates of the machine for each connection.
    default="mysql+pymysql://root@127.0.0.1:3306/?ssl_disabled=true",
    create=(
        "DROP DATABASE IF EXISTS `{name}`",
        "CREATE DATABASE `{name}` CHARACTER SET utf8mb4",
    ),
    drop="DROP DATABASE `{name}`",
)


@dataclass(frozen=True)
class _Kept:
    """Tables that stand in a database, and all their columns as they were made."""

    tables: MetaData
    columns: frozenset[tuple[str, ...]]


#: by server and database, whatever the driver
_kept: dict[tuple[str, str | None], _Kept] = {}


def _key(url: URL) -> tuple[str, str | None]:
    return url.get_backend_name(), url.database


def empty(url: URL) -> None:
    """Take every table out of a database of :func:`postgresql_database` and so on."""
    _kept.pop(_key(url), None)
    with _waiting_shortly(url) as connection:
        if url.get_backend_name() == "postgresql":
            _tell(connection, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
            return
        _tell(
            connection,
            f"DROP DATABASE `{url.database}`",
            f"CREATE DATABASE `{url.database}` CHARACTER SET utf8mb4",
        )


@contextmanager
def kept(url: URL, tables: MetaData) -> Iterator[None]:
    """Let *tables*, which are made in the block, stay there for the next test."""
    known = _kept.get(_key(url))
    if known is not None and known.tables is tables:
        yield
        return
    if known is not None:
        empty(url)
    yield
    if url.get_backend_name() != "sqlite":
        with _waiting_shortly(url) as connection:
            columns = _columns(connection)
        if {table for table, *_ in columns} == set(tables.tables):
            _kept[_key(url)] = _Kept(tables, columns)


def empty_rows(url: URL) -> None:
    """The same as :func:`empty`, but for the tables that were kept, if any were.

    Where a test has changed them, or made others, they go.
    """
    known = _kept.get(_key(url))
    if known is not None:
        with _waiting_shortly(url) as connection:
            if _columns(connection) == known.columns:
                _delete_rows(connection, known.tables)
                return
    empty(url)


def _delete_rows(connection: Connection, tables: MetaData) -> None:
    for table in reversed(tables.sorted_tables):
        connection.execute(table.delete())


def _columns(connection: Connection) -> frozenset[tuple[str, ...]]:
    here = _PUBLIC if connection.dialect.name == "postgresql" else _CURRENT
    query = f"SELECT {_FACTS} FROM information_schema.columns WHERE {here}"  # noqa: S608
    return frozenset(tuple(row) for row in connection.execute(text(query)))


def _name(worker: str) -> str:
    # The process id keeps two runs on one server out of each other's way.
    return f"apitokens_test_{worker}_{os.getpid()}"


@contextmanager
def _administration(server: URL, what: str, variable: str) -> Iterator[Engine]:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        _run(engine, "SELECT 1")
    except (DBAPIError, ImportError) as error:
        reason = str(error).splitlines()[0]
        missing(
            f"{what} at {server.render_as_string()} ({reason}); name another with "
            f"${variable}"
        )
    yield engine


@contextmanager
def _waiting_shortly(url: URL) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    patience = (
        f"SET lock_timeout = '{LOCK_SECONDS}s'"
        if url.get_backend_name() == "postgresql"
        else f"SET lock_wait_timeout = {LOCK_SECONDS}, "
        f"innodb_lock_wait_timeout = {LOCK_SECONDS}"
    )
    with engine.connect() as connection:
        _tell(connection, patience)
        yield connection


def _run(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        _tell(connection, *statements)


def _tell(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))
