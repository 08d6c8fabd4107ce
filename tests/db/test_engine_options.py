"""What a host sets on its engine holds for the plugin's connections, or is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import make_url
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.pool import NullPool
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

from flask_apitokens.errors import ConfigurationError
from flask_apitokens.lookup import connections
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import stored
from tests.pages import visitor


def statuses(app: Flask, plaintext: str, number: int = 3) -> list[int]:
    """The statuses of guarded calls one after the other."""
    client, headers = app.test_client(), bearer(plaintext)
    return [
        client.get("/api/plain", headers=headers).status_code for _ in range(number)
    ]


@pytest.fixture
def tenant(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A schema beside the one that connections are in."""
    url = make_url(database_url)
    name = {"mysql": f"{url.database}_tenant"}.get(url.get_backend_name(), "tenant")
    if url.get_backend_name() == "sqlite":
        yield name
        return
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    yield name
    more = " CASCADE" if url.get_backend_name() == "postgresql" else ""
    with engine.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {name}{more}"))


def test_schema_translate_map_holds_in_every_part(
    tenant: str,
    database_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    schemas = {"schema_translate_map": {None: tenant}}
    app = hosts.create_host(
        database_url,
        services=False,
        create_tables=False,
        SQLALCHEMY_ENGINE_OPTIONS={"execution_options": schemas},
        APITOKENS_USAGE_FLUSH_SECONDS=60,
    )
    engine = bearing.engine_of(app)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def attach(connection: Any, _record: object) -> None:
            connection.execute(f"ATTACH '{tmp_path}/tenant.sqlite' AS tenant")

        engine.dispose()
    host = hosts.host_of(app)
    with app.app_context():
        host.db.create_all()
    user = hosts.create_user(app, "ada@example.com")
    ada = visitor(app, user)
    assert ada.generate(name="One").status_code == 201
    _, plaintext = bearing.generate(app, user)
    assert statuses(app, plaintext) == [200, 200, 200]
    recorder = app.extensions["apitokens"].recorder
    assert recorder.flush()
    assert recorder.prune() == 0
    with engine.connect() as connection:
        calls = select(func.count(bearing.models_of(app).Call.id))
        assert connection.scalar(calls) == 3
    assert "One" in ada.get().text
    _check_what_is_missing(app, plaintext, tenant, caplog)
    # A user who is deleted takes the tokens along, on SQLite by our own doing.
    with app.app_context():
        host.db.session.delete(host.db.session.get(host.user_model, user.id))
        host.db.session.commit()
    assert stored(app, user) == []
    hosts.put_away(app)


def _check_what_is_missing(
    app: Flask, plaintext: str, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The table that is missing is named alone, and the ones that are there are not."""
    engine, name = bearing.engine_of(app), f"{tenant}.apitokens_token"
    to = "elsewhere" if engine.dialect.name != "mysql" else f"{tenant}.elsewhere"
    back = f"{tenant}.elsewhere"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {to}")
    with caplog.at_level(logging.ERROR):
        assert statuses(app, plaintext, 1) == [503]
    [line] = [each for each in caplog.messages if "Missing in the database" in each]
    assert line.startswith("Missing in the database: apitokens_token - ")
    to = "apitokens_token" if engine.dialect.name != "mysql" else name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {back} RENAME TO {to}")
    assert statuses(app, plaintext, 1) == [200]


def test_schema_translate_map_of_a_running_engine_is_followed(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path
) -> None:
    """As a host does that sets it once it knows its tenant."""
    app = make_app(sqlite_url, APITOKENS_USAGE_FLUSH_SECONDS=60)
    engine, recorder = bearing.engine_of(app), app.extensions["apitokens"].recorder
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert statuses(app, plaintext, 1) == [200]
    assert recorder.flush()
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{tmp_path}/tenant.sqlite'")

    # Registered late: the recorder's connection is opened anew at its next write.
    @event.listens_for(engine, "connect")
    def attach(connection: Any, _record: object) -> None:
        connection.execute(f"ATTACH '{tmp_path}/tenant.sqlite' AS tenant")

    engine.dispose()
    recorder.close()
    engine.update_execution_options(schema_translate_map={None: "tenant"})
    assert statuses(app, plaintext, 2) == [200, 200]
    assert "tenant.apitokens_token" in app.extensions["apitokens"].finder._by_id._sql
    assert recorder.flush()
    calls = select(func.count(bearing.models_of(app).Call.id))
    with engine.connect() as connection:
        assert connection.scalar(calls) == 3


def test_pool_that_keeps_no_connection_has_none_of_ours_left(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, SQLALCHEMY_ENGINE_OPTIONS={"poolclass": NullPool})
    opened: list[Any] = []
    event.listen(bearing.engine_of(app), "connect", lambda each, _: opened.append(each))
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    opened.clear()
    assert statuses(app, plaintext) == [200, 200, 200]
    assert len(opened) == 3
    assert list(app.extensions["apitokens"].finder._connections._slots().idle) == []
    assert app.extensions["apitokens"].recorder.flush()


def test_limits_of_the_pool_are_limits_of_the_lookup(make_app: MakeApp) -> None:
    options = {
        "pool_size": 1,
        "max_overflow": 1,
        "pool_recycle": 7,
        "pool_timeout": 2,
        "pool_pre_ping": True,
    }
    app = make_app(SQLALCHEMY_ENGINE_OPTIONS=options)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert statuses(app, plaintext, 1) == [200]
    pool = app.extensions["apitokens"].finder._connections
    assert pool.bounds == connections.Bounds(most=2, max_age=7, timeout=2)
    usual = make_app()
    _, plaintext = bearing.generate(usual, hosts.create_user(usual, "b@example.com"))
    assert statuses(usual, plaintext, 1) == [200]
    pool = usual.extensions["apitokens"].finder._connections
    assert pool.bounds == connections.Bounds(
        connections.LIMIT, connections.MAX_AGE, connections.TIMEOUT
    )


@pytest.mark.database
@pytest.mark.parametrize("pool", [StaticPool, SingletonThreadPool])
@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_pool_that_shares_a_connection_is_refused_at_start(
    pool: type, server: str, request: pytest.FixtureRequest
) -> None:
    """Two threads on one connection read each other's rows, or nothing is recorded."""
    url = request.getfixturevalue(f"{server}_url")
    with pytest.raises(ConfigurationError, match=f"{pool.__name__}.*SQLite in memory"):
        hosts.create_host(
            url,
            create_tables=False,
            SQLALCHEMY_ENGINE_OPTIONS={"poolclass": pool},
        )


def test_options_of_statements_and_logging_hold_for_the_recorder(
    make_app: MakeApp, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"execution_options": {"logging_token": "theirs"}, "echo": True}
    app = make_app(
        database_url,
        SQLALCHEMY_ENGINE_OPTIONS=options,
        APITOKENS_USAGE_FLUSH_SECONDS=60,
    )
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert statuses(app, plaintext) == [200, 200, 200]
    caplog.clear()
    assert app.extensions["apitokens"].recorder.flush()
    written = [line for line in caplog.messages if "apitokens_call" in line]
    assert written
    assert all("[theirs]" in line for line in written)
    assert "127.0.0.1" not in caplog.text


@pytest.mark.parametrize("server", ["sqlite", "postgresql", "mariadb"])
def test_autocommit_in_the_connect_arguments_is_one_too(
    server: str, request: pytest.FixtureRequest, make_app: MakeApp
) -> None:
    """SQLAlchemy does not know of it."""
    given = {"isolation_level": None} if server == "sqlite" else {"autocommit": True}
    app = make_app(
        request.getfixturevalue(f"{server}_url"),
        services=False,
        SQLALCHEMY_ENGINE_OPTIONS={"connect_args": given},
    )
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    assert ada.generate(name="One").status_code == 201
    assert ada.generate(name="One").status_code == 422
    _, plaintext = bearing.generate(app, ada.user)
    assert statuses(app, plaintext) == [200, 200, 200]
    assert app.extensions["apitokens"].recorder.flush()
