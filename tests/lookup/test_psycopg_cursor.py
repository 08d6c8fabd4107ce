"""The look-up on PostgreSQL, prepared: what a cursor would do, and when one does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import URL
from sqlalchemy import make_url
from sqlalchemy import text

from flask_apitokens.lookup.psycopg_cursor import PreparedCursor
from flask_apitokens.lookup.psycopg_cursor import cursor_of
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp

pytestmark = pytest.mark.database


@pytest.fixture
def connection(postgresql_database: URL) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit."""
    with closing(_connect(postgresql_database)) as connection:
        yield connection


def _connect(url: URL, **options: Any) -> psycopg.Connection[Any]:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, **options)


def test_it_gives_what_a_cursor_gives(connection: psycopg.Connection[Any]) -> None:
    statement = (
        "SELECT %(token_id)s::varchar AS \"a%%b\", 7, true, null, 'ü\U0001f511', "
        "'\\x00ff'::bytea, '2031-05-04 03:02:01.234567+00'::timestamptz, "
        "'0b9a1c4e-4a1e-4a64-9c3b-3f0e8f7a1d52'::uuid WHERE %(token_id)s <> 'none'"
    )
    ours, theirs = PreparedCursor(connection), connection.cursor()
    for value in ("0123456789ab", "'", "%s", "ünï"):
        ours.execute(statement, {"token_id": value})
        theirs.execute(statement, {"token_id": value})
        assert ours.fetchone() == theirs.fetchone()
        described = theirs.description or []
        assert [kind for _, kind in ours.description] == [
            c.type_code for c in described
        ]
    ours.execute(statement, {"token_id": "none"})
    assert ours.fetchone() is None


def test_an_error_is_the_drivers_own(connection: psycopg.Connection[Any]) -> None:
    cursor = PreparedCursor(connection)
    with pytest.raises(psycopg.errors.UndefinedTable):
        cursor.execute("SELECT %(token_id)s::text FROM missing", {"token_id": "x"})
    assert cursor.fetchone() is None
    connection.close()
    with pytest.raises(psycopg.OperationalError):
        cursor.execute("SELECT %(token_id)s::text", {"token_id": "x"})


def test_a_host_that_wants_nothing_prepared_gets_a_cursor(
    postgresql_database: URL,
) -> None:
    """Behind a proxy that hands statements to several servers."""
    for options in (
        {"prepare_threshold": None},
        {"cursor_factory": psycopg.ClientCursor},
    ):
        with closing(_connect(postgresql_database, **options)) as connection:
            assert isinstance(cursor_of(connection), psycopg.Cursor)
    with closing(_connect(postgresql_database)) as connection:
        assert isinstance(cursor_of(connection), PreparedCursor)


def _calls(app: Flask, plaintext: str) -> int:
    return app.test_client().get("/api/plain", headers=bearer(plaintext)).status_code


@pytest.mark.parametrize(
    "event",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        # "cached plan must not change result type"
        "ALTER TABLE apitokens_token ALTER COLUMN name TYPE text",
    ],
    ids=["server restarted", "table changed"],
)
def test_what_was_prepared_before_it_is_prepared_again(
    event: str, make_app: MakeApp, postgresql_url: str
) -> None:
    """DBS-02."""
    app = make_app(postgresql_url, APITOKENS_USAGE="off")
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert _calls(app, plaintext) == 200
    engine = bearing.engine_of(app)
    engine.pool.dispose()
    with engine.begin() as connection:
        connection.execute(text(event))
    assert [_calls(app, plaintext) for _ in range(3)] == [200, 200, 200]


def test_the_guard_works_without_prepared_statements(
    make_app: MakeApp, postgresql_url: str
) -> None:
    assert make_url(postgresql_url).get_driver_name() == "psycopg"
    options = {"connect_args": {"prepare_threshold": None}}
    app = make_app(postgresql_url, SQLALCHEMY_ENGINE_OPTIONS=options)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert [_calls(app, plaintext) for _ in range(3)] == [200, 200, 200]
    assert _calls(app, bearing.another_secret(plaintext)) == 401
