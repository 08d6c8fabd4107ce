"""The look-up on PostgreSQL with psycopg: what it prepares, and when it does not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import text

from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.lookup.calls import status

pytestmark = pytest.mark.database


def prepared(app: Flask) -> list[bytes]:
    """Return the names of the statements that the idle connections have prepared."""
    pool = app.extensions["apitokens"].finder._connections
    return [
        name
        for pooled in pool._slots().idle
        for name in pooled.connection._prepared._names.values()
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        # "cached plan must not change result type"
        "ALTER TABLE apitokens_token ALTER COLUMN name TYPE text",
    ],
    ids=["server restarted", "table changed"],
)
def test_statement_is_prepared_again_after_its_plan_is_lost(
    statement: str, make_app: MakeApp, postgresql_url: str
) -> None:
    """DBS-02."""
    app = make_app(postgresql_url, APITOKENS_USAGE="off")
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200
    engine = bearing.engine_of(app)
    engine.pool.dispose()
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert [status(app, plaintext) for _ in range(3)] == [200, 200, 200]
    assert len(prepared(app)) == 1


@pytest.mark.parametrize(
    "arguments", [{"prepare_threshold": None}, {"cursor_factory": "ClientCursor"}]
)
def test_host_can_forbid_prepared_statements(
    arguments: dict[str, Any], make_app: MakeApp, postgresql_url: str
) -> None:
    assert make_url(postgresql_url).get_driver_name() == "psycopg"
    if "cursor_factory" in arguments:
        arguments = {"cursor_factory": psycopg.ClientCursor}
    options = {"connect_args": arguments}
    app = make_app(postgresql_url, SQLALCHEMY_ENGINE_OPTIONS=options)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert [status(app, plaintext) for _ in range(3)] == [200, 200, 200]
    assert status(app, bearing.another_secret(plaintext)) == 401
    assert prepared(app) == []


def test_statements_are_not_prepared_behind_a_proxy_that_loses_them(
    make_app: MakeApp, postgresql_url: str
) -> None:
    """As pgbouncer does in transaction mode: another server has the statement."""
    app = make_app(postgresql_url, APITOKENS_USAGE="off")
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200
    pool = app.extensions["apitokens"].finder._connections
    [pooled] = pool._slots().idle
    # In a function: psycopg would notice a plain DEALLOCATE.
    pooled.connection.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    assert [status(app, plaintext) for _ in range(3)] == [200, 200, 200]
    assert prepared(app) == []


def test_prepared_statement_has_a_name_of_its_connection_alone(
    make_app: MakeApp, postgresql_url: str
) -> None:
    app = make_app(postgresql_url, APITOKENS_USAGE="off")

    @event.listens_for(bearing.engine_of(app), "connect")
    def prepare_the_first_name(connection: Any, _record: object) -> None:
        connection.execute("PREPARE _pg3_0 AS SELECT 1")

    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    names = set()
    for _ in range(3):
        assert [status(app, plaintext) for _ in range(3)] == [200, 200, 200]
        names.update(prepared(app))
        bearing.engine_of(app).dispose()
    assert len(names) == 3


@pytest.mark.parametrize("sqlstate", ["42P05", "26000", "0A000"])
def test_each_error_of_a_statement_behind_a_proxy_is_recovered(
    sqlstate: str, make_app: MakeApp, postgresql_url: str
) -> None:
    """On new connections too, as where a proxy keeps the statement of an old table."""
    app = make_app(postgresql_url, APITOKENS_USAGE="off")

    @event.listens_for(bearing.engine_of(app), "connect")
    def fail_if_prepared(connection: Any, _record: object) -> None:
        connection.cursor_factory = type("Cursor", (Fails,), {"state": sqlstate})

    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert [status(app, plaintext) for _ in range(3)] == [200, 200, 200]
    assert prepared(app) == []


class Fails(psycopg.Cursor[Any]):
    """A cursor whose prepared statements end in an error, as a proxy makes it."""

    state = ""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute what is not prepared."""
        if self.connection.prepare_threshold == 0:
            raise psycopg.errors.lookup(self.state)("not here")
        return super().execute(query, params, **options)
