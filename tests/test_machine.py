"""The rule that CI skips nothing has to hold itself."""

from __future__ import annotations

import pytest

from tests import machine


def skipped_report() -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="test_x.py::test_x",
        location=("test_x.py", 1, "test_x"),
        keywords={},
        outcome="skipped",
        longrepr=("test_x.py", 7, "Skipped: not found on this machine: a unicorn"),
        when="setup",
    )


def test_strict_mode_turns_a_skip_into_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "STRICT", True)
    report = machine.judge(skipped_report())
    assert report.failed
    assert "a unicorn" in str(report.longrepr)


def test_skip_without_strict_mode_stays_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "STRICT", False)
    assert machine.judge(skipped_report()).skipped


def test_strict_mode_fails_for_a_missing_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "STRICT", True)
    with pytest.raises(pytest.fail.Exception, match="a unicorn"):
        machine.missing("a unicorn")


def test_missing_part_without_strict_mode_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "STRICT", False)
    with pytest.raises(pytest.skip.Exception, match="a unicorn"):
        machine.missing("a unicorn")
