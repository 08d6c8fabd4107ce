"""The connections of the look-up: few, shared, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask_login import current_user
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import text

from flask_apitokens import token_required
from flask_apitokens.lookup import connections
from flask_apitokens.lookup.finder import DriverLookup
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

#: the statements of a call go through no SQLAlchemy event, and none is the recorder's
QUIET = {"APITOKENS_USAGE": "off"}


def _email() -> str:
    user: Any = current_user
    return str(user.email)


def status(app: Flask, plaintext: str, path: str = "/api/plain") -> int:
    """What the guard answers."""
    return app.test_client().get(path, headers=bearer(plaintext)).status_code


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps a single connection and waits for it but shortly."""
    monkeypatch.setattr(connections, "LIMIT", 1)
    monkeypatch.setattr(connections, "TIMEOUT", 0.01)


@pytest.fixture
def held_row(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The next look-up that converts its row waits in the middle until this is set."""
    release, inside = threading.Event(), threading.Event()
    really = DriverLookup._fetch

    def wait(self: DriverLookup, *args: Any) -> Any:
        if not inside.is_set():
            inside.set()
            assert release.wait(30)
        return really(self, *args)

    monkeypatch.setattr(DriverLookup, "_fetch", wait)
    release.inside = inside  # type: ignore[attr-defined]
    yield release
    release.set()


@pytest.mark.usefixtures("one_connection")
def test_who_finds_no_connection_free_is_told_to_come_again(
    app: Flask, user: Any, held_row: Any
) -> None:
    _, plaintext = bearing.generate(app, user)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(status, app, plaintext)
        assert held_row.inside.wait(30)
        response = app.test_client().get("/api/plain", headers=bearer(plaintext))
        assert code(response) == "temporarily_unavailable"
        held_row.set()
        assert first.result() == 200
    assert status(app, plaintext) == 200


@pytest.mark.usefixtures("one_connection")
def test_a_call_that_breaks_off_loses_no_connection(
    app: Flask, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200

    def break_off(*_: Any) -> Any:
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(DriverLookup, "_fetch", break_off)
            with pytest.raises(KeyboardInterrupt):
                status(app, plaintext)
    assert status(app, plaintext) == 200


def test_a_row_that_cannot_be_read_is_not_a_server_error(app: Flask, user: Any) -> None:
    public, plaintext = bearing.generate(app, user)
    with bearing.engine_of(app).begin() as connection:
        connection.execute(
            text("update apitokens_token set expires_at = 'soon' where id = :id"),
            {"id": public},
        )
    for _ in range(connections.LIMIT + 1):
        assert status(app, plaintext) == 503


def test_many_threads_share_a_few_connections(
    make_app: MakeApp, database_url: str
) -> None:
    """CON-09: nobody gets another's identity."""
    app = make_app(database_url, **QUIET)
    app.get("/api/who")(token_required(_email))
    tokens: dict[str, str] = {}
    for number in range(8):
        user = hosts.create_user(app, f"user{number}@example.com")
        tokens[bearing.generate(app, user)[1]] = user.email

    def call(plaintext: str) -> bool:
        answer = app.test_client().get("/api/who", headers=bearer(plaintext))
        return answer.text == tokens[plaintext]

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(call, list(tokens) * 15))


def test_sqlite_reads_what_is_there_now_even_where_the_driver_begins_by_itself(
    app: Flask, user: Any
) -> None:
    """VER-07: a connection that is kept must not go on with what it once read."""

    @event.listens_for(bearing.engine_of(app), "connect")
    def as_in_pep_249(connection: Any, _record: object) -> None:
        # Since Python 3.12 the driver can, and SQLAlchemy says how to have it so.
        if hasattr(connection, "autocommit"):
            connection.autocommit = False

    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200
    host = hosts.host_of(app)
    with app.app_context():
        [token] = host.apitokens.tokens_of(user)
        host.apitokens.revoke(token)
        host.db.session.commit()
    assert status(app, plaintext) == 401
    assert app.extensions["apitokens"].recorder.flush()


@pytest.mark.database
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pymysql"])
def test_what_a_host_sets_up_at_connect_is_no_obstacle(
    driver: str, request: pytest.FixtureRequest, make_app: MakeApp
) -> None:
    """A statement there begins a transaction, and in one no driver can be changed."""
    server = "mariadb" if driver == "pymysql" else "postgresql"
    url = make_url(request.getfixturevalue(f"{server}_url"))
    url = url.set(drivername=f"{url.get_backend_name()}+{driver}")
    app = make_app(url.render_as_string(hide_password=False))
    engine = bearing.engine_of(app)
    engine.dispose()
    zone = "time_zone = '+00:00'" if driver == "pymysql" else "TIME ZONE 'UTC'"

    @event.listens_for(engine, "connect")
    def in_utc(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET {zone}")

    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200
    assert app.extensions["apitokens"].recorder.flush()
