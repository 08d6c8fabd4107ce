"""Hand a committed event to its subscribers: the receivers of its signal, the notices.

A subscriber that raises is logged, and the others are still called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import iscoroutine
from typing import Any

from flask import Flask

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
    signal = getattr(signals, event.SIGNAL)
    # Not Signal.send: there, a receiver that raises stops those after it.
    receivers = () if signal.is_muted else signal.receivers_for(sender)
    calls = [
        partial(_send, ctx, event, receiver, sender=sender) for receiver in receivers
    ]
    calls.append(partial(notices.send, ctx, event))
    # All are called, whatever the ones before them did.
    return all([_attempt(ctx, event, call, app=sender) for call in calls])


def _send(
    ctx: Context, event: DomainEvent, receiver: Callable[..., object], *, sender: Flask
) -> object:
    values = {"event": event, **event.values()}
    if isinstance(event, TokenExpiring):
        values["notice"] = notices.notice_of(ctx, event)
    return receiver(sender, **values)


def _attempt(
    ctx: Context, event: DomainEvent, call: Callable[[], object], *, app: Flask
) -> bool:
    try:
        returned = call()
        if iscoroutine(returned):
            _wait_for(returned, app)
    except Exception:
        log.exception("a subscriber failed for the event %s", event.SIGNAL)
        # Its failed transaction must not fail the next subscriber.
        ctx.session.rollback()
        return False
    return True


def _wait_for(coroutine: Coroutine[Any, Any, object], app: Flask) -> None:
    """Run a coroutine to its end, in whatever way the application runs its own."""
    import asyncio  # only applications with such subscribers need it

    async def run() -> object:
        return await coroutine

    try:
        wait = app.ensure_sync(run)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            wait()
            return
        # In an async view. asgiref refuses to wait in a thread that runs a loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(copy_context().run, wait).result()
    finally:
        coroutine.close()  # no warning if it was not begun
