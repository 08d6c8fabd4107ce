"""A database that fails the recorder: told once, outlived, and no call the worse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import select

from flask_apitokens.usage import recorder as usage_recorder
from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.rows import Call
from flask_apitokens.usage.writer import Writer
from tests import recording
from tests.recording import NEVER
from tests.recording import SOON
from tests.recording import A
from tests.recording import B
from tests.recording import Relay
from tests.recording import Tokens
from tests.recording import moment
from tests.recording import record
from tests.recording import until

Fault = Callable[[Engine], AbstractContextManager[None]]
Told = Callable[[], list[str]]

PORTS = {"postgresql": 5432, "mariadb": 3306}
#: makes a session as one of a server that has become another's copy
READ_ONLY = {
    "sqlite": "PRAGMA query_only = 1",
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}
HEALED = "Recorded calls are written again; 0 were dropped since the process began"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """What the recorders have logged so far."""
    caplog.set_level(logging.INFO, "flask_apitokens")

    def lines() -> list[str]:
        name = "flask_apitokens.usage"
        return [line.getMessage() for line in caplog.records if line.name == name]

    return lines


@contextmanager
def _said_to_all(engine: Engine, statement: str, normal: str) -> Iterator[None]:
    """Run a statement whenever a connection is taken, until the fault is over."""
    said = [statement]

    def say(connection: Any, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(said[0])
        cursor.close()

    event.listen(engine, "checkout", say)
    yield
    said[0] = normal


def _read_only(engine: Engine) -> AbstractContextManager[None]:
    only, normal = {
        "sqlite": ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
        "postgresql": ("SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE"),
        "mysql": (
            "SET SESSION TRANSACTION READ ONLY",
            "SET SESSION TRANSACTION READ WRITE",
        ),
    }[engine.dialect.name]
    return _said_to_all(engine, only, normal)


def _disk_full(engine: Engine) -> AbstractContextManager[None]:
    return _said_to_all(
        engine, "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"
    )


def _until_failed_again(recorder: Recorder) -> None:
    before = recorder.failures
    until(lambda: recorder.failures > before)


def _outlive(fault: Fault, tokens: Tokens, told: Told, *names: str) -> None:
    recorder = tokens.recorder(flush_seconds=SOON)
    with fault(tokens.engine):
        for second in (1, 2):
            for name in names:
                record(recorder, name, moment(second), None)
            _until_failed_again(recorder)
        assert len(told()) == 1
        assert "no call fails for it" in told()[0]
        assert recorder.pending == 2 * len(names)
    until(lambda: tokens.last_used(names[-1]) == (moment(2), None))
    until(lambda: told()[1:] == [HEALED])
    record(recorder, A, moment(3), None)
    until(lambda: tokens.last_used(A) == (moment(3), None))
    assert len(told()) == 2


@pytest.mark.parametrize(
    "fault", [recording.locked, recording.without_table, _read_only]
)
def test_outage_is_logged_once_and_its_calls_are_written_afterwards(
    fault: Fault, tokens: Tokens, told: Told
) -> None:
    _outlive(fault, tokens, told, A)


@pytest.mark.parametrize("lacking", ["call", "hour"])
def test_missing_tables_are_logged_with_the_remedy(
    lacking: str, tokens: Tokens, told: Told
) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    table = getattr(tokens.tables, lacking)
    table.drop(tokens.engine)
    record(recorder, A, moment(1))
    assert not recorder.flush()
    (line,) = told()
    assert f"apitokens_call{'_hour' if lacking == 'hour' else ''}" in line
    assert "run your migrations or db.create_all()" in line
    table.create(tokens.engine)
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(1), None)
    assert (recorder.pending, recorder.dropped) == (0, 0)


def test_calls_are_written_after_a_full_disk_has_space_again(
    on_sqlite: Tokens, told: Told
) -> None:
    names = [f"token{number:07}" for number in range(400)]
    on_sqlite.create(*names)
    _outlive(_disk_full, on_sqlite, told, *names)


def test_read_only_connection_is_replaced(tokens: Tokens, told: Told) -> None:
    """After a failover, a new connection reaches a server that accepts writes."""
    sent_to_standby = [True]

    @event.listens_for(tokens.engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        if sent_to_standby:
            cursor = connection.cursor()
            cursor.execute(READ_ONLY[tokens.engine.dialect.name])
            connection.commit()

    recorder = tokens.recorder(flush_seconds=SOON)
    record(recorder, A, moment(1), None)
    _until_failed_again(recorder)
    assert recorder.pending == 1
    sent_to_standby.clear()
    until(lambda: told()[1:] == [HEALED])
    tokens.engine.dispose()  # what is looked at now is not the standby either
    assert tokens.last_used(A) == (moment(1), None)


def test_short_lock_is_not_an_outage(on_sqlite: Tokens, told: Told) -> None:
    tries: list[object] = []
    event.listen(on_sqlite.engine, "checkout", lambda *_: tries.append(1))
    recorder = on_sqlite.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    flusher = threading.Thread(target=recorder.flush)
    with recording.locked(on_sqlite.engine):
        of_the_lock = len(tries)
        flusher.start()
        until(lambda: len(tries) > of_the_lock + 1)
    flusher.join(recording.DEADLINE)
    assert on_sqlite.last_used(A) == (moment(1), None)
    assert (recorder.failures, told()) == (0, [])


def test_ending_process_waits_longer_for_a_lock(
    on_sqlite: Tokens, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_recorder, "_RETRY_FOR", 0.0)
    tries: list[object] = []
    event.listen(on_sqlite.engine, "checkout", lambda *_: tries.append(1))
    recorder = on_sqlite.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    closed: list[bool] = []
    end = threading.Thread(target=lambda: closed.append(recorder.close()))
    with recording.locked(on_sqlite.engine):
        of_the_lock = len(tries)
        end.start()
        until(lambda: len(tries) > of_the_lock + 1 or closed)
    end.join(recording.DEADLINE)
    assert closed == [True]
    assert on_sqlite.last_used(A) == (moment(1), None)
    assert (recorder.failures, told()) == (0, [])


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.database
def test_unresponsive_server_blocks_no_call(
    kind: str, request: pytest.FixtureRequest, told: Told
) -> None:
    url = make_url(request.getfixturevalue(f"{kind}_url"))
    relay = Relay(url.host or "127.0.0.1", url.port or PORTS[kind])
    by_relay = url.set(host="127.0.0.1", port=relay.port)
    tokens = Tokens(by_relay.render_as_string(hide_password=False))
    tokens.create(A)
    recorder = tokens.recorder(flush_seconds=SOON, max_rows=100)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    relay.freeze()
    record(recorder, A, moment(2), None)
    until(lambda: recorder.pending == 0)
    for number in range(350):
        record(recorder, A, moment(number + 3), None)
    assert (recorder.pending, recorder.dropped) == (100, 250)
    assert not recorder.flush(timeout=0.01)
    assert not recorder.close(timeout=0.01)
    assert len(told()) == 1
    relay.thaw()
    until(lambda: len(told()) == 2)
    assert recorder.close()
    assert tokens.last_used(A) == (moment(352), None)
    tokens.put_away()
    relay.close()


def test_full_buffer_drops_and_counts_the_oldest_calls(
    on_sqlite: Tokens, told: Told
) -> None:
    recorder = on_sqlite.recorder(flush_seconds=SOON, max_rows=100)
    record(recorder, B, moment(1), None)
    with recording.without_table(on_sqlite.engine):
        for second in range(300):
            record(recorder, A, moment(second), None)
        until(lambda: recorder.failures > 1)
        assert (recorder.pending, recorder.dropped) == (100, 201)
        assert len(told()) == 1
    until(lambda: on_sqlite.last_used(A) == (moment(299), None))
    assert on_sqlite.last_used(B) == (None, None)
    until(lambda: len(told()) == 2)
    assert "201 were dropped" in told()[1]


def test_unwritten_calls_are_written_before_later_ones(
    on_sqlite: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = on_sqlite.recorder(flush_seconds=NEVER, max_rows=10)
    failed: list[object] = []
    write = Writer.write

    def fail_once(self: Writer, calls: Sequence[Call], *, patience: float) -> None:
        if failed:
            return write(self, calls, patience=patience)
        failed.append(calls)
        for second in range(5, 13):
            record(recorder, A, moment(second), None)
        raise OSError("not now")

    monkeypatch.setattr(Writer, "write", fail_once)
    for second in range(1, 5):
        record(recorder, A, moment(second), None)
    assert not recorder.flush()
    assert recorder.flush()
    call = on_sqlite.tables.call.c
    with on_sqlite.engine.connect() as connection:
        written = connection.scalars(select(call.at).order_by(call.id)).all()
    assert written == [moment(second) for second in range(3, 13)]
    assert recorder.dropped == 2


def test_sync_mode_waits_once_an_outage_and_fails_no_call(
    on_sqlite: Tokens, told: Told
) -> None:
    recorder = on_sqlite.recorder(mode="sync", flush_seconds=NEVER)
    with recording.locked(on_sqlite.engine):
        for second in (1, 2, 3):
            record(recorder, A, moment(second), None)
        assert (recorder.failures, recorder.pending) == (1, 3)
    assert recorder.flush()
    assert on_sqlite.last_used(A) == (moment(3), None)
    assert len(told()) == 2


@pytest.mark.parametrize("mode", ["buffered", "sync"])
def test_missing_engine_fails_no_call(mode: str, told: Told) -> None:
    def engine() -> Engine:
        raise RuntimeError("no database today\nand none tomorrow")

    recorder = Recorder(engine, recording.tables(), mode=mode)
    for second in (1, 2):
        record(recorder, A, moment(second), None)
    assert not recorder.flush()
    assert not recorder.close()
    assert (recorder.pending, len(told())) == (2, 1)
    assert told()[0].endswith("RuntimeError: no database today")


def test_failed_thread_start_fails_no_call(
    on_sqlite: Tokens, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    recorder = on_sqlite.recorder(flush_seconds=SOON)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        record(recorder, A, moment(1), None)
    assert told()[0].endswith("can't start new thread")
    assert recorder.flush()
    record(recorder, A, moment(2), None)
    until(lambda: on_sqlite.last_used(A) == (moment(2), None))


def test_call_with_a_naive_datetime_is_dropped(tokens: Tokens, told: Told) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, datetime(2026, 1, 1), None)  # naive: a mistake of the caller
    assert not recorder.flush()
    assert (recorder.pending, recorder.dropped, len(told())) == (0, 1, 1)
    record(recorder, A, moment(1), None)
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(1), None)
