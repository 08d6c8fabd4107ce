"""Flask-Migrate and the plugin: migrations that run as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests import bearing
from tests import hosts
from tests import migrating
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


def test_generated_migration_runs_unedited(host: Flask, migrations: Path) -> None:
    """The test edits neither the script nor the template of Alembic."""
    migrating.run(host, "init", migrations)
    migrating.run(host, "migrate", migrations, message="take the plugin in")
    migrating.run(host, "upgrade", migrations)
    assert migrating.tables_of(host) >= OURS
    migrating.run(host, "check", migrations)
    migrating.run(host, "downgrade", migrations)
    assert not migrating.tables_of(host) & OURS


def test_migrated_tables_serve_calls(host: Flask, migrations: Path) -> None:
    """Microseconds, scopes and digests are read back unchanged."""
    migrating.run(host, "init", migrations)
    migrating.run(host, "migrate", migrations)
    migrating.run(host, "upgrade", migrations)
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


def test_migration_needs_only_sqlalchemy(host: Flask, migrations: Path) -> None:
    """It runs after the plugin is uninstalled, and on another database."""
    migrating.run(host, "init", migrations)
    migrating.run(host, "migrate", migrations)
    [script] = (migrations / "versions").glob("*.py")
    written = script.read_text()
    assert "flask_apitokens" not in written
    assert "sa.DateTime(timezone=True)" in written
    assert "mysql.DATETIME(fsp=6), 'mariadb'" in written
