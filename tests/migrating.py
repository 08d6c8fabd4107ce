"""Flask-Migrate on a test host, and databases of earlier versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests import bearing
from tests import hosts

SCHEMAS = Path(__file__).parent / "schemas"


def run(app: Flask, command: str, folder: Path, **options: Any) -> None:
    """Run ``flask db COMMAND`` in this process.

    :param folder: of the migration scripts.
    """
    with app.app_context():
        flask_migrate.Migrate(app, hosts.host_of(app).db)
        getattr(flask_migrate, command)(str(folder), **options)


def script(folder: Path, message: str) -> Path:
    """Return the migration script that was generated with *message*."""
    [path] = (folder / "versions").glob(f"*_{message}.py")
    return path


def load(url: str, version: str) -> dict[str, str]:
    """Fill an empty database with the tables and rows of an earlier version.

    :param version: a folder of ``tests/schemas``.
    :returns: the plaintext of its tokens, by what they are for.
    """
    backend = make_url(url).get_backend_name()
    name = "mariadb" if backend == "mysql" else backend
    sql = (SCHEMAS / version / f"{name}.sql").read_text()
    if name == "sqlite":
        with closing(sqlite3.connect(str(make_url(url).database))) as connection:
            connection.executescript(sql)
    else:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as server:
            for statement in sql.split(";\n"):
                if statement.strip():
                    server.exec_driver_sql(statement.replace("%", "%%"))
    headings = [line[3:] for line in sql.splitlines() if line.startswith("-- ")]
    return dict(line.split(": ") for line in headings)


def enforce_foreign_keys(app: Flask) -> None:
    """Have SQLite enforce foreign keys, as other databases do."""
    engine = bearing.engine_of(app)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def enforce(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA foreign_keys = ON")


def tables_of(app: Flask) -> set[str]:
    """Return the names of the tables, seen on a connection that nothing else uses."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    engine = create_engine(url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())
