"""Hand a committed event to its subscribers: the receivers of its signal, the notices.

A subscriber that raises is logged, and the others are still called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.orm import scoped_session

from flask_apitokens import signals
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import DomainEvent
from flask_apitokens.core.events import TokenExpiring

from . import notices

log = logging.getLogger("flask_apitokens")


def deliver(ctx: Context, event: DomainEvent, *, sender: Flask) -> bool:
    """Hand *event* to all subscribers.

    :param sender: the sender of the signals.
    :returns: whether all of them succeeded.
    """
    with _own_session(ctx):
        # All are called, whatever the ones before them did.
        sent = [
            _attempt(ctx, event, call) for call in _signal_calls(ctx, event, sender)
        ]
        return all([*sent, _attempt(ctx, event, lambda: notices.send(ctx, event))])


@contextmanager
def _own_session(ctx: Context) -> Iterator[None]:
    """Replace the scoped session by a new one while subscribers run.

    The session that has committed may be inside ``with session.begin():``, which
    refuses further statements. And the transaction of a subscriber, or its error,
    would remain in the session for the host's next statement.
    """
    session = ctx.session
    if not isinstance(session, scoped_session):
        yield
        return
    registry = session.registry
    committed = registry() if registry.has() else None
    registry.set(session.session_factory())
    try:
        yield
    finally:
        session.remove()
        if committed is not None:
            registry.set(committed)


def _signal_calls(
    ctx: Context, event: DomainEvent, sender: Flask
) -> Iterator[Callable[[], object]]:
    # Not Signal.send: there, a receiver that raises stops those after it.
    signal = getattr(signals, event.SIGNAL)
    values = {"event": event, **event.values()}
    for receiver in () if signal.is_muted else signal.receivers_for(sender):
        if isinstance(event, TokenExpiring):
            values["notice"] = notices.notice_of(ctx, event)
        call = sender.ensure_sync(receiver)
        yield lambda call=call: call(sender, **values)  # type: ignore[misc]


def _attempt(ctx: Context, event: DomainEvent, call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:
        log.exception("a subscriber failed for the event %s", event.SIGNAL)
        # Its failed transaction must not fail the next subscriber.
        ctx.session.rollback()
        return False
    return True
