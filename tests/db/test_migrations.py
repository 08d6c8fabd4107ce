"""Flask-Migrate and the plugin: migrations that run as they were written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from contextlib import nullcontext
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import make_url

from flask_apitokens.errors import ConfigurationError
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


# -- Alembic alone, on SQLite with foreign keys --------------------------------

#: what an application without Flask-Migrate writes; {0} opens a transaction early
ENV = """
from alembic import context
from sqlalchemy import create_engine, event, pool
url = context.config.get_main_option("sqlalchemy.url")
engine = create_engine(url, poolclass=pool.NullPool)

@event.listens_for(engine, "connect")
def enforce(connection, _record):
    connection.execute("PRAGMA foreign_keys = ON")
{0}
with engine.connect() as connection:
    {1}
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
BEGIN = """
@event.listens_for(engine, "begin")
def begin(connection):
    connection.exec_driver_sql("BEGIN")
"""
CURE = 'connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")'
REBUILD = """
revision, down_revision = "a1", None
from alembic import op
import sqlalchemy as sa

def upgrade():
    with op.batch_alter_table("user", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("more", sa.String(10)))
"""
#: without a connection, Alembic copies a table that it is told of
REBUILD_OFFLINE = """from flask import current_app
    user = current_app.extensions["migrate"].db.metadata.tables["user"]
    batch = op.batch_alter_table("user", copy_from=user, recreate="always")
    with batch as batch_op:
        batch_op.add_column(sa.Column("more", sa.String(10)))
"""


@pytest.mark.parametrize(
    ("transaction", "cure", "is_refused"),
    [("", "", False), (BEGIN, "", True), (BEGIN, CURE, False)],
)
def test_alembic_alone_keeps_the_tokens_of_a_rebuilt_user_table(
    sqlite_url: str,
    migrations: Path,
    transaction: str,
    cure: str,
    is_refused: bool,
) -> None:
    """It drops the table of users, and with it what refers to it."""
    app = hosts.create_host(sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user, name="one")
    (migrations / "versions").mkdir(parents=True)
    (migrations / "env.py").write_text(ENV.format(transaction, cure or "pass"))
    (migrations / "versions" / "a1.py").write_text(REBUILD)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("sqlalchemy.url", sqlite_url)
    with pytest.raises(ConfigurationError) if is_refused else nullcontext():
        command.upgrade(config, "head")
    answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert answer.status_code == 200
    hosts.put_away(app)


def test_script_of_sql_that_rebuilds_the_user_table_keeps_the_tokens(
    sqlite_url: str, migrations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``flask db upgrade --sql`` has no connection to ask."""
    app = hosts.create_host(sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user, name="one")
    migrating.run(app, "init", migrations)
    migrating.run(app, "revision", migrations, message="rebuild")
    path = migrating.script(migrations, "rebuild")
    path.write_text(path.read_text().replace("pass", REBUILD_OFFLINE, 1))
    capsys.readouterr()
    migrating.run(app, "upgrade", migrations, sql=True)
    sql = capsys.readouterr().out
    with closing(sqlite3.connect(str(make_url(sqlite_url).database))) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(sql)
        columns = connection.execute("SELECT more FROM user").fetchall()
    assert columns == [(None,)]
    answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert answer.status_code == 200
    hosts.put_away(app)
