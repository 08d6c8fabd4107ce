"""The guard while its database is away, locked, empty or back again."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import UserMixin
from flask_login import current_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.pool import NullPool

from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.lookup import outage
from flask_apitokens.lookup.connections import Unavailable
from flask_apitokens.lookup.finder import DriverLookup
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import HostOfModels
from tests.conftest import MakeApp
from tests.recording import Relay
from tests.recording import without_table

#: what is not ours to test here would log of the outage as well
QUIET: dict[str, Any] = {"APITOKENS_USAGE": "off"}


def answer(app: Flask, plaintext: str) -> int:
    """The status, after a look at what a refusal may be in an outage."""
    response = app.test_client().get("/api/plain", headers=bearer(plaintext))
    if response.status_code != 200:
        assert code(response) == "temporarily_unavailable"
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
    return response.status_code


class Server:
    """A database server that can be taken away and given back."""

    def __init__(self, url: str) -> None:
        self._real = make_url(url)
        assert self._real.host
        assert self._real.port
        self._target = (self._real.host, self._real.port)
        self._relay = Relay(*self._target)
        self._port = self._relay.port
        self.url = self._real.set(host="127.0.0.1", port=self._port).render_as_string(
            hide_password=False
        )

    def go(self) -> None:
        """Cut all connections and take no new ones."""
        self._relay.close()

    def come_back(self) -> None:
        """Answer at the same address again."""
        self._relay = Relay(*self._target, listen=self._port)

    def kill_connections(self) -> None:
        """End every session on the server, as a restart does."""
        engine = create_engine(
            self._real, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            if self._real.get_backend_name() == "postgresql":
                connection.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where datname = current_database() "
                        "and pid <> pg_backend_pid()"
                    )
                )
                return
            threads = connection.execute(
                text(
                    "select id from information_schema.processlist "
                    "where db = database() and id <> connection_id()"
                )
            )
            for (thread,) in threads.all():
                connection.execute(text(f"kill {thread:d}"))


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A database server behind a relay."""
    server = Server(request.getfixturevalue(f"{request.param}_url"))
    yield server
    server.go()


