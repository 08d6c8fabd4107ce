"""An application that is closed, collected or disposed of leaves nothing open."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL
from sqlalchemy import create_engine
from sqlalchemy import func
from sqlalchemy import make_url
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.pool import NullPool
from sqlalchemy.pool import StaticPool

from flask_apitokens.lookup.finder import DriverLookup
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.recording import threads
from tests.recording import until

#: so many times a test suite calls its factory
APPS = 50
#: nothing is written for its time within a test
LATE: dict[str, Any] = {"APITOKENS_USAGE_FLUSH_SECONDS": 60}

#: the ids of the connections that were open before a test
EARLIER: set[int] = set()
#: another database of a server, and the query of the ids of the connections to one
_OPEN = {
    "postgresql": (
        "postgres",
        text("SELECT pid FROM pg_stat_activity WHERE datname = :name"),
    ),
    "mysql": (
        "information_schema",
        text("SELECT id FROM processlist WHERE db = :name"),
    ),
}


@pytest.fixture(autouse=True)
def earlier(database_url: str) -> None:
    """Leave out connections that objects of earlier tests still hold."""
    url = make_url(database_url)
    EARLIER.clear()
    if url.get_backend_name() != "sqlite":
        EARLIER.update(_ids(url))


def connections(url: URL) -> int:
    """Return how many connections to a database are open that were not at first.

    For SQLite only those of this process are known, and its file is the test's own.
    """
    name = url.database or ""
    if url.get_backend_name() == "sqlite":
        return sum(_target(number) == name for number in os.listdir("/proc/self/fd"))
    return len(_ids(url) - EARLIER)


def _ids(url: URL) -> set[int]:
    away, query = _OPEN[url.get_backend_name()]
    engine = create_engine(url.set(database=away), poolclass=NullPool)
    with engine.connect() as connection:
        return set(connection.scalars(query, {"name": url.database}))


def _target(number: str) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{number}")
    return ""


def call(app: Flask, plaintext: str) -> int:
    """Return the status of a guarded call."""
    client = app.test_client()
    return client.get("/api/plain", headers=bearer(plaintext)).status_code


def close(app: Flask) -> None:
    """Close what is ours of *app*."""
    hosts.host_of(app).apitokens.close(app)


def dispose(app: Flask) -> None:
    """Close the host's own connections, and nothing else is told."""
    bearing.engine_of(app).dispose()


def calls(app: Flask) -> int:
    """How many calls are written."""
    with bearing.engine_of(app).connect() as connection:
        return (
            connection.scalar(select(func.count(bearing.models_of(app).Call.id))) or 0
        )


@pytest.fixture
def own_database(postgresql_database: URL) -> Iterator[URL]:
    """A database that the test may drop."""
    url = postgresql_database.set(database=f"{postgresql_database.database}_own")
    engine = create_engine(
        postgresql_database, isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{url.database}"'))
        yield url
        connection.execute(text(f'DROP DATABASE IF EXISTS "{url.database}"'))


@pytest.mark.database
def test_database_can_be_dropped_after_dispose(
    own_database: URL, postgresql_database: URL
) -> None:
    app = hosts.create_host(own_database.render_as_string(hide_password=False))
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    recorder = app.extensions["apitokens"].recorder
    assert call(app, plaintext) == 200
    assert recorder.flush()
    # One call is not written yet. It must not connect again after the dispose.
    assert call(app, plaintext) == 200
    dispose(app)
    assert recorder.pending == 0
    until(lambda: connections(own_database) == 0)
    engine = create_engine(
        postgresql_database, isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{own_database.database}"'))
    assert recorder.close()


def test_dispose_writes_closes_and_goes_on(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, **LATE)
    url = make_url(database_url)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    for number in (1, 2, 3):
        assert call(app, plaintext) == 200
        dispose(app)
        until(lambda: connections(url) == 0)
        assert calls(app) == number


def test_connection_in_use_is_closed_after_dispose(
    app: Flask, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plaintext = bearing.generate(app, user)
    assert call(app, plaintext) == 200
    inside, release, really = threading.Event(), threading.Event(), DriverLookup._fetch

    def wait(self: DriverLookup, *args: Any) -> Any:
        inside.set()
        assert release.wait(30)
        return really(self, *args)

    monkeypatch.setattr(DriverLookup, "_fetch", wait)
    other = threading.Thread(target=call, args=(app, plaintext))
    other.start()
    assert inside.wait(30)
    close(app)
    dispose(app)
    release.set()
    other.join()
    close(app)
    until(lambda: connections(bearing.engine_of(app).url) == 0)


def test_closed_applications_leave_no_thread_and_no_connection(
    make_app: MakeApp, database_url: str
) -> None:
    before, url = threads(), make_url(database_url)
    first = make_app(database_url)
    user = hosts.create_user(first, "ada@example.com")
    dispose(first)
    for number in range(APPS):
        app = make_app(database_url, create_tables=False, **LATE)
        _, plaintext = bearing.generate(app, user)
        assert call(app, plaintext) == 200
        assert len(threads() - before) == 1
        close(app)
        assert threads() <= before
        dispose(app)
        assert calls(app) == number + 1
        dispose(app)
    until(lambda: connections(url) == 0)
    # A call after that is answered and recorded as before.
    assert call(app, plaintext) == 200
    close(app)
    assert calls(app) == APPS + 1


def test_close_without_an_argument_closes_the_current_application(app: Flask) -> None:
    host, user = hosts.host_of(app), hosts.create_user(app, "ada@example.com")
    before = threads()
    _, plaintext = bearing.generate(app, user)
    assert call(app, plaintext) == 200
    with app.app_context():
        host.apitokens.close()
    assert threads() <= before


@pytest.mark.parametrize("usage", ["buffered", "sync"])
def test_collected_applications_leave_no_thread_and_no_connection(
    usage: str, database_url: str
) -> None:
    """As a test suite leaves them whose fixture makes one for each test."""
    before, url = threads(), make_url(database_url)
    gone = []
    first = _application(url, usage)
    for number in range(5):
        app = _application(url, usage)
        # The host's own connections are not ours to close.
        dispose(app)
        _, plaintext = bearing.generate(app, hosts.create_user(app, f"{number}@x.org"))
        bearing.engine_of(app).pool.dispose()
        assert call(app, plaintext) == 200
        gone.append(weakref.ref(app))
        del app
    gc.collect()
    assert [each() for each in gone] == [None] * 5
    until(lambda: threads() <= before)
    dispose(first)
    until(lambda: connections(url) == 0)
    # What they had recorded was written first.
    assert calls(first) == 5
    hosts.put_away(first)


def _application(url: URL, usage: str) -> Flask:
    return hosts.create_host(
        url.render_as_string(hide_password=False), APITOKENS_USAGE=usage, **LATE
    )


def test_database_in_memory_can_be_made_anew(tmp_path: Any) -> None:
    app = hosts.create_host("sqlite://")
    assert isinstance(bearing.engine_of(app).pool, StaticPool)
    for number in (1, 2):
        user = hosts.create_user(app, f"user{number}@example.com")
        _, plaintext = bearing.generate(app, user)
        assert call(app, plaintext) == 200
        dispose(app)
        with app.app_context():
            db: SQLAlchemy = hosts.host_of(app).db
            db.create_all()
    close(app)
    dispose(app)
