"""A process that records calls, for tests of how it forks and ends.

``python -m tests.recording_process WHAT DATABASE_URL``. No call is written for its
time: what the test finds in the database was written at the end. What there is to tell
goes to standard output, one JSON value a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import gevent
import gevent.event
from gevent import monkey

if __name__ == "__main__" and sys.argv[1].startswith("gevent"):
    monkey.patch_all()

from sqlalchemy import event  # noqa: E402

from tests import recording  # noqa: E402
from tests.recording import NEVER  # noqa: E402
from tests.recording import A  # noqa: E402
from tests.recording import B  # noqa: E402
from tests.recording import Tokens  # noqa: E402
from tests.recording import moment  # noqa: E402
from tests.recording import record  # noqa: E402


def say(value: Any) -> None:
    """Tell the test."""
    print(json.dumps(value), flush=True)


def wait_for_a_signal() -> None:
    """Do nothing until one ends the process."""
    say("ready")
    threading.Event().wait()


def returns(tokens: Tokens) -> None:
    """Do the work and be done."""
    record(tokens.recorder(flush_seconds=NEVER), A, moment(1), None)


def fails(tokens: Tokens) -> None:
    """End by an exception."""
    returns(tokens)
    raise SystemExit(3)


def serves(tokens: Tokens) -> None:
    """Work in another thread, as servers do, and get a signal in the main one."""
    recorder = tokens.recorder(flush_seconds=NEVER)
    worker = threading.Thread(target=record, args=(recorder, A, moment(1), None))
    worker.start()
    worker.join()
    wait_for_a_signal()


def handles(tokens: Tokens) -> None:
    """Have a handler before the recorder comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    serves(tokens)


def handles_later(tokens: Tokens) -> None:
    """Have a handler after the recorder came."""
    recorder = tokens.recorder(flush_seconds=NEVER)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(8))
    record(recorder, A, moment(1), None)
    wait_for_a_signal()


def forks(tokens: Tokens) -> None:
    """Fork with a connection open, a call waiting and the thread running."""
    connections = count()
    event.listen(tokens.engine, "connect", lambda *_: next(connections))
    tokens.engine.dispose()
    recorder = tokens.recorder(flush_seconds=NEVER)
    record(recorder, A, moment(1), None)
    recorder.flush()
    record(recorder, A, moment(2), "192.0.2.2")
    child = os.fork()
    if child == 0:
        handler = signal.getsignal(signal.SIGTERM)
        say([recorder.pending, handler == signal.SIG_DFL])
        record(recorder, B, moment(3), "192.0.2.3")
        return
    os.waitpid(child, 0)
    recorder.flush()
    say([recorder.failures, next(connections)])


def gevent_records(tokens: Tokens) -> None:
    """Record from many greenlets while SQLite is locked, and count their turns."""
    recorder = tokens.recorder(flush_seconds=0.01)
    turns = count()

    def turn() -> None:
        while recorder.failures == 0:
            record(recorder, A, moment(next(turns)), None)
            gevent.sleep(0.001)

    with recording.locked(tokens.engine):
        gevent.joinall([gevent.spawn(turn) for _ in range(10)], raise_error=True)
    record(recorder, B, moment(next(turns)), None)
    tokens.engine.dispose()
    say(next(turns))


def gevent_serves(tokens: Tokens) -> None:
    """Get the signal while the hub runs."""
    recorder = tokens.recorder(flush_seconds=NEVER)
    gevent.spawn(record, recorder, A, moment(1), None).join()
    say("ready")
    gevent.event.Event().wait()


SCENES: dict[str, Callable[[Tokens], None]] = {
    scene.__name__: scene
    for scene in (
        returns,
        fails,
        serves,
        handles,
        handles_later,
        forks,
        gevent_records,
        gevent_serves,
    )
}

if __name__ == "__main__":
    SCENES[sys.argv[1]](Tokens(sys.argv[2]))
