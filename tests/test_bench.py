"""The bench runs and says what it is to say; how fast anything is, no test judges."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import URL

from bench import admin
from bench import databases
from bench import guard
from bench import history
from bench import usage
from bench.__main__ import main

ROUTES = {
    guard.OPEN: "none",
    guard.YARDSTICK: "1 SELECT",
    guard.HTTPAUTH: "2 SELECT",
    guard.OPEN_BESIDE: "none",
    guard.WARM: "1 SELECT",
    guard.EXPIRING: "1 SELECT",
    guard.CHECKSUM: "none",
    guard.UNKNOWN: "1 SELECT",
    guard.REVOKED: "1 SELECT",
    guard.COLD: "1 SELECT",
}
#: two readings of what a call and a refusal may cost are judged, for three refusals
GOALS = 12
NUMBER = re.compile(r"-?[\d.]+ \(-?[\d.]+–-?[\d.]+\)")


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _check(text: str) -> None:
    rows = {row[0]: row for row in _rows(text)}
    for route, statements in ROUTES.items():
        told = {part for part in rows[route][-1].split(", ")}
        assert told - {"1 BEGIN", "1 ROLLBACK"} == {statements}
        if guard.OPEN not in route and route != guard.COLD:
            assert NUMBER.fullmatch(rows[route][3])
    for route in (guard.WARM, guard.UNKNOWN, guard.REVOKED, guard.COLD):
        assert rows[route][-1] == "1 SELECT"
    judged = [row for row in _rows(text) if len(row) == 4 and row[0] != "goal"]
    assert len(judged) == GOALS
    assert {row[-1] for row in judged} <= {"met", "**missed**", ""}


def test_guard_bench_runs_on_sqlite(capsys: pytest.CaptureFixture[str]) -> None:
    main(["guard", "--quick", "--database", "sqlite"])
    _check(capsys.readouterr().out)


def _check_usage(text: str) -> None:
    rows = {row[0] for row in _rows(text)}
    assert {usage.OFF, usage.ON, usage.USUAL, guard.OPEN} <= rows
    in_process = next(row for row in _rows(text) if row[0] == usage.ON)
    assert NUMBER.fullmatch(in_process[3])
    said = re.search(r"3 INSERT.* ([\d.]+) statements a call", text)
    assert said
    assert 0 < float(said[1]) <= 0.02


def test_usage_bench_runs_on_sqlite(capsys: pytest.CaptureFixture[str]) -> None:
    main(["usage", "--quick", "--database", "sqlite"])
    _check_usage(capsys.readouterr().out)


@pytest.mark.database
def test_guard_bench_runs_on_postgresql(
    postgresql_database: URL,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = postgresql_database.render_as_string(hide_password=False)
    monkeypatch.setenv(databases.VARIABLE, server)
    main(["guard", "--quick", "--database", "postgresql"])
    _check(capsys.readouterr().out)
    main(["usage", "--quick", "--database", "postgresql"])
    _check_usage(capsys.readouterr().out)


@pytest.mark.database
def test_admin_bench_runs_on_postgresql(
    postgresql_database: URL,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = postgresql_database.render_as_string(hide_password=False)
    monkeypatch.setenv(databases.VARIABLE, server)
    main(["admin", "--quick"])
    rows = [row for row in _rows(capsys.readouterr().out) if row[-1].isdigit()]
    named = [f"{name}, with the index" for name in admin.SEARCHES]
    assert [row[0] for row in rows] == [*admin.PAGES, *named]
    assert all(int(row[-1]) < 20 for row in rows)
    main(["history", "--quick"])
    rows = [row for row in _rows(capsys.readouterr().out) if row[-1].isdigit()]
    assert [row[0] for row in rows] == list(history.PAGES)
    assert all(int(row[-1]) <= 20 for row in rows)
