"""Hosts whose tables Flask-Migrate makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests import hosts


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the host's migration scripts, not made yet."""
    # Alembic would switch off the loggers of all tests that follow.
    monkeypatch.setattr("logging.config.fileConfig", lambda *_: None)
    return tmp_path / "migrations"


@pytest.fixture
def host(database_url: str, migrations: Path) -> Iterator[Flask]:
    """A host on a database without tables of its own making."""
    app = hosts.create_host(
        database_url,
        create_tables=False,
        APITOKENS_PEPPERS=("2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o",),
        APITOKENS_IMPORT_BCRYPT_ROUNDS=4,
    )
    yield app
    hosts.put_away(app)
