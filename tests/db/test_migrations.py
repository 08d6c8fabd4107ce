"""Flask-Migrate and the plugin: migrations that run as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests import bearing
from tests import hosts
from tests.bearing import bearer

OURS = {
    "apitokens_event",
    "apitokens_import",
    "apitokens_service_setting",
    "apitokens_subscription",
    "apitokens_token",
}


#: what the env.py that Flask-Migrate writes asks for first is deprecated
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated")


@pytest.fixture
def host(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A host on an empty database; Flask-Migrate is to make its tables."""
    app = hosts.create_host(database_url, create_tables=False)
    # Alembic would switch off the loggers of all tests that follow.
    monkeypatch.setattr("logging.config.fileConfig", lambda *_: None)
    yield app
    hosts.put_away(app)


def test_migrations_run_as_they_were_written(host: Flask, tmp_path: Path) -> None:
    """Nobody edits the script, nor the template it is made from."""
    folder = str(tmp_path / "migrations")
    db(host, "init", folder)
    db(host, "migrate", folder, message="take the plugin in")
    db(host, "upgrade", folder)
    assert tables_of(host) >= OURS
    db(host, "check", folder)
    db(host, "downgrade", folder)
    assert not tables_of(host) & OURS


def test_what_a_migration_made_serves_calls(host: Flask, tmp_path: Path) -> None:
    """Microseconds, scopes and digests come back as they went in."""
    folder = str(tmp_path / "migrations")
    db(host, "init", folder)
    db(host, "migrate", folder)
    db(host, "upgrade", folder)
    user = hosts.create_user(host, "ada@example.com")
    public, plaintext = bearing.generate(host, user, name="one")
    answer = host.test_client().get("/api/plain", headers=bearer(plaintext))
    assert answer.status_code == 200
    with host.app_context():
        session = hosts.host_of(host).db.session
        token = session.get_one(bearing.models_of(host).Token, public)
        token.created_at = moment = token.created_at.replace(microsecond=123457)
        session.commit()
        session.expire_all()
        assert token.created_at == moment


def test_a_migration_needs_nothing_but_sqlalchemy(host: Flask, tmp_path: Path) -> None:
    """It runs after the plugin was taken out again, and on another database."""
    folder = tmp_path / "migrations"
    db(host, "init", str(folder))
    db(host, "migrate", str(folder))
    [script] = (folder / "versions").glob("*.py")
    written = script.read_text()
    assert "flask_apitokens" not in written
    assert "sa.DateTime(timezone=True)" in written
    assert "mysql.DATETIME(fsp=6), 'mariadb'" in written


def db(app: Flask, command: str, folder: str, **options: str) -> None:
    """What ``flask db …`` does; there each command is a process of its own."""
    with app.app_context():
        flask_migrate.Migrate(app, hosts.host_of(app).db)
        getattr(flask_migrate, command)(folder, **options)


def tables_of(app: Flask) -> set[str]:
    """The tables there are, seen on a connection that nothing else uses."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    engine = create_engine(url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())
