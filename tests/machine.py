"""What a test needs of the machine it runs on, and what happens where it lacks."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any
from typing import NoReturn
from typing import TypeVar

import pytest

#: With this set (CI does) nothing may be skipped: what is missing fails the run.
STRICT = os.environ.get("APITOKENS_STRICT", "") not in {"", "0"}
MISSING = "not found on this machine: "

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def missing(what: str) -> NoReturn:
    """End the test that asks: skipped, or failed under ``APITOKENS_STRICT=1``.

    :param what: what was not found, where it was looked for and how to name it.
    """
    if STRICT:
        pytest.fail(f"{MISSING}{what} (APITOKENS_STRICT is set)", pytrace=False)
    pytest.skip(MISSING + what)


def framework(name: str) -> Any:
    """Return a package that the hosts in ``tests/host_apps`` are made with.

    :param name: the name that it is imported by.
    """
    why = f"{MISSING}{name}, of the dependency group 'frameworks'"
    return pytest.importorskip(name, reason=why, exc_type=ImportError)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def is_listening(port: int) -> bool:
    """Return whether a server accepts connections on a port of 127.0.0.1."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def judge(report: Report) -> Report:
    """The same report, failed where it was skipped and nothing may be."""
    if STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{_reason(report)} (APITOKENS_STRICT is set: no skips)"
    return report


def tell(terminal: pytest.TerminalReporter) -> None:
    """Say what was not found and how many tests did not run for want of it."""
    counts: dict[str, int] = {}
    for report in terminal.stats.get("skipped", []):
        _, found, what = _reason(report).partition(MISSING)
        if found:
            counts[what] = counts.get(what, 0) + 1
    if not counts:
        return
    terminal.section("not found on this machine")
    for what, count in sorted(counts.items()):
        terminal.line(f"{what}: {count} tests skipped")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        return f"{path}:{line}: {reason}"
    return str(report.longrepr)
