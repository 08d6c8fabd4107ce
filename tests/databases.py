"""An empty database for a test: a file of SQLite, or one of a server's, reused.

Each test process has a database of its own on a server, made once and emptied before
each test that asks for it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.machine import missing

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306/"
#: A connection that a test forgot to close makes the next reset fail, not hang.
LOCK_SECONDS = 10


def sqlite_url(directory: Path) -> str:
    """The address of a new SQLite file in write-ahead mode."""
    path = directory / "test.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return f"sqlite:///{path}"


@contextmanager
def postgresql_database(worker: str) -> Iterator[URL]:
    """A database of this process on the server of ``$APITOKENS_TEST_POSTGRESQL``."""
    server = make_url(os.environ.get("APITOKENS_TEST_POSTGRESQL") or POSTGRESQL)
    name = _name(worker)
    with _administration(server, "PostgreSQL", "APITOKENS_TEST_POSTGRESQL") as engine:
        _run(
            engine,
            f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
            f'CREATE DATABASE "{name}"',
            # A test database need not survive a power cut.
            f'ALTER DATABASE "{name}" SET synchronous_commit = off',
        )
        yield server.set(database=name)
        _run(engine, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def mariadb_database(worker: str) -> Iterator[URL]:
    """A database of this process on the server of ``$APITOKENS_TEST_MARIADB``."""
    server = make_url(os.environ.get("APITOKENS_TEST_MARIADB") or MARIADB)
    name = _name(worker)
    with _administration(server, "MariaDB", "APITOKENS_TEST_MARIADB") as engine:
        _run(
            engine,
            f"DROP DATABASE IF EXISTS `{name}`",
            f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4",
        )
        yield server.set(database=name)
        _run(engine, f"DROP DATABASE `{name}`")


def empty(url: URL) -> None:
    """Take every table out of a database of :func:`postgresql_database` and so on."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    if url.get_backend_name() == "postgresql":
        _run(
            engine,
            f"SET lock_timeout = '{LOCK_SECONDS}s'",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
        )
        return
    _run(
        engine,
        f"SET lock_wait_timeout = {LOCK_SECONDS}",
        f"DROP DATABASE `{url.database}`",
        f"CREATE DATABASE `{url.database}` CHARACTER SET utf8mb4",
    )


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


def _run(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
