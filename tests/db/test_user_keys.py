"""Users' keys that are text: their collation on MariaDB, and changed keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect
from sqlalchemy import text

from tests import bearing
from tests import hosts
from tests import migrating
from tests.bearing import bearer

#: The env.py that Flask-Migrate writes asks first for what is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated")
OTHERS = (
    "CHARACTER SET latin1 COLLATE latin1_german1_ci",
    "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci",
    "CHARACTER SET ascii COLLATE ascii_bin",
)


def host_of_text_keys(url: str, **options: Any) -> Flask:
    """Return a host whose users' keys are text."""
    return hosts.create_host(url, user_key="str", **options)


def create_users(app: Flask, collation: str, *, of_table: bool) -> None:
    """Create the user table of a host with a collation of its own."""
    with bearing.engine_of(app).begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE user (id VARCHAR(36) {'' if of_table else collation} "
            "PRIMARY KEY, email VARCHAR(254) NOT NULL UNIQUE, is_active BOOL NOT NULL, "
            "name VARCHAR(80), account VARCHAR(80), is_admin BOOL NOT NULL, "
            f"may_use_api BOOL NOT NULL) {collation if of_table else ''}"
        )


# -- collations of MariaDB -----------------------------------------------------


@pytest.mark.database
@pytest.mark.parametrize("of_table", [True, False])
@pytest.mark.parametrize("collation", OTHERS)
def test_reference_has_the_collation_of_the_users_key(
    mariadb_url: str, collation: str, of_table: bool
) -> None:
    """The user table is older than the default of the database, or has its own."""
    app = host_of_text_keys(mariadb_url, create_tables=False)
    create_users(app, collation, of_table=of_table)
    with app.app_context():
        hosts.host_of(app).db.create_all()
    ada = hosts.create_user(app, "ada@example.com", id="ada")
    bearing.subscribe(app, ada, "tmy")
    _, plaintext = bearing.generate(app, ada, service="tmy", scopes=["read"])
    answer = app.test_client().get("/api/tmy", headers=bearer(plaintext))
    assert answer.status_code == 200
    found = collations(app)
    assert found["apitokens_token.owner_id"] == found["user.id"]
    assert found["apitokens_subscription.user_id"] == found["user.id"]
    hosts.put_away(app)


def collations(app: Flask) -> dict[str, str]:
    """Return the collation of each column of text."""
    query = (
        "SELECT concat(table_name, '.', column_name), collation_name "
        "FROM information_schema.columns WHERE table_schema = database()"
    )
    with bearing.engine_of(app).connect() as connection:
        return {name: value for name, value in connection.execute(text(query))}


@pytest.mark.database
def test_migration_follows_the_collation_of_the_users_key(
    mariadb_url: str, migrations: Path
) -> None:
    app = host_of_text_keys(mariadb_url, create_tables=False)
    create_users(app, OTHERS[0], of_table=True)
    migrating.run(app, "init", migrations)
    migrating.run(app, "migrate", migrations)
    migrating.run(app, "upgrade", migrations)
    migrating.run(app, "check", migrations)
    found = collations(app)
    assert found["apitokens_token.owner_id"] == found["user.id"] == "latin1_german1_ci"
    hosts.put_away(app)


# -- changed keys --------------------------------------------------------------


def test_tokens_follow_a_changed_key(database_url: str) -> None:
    """The database carries the new key on where it enforces foreign keys."""
    app = host_of_text_keys(database_url, create_tables=False)
    migrating.enforce_foreign_keys(app)
    with app.app_context():
        hosts.host_of(app).db.create_all()
    ada = hosts.create_user(app, "ada@example.com", id="ada")
    bearing.subscribe(app, ada, "tmy")
    token_id, plaintext = bearing.generate(app, ada, service="tmy", scopes=["read"])
    with app.app_context():
        session: Any = hosts.host_of(app).db.session
        session.get(hosts.host_of(app).user_model, "ada").id = "ada.lovelace"
        session.commit()
        token = session.get(bearing.models_of(app).Token, token_id)
        assert token.owner_id == "ada.lovelace"
    answer = app.test_client().get("/api/tmy", headers=bearer(plaintext))
    assert answer.status_code == 200
    for table, column in (("token", "owner_id"), ("subscription", "user_id")):
        keys = inspect(bearing.engine_of(app)).get_foreign_keys(f"apitokens_{table}")
        [options] = [k["options"] for k in keys if k["constrained_columns"] == [column]]
        assert options == {"ondelete": "CASCADE", "onupdate": "CASCADE"}
    hosts.put_away(app)
