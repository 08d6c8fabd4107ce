"""SQLite settings for several threads and processes."""

from sqlite3 import Connection
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

_PRAGMAS = (
    # With a write-ahead log, readers and a writer do not wait for each other.
    "PRAGMA journal_mode = WAL",
    # A second writer waits up to five seconds instead of failing at once.
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",
)


def tune_sqlite(app: Flask, db: SQLAlchemy) -> None:
    """Set the pragmas on every new connection, if the database is SQLite."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _set_pragmas)


def _set_pragmas(connection: Connection, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
