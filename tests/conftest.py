"""Fixtures of all tests, and the rule that CI skips nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL
from sqlalchemy import make_url

from flask_apitokens.core.context import Context
from tests import bearing
from tests import compiled
from tests import databases
from tests import hosts
from tests import machine

#: ``make_app(database_url=…, user_key=…, services=…, **config)``, see create_host
MakeApp = Callable[..., Flask]
#: ``host_of_models(db, user_model, url, …)``, see bearing.host_of_models
HostOfModels = Callable[..., Flask]

compiled.install()


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Builds hosts, on a new SQLite file unless told, and puts them away."""
    made: list[Flask] = []

    def make(database_url: str | None = None, **options: Any) -> Flask:
        url = database_url or databases.sqlite_url(tmp_path)
        tables = hosts.tables_of(options.get("user_key", "int"))
        with databases.kept(make_url(url), tables):
            app = hosts.create_host(url, **options)
        made.append(app)
        return app

    yield make
    for app in made:
        hosts.put_away(app)


@pytest.fixture
def host_of_models() -> Iterator[HostOfModels]:
    """Builds hosts with the test's own user class, and puts them away."""
    made: list[Flask] = []

    def make(*args: Any, **options: Any) -> Flask:
        made.append(bearing.host_of_models(*args, **options))
        return made[-1]

    yield make
    for app in made:
        hosts.put_away(app)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A host with the two services, on SQLite."""
    return make_app()


@pytest.fixture
def ctx(app: Flask) -> Iterator[Context]:
    """Yield a context on the host's session."""
    with app.app_context():
        yield bearing.context_of(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client of the host without a signed-in user."""
    return app.test_client()


@pytest.fixture
def user(app: Flask) -> Any:
    """A user of the host."""
    return hosts.create_user(app, "ada@example.com")


@pytest.fixture
def other_user(app: Flask) -> Any:
    """Another user of the host, who must never see what is the first one's."""
    return hosts.create_user(app, "grace@example.com")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.database),
        pytest.param("mariadb", marks=pytest.mark.database),
    ]
)
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A new SQLite file in write-ahead mode."""
    return databases.sqlite_url(tmp_path)


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, postgresql_database: URL) -> str:
    """An empty PostgreSQL database."""
    return _emptied(request, postgresql_database)


@pytest.fixture
def mariadb_url(request: pytest.FixtureRequest, mariadb_database: URL) -> str:
    """An empty MariaDB database."""
    return _emptied(request, mariadb_database)


def _emptied(request: pytest.FixtureRequest, database: URL) -> str:
    # What `make_app` builds finds the tables of the last one; any other test, none.
    if "make_app" in request.fixturenames:
        databases.empty_rows(database)
    else:
        databases.empty(database)
    return database.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql_database(worker_id: str) -> Iterator[URL]:
    """The PostgreSQL database of this test process."""
    with databases.POSTGRESQL.database(worker_id) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_database(worker_id: str) -> Iterator[URL]:
    """The MariaDB database of this test process."""
    with databases.MARIADB.database(worker_id) as url:
        yield url


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what lives as long as the process.

    All modules and tests are that; it would look through them again and again.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """Turn every skip into a failure under ``APITOKENS_STRICT=1``."""
    return machine.judge((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[
    None, pytest.CollectReport, pytest.CollectReport
]:
    """The same for a module that skips itself while it is collected."""
    return machine.judge((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Close with what the machine lacks, so that a green run does not hide it."""
    machine.tell(terminalreporter)
