"""Empty databases to measure on: a file of SQLite in WAL mode, one on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.pool import NullPool

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
VARIABLE = "APITOKENS_BENCH_POSTGRESQL"
KINDS = ("sqlite", "postgresql")


@contextmanager
def empty_database(kind: str, name: str) -> Iterator[str]:
    """The address of a new database, which is gone afterwards.

    :param kind: one of :data:`KINDS`; PostgreSQL's server is that of
        ``$APITOKENS_BENCH_POSTGRESQL``, whose user may create databases.
    :param name: what to call it.
    """
    make = {"sqlite": _sqlite, "postgresql": _postgresql}[kind]
    with make(name) as url:
        yield url


@contextmanager
def _sqlite(name: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="apitokens-bench-") as directory:
        path = Path(directory) / f"{name}.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        yield f"sqlite:///{path}"


@contextmanager
def _postgresql(name: str) -> Iterator[str]:
    server = make_url(os.environ.get(VARIABLE) or POSTGRESQL)
    database = f"apitokens_bench_{name}_{os.getpid()}"
    administration = create_engine(
        server, isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with administration.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{database}"'))
        try:
            yield server.set(database=database).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f'DROP DATABASE "{database}" WITH (FORCE)'))


def version_of(url: str) -> str:
    """Return the name and version of the database and its driver."""
    engine = create_engine(url, poolclass=NullPool)
    query = {
        "sqlite": "SELECT 'SQLite ' || sqlite_version() || ', file, WAL'",
        "postgresql": "SELECT 'PostgreSQL ' || current_setting('server_version')",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return str(connection.scalar(text(query))) + f", {engine.dialect.driver}"
