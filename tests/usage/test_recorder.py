"""The recorder: what it keeps, when it writes, and what it writes."""

from __future__ import annotations

import gc
import threading
from itertools import count

import pytest
from sqlalchemy import Engine
from sqlalchemy import event

from flask_apitokens.usage import recorder as usage_recorder
from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.writer import Writer
from tests import recording
from tests.recording import NEVER
from tests.recording import SOON
from tests.recording import A
from tests.recording import B
from tests.recording import Tokens
from tests.recording import moment
from tests.recording import record
from tests.recording import threads
from tests.recording import until


def test_call_is_written_after_the_flush_interval(tokens: Tokens) -> None:
    record(tokens.recorder(flush_seconds=SOON), A, moment(1), "192.0.2.7")
    until(lambda: tokens.last_used(A) == (moment(1), "192.0.2.7"))
    assert tokens.last_used(B) == (None, None)


def test_half_full_buffer_is_written_early(on_sqlite: Tokens) -> None:
    recorder = on_sqlite.recorder(flush_seconds=NEVER, max_rows=200)
    for number in range(99):
        record(recorder, A, moment(number), None)
    assert recorder.pending == 99
    record(recorder, A, moment(99), None)
    until(lambda: on_sqlite.last_used(A) == (moment(99), None))


def test_five_hundred_calls_are_written_early(on_sqlite: Tokens) -> None:
    recorder = on_sqlite.recorder(flush_seconds=NEVER)
    for number in range(499):
        record(recorder, A, moment(number), None)
    assert recorder.pending == 499
    record(recorder, A, moment(499), None)
    until(lambda: on_sqlite.last_used(A) == (moment(499), None))


def test_flush_writes_at_once_and_the_latest_call_sets_the_last_use(
    tokens: Tokens,
) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(2), "192.0.2.2")
    record(recorder, B, moment(1), "2001:db8::1")
    record(recorder, A, moment(1), "192.0.2.1")
    assert tokens.last_used(A) == (None, None)
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(2), "192.0.2.2")
    assert tokens.last_used(B) == (moment(1), "2001:db8::1")
    assert recorder.pending == 0


def test_processes_writing_concurrently_do_not_block_each_other(tokens: Tokens) -> None:
    names = [f"token{number:07}" for number in range(60)]
    tokens.create(*names)
    recorders = [tokens.recorder(flush_seconds=NEVER) for _ in range(3)]
    together = threading.Barrier(len(recorders))

    def work(recorder: Recorder, turn: int) -> None:
        for second in range(15):
            for name in names[turn * 20 :] + names[: turn * 20]:
                record(recorder, name, moment(second + turn / 10), None)
            together.wait(recording.DEADLINE)
            recorder.flush()

    workers = [
        threading.Thread(target=work, args=(recorder, turn))
        for turn, recorder in enumerate(recorders)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(recording.DEADLINE)
    assert all(recorder.close() for recorder in recorders)
    assert {tokens.last_used(name)[0] for name in names} == {moment(14.2)}
    assert [recorder.failures for recorder in recorders] == [0, 0, 0]


def test_flush_changes_only_the_last_use_of_a_token(tokens: Tokens) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    with tokens.engine.begin() as connection:
        change = tokens.table.update().where(tokens.table.c.id == A)
        connection.execute(change.values(name="renamed", revoked_at=moment(0)))
    assert recorder.flush()
    with tokens.engine.connect() as connection:
        row = connection.execute(tokens.table.select().filter_by(id=A)).one()
    assert (row.name, row.revoked_at, row.last_used_at) == (
        "renamed",
        moment(0),
        moment(1),
    )


def test_close_ends_thread_and_connection_until_the_next_call(
    tokens: Tokens,
) -> None:
    opened, closed = count(), count()
    event.listen(tokens.engine, "connect", lambda *_: next(opened))
    event.listen(tokens.engine, "close", lambda *_: next(closed))
    recorder = tokens.recorder(flush_seconds=NEVER)
    before = threads()
    for second in (1, 2):
        record(recorder, A, moment(second), None)
        assert len(threads() - before) == 1
        assert recorder.close()
        assert threads() <= before
        assert tokens.last_used(A) == (moment(second), None)
    # the listeners are the host's: its way to connect is ours, its connection is not
    assert (next(opened), next(closed)) == (2, 2)


def test_forked_child_never_closes_the_connection_of_its_parent(
    on_sqlite: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some drivers would send the close to the server on the shared socket."""
    kept: list[Writer] = []
    monkeypatch.setattr(usage_recorder, "_inherited", kept)
    recorder = on_sqlite.recorder(mode="sync")
    record(recorder, A, moment(1), None)
    of_the_parent = recorder._writer
    recorder.after_fork()
    assert recorder._writer is None
    assert of_the_parent is not None
    assert kept == [of_the_parent]
    of_the_parent.disconnect()


def test_idle_thread_ends_and_loses_no_call(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_recorder, "_IDLE", 0.0)
    recorder = tokens.recorder(flush_seconds=0.001)
    before = threads()
    for second in range(1, 200):
        record(recorder, A, moment(second), None)
        if second % 20 == 0:
            until(lambda: threads() <= before)
    until(lambda: tokens.last_used(A) == (moment(199), None))
    assert recorder.pending == 0


def test_call_while_the_idle_thread_ends_is_written(
    on_sqlite: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_recorder, "_IDLE", 0.0)
    recorder = on_sqlite.recorder(flush_seconds=0.001)
    disconnect = Writer.disconnect

    def interrupted(writer: Writer) -> None:
        disconnect(writer)
        if threading.current_thread().name == "apitokens-usage":
            record(recorder, A, moment(2), None)

    record(recorder, A, moment(1), None)
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "disconnect", interrupted)
        until(lambda: on_sqlite.last_used(A) == (moment(2), None))
    assert recorder.close()


def test_sync_mode_writes_before_it_returns_without_a_thread(tokens: Tokens) -> None:
    before = threads()
    record(tokens.recorder(mode="sync"), A, moment(1), "192.0.2.7")
    assert tokens.last_used(A) == (moment(1), "192.0.2.7")
    assert threads() <= before


def test_off_mode_records_nothing_and_needs_no_engine() -> None:
    def engine() -> Engine:
        raise AssertionError("asked for the engine")

    recorder = Recorder(engine, recording.tables(), mode="off")
    record(recorder, A, moment(1), None)
    assert recorder.pending == 0
    assert recorder.flush()
    assert recorder.close()
    assert recorder.failures == 0


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%" + "x" * 500, "fe80::1"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("x" * 500, None),
        ("<img src=x>", None),
        ("192.0.2.1\0", None),
        ("\ud800", None),
        ("", None),
        (None, None),
    ],
)
def test_invalid_address_is_stored_as_null(
    given: str | None, stored: str | None, tokens: Tokens
) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), given)
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(1), stored)


def test_connection_is_closed_when_the_recorder_is_collected(
    on_sqlite: Tokens,
) -> None:
    """A host's own tests build applications and never close them."""
    recorder = on_sqlite.recorder(mode="sync")
    record(recorder, A, moment(1))
    assert recorder._writer is not None
    closed: list[object] = []
    event.listen(recorder._writer.engine, "close", lambda *_: closed.append(1))
    on_sqlite.recorders.remove(recorder)
    del recorder
    gc.collect()
    assert closed == [1]
