"""The forks and the end of a process, told to those who keep something in it."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import weakref
from types import FrameType
from typing import Protocol


class Resident(Protocol):
    """Something that keeps what belongs to one process, or must not be lost with it."""

    def after_fork(self) -> None:
        """Start anew: this is the child, and all that is here is the parent's."""

    def at_end(self) -> None:
        """Put away what would be lost: the process is about to end."""


_residents: weakref.WeakSet[Resident] = weakref.WeakSet()


def watch(resident: Resident) -> None:
    """Tell *resident* of forks and of the end, for as long as it is in use."""
    _residents.add(resident)


def end_well_on_sigterm() -> None:
    """Make SIGTERM tell the residents too, where it would kill without a word.

    That is in servers that do not handle it, such as the development server and
    waitress. The handler of a host or its server stays, and one set later replaces
    ours. Only the main thread can do this; from another this does nothing.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one kills at once
    # Not here: what was interrupted may hold any lock, or be gevent's hub, which must
    # not wait.
    _thread.start_new_thread(_end_by_sigterm, ())


def _end_by_sigterm() -> None:
    try:
        _tell_of_end()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _tell_of_end() -> None:
    for resident in list(_residents):
        resident.at_end()


def _tell_of_fork() -> None:
    for resident in list(_residents):
        resident.after_fork()
    # A worker is often stopped by SIGTERM, by code that knows nothing of us.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


atexit.register(_tell_of_end)
if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_tell_of_fork)
