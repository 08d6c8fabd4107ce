"""Processes that fork and end, real ones, while they hold calls not written yet."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import recording
from tests.recording import A
from tests.recording import B
from tests.recording import Tokens
from tests.recording import moment

ROOT = Path(__file__).parents[2]


class Scene:
    """A running ``tests.recording_process``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def said(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, once it is ready for one."""
        assert self.said() == "ready"
        self._process.send_signal(number)

    def end(self) -> tuple[int, list[str]]:
        """Its exit status, as subprocess has it, and the lines of its complaints."""
        _, complaints = self._process.communicate(timeout=recording.DEADLINE)
        return self._process.returncode, complaints.splitlines()


@contextmanager
def scene(what: str, url: str) -> Iterator[Scene]:
    """Run a scene; it is killed if the test does not see its end."""
    # Newer Pythons warn of every fork with threads, which is what is tried here.
    warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *warnings, "-m", "tests.recording_process", what, url]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Scene(process)
        finally:
            process.kill()


@pytest.mark.parametrize(("what", "status"), [("returns", 0), ("fails", 3)])
def test_process_writes_its_buffer_before_it_exits(
    what: str, status: int, database_url: str, tokens: Tokens
) -> None:
    with scene(what, database_url) as process:
        assert process.end() == (status, [])
    assert tokens.last_used(A) == (moment(1), None)


def test_sigterm_ends_the_process_after_writing_its_buffer(
    database_url: str, tokens: Tokens
) -> None:
    with scene("serves", database_url) as process:
        process.send(signal.SIGTERM)
        assert process.end() == (-signal.SIGTERM, [])
    assert tokens.last_used(A) == (moment(1), None)


@pytest.mark.parametrize(("what", "status"), [("handles", 7), ("handles_later", 8)])
def test_sigterm_handler_of_the_host_is_kept(
    what: str, status: int, sqlite_url: str, on_sqlite: Tokens
) -> None:
    with scene(what, sqlite_url) as process:
        process.send(signal.SIGTERM)
        assert process.end() == (status, [])
    assert on_sqlite.last_used(A) == (moment(1), None)


def test_permanently_locked_database_does_not_delay_the_exit(
    sqlite_url: str, on_sqlite: Tokens
) -> None:
    with recording.locked(on_sqlite.engine), scene("serves", sqlite_url) as process:
        process.send(signal.SIGTERM)
        status, complaints = process.end()
    assert status == -signal.SIGTERM
    assert [line.split(":")[0] for line in complaints] == [
        "Recorded calls are not written for now, no call fails for it",
        "The process ends before all recorded calls were written",
    ]
    assert on_sqlite.last_used(A) == (None, None)


def test_forked_child_inherits_neither_calls_nor_connection(
    database_url: str, tokens: Tokens
) -> None:
    with scene("forks", database_url) as process:
        nothing_pending, sigterm_kills = process.said()
        failures, connections = process.said()
        assert process.end() == (0, [])
    assert (nothing_pending, sigterm_kills) == (0, True)
    # the one of before the fork: the child neither used nor closed it
    assert (failures, connections) == (0, 1)
    assert tokens.last_used(A) == (moment(2), "192.0.2.2")
    assert tokens.last_used(B) == (moment(3), "192.0.2.3")


def test_blocked_database_does_not_block_gevent(
    sqlite_url: str, on_sqlite: Tokens
) -> None:
    with scene("gevent_records", sqlite_url) as process:
        turns = process.said()
        status, complaints = process.end()
    assert (status, len(complaints)) == (0, 2)
    assert turns > 200
    assert on_sqlite.last_used(B) == (moment(turns - 1), None)


def test_sigterm_under_gevent_writes_the_buffer(
    database_url: str, tokens: Tokens
) -> None:
    with scene("gevent_serves", database_url) as process:
        process.send(signal.SIGTERM)
        assert process.end() == (-signal.SIGTERM, [])
    assert tokens.last_used(A) == (moment(1), None)
