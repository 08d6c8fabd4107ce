"""The connection calls are written on: never in the way of the host's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Pool
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.pool import NullPool
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool

from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.rows import Call
from tests.recording import NEVER
from tests.recording import A
from tests.recording import B
from tests.recording import Tokens
from tests.recording import moment
from tests.recording import record
from tests.recording import threads
from tests.recording import tokens_in
from tests.recording import without_table

INSERT = (
    "INSERT INTO apitokens_token (id, kind, name, scheme, check_digest, secret_hash,"
    " account_id, userless, scopes, created_at, created_by)"
    " SELECT 'unfinished', kind, name, scheme, check_digest, secret_hash,"
    " account_id, userless, scopes, created_at, created_by"
    " FROM apitokens_token WHERE id = 'aaaaaaaaaaaa'"
)


@pytest.fixture(params=[StaticPool, SingletonThreadPool], ids=["static", "singleton"])
def in_memory(request: pytest.FixtureRequest) -> Iterator[Tokens]:
    """A database in memory: one connection, for all of the process or the thread."""
    with tokens_in("sqlite://", poolclass=request.param) as made:
        yield made


@pytest.mark.parametrize("mode", ["buffered", "sync"])
def test_in_memory_database_gets_a_call_at_once(mode: str, in_memory: Tokens) -> None:
    recorder = in_memory.recorder(mode=mode, flush_seconds=NEVER)
    assert recorder.shares_connection
    before = threads()
    record(recorder, A, moment(1), "192.0.2.1")
    assert in_memory.last_used(A) == (moment(1), "192.0.2.1")
    assert threads() <= before


@pytest.mark.parametrize("mode", ["buffered", "sync"])
def test_in_memory_write_leaves_the_hosts_transaction_open(
    mode: str, in_memory: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = in_memory.recorder(mode=mode, flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    with in_memory.engine.connect() as host:
        driver: Any = host.connection.dbapi_connection
        transaction = host.begin()
        host.exec_driver_sql(INSERT)
        record(recorder, A, moment(2), None)
        assert not recorder.flush()
        assert not recorder.close()
        assert driver.in_transaction
        assert _ids(host) == {A, B, "unfinished"}
        transaction.rollback()
        assert _ids(host) == {A, B}
    assert in_memory.last_used(A) == (moment(1), None)
    record(recorder, A, moment(3), None)
    assert in_memory.last_used(A) == (moment(3), None)
    assert caplog.messages == []


def test_in_memory_host_can_commit_a_transaction_begun_before_a_call(
    in_memory: Tokens,
) -> None:
    recorder = in_memory.recorder(flush_seconds=NEVER)
    with in_memory.engine.begin() as host:
        host.exec_driver_sql(INSERT)
        record(recorder, A, moment(1), None)
    with in_memory.engine.connect() as host:
        assert _ids(host) == {A, B, "unfinished"}
    assert recorder.flush()
    assert in_memory.last_used(A) == (moment(1), None)


def _ids(connection: Connection) -> set[str]:
    return set(connection.exec_driver_sql("SELECT id FROM apitokens_token").scalars())


@pytest.fixture
def counted(sqlite_url: str) -> Iterator[Tokens]:
    """A host with one connection and nothing to spare."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0}
    with tokens_in(sqlite_url, **options) as made:
        yield made


def test_exhausted_pool_of_the_host_does_not_block_writing(counted: Tokens) -> None:
    recorder = counted.recorder(flush_seconds=NEVER)
    with counted.engine.connect():
        record(recorder, A, moment(1), None)
        assert recorder.flush()
    assert counted.last_used(A) == (moment(1), None)


def test_query_listeners_of_the_host_see_no_usage_statement(counted: Tokens) -> None:
    seen: list[str] = []
    event.listen(
        counted.engine, "before_cursor_execute", lambda *args: seen.append(args[2])
    )
    event.listen(counted.engine, "begin", lambda _: seen.append("begin"))
    event.listen(counted.engine, "commit", lambda _: seen.append("commit"))
    recorder = counted.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    assert seen == []


