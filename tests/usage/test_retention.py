"""What is written of recorded calls, and when it is removed again."""

from __future__ import annotations

import threading
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.usage import recorder as usage_recorder
from flask_apitokens.usage import retention
from flask_apitokens.usage import statements as usage_statements
from flask_apitokens.usage.recorder import Recorder
from tests.recording import DEADLINE
from tests.recording import NEVER
from tests.recording import SOON
from tests.recording import A
from tests.recording import B
from tests.recording import Tokens
from tests.recording import moment
from tests.recording import record
from tests.recording import tokens_in
from tests.recording import until

WEEK = timedelta(days=7)
EVERYTHING: dict[str, Any] = {
    "token_name": "Ünïcode 😀 \"'\\",
    "account_id": "acme",
    "service": "tmy",
    "owner": 7,
    "method": "POST",
    "rule": "/jobs/<int:id>",
    "path": "/jobs/1",
    "status": 503,
    "code": "temporarily_unavailable",
    "duration": 1.2344,
    "user_agent": "curl/8",
}


@pytest.fixture(params=["at once", "one by one"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to write rows; the second is for databases that lack the first."""
    if request.param == "one by one":
        monkeypatch.setattr(usage_statements, "_DIALECTS", {})
    return str(request.param)


def _rows(tokens: Tokens, table: str) -> list[dict[str, Any]]:
    found = getattr(tokens.tables, table)
    with tokens.engine.connect() as connection:
        rows = connection.execute(select(found).order_by(*found.primary_key))
        return [dict(row._mapping) for row in rows]


def test_row_of_a_call_has_every_column(tokens: Tokens, written: str) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(0.5), "2001:db8::1", accepted=False, **EVERYTHING)
    assert recorder.flush()
    (row,) = _rows(tokens, "call")
    assert row.pop("id") > 0
    expected = {key: value for key, value in EVERYTHING.items() if key != "owner"}
    assert row == expected | {
        "token_id": A,
        "at": moment(0.5),
        "owner_key": "7",
        "result": 2,
        "duration": 1234,
        "ip": "2001:db8::1",
    }
    assert tokens.last_used(A) == (None, None)  # a refusal is no use


def test_out_of_range_numbers_are_clamped(tokens: Tokens, written: str) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), status=40_000, duration=1e9)
    record(recorder, B, moment(2))
    assert recorder.flush()
    assert [(row["status"], row["duration"]) for row in _rows(tokens, "call")] == [
        (999, 2**31 - 1),
        (200, 0),
    ]
    assert recorder.dropped == 0


def test_last_use_only_moves_forward(tokens: Tokens, written: str) -> None:
    late, early = tokens.recorder(), tokens.recorder()
    record(late, A, moment(2), "192.0.2.2")
    assert late.flush()
    record(early, A, moment(1), "192.0.2.1")
    assert early.flush()
    assert tokens.last_used(A) == (moment(2), "192.0.2.2")
    record(early, A, moment(2.000001), None)
    assert early.flush()
    assert tokens.last_used(A) == (moment(2.000001), None)


def test_calls_of_an_hour_are_added_up(tokens: Tokens, written: str) -> None:
    recorders = [tokens.recorder(flush_seconds=NEVER) for _ in range(2)]
    hour = datetime(2026, 5, 4, 3, tzinfo=UTC)
    last = hour + timedelta(minutes=59, seconds=59, microseconds=999_999)
    for recorder in recorders:
        record(recorder, A, hour, service="tmy", owner=1)
        record(recorder, A, last, service="tmy", owner=1, status=400)
        record(recorder, B, last, service="tmy", status=500)
        record(recorder, A, last + timedelta(microseconds=1), service="tmy", owner=1)
        record(recorder, B, hour)
        assert recorder.flush()
    names = ("service", "token_id", "hour", "owner_key")
    counts = ("succeeded", "rejected", "failed")
    assert [
        tuple(row[name] for name in (*names, *counts)) for row in _rows(tokens, "hour")
    ] == [
        ("", "", hour, "", 2, 0, 0),
        ("", B, hour, "", 2, 0, 0),
        ("tmy", "", hour, "", 2, 2, 2),
        ("tmy", "", hour + timedelta(hours=1), "", 2, 0, 0),
        ("tmy", A, hour, "1", 2, 2, 0),
        ("tmy", A, hour + timedelta(hours=1), "1", 2, 0, 0),
        ("tmy", B, hour, "", 0, 0, 2),
    ]


def test_flush_takes_the_same_number_of_statements_for_any_buffer(
    tokens: Tokens,
) -> None:
    recorder = tokens.recorder(flush_seconds=NEVER)
    seen: list[tuple[str, bool]] = []
    record(recorder, A, moment(0))
    assert recorder.flush()
    assert recorder._writer is not None
    engine = recorder._writer.engine

    def note(_connection: Any, _cursor: Any, *said: Any) -> None:
        seen.append((said[0].split()[0], said[-1]))

    event.listen(engine, "before_cursor_execute", note)
    for number in range(500):
        record(recorder, (A, B)[number % 2], moment(number), owner=number % 7)
    assert recorder.flush()
    statements = [word for word, many in seen if word not in {"BEGIN", "SET"}]
    assert statements == ["INSERT", "INSERT", "UPDATE", "INSERT"]  # 250 calls at once
    assert not any(many for _word, many in seen)
    assert len(_rows(tokens, "call")) == 501


# -- retention -------------------------------------------------------------------


def _record_around(tokens: Tokens, since: datetime, number: int = 1) -> None:
    """Calls just past retention and just within, and those of the hours around."""
    recorder = tokens.recorder(flush_seconds=NEVER, max_rows=1_000_000)
    for _ in range(number):
        record(recorder, A, since - timedelta(microseconds=1))
        record(recorder, A, since - timedelta(hours=3))
    record(recorder, B, since)
    record(recorder, B, since + timedelta(days=3))
    assert recorder.flush()


def test_calls_past_retention_are_pruned_to_the_microsecond(tokens: Tokens) -> None:
    since = datetime(2026, 5, 4, 3, 30, tzinfo=UTC)
    _record_around(tokens, since)
    engine = tokens.engine
    assert retention.prune_some(engine, tokens.tables, since=since) == 2
    left = [since, since + timedelta(days=3)]
    assert [row["at"] for row in _rows(tokens, "call")] == left
    # the figures of an hour that is half within stay
    assert retention.prune_some(engine, tokens.tables, since=since) == 2
    assert retention.prune_some(engine, tokens.tables, since=since) == 0
    begun, last = (datetime(2026, 5, day, 3, tzinfo=UTC) for day in (4, 7))
    assert {row["hour"] for row in _rows(tokens, "hour")} == {begun, last}
    # until all of it is past
    end = begun + timedelta(hours=1)
    assert retention.prune_some(engine, tokens.tables, since=end) == 1
    just_before = end - timedelta(microseconds=1)
    assert retention.prune_some(engine, tokens.tables, since=just_before) == 0
    assert retention.prune_some(engine, tokens.tables, since=end) == 3
    assert {row["hour"] for row in _rows(tokens, "hour")} == {last}


def test_recorder_prunes_periodically(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(usage_recorder, "_PRUNE_FOR", 0.0)
    now = datetime.now(UTC)
    _record_around(tokens, now - WEEK, 5)
    recorder = tokens.recorder(flush_seconds=SOON, retention_days=7)
    recorder._prune_at = 0.0

    def pruned() -> bool:
        record(recorder, B, now)  # at each write a batch, until none is left
        return {row["token_id"] for row in _rows(tokens, "call")} == {B}

    until(pruned)
    assert recorder.failures == 0


def test_failed_pruning_does_not_stop_recording(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise RuntimeError("not today")

    monkeypatch.setattr("flask_apitokens.usage.retention.prune_some", refuse)
    recorder = tokens.recorder(flush_seconds=NEVER)
    recorder._prune_at = 0.0
    record(recorder, A, moment(1))
    assert recorder.flush()
    assert tokens.last_used(A) == (moment(1), None)
    assert (recorder.failures, recorder.pending) == (0, 0)
    assert caplog.messages == [
        "The usage history was not pruned: RuntimeError: not today"
    ]


@pytest.mark.database
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_only_one_process_prunes_at_a_time(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """SQLite itself lets only one process write at a time."""
    since = datetime(2026, 5, 4, tzinfo=UTC)
    with tokens_in(request.getfixturevalue(f"{kind}_url")) as tokens:
        _record_around(tokens, since)
        other = create_engine(tokens.engine.url)
        with (
            tokens.engine.begin() as connection,
            retention._alone(connection) as alone,
        ):
            assert alone
            assert retention.prune_some(other, tokens.tables, since=since) is None
        assert retention.prune_some(other, tokens.tables, since=since) == 2
        other.dispose()


def test_concurrent_prunes_beside_fifty_writers_lose_nothing(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 20)
    now = datetime.now(UTC)
    _record_around(tokens, now - WEEK, 100)
    old = len(_rows(tokens, "call")) - 2
    writers = [tokens.recorder(flush_seconds=NEVER) for _ in range(50)]
    pruners = [tokens.recorder(flush_seconds=NEVER) for _ in range(2)]
    removed: list[int] = []
    together = threading.Barrier(len(writers) + len(pruners))

    def write(recorder: Recorder) -> None:
        together.wait(DEADLINE)
        for _ in range(3):
            record(recorder, A, now, owner=1)
            until(recorder.flush)

    def prune(recorder: Recorder) -> None:
        together.wait(DEADLINE)
        removed.append(recorder.prune())

    workers = [threading.Thread(target=write, args=(each,)) for each in writers]
    workers += [threading.Thread(target=prune, args=(each,)) for each in pruners]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE)
    assert len(removed) == 2
    assert sum(removed) >= old
    assert len(_rows(tokens, "call")) == 1 + 150  # what was just within is past it now
    hour = tokens.tables.hour
    with tokens.engine.connect() as connection:
        counted = select(func.sum(hour.c.succeeded)).where(hour.c.token_id == A)
        of_now = counted.where(hour.c.hour > now - WEEK + timedelta(hours=1))
        assert connection.scalar(of_now) == 150
