"""The events of a session, kept until its transaction ends.

A commit delivers them in the order in which they were recorded. A rollback discards
them, and so does a session that is closed without a commit. Events that were recorded
inside a savepoint share its fate: its rollback discards them alone, and its release
passes them to the enclosing transaction.

A savepoint that is opened on a connection, not on the session, is not seen.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any
from typing import cast

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.orm import scoped_session

#: hands one event to its subscribers
Delivery = Callable[[], object]

log = logging.getLogger("flask_apitokens")

_KEY = "flask_apitokens.journal"
_running: ContextVar[_Queue | None] = ContextVar(_KEY, default=None)


def record(session: Session | scoped_session[Any], delivery: Delivery) -> None:
    """Call *delivery* when the current transaction of *session* has committed."""
    # Events belong to one session, not to those of all threads.
    own: Session = session() if isinstance(session, scoped_session) else session
    if _KEY not in own.info:
        own.info[_KEY] = _Journal()
    cast("_Journal", own.info[_KEY]).add(own, delivery)


# For all sessions, and first. SQLAlchemy calls the listeners of the class before those
# of one session, and no more of them once one has raised: the events of a transaction
# that is committed would be lost.
@event.listens_for(Session, "after_commit", insert=True)
def _mark_committed(session: Session) -> None:
    journal: _Journal | None = session.info.get(_KEY)
    if journal is not None:
        journal.mark_committed(session)


@event.listens_for(Session, "after_transaction_end", insert=True)
def _end(session: Session, transaction: SessionTransaction) -> None:
    journal: _Journal | None = session.info.get(_KEY)
    if journal is not None:
        journal.end(transaction)


class _Journal:
    """What was recorded on one session, by transaction and savepoint."""

    def __init__(self) -> None:
        self._recorded: dict[SessionTransaction, list[Delivery]] = {}
        self._committed: SessionTransaction | None = None

    def add(self, session: Session, delivery: Delivery) -> None:
        transaction = _innermost(session) or session.begin()
        self._recorded.setdefault(transaction, []).append(delivery)

    def mark_committed(self, session: Session) -> None:
        self._committed = _innermost(session)

    def end(self, transaction: SessionTransaction) -> None:
        """Deliver, pass on or discard what was recorded in *transaction*.

        SQLAlchemy calls this last, when the connections are released. Only then a
        subscriber can use the database like any code after the commit.
        """
        recorded = self._recorded.pop(transaction, ())
        is_committed = transaction is self._committed
        if is_committed:
            self._committed = None
        if not recorded or not is_committed:
            return
        if not transaction.nested:
            _deliver(recorded)
            return
        enclosing = transaction.parent
        while enclosing is not None and not _is_boundary(enclosing):
            enclosing = enclosing.parent
        if enclosing is not None:
            self._recorded.setdefault(enclosing, []).extend(recorded)


def _innermost(session: Session) -> SessionTransaction | None:
    """Return the innermost savepoint, else the transaction itself."""
    return session.get_nested_transaction() or session.get_transaction()


def _is_boundary(transaction: SessionTransaction) -> bool:
    """Return whether it is a savepoint or a real transaction.

    A flush begins one that is neither.
    """
    return transaction.nested or transaction.parent is None


class _Queue:
    """What a running delivery has still to deliver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Delivery] | None = deque()

    def add(self, recorded: Iterable[Delivery]) -> bool:
        """Append *recorded*; return False if the delivery has ended."""
        with self._lock:
            if self._waiting is None:
                return False
            self._waiting.extend(recorded)
            return True

    def next(self) -> Delivery | None:
        """Take the next one; without another, end and return None."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._waiting = None
            return None

    def end(self) -> None:
        """Accept nothing more."""
        with self._lock:
            self._waiting = None


def _deliver(recorded: Iterable[Delivery]) -> None:
    running = _running.get()
    # If a subscriber has committed, its events follow the ones that come before. A
    # thread or task that it started may have a copy of its context, and go on after
    # the delivery.
    if running is not None and running.add(recorded):
        return
    queue = _Queue()
    queue.add(recorded)
    reset = _running.set(queue)
    try:
        while (delivery := queue.next()) is not None:
            try:
                delivery()
            except Exception:
                log.exception("an event was not delivered")
    finally:
        queue.end()
        _running.reset(reset)
