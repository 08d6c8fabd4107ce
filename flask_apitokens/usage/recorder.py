"""Record calls in batches, outside of the request.

Recording costs a request one append to a bounded buffer. One thread in each process,
started at its first record, writes the buffer. A database error never reaches a
request: the calls wait, the oldest are dropped when the buffer is full, and the log has
one line when an outage begins and one when it ends.

A process writes its buffer before it exits, also at SIGTERM. SIGKILL and ``os._exit``
lose at most the calls of the last ``flush_seconds``.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from sqlalchemy import Engine

from flask_apitokens.db.engines import shares_connection
from flask_apitokens.db.engines import when_disposed

from . import process_hooks
from .buffer import CallBuffer
from .outage import Outage
from .rows import Call
from .statements import Tables
from .writer import Writer
from .writer import is_hopeless

_log = logging.getLogger("flask_apitokens.usage")

#: so many waiting calls are written before ``flush_seconds`` are over
_WRITE_AT = 500
#: seconds in which a write is repeated before it counts as failed
_RETRY_FOR = 1.0
#: seconds without a call after which the thread ends and closes its connection
_IDLE = 60.0
#: seconds that an exiting process waits for the database, and repeats its last write:
#: longer than usual, because there is no later attempt
_EXIT_TIMEOUT = 5.0
_RETRY_AT_EXIT_FOR = 4.0
#: seconds between two prunings in a process, and how long one may take
_PRUNE_EVERY = 600.0
_PRUNE_FOR = 0.2


class Recorder:
    """The recorded calls of one application that wait to be written.

    :param engine_of: returns the host's engine. It is called in the thread that records
        or prepares, so it may need the application context.
    :param mode: ``"buffered"`` writes in the background, ``"sync"`` before
        :meth:`record` returns, ``"off"`` records nothing.
    :param flush_seconds: how long a call waits at most, while the database answers.
    :param max_rows: how many calls wait at most, while it does not.
    :param retention_days: how long a call stays in the database.
    """

    def __init__(
        self,
        engine_of: Callable[[], Engine],
        tables: Tables,
        *,
        mode: str = "buffered",
        flush_seconds: float = 1.0,
        max_rows: int = 10_000,
        retention_days: int = 7,
    ) -> None:
        self._engine_of = engine_of
        self.tables = tables
        #: whether anything is recorded at all
        self.on = mode != "off"
        #: whether a call is written before :meth:`record` returns
        self.sync = mode == "sync" or (self.on and not process_hooks.threads_run())
        self._flush_seconds = flush_seconds
        self._max_rows = max_rows
        self._retention = timedelta(days=retention_days)
        # A limit bounds the memory of a burst. It is not lower, because a batch updates
        # the last use of each token once, however many calls it has.
        self._write_at = min(_WRITE_AT, max_rows // 2)
        self._begin_process()
        process_hooks.register(self)
        if mode == "buffered":
            process_hooks.run_exit_hooks_on_sigterm()

    def _begin_process(self) -> None:
        self._calls = CallBuffer(self._max_rows)
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._running = False
        self._ending = False
        # Never held while waiting: gevent may patch the threads after it was made.
        self._lock = threading.Lock()
        self._outage = Outage(self._flush_seconds)
        # At random, so that the processes of a server do not prune at the same time.
        self._prune_at = time.monotonic() + random.uniform(1, 60)  # noqa: S311

    @property
    def pending(self) -> int:
        """How many calls wait to be written."""
        return len(self._calls)

    @property
    def dropped(self) -> int:
        """How many calls were lost since the process began."""
        return self._calls.dropped

    @property
    def shares_connection(self) -> bool:
        """Whether all threads of the host share a connection (in-memory SQLite)."""
        return shares_connection(self._engine_of())

    @property
    def failures(self) -> int:
        """How many writes failed since the process began."""
        return self._outage.failures

    def prepare(self) -> None:
        """Find the database now, so that a record needs no application context."""
        if self._writer is not None:
            return
        try:
            self._open_writer()
        except Exception as error:
            self._outage.add_failure(error)

    def record(self, call: Call) -> None:
        """Add a call to the buffer. Never raises; waits only in mode ``"sync"``."""
        if not self.on:
            return
        calls = self._calls
        calls.append(call)
        if not self._running or len(calls) >= self._write_at:
            if self._running and self._wake.is_set() and len(calls) <= self._max_rows:
                return  # The thread is awake already.
            self._attend()

    def _attend(self) -> None:
        """Drop the surplus; start or wake the thread, or write in this one."""
        try:
            self._trim()
            if self._outage.remaining():
                return
            writer = self._writer or self._open_writer()
            if self.sync or writer.shared:
                self._write_out(writer, wait=_RETRY_FOR)
            elif not self._running:
                self._start(writer)
            elif len(self._calls) >= self._write_at:
                self._wake.set()  # Not if another thread has just started it.
        except Exception as error:
            self._outage.add_failure(error)

    def _open_writer(self) -> Writer:
        engine = self._engine_of()
        writer = Writer(engine, self.tables)
        with self._lock:
            if self._writer is None:
                self._writer = writer
                when_disposed(engine, self.release)
            return self._writer

    def _start(self, writer: Writer) -> None:
        thread = threading.Thread(
            target=self._run, args=(writer,), name="apitokens-usage", daemon=True
        )
        with self._lock:
            if self._running:
                return
            self._running, self._ending = True, False
            self._thread, self._wake = thread, threading.Event()
        try:
            thread.start()
        except RuntimeError:  # No more threads, or the interpreter is shutting down.
            self._running, self._thread = False, None
            raise
        process_hooks.run_exit_hooks_on_sigterm()

    def _run(self, writer: Writer) -> None:
        """Write every ``flush_seconds``, until the recorder is closed or long idle."""
        this = threading.current_thread()
        busy = time.monotonic()
        try:
            # Under gevent, a fork copies the running greenlets. The copy must end.
            while self._thread is this:
                self._wake.wait(self._outage.remaining() or self._flush_seconds)
                self._wake.clear()
                ending = self._ending  # Read before the write that may be the last.
                if self._calls and self._thread is this:
                    self._write_out(writer)
                    busy = time.monotonic()
                elif time.monotonic() - busy > _IDLE:
                    ending = ending or self._retire(writer)
                if ending:
                    writer.close(timeout=_EXIT_TIMEOUT)  # Collected, no one else would.
                    return
        finally:
            with self._lock:
                if self._thread is this:
                    self._running, self._thread = False, None

    def _retire(self, writer: Writer) -> bool:
        """End the idle thread, unless a call is recorded at this moment.

        A record appends and then checks whether the thread runs. This clears the flag
        and then checks the buffer, so one of the two sees the other.

        :returns: whether the thread is to end.
        """
        writer.disconnect()
        self._running = False
        with self._lock:
            if self._thread is threading.current_thread():
                self._running = bool(self._calls)
            else:
                return True
        return not self._running

    def flush(self, *, timeout: float = _EXIT_TIMEOUT) -> bool:
        """Write the buffer in the calling thread. Never raises.

        :param timeout: seconds to wait for a write in another thread.
        :returns: whether all calls that were recorded before are written.
        """
        try:
            if self._writer is None and not self._calls:
                return True
            writer = self._writer or self._open_writer()
            return self._write_out(writer, wait=timeout)
        except Exception as error:
            self._outage.add_failure(error)
            return False

    def close(self, *, timeout: float = _EXIT_TIMEOUT) -> bool:
        """Write the buffer, end the thread, close the connection until a later record.

        :param timeout: seconds to wait for a database that does not answer.
        :returns: whether all calls that were recorded before are written.
        """
        thread = self._thread
        if thread is not None:
            # The thread does the last write: if it hangs, the process exits anyway.
            self.end_soon()
            thread.join(timeout)
            if thread.is_alive():
                return False
        is_written = thread is not None or self.flush(timeout=timeout)
        if self._writer is not None:
            self._writer.close(timeout=timeout)
        return is_written and not self._calls

    def end_soon(self) -> None:
        """Let the thread write the buffer and end; this does not wait for it."""
        self._ending = True
        self._wake.set()

    def release(self) -> None:
        """Write the buffer and close the connection, as the host closes its own."""
        # A shared connection is the host's, and gone: to write would open another one.
        if self._writer is not None and not self._writer.shared:
            self.flush()
            self._writer.close(timeout=_EXIT_TIMEOUT)

    def _write_out(self, writer: Writer, *, wait: float = -1) -> bool:
        if not writer.writing.acquire(timeout=wait):
            return False
        try:
            if writer.is_lent_out():
                return not self._calls
            left = len(self._calls)  # Later calls are for the next write.
            while left > 0:
                calls = self._calls.take(min(left, writer.batch))
                if not self._write(writer, calls):
                    return False
                left -= len(calls)
            if time.monotonic() >= self._prune_at:
                self._prune(writer)
            return True
        finally:
            writer.writing.release()

    def _write(self, writer: Writer, calls: list[Call]) -> bool:
        patience = _RETRY_AT_EXIT_FOR if self._ending else _RETRY_FOR
        if writer.shared or (self._outage.is_on and not self._ending):
            patience = 0
        try:
            writer.write(calls, patience=patience)
        except BaseException as error:
            if is_hopeless(error):
                self._calls.count_dropped(len(calls))
            else:
                self._calls.put_back(calls)
                self._trim()
            if not isinstance(error, Exception):
                raise
            # The session may stay unusable, for example read-only after a failover.
            writer.disconnect()
            self._outage.add_failure(error)
            return False
        self._outage.end(self.dropped)
        return True

    def _prune(self, writer: Writer) -> None:
        """Remove some of the calls past retention, the rest after the next write."""
        from . import retention  # Most processes need it late, or never.

        engine, since = writer.engine, datetime.now(UTC) - self._retention
        if retention.prune_for(_PRUNE_FOR, engine, tables=self.tables, since=since):
            self._prune_at = time.monotonic() + _PRUNE_EVERY

    def prune(self) -> int:
        """Remove all calls past retention, in the calling thread.

        :returns: the number of removed rows.
        :raises SQLAlchemyError: if the database refuses.
        """
        from . import retention

        writer = self._writer or self._open_writer()
        return retention.prune_all(
            writer.engine, self.tables, since=datetime.now(UTC) - self._retention
        )

    def _trim(self) -> None:
        if self._calls.trim():
            self._outage.log_once("more than %d calls are waiting", self._max_rows)

    def after_fork(self) -> None:
        """Start with an empty buffer in a child: the parent writes its own calls."""
        if self._writer is not None:
            # Its connection belongs to the parent, which a close here would disturb.
            _inherited.append(self._writer)
        self._begin_process()

    def on_exit(self) -> None:
        """Write the buffer before the process exits."""
        if not self.close() and not (self._writer and self._writer.shared):
            _log.warning("The process ends before all recorded calls were written")


#: Writers of parent processes. Referenced, because collecting them would close their
#: connections.
_inherited: list[Writer] = []