@pytest.mark.database
@pytest.mark.parametrize("way", ["engine", "session"])
def test_database_outage_is_a_503_until_the_server_returns(
    way: str, server: Server, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """DBS-01."""
    app = make_app(server.url, APITOKENS_LOOKUP=way, **QUIET)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert answer(app, plaintext) == 200
    server.go()
    with caplog.at_level(logging.WARNING, "flask_apitokens"):
        assert [answer(app, plaintext) for _ in range(5)] == [503] * 5
        [begun] = caplog.messages
        server.come_back()
        failed = 5
        while answer(app, plaintext) != 200:
            failed += 1
        assert [answer(app, plaintext) for _ in range(3)] == [200] * 3
        [_, ended] = caplog.messages
    assert begun.startswith("tokens could not be looked up, so calls are answered with")
    # The reason is the driver's, and no table is missing.
    assert "OperationalError: " in begun
    assert "migrations" not in caplog.text
    assert plaintext.split("_")[1] not in caplog.text
    assert ended == f"tokens are looked up again; {failed} calls failed"


@pytest.mark.database
def test_database_missing_at_the_first_call_is_a_503(
    server: Server, make_app: MakeApp
) -> None:
    app = make_app(server.url, **QUIET)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    bearing.engine_of(app).dispose()
    server.go()
    assert answer(app, plaintext) == 503
    server.come_back()
    assert answer(app, plaintext) == 200


@pytest.mark.database
def test_database_restart_between_two_calls_fails_no_call(
    server: Server, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DBS-02, with several dead connections in the plugin and in the host's pool."""
    app = make_app(server.url, **QUIET)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    engine = bearing.engine_of(app)
    for connection in [engine.connect() for _ in range(5)]:
        connection.close()
    meet, convert = threading.Barrier(3), DriverLookup._fetch

    def meet_first(self: DriverLookup, *args: Any) -> Any:
        meet.wait(30)
        return convert(self, *args)

    with monkeypatch.context() as patch, ThreadPoolExecutor(3) as threads:
        patch.setattr(DriverLookup, "_fetch", meet_first)
        calls = [threads.submit(answer, app, plaintext) for _ in range(3)]
        assert [call.result() for call in calls] == [200] * 3
    server.kill_connections()
    assert [answer(app, plaintext) for _ in range(3)] == [200] * 3


@pytest.mark.database
def test_outage_while_the_user_is_loaded_is_a_503(
    postgresql_url: str, host_of_models: HostOfModels
) -> None:
    server, db = Server(postgresql_url), SQLAlchemy()

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)

        @property
        def is_active(self) -> bool:
            return True

    app = host_of_models(db, User, server.url, **QUIET)
    with app.app_context():
        user: Any = User()
        db.session.add(user)
        _, plaintext = hosts.host_of(app).apitokens.generate(owner=user, name="x")
        db.session.commit()
    assert answer(app, plaintext) == 200
    engine = bearing.engine_of(app)
    # The session's way is closed while the look-up's own connection is still open.
    real = engine.pool
    engine.pool = real.recreate()
    engine.pool._creator = _refusing(engine)
    assert answer(app, plaintext) == 503
    engine.pool = real
    assert answer(app, plaintext) == 200
    hosts.put_away(app)
    server.go()


def owner_email() -> str:
    """A view that asks for the owner of its token."""
    return str(current_token.owner.email)


def user_email() -> str:
    """The same by way of Flask-Login."""
    user: Any = current_user
    return str(user.email)


@pytest.mark.database
@pytest.mark.parametrize("view", [owner_email, user_email])
def test_owner_is_loaded_after_the_server_closed_the_pooled_connections(
    view: Any, server: Server, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(server.url, **QUIET)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.get("/api/owner")(token_required(view))
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    engine, client = bearing.engine_of(app), app.test_client()

    def status() -> int:
        return client.get("/api/owner", headers=bearer(plaintext)).status_code

    assert status() == 200
    for connection in [engine.connect() for _ in range(5)]:
        connection.close()
    with caplog.at_level(logging.WARNING, "flask_apitokens"):
        server.kill_connections()
        assert [status() for _ in range(5)] == [200] * 5
        assert caplog.messages == []
        # The owner cannot be loaded, while the look-up's own connection is open.
        real, engine.pool = engine.pool, engine.pool.recreate()
        engine.pool._creator = _refusing(engine)
        answers = [client.get("/api/owner", headers=bearer(plaintext)) for _ in "abc"]
        assert [code(each) for each in answers] == ["temporarily_unavailable"] * 3
        engine.pool = real
        assert status() == 200
        begun, ended = caplog.messages
    assert begun.startswith("owners of tokens could not be looked up, so calls are")
    assert begun.endswith("OperationalError: connection refused")
    assert ended == "owners of tokens are looked up again; 3 calls failed"


@pytest.mark.database
def test_owner_is_not_loaded_again_where_the_views_changes_were_lost(
    server: Server, make_app: MakeApp
) -> None:
    """The view goes on as if they were stored."""
    app = make_app(server.url, **QUIET)
    host = hosts.host_of(app)

    @app.get("/api/change")
    @token_required
    def change() -> str:
        host.db.session.add(host.user_model(email="new@example.com"))
        host.db.session.flush()
        server.kill_connections()
        email: str = current_token.owner.email
        host.db.session.commit()
        return email

    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    answered = app.test_client().get("/api/change", headers=bearer(plaintext))
    assert code(answered) == "temporarily_unavailable"
    assert answer(app, plaintext) == 200


def test_outage_that_comes_and_goes_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(
        "flask_apitokens.lookup.outage.time.monotonic", lambda: clock[0]
    )
    tokens = outage.Outage("tokens")
    with caplog.at_level(logging.WARNING, "flask_apitokens"):
        for _ in range(20):
            assert tokens.add(Unavailable("no connection is free")) == (_ == 0)
            tokens.end()
        assert len(caplog.messages) == 2
        tokens.add(Unavailable("no connection is free"))
        clock[0] += 5
        assert tokens.add(Unavailable("no connection is free"))
        tokens.end()
    assert caplog.messages[-1] == "tokens are looked up again; 2 calls failed"


def _refusing(engine: Engine) -> Callable[..., Any]:
    """A creator of a pool that fails as a server does that takes no connection."""

    def refuse(*_: Any) -> Any:
        raise engine.dialect.loaded_dbapi.OperationalError("connection refused")

    return refuse


def test_creator_that_fails_in_its_own_way_is_an_outage(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the password comes from a service of its own."""
    app = make_app(**QUIET)
    app.get("/api/owner")(token_required(owner_email))
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    engine = bearing.engine_of(app)
    engine.dispose()

    def fail(*_: Any) -> Any:
        raise OSError("the vault is sealed")

    engine.pool._creator = fail
    assert [answer(app, plaintext) for _ in range(3)] == [503] * 3
    [line] = [each for each in caplog.messages if "503" in each]
    assert line.endswith(": OSError: the vault is sealed")


@pytest.fixture(params=["engine", "session"])
def host_and_token(
    request: pytest.FixtureRequest, make_app: MakeApp, database_url: str
) -> tuple[Flask, str]:
    """Return a host with each kind of look-up on each database, and a plaintext."""
    app = make_app(database_url, APITOKENS_LOOKUP=request.param, **QUIET)
    user = hosts.create_user(app, "ada@example.com")
    return app, bearing.generate(app, user)[1]


def test_missing_tables_are_a_503_and_log_the_remedy(
    host_and_token: tuple[Flask, str], caplog: pytest.LogCaptureFixture
) -> None:
    app, plaintext = host_and_token
    assert answer(app, plaintext) == 200
    with without_table(bearing.engine_of(app)):
        with caplog.at_level(logging.ERROR):
            assert answer(app, plaintext) == answer(app, plaintext) == 503
        [line] = [line for line in caplog.messages if "db.create_all()" in line]
        assert line.startswith("Missing in the database: apitokens_token - ")
        assert "migrations" in caplog.text
        assert plaintext.split("_")[2] not in caplog.text
    assert answer(app, plaintext) == 200


@pytest.mark.parametrize(
    ("table", "column", "kind"),
    [
        ("apitokens_token", "networks", "text"),
        ("user", "is_active", "BOOLEAN DEFAULT TRUE NOT NULL"),
    ],
)
def test_missing_column_is_logged_once_with_its_command(
    host_and_token: tuple[Flask, str],
    caplog: pytest.LogCaptureFixture,
    table: str,
    column: str,
    kind: str,
) -> None:
    """New code, of the plugin or of the application, runs on the schema of before."""
    app, plaintext = host_and_token
    engine = bearing.engine_of(app)
    alter = f"ALTER TABLE {engine.dialect.identifier_preparer.quote(table)}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"{alter} DROP COLUMN {column}")
    with caplog.at_level(logging.ERROR):
        assert [answer(app, plaintext) for _ in range(3)] == [503, 503, 503]
    lines = [line for line in caplog.messages if "flask db upgrade" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"Missing in the database: {table}.{column} - ")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"{alter} ADD {column} {kind}")
    assert answer(app, plaintext) == 200


@pytest.mark.parametrize("mode", ["buffered", "sync"])
@pytest.mark.parametrize("table", ["apitokens_call", "apitokens_call_hour"])
def test_failed_write_of_the_history_fails_no_call(
    mode: str,
    table: str,
    make_app: MakeApp,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {"APITOKENS_USAGE": mode, "APITOKENS_USAGE_FLUSH_SECONDS": 60}
    app = make_app(database_url, **settings)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    recorder = app.extensions["apitokens"].recorder
    with without_table(bearing.engine_of(app), table):
        assert [answer(app, plaintext) for _ in range(3)] == [200, 200, 200]
        assert not recorder.flush()
        assert (recorder.pending, recorder.dropped) == (3, 0)
    assert answer(app, plaintext) == 200
    assert recorder.flush()
    with bearing.engine_of(app).connect() as connection:
        for what in (
            "count(*) FROM apitokens_call",
            "sum(succeeded) FROM apitokens_call_hour WHERE token_id <> ''",
        ):
            assert connection.scalar(text(f"SELECT {what}")) == 4
    assert len([line for line in caplog.messages if "db.create_all()" in line]) == 1


def test_sqlite_file_created_later_is_used(make_app: MakeApp, tmp_path: Path) -> None:
    """A volume may be mounted after the process has started."""
    place = tmp_path / "data"
    place.mkdir()
    app = make_app(f"sqlite:///{place}/app.sqlite", **QUIET)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    bearing.engine_of(app).dispose()
    place.rename(tmp_path / "away")
    assert answer(app, plaintext) == 503
    place.mkdir()
    assert answer(app, plaintext) == 503
    (place / "app.sqlite").unlink()
    place.rmdir()
    (tmp_path / "away").rename(place)
    assert answer(app, plaintext) == 200


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_locked_sqlite_file_still_serves_reads(
    mode: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """DBS-04: with a write-ahead log, a writer does not block readers."""
    path = tmp_path / "app.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
    options = {"connect_args": {"timeout": 0}}
    app = make_app(f"sqlite:///{path}", SQLALCHEMY_ENGINE_OPTIONS=options, **QUIET)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert answer(app, plaintext) == 200
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        assert answer(app, plaintext) == (200 if mode == "wal" else 503)
        other.execute("rollback")
    assert answer(app, plaintext) == 200
