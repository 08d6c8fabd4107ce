"""Run hooks in a forked child process and before a process exits."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import logging
import os
import signal
import weakref
from importlib import import_module
from types import FrameType
from typing import Protocol

log = logging.getLogger("flask_apitokens")


class ProcessHook(Protocol):
    """An object that belongs to one process, or has to be saved before its exit."""

    def after_fork(self) -> None:
        """Start anew in a child process: all state is a copy of the parent's."""

    def on_exit(self) -> None:
        """Save what would be lost when the process exits."""


#: Weak, so that a hook is collected with the application it belongs to.
_hooks: weakref.WeakSet[ProcessHook] = weakref.WeakSet()


def register(hook: ProcessHook) -> None:
    """Call *hook* at forks and before the exit, as long as it is referenced."""
    _hooks.add(hook)


def run_exit_hooks_on_sigterm() -> None:
    """Run the exit hooks at SIGTERM too, unless the signal has a handler.

    Servers such as the development server and waitress do not handle SIGTERM, so it
    would end the process without atexit. A handler of the host or its server stays, and
    one that is set later replaces ours. Python sets handlers in the main thread only;
    in another thread this function does nothing.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, _on_sigterm)


def threads_run() -> bool:
    """Return whether threads that Python starts run in this process; log if not.

    uWSGI lets none run unless started with ``--enable-threads`` or ``--threads``.
    """
    try:
        options = import_module("uwsgi").opt  # there inside of uWSGI only
    except (ImportError, AttributeError):
        return True
    if "enable-threads" in options or "threads" in options:
        return True
    log.warning(
        "uWSGI runs no threads, so each call is recorded before its answer; start it "
        "with --enable-threads"
    )
    return False


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # A second one kills at once.
    # In a thread, because the interrupted code may hold any lock, or be gevent's hub,
    # which must not wait.
    _thread.start_new_thread(_exit_by_sigterm, ())


def _exit_by_sigterm() -> None:
    try:
        _run_exit_hooks()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _run_exit_hooks() -> None:
    for hook in list(_hooks):
        hook.on_exit()


def _run_fork_hooks() -> None:
    for hook in list(_hooks):
        hook.after_fork()
    # A parent often stops its workers by SIGTERM, and does not expect our handler.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


atexit.register(_run_exit_hooks)
if hasattr(os, "register_at_fork"):  # Windows cannot fork.
    os.register_at_fork(after_in_child=_run_fork_hooks)
