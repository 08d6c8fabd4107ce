"""What SQLite needs to serve several threads and processes at once."""

from sqlite3 import Connection
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

_PRAGMAS = (
    # Readers do not wait for a writer, nor a writer for readers …
    "PRAGMA journal_mode = WAL",
    # … and a second writer waits for the first, up to five seconds.
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",
)


def tune_sqlite(app: Flask, db: SQLAlchemy) -> None:
    """Set the pragmas on every new connection; other databases are left alone."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _set_pragmas)


def _set_pragmas(connection: Connection, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
