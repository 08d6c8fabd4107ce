"""The connections of the look-up: few, shared, and none is lost."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
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
from tests.lookup.calls import QUIET
from tests.lookup.calls import owner_email
from tests.lookup.calls import status


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
def test_call_without_a_free_connection_is_a_503(
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
def test_interrupted_call_frees_its_connection(
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


def test_unreadable_row_is_refused_and_costs_no_connection(
    app: Flask, user: Any
) -> None:
    public, plaintext = bearing.generate(app, user)
    with bearing.engine_of(app).begin() as connection:
        connection.execute(
            text("update apitokens_token set expires_at = 'soon' where id = :id"),
            {"id": public},
        )
    for _ in range(connections.LIMIT + 1):
        assert status(app, plaintext) == 401


def test_threads_that_share_connections_get_their_own_rows(
    make_app: MakeApp, database_url: str
) -> None:
    """CON-09: no thread gets the identity of another one."""
    app = make_app(database_url, **QUIET)
    app.get("/api/who")(token_required(owner_email))
    tokens: dict[str, str] = {}
    for number in range(8):
        user = hosts.create_user(app, f"user{number}@example.com")
        tokens[bearing.generate(app, user)[1]] = user.email

    def call(plaintext: str) -> bool:
        answer = app.test_client().get("/api/who", headers=bearer(plaintext))
        return answer.text == tokens[plaintext]

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(call, list(tokens) * 15))


def test_kept_sqlite_connection_reads_the_current_rows(app: Flask, user: Any) -> None:
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


def test_look_up_that_finds_two_rows_leaves_no_lock_on_sqlite(
    make_app: MakeApp, tmp_path: Path
) -> None:
    """A cursor with unread rows would keep its read lock, so that no writer commits."""
    pepper = "2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o"
    database = tmp_path / "no-wal.sqlite"
    app = make_app(
        f"sqlite:///{database}", APITOKENS_PEPPERS=(pepper,), APITOKENS_USAGE="off"
    )
    user = hosts.create_user(app, "ada@example.com")
    plaintext = "0123456789abcdefghijklmnopqrstuvwxyz"
    digest = hashlib.sha256(plaintext.encode()).hexdigest()
    host = hosts.host_of(app)
    with app.app_context():
        host.apitokens.import_token(plaintext, owner=user)
        host.apitokens.import_token(digest, digest="sha256", owner=user)
        host.db.session.commit()
    assert status(app, plaintext) == 200
    with closing(sqlite3.connect(database, timeout=0)) as other:
        other.execute("UPDATE user SET name = 'changed'")
        other.commit()


def test_schema_translate_map_of_the_engine_applies(
    make_app: MakeApp, tmp_path: Path
) -> None:
    options = {"execution_options": {"schema_translate_map": {None: "tenant"}}}
    app = make_app(create_tables=False, SQLALCHEMY_ENGINE_OPTIONS=options, **QUIET)
    engine = bearing.engine_of(app)

    @event.listens_for(engine, "connect")
    def attach(connection: Any, _record: object) -> None:
        connection.execute(f"ATTACH '{tmp_path}/tenant.sqlite' AS tenant")

    engine.dispose()
    with app.app_context():
        hosts.host_of(app).db.create_all()
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    assert status(app, plaintext) == 200


@pytest.mark.database
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pymysql"])
def test_connect_listener_that_begins_a_transaction_is_allowed(
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
