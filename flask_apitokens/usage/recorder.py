"""Recording of calls: in batches, off the request, never at the cost of a call.

A call costs its request one append to a bounded buffer. In each process one thread,
started at the first record there, writes what has gathered. No fault of the database
reaches a call: the calls recorded wait, the oldest go when the buffer is full, one line
is logged when an outage begins and one when it ends.

The promise: a process that ends writes what it holds, whether its work is done, its
server stops it or SIGTERM kills it; SIGKILL and ``os._exit`` lose at most the calls of
the last ``flush_seconds``.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from . import process_hooks
from .rows import Call
from .statements import Tables
from .writer import Outage
from .writer import Writer
from .writer import is_hopeless
from .writer import reason
from .writer import shares_connection

_log = logging.getLogger("flask_apitokens.usage")

#: calls that are written before their time has come
_ENOUGH = 500
#: calls in one transaction: after an outage too, its row locks are held but shortly
_AT_ONCE = 5_000
#: seconds a write is tried again before it counts as failed
_PATIENCE = 1.0
#: seconds without a call after which the thread ends and its connection is closed
_IDLE = 60.0
#: seconds that an ending process waits for a database that does not answer, and those
#: it tries its last write again: somebody's lock may outlive the usual patience
_FAREWELL = 5.0
_LAST_PATIENCE = 4.0
#: seconds between two looks for what is past retention, and those one look may take
_PRUNE_EVERY = 600.0
_PRUNE_FOR = 0.2


class Recorder:
    """The calls of one application, on their way into its database.

    :param engine_of: names the host's engine. It is called in the thread of a record,
        so it may need the application context.
    :param tables: those the calls go to.
    :param mode: ``"buffered"`` writes in the background, ``"sync"`` before
        :meth:`record` returns, ``"off"`` records nothing.
    :param flush_seconds: how long a call waits at most, while the database answers.
    :param max_rows: how many calls are kept while it does not.
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
        #: those the calls go to
        self.tables = tables
        #: whether anything is recorded at all
        self.on = mode != "off"
        #: whether a call is written before :meth:`record` returns
        self.sync = mode == "sync"
        self._flush_seconds = flush_seconds
        self._max_rows = max_rows
        self._retention = timedelta(days=retention_days)
        # So many wake the thread before its time, which bounds what a burst takes in
        # memory. Not fewer: of all the calls with a token in one batch, only the last
        # moves its last use.
        self._enough = min(_ENOUGH, max_rows // 2)
        self._calls: deque[Call] = deque()
        self._begin_process()
        process_hooks.watch(self)
        if mode == "buffered":
            process_hooks.end_well_on_sigterm()

    def _begin_process(self) -> None:
        self._calls.clear()
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._running = False
        self._ending = False
        # Held for moments only, never while something is waited for: gevent may come
        # to patch the threads after this lock was made.
        self._lock = threading.Lock()
        self._outage = Outage(self._flush_seconds)
        # Not all the processes of a server at once, and none at its first call.
        self._prune_at = time.monotonic() + random.uniform(1, 60)  # noqa: S311
        #: calls lost since the process began: for want of room, or as unwritable
        self.dropped = 0

    @property
    def pending(self) -> int:
        """How many calls wait to be written."""
        return len(self._calls)

    @property
    def shares_connection(self) -> bool:
        """Whether all threads of the host use one connection (in-memory SQLite)."""
        return shares_connection(self._engine_of())

    @property
    def failures(self) -> int:
        """How many writes failed since the process began."""
        return self._outage.failures

    def prepare(self) -> None:
        """Find the database now, for a record outside of the application context."""
        if self._writer is not None:
            return
        try:
            self._open_writer()
        except Exception as error:
            self._outage.note(error)

    def record(self, call: Call) -> None:
        """Remember a call. It never raises, and waits for nothing but in ``"sync"``."""
        if not self.on:
            return
        calls = self._calls
        calls.append(call)
        if not self._running or len(calls) >= self._enough:
            if self._running and self._wake.is_set() and len(calls) <= self._max_rows:
                return  # the thread has been told already
            self._attend()

    def _attend(self) -> None:
        """Do what a record needs besides the append, which is rarely anything."""
        try:
            self._trim()
            if self._outage.remaining():
                return
            writer = self._writer or self._open_writer()
            if self.sync or writer.shared:
                self._write_out(writer, wait=_PATIENCE)
            elif self._running:
                # Or another thread has just started it, and nothing is urgent.
                if len(self._calls) >= self._enough:
                    self._wake.set()
            else:
                self._start(writer)
        except Exception as error:
            self._outage.note(error)

    def _open_writer(self) -> Writer:
        writer = Writer(self._engine_of(), self.tables)
        with self._lock:
            self._writer = self._writer or writer
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
        except RuntimeError:  # no more threads, or the interpreter is ending
            self._running, self._thread = False, None
            raise
        process_hooks.end_well_on_sigterm()

    def _run(self, writer: Writer) -> None:
        """Write at least every ``flush_seconds``, until told to end or long idle."""
        this = threading.current_thread()
        busy = time.monotonic()
        try:
            # Under gevent a fork copies the running greenlets: the copy has no work.
            while self._thread is this:
                self._wake.wait(self._outage.remaining() or self._flush_seconds)
                self._wake.clear()
                ending = self._ending  # read before the write that is to be the last
                if self._calls and self._thread is this:
                    self._write_out(writer)
                    busy = time.monotonic()
                elif time.monotonic() - busy > _IDLE:
                    ending = ending or self._retire(writer)
                if ending:
                    return
        finally:
            with self._lock:
                if self._thread is this:
                    self._running, self._thread = False, None

    def _retire(self, writer: Writer) -> bool:
        """End for want of work, unless a call comes in at this very moment.

        A record appends and then looks whether the thread runs; this is the other way
        round, so one of the two sees the other.
        """
        writer.disconnect()
        self._running = False
        with self._lock:
            if self._thread is threading.current_thread():
                self._running = bool(self._calls)
            else:
                return True
        return not self._running

    def flush(self, *, timeout: float = _FAREWELL) -> bool:
        """Write what waits, in the calling thread; never raises.

        :param timeout: seconds to wait for a write that is already under way.
        :returns: whether all that was recorded before is written.
        """
        try:
            if self._writer is None and not self._calls:
                return True
            writer = self._writer or self._open_writer()
            return self._write_out(writer, wait=timeout)
        except Exception as error:
            self._outage.note(error)
            return False

    def close(self, *, timeout: float = _FAREWELL) -> bool:
        """Flush, end the thread, close its connection; a later record starts anew.

        :param timeout: seconds to wait for a database that does not answer.
        :returns: whether all that was recorded before is written.
        """
        thread = self._thread
        if thread is not None:
            # The last write is the thread's own: should it hang, the process need not.
            self._ending = True
            self._wake.set()
            thread.join(timeout)
            if thread.is_alive():
                return False
        elif not self.flush(timeout=timeout):
            return False
        if self._writer is not None:
            self._writer.disconnect()
        return not self._calls

    def _write_out(self, writer: Writer, *, wait: float = -1) -> bool:
        if not writer.writing.acquire(timeout=wait):
            return False
        try:
            if writer.is_lent_out():
                return not self._calls
            left = len(self._calls)  # what comes in meanwhile is for the next time
            while left > 0:
                calls = self._take(min(left, _AT_ONCE))
                if not self._write(writer, calls):
                    return False
                left -= len(calls)
            if time.monotonic() >= self._prune_at:
                self._prune(writer)
            return True
        finally:
            writer.writing.release()

    def _write(self, writer: Writer, calls: list[Call]) -> bool:
        patience = _LAST_PATIENCE if self._ending else _PATIENCE
        if writer.shared or (self._outage.lasts and not self._ending):
            patience = 0
        try:
            writer.write(calls, patience=patience)
        except BaseException as error:
            if is_hopeless(error):
                self._count_dropped(len(calls))
            else:
                self._put_back(calls)
            if not isinstance(error, Exception):
                raise
            # A session may stay as bad as it is, read-only after a failover for one.
            writer.disconnect()
            self._outage.note(error)
            return False
        self._outage.end(self.dropped)
        return True

    def _prune(self, writer: Writer) -> None:
        """Remove some of what is past retention; go on at the next write if need be."""
        done = True
        try:
            done = writer.prune(self._since(), seconds=_PRUNE_FOR)
        except Exception as error:
            # Somebody's lock may be in the way: then it is done another time.
            passing = isinstance(error, OperationalError)
            level = logging.INFO if passing else logging.WARNING
            _log.log(level, "The usage history was not pruned: %s", reason(error))
        if done:
            self._prune_at = time.monotonic() + _PRUNE_EVERY

    def prune(self) -> int:
        """Remove all calls past retention, in the calling thread.

        :returns: how many rows of the history went.
        :raises SQLAlchemyError: if the database does not let us.
        """
        writer = self._writer or self._open_writer()
        return writer.prune_all(self._since())

    def _since(self) -> datetime:
        return datetime.now(UTC) - self._retention

    def _take(self, count: int) -> list[Call]:
        with self._lock:
            count = min(count, len(self._calls))
            return [self._calls.popleft() for _ in range(count)]

    def _put_back(self, calls: list[Call]) -> None:
        with self._lock:
            self._calls.extendleft(reversed(calls))
        self._trim()

    def _trim(self) -> None:
        with self._lock:
            surplus = max(0, len(self._calls) - self._max_rows)
            for _ in range(surplus):
                self._calls.popleft()
            self.dropped += surplus
        if surplus:
            self._outage.tell("more than %d calls wait to be written", self._max_rows)

    def _count_dropped(self, count: int) -> None:
        with self._lock:
            self.dropped += count

    def after_fork(self) -> None:
        """Start anew in a child process: what the parent holds, the parent writes."""
        if self._writer is not None:
            # Its connection is the parent's: not to be used here, nor to be closed.
            _inherited.append(self._writer)
        self._begin_process()

    def at_end(self) -> None:
        """Write what waits: the process is about to end."""
        if not self.close() and not (self._writer and self._writer.shared):
            _log.warning("The process ends before all recorded calls were written")


#: writers of parent processes, kept so that nothing closes their connections
_inherited: list[Writer] = []
