"""Upgrades from the schemas of earlier versions, which keep their tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func
from sqlalchemy import inspect
from sqlalchemy import select
from sqlalchemy import text

from tests import bearing
from tests import hosts
from tests import migrating
from tests.bearing import bearer
from tests.bearing import code

#: The env.py that Flask-Migrate writes asks first for what is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated")
VERSIONS = ["e39bd7c", "a1b40ae", "872a712", "c46a3d1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_upgrade_from_an_old_schema_keeps_its_tokens(
    version: str, host: Flask, migrations: Path
) -> None:
    """LEG-08: with foreign keys enforced, and nothing left to do afterwards."""
    migrating.enforce_foreign_keys(host)
    tokens = migrating.load(host.config["SQLALCHEMY_DATABASE_URI"], version)
    migrating.run(host, "init", migrations)
    migrating.run(host, "migrate", migrations, message="upgrade")
    migrating.run(host, "upgrade", migrations)
    migrating.run(host, "check", migrations)
    assert_tokens_work(host, tokens)
    assert_names_are_ours(host)
    for table in ("apitokens_token", "apitokens_subscription"):
        [key] = inspect(bearing.engine_of(host)).get_foreign_keys(table)
        assert str(key["name"]).startswith(f"fk_{table}_")
        assert key["options"] == {"ondelete": "CASCADE", "onupdate": "CASCADE"}
    assert "info=" not in migrating.script(migrations, "upgrade").read_text()


def test_migration_of_the_user_table_keeps_the_tokens(
    host: Flask, migrations: Path
) -> None:
    """Batch mode drops the old table, which would delete the rows that refer to it."""
    migrating.enforce_foreign_keys(host)
    tokens = migrating.load(host.config["SQLALCHEMY_DATABASE_URI"], "872a712")
    migrating.run(host, "init", migrations)
    migrating.run(host, "migrate", migrations, message="upgrade")
    migrating.run(host, "upgrade", migrations)
    migrating.run(host, "revision", migrations, message="widen")
    path = migrating.script(migrations, "widen")
    change = (
        "with op.batch_alter_table('user', recreate='auto') as batch_op:\n"
        "        batch_op.alter_column('name', type_=sa.String(200),\n"
        "                              existing_type=sa.String(80))"
    )
    path.write_text(path.read_text().replace("pass", change, 1))
    migrating.run(host, "upgrade", migrations)
    assert_tokens_work(host, tokens)


def assert_names_are_ours(app: Flask) -> None:
    """Assert that constraints have the names that a later migration drops them by.

    But for primary keys, whose names Alembic does not read.
    """
    tables = bearing.models_of(app).tables
    with bearing.engine_of(app).connect() as connection:
        inspector = inspect(connection)
        for table in tables:
            wanted = {each.name for each in table.constraints} - {
                table.primary_key.name
            }
            stored = inspector.get_foreign_keys(table.name)
            unique = inspector.get_unique_constraints(table.name)
            assert {each["name"] for each in (*stored, *unique)} == wanted


def assert_tokens_work(app: Flask, tokens: dict[str, str]) -> None:
    """Assert that *tokens* authenticate, but for the revoked one; then one more."""
    client = app.test_client()
    paths = {"tmy": "/api/tmy"}
    answers = {
        use: client.get(paths.get(use, "/api/plain"), headers=bearer(token))
        for use, token in tokens.items()
    }
    assert code(answers.pop("revoked")) == "token_revoked"
    assert {answer.status_code for answer in answers.values()} == {200}
    with app.app_context():
        session = hosts.host_of(app).db.session
        user = session.scalar(select(hosts.host_of(app).user_model))
        models = bearing.models_of(app)
        count = session.scalar(select(func.count()).select_from(models.Subscription))
        assert count == 1
        if bearing.engine_of(app).dialect.name == "sqlite":
            assert session.scalar(text("PRAGMA foreign_keys")) == 1
    _, plaintext = bearing.generate(app, user, name="after the upgrade")
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