def test_connection_settings_of_the_host_are_kept(counted: Tokens) -> None:
    recorder = counted.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    with counted.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        assert driver.isolation_level == ""
        assert driver.execute("PRAGMA busy_timeout").fetchone() == (5000,)


def _as_documented_for_sqlite(engine: Engine) -> None:
    """What SQLAlchemy's documentation tells hosts to do about SQLite's transactions."""

    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))


def _a_creator(engine: Engine, path: Path) -> Engine:
    def creator() -> sqlite3.Connection:
        return sqlite3.connect(path, check_same_thread=False)

    return create_engine("sqlite://", creator=creator, poolclass=type(engine.pool))


@pytest.mark.parametrize("kind", ["documented", "creator", "no pool", "autocommit"])
def test_usage_is_written_with_every_kind_of_host_connection(
    kind: str, sqlite_url: str, counted: Tokens
) -> None:
    engine = {
        "documented": lambda: create_engine(sqlite_url),
        "creator": lambda: _a_creator(
            counted.engine, Path(counted.engine.url.database or "")
        ),
        "no pool": lambda: create_engine(sqlite_url, poolclass=NullPool),
        "autocommit": lambda: create_engine(sqlite_url, isolation_level="AUTOCOMMIT"),
    }[kind]()
    if kind == "documented":
        _as_documented_for_sqlite(engine)
    recorder = Recorder(lambda: engine, counted.tables, flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    assert counted.last_used(A) == (moment(1), None)
    assert recorder.close()
    engine.dispose()


@pytest.mark.parametrize("given", ["to the engine", "as an option"])
def test_autocommit_engine_gets_each_call_once(given: str, database_url: str) -> None:
    level: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
    options = level if given == "to the engine" else {"execution_options": level}
    with tokens_in(database_url, **options) as tokens:
        recorder = tokens.recorder(flush_seconds=NEVER)
        with without_table(tokens.engine):
            record(recorder, A, moment(1))
            assert not recorder.flush()
        assert recorder.pending == 1
        assert recorder.flush()
        count = select(func.count()).select_from(tokens.tables.call)
        with tokens.engine.connect() as connection:
            assert connection.scalar(count) == 1
        assert tokens.last_used(A) == (moment(1), None)


def test_listener_that_begins_transactions_on_all_engines_is_tolerated(
    counted: Tokens,
) -> None:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    event.listen(Engine, "begin", begin)
    event.listen(Pool, "connect", connect)
    try:
        recorder = counted.recorder(flush_seconds=NEVER)
        record(recorder, A, moment(1), None)
        assert recorder.flush()
    finally:
        event.remove(Engine, "begin", begin)
        event.remove(Pool, "connect", connect)
    assert counted.last_used(A) == (moment(1), None)


@pytest.mark.database
def test_schema_translate_map_of_the_host_applies_to_usage(
    postgresql_url: str,
) -> None:
    options = {"schema_translate_map": {None: "tenant"}}
    tokens = Tokens(postgresql_url, execution_options=options)
    with tokens.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA tenant")
    tokens.create(A)
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(1), None)
    recorder.close()
    with tokens.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA tenant CASCADE")
    tokens.put_away()


@pytest.mark.parametrize(("calls", "pauses"), [(1, 0), (20, 0), (21, 1), (201, 14)])
def test_building_rows_yields_to_requests(
    calls: int, pauses: int, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("flask_apitokens.usage.rows.time.sleep", paused.append)
    with tokens_in(sqlite_url) as tokens:
        recorder = tokens.recorder(flush_seconds=NEVER)
        for second in range(calls):
            recorder._calls.append(Call(A, moment(second % 60)))
        assert recorder.flush()
        assert len(paused) == pauses
        with tokens.engine.connect() as connection:
            written = select(func.count()).select_from(tokens.tables.call)
            assert connection.scalar(written) == calls
