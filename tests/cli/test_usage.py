"""``flask apitokens usage show|export``: the same calls as the pages, for machines."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_apitokens.db import pagination
from tests import hosts
from tests.calling import TOKEN
from tests.calling import call
from tests.calling import note
from tests.commandline import run
from tests.conftest import MakeApp

OTHER = "zzzzzzzzzzzz"


@pytest.fixture
def app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return a host with ada and calls of two accounts, read two at a time."""
    monkeypatch.setattr(pagination, "BATCH_SIZE", 2)
    app = make_app()
    ada = str(hosts.create_user(app, "ada@example.com").id)
    now = datetime.now(UTC) - timedelta(seconds=1)
    userless = {"owner_key": "", "token_id": "1" * 12}
    gone = {"owner_key": "977", "token_id": "2" * 12}
    note(
        app,
        call(now, path="/api/1", owner_key=ada),
        call(now - timedelta(days=1), path="/api/2", status=429, owner_key=ada),
        call(now - timedelta(days=1), path="/api/3", status=500, **userless),
        call(
            now,
            path="/api/4",
            service="",
            account_id="other",
            token_id=OTHER,
            owner_key="2",
        ),
        call(now, path="/api/5", token_name="=1+1 ☃", **gone),
        call(now - timedelta(days=7, minutes=1), path="/api/old"),
    )
    return app


def exported(app: Flask, *args: str) -> list[dict[str, Any]]:
    """Return the exported calls."""
    lines = run(app, "usage", "export", "--json", *args).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_show_and_export_select_the_same_calls(app: Flask) -> None:
    yesterday = exported(app, "--result", "failed")[0]["time"][:10]
    for given, paths in [
        ((), "14523"),
        (("--account", "acme"), "1523"),
        (("--account", "nowhere"), ""),
        (("--service", "tmy"), "1523"),
        (("--service", "-"), "4"),
        (("--token", OTHER), "4"),
        (("--token", "abcabcabcabc"), ""),
        (("--owner", "ada@example.com"), "12"),
        (("--userless", "--account", "acme"), "3"),
        (("--day", yesterday), "23"),
        (("--result", "rejected"), "2"),
        (("--result", "failed", "--day", yesterday), "3"),
    ]:
        rows = exported(app, *given)
        found = [row["path"].removeprefix("/api/") for row in rows]
        assert sorted(found) == sorted(paths), given
        shown = json.loads(run(app, "usage", "show", "--json", *given).stdout)
        assert shown["calls"] == len(paths), given
        assert sum(day["calls"] for day in shown["days"]) == len(paths)


def test_export_has_the_columns_of_a_call(app: Flask) -> None:
    [row] = exported(app, "--result", "rejected")
    assert row.pop("time").endswith("Z")
    assert row.pop("owner_id") == "1"
    assert row == {
        **{"method": "GET", "path": "/api/2", "rule": "/api/tmy", "status": 429},
        **{"result": "rejected", "code": None, "duration_ms": 12},
        **{"token_id": TOKEN, "token_name": "Deploy", "owner": "ada@example.com"},
        **{"service": "tmy", "ip": "192.0.2.7", "user_agent": "curl/8.5.0"},
    }
    written = run(app, "usage", "export")
    rows = [*csv.DictReader(io.StringIO(written.stdout))]
    assert len(rows) == 5
    assert written.stderr == "5 calls.\n"
    [odd] = [row for row in rows if row["path"] == "/api/5"]
    assert (odd["token_name"], odd["owner"]) == ("'=1+1 ☃", "")
    nothing = run(app, "usage", "export", "--account", "nowhere")
    assert nothing.stdout.splitlines() == [",".join(rows[0])]
    assert run(app, "usage", "export", "--json", "--account", "nowhere").stdout == ""


def test_usage_show_prints_a_table_by_day(app: Flask) -> None:
    lines = run(app, "usage", "show").stdout.splitlines()
    assert lines[0].split() == ["DAY", "CALLS", "SUCCEEDED", "REJECTED", "FAILED"]
    assert len(lines) == 1 + 8 + 1
    assert lines[-1].split() == ["total", "5", "3", "1", "1"]
    shown = json.loads(run(app, "usage", "show", "--json").stdout)
    assert shown["retention_days"] == 7
    assert len(shown["days"]) == 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--day", "2020-01-01"), "calls are kept of"),
        (("--day", "yesterday"), "is not 2027-01-31"),
        (("--token", "short"), "an id has 12 characters"),
        (("--token", f"apt_{TOKEN}_secret"), "a whole token"),
        (("--service", "none"), "is not a service"),
        (("--owner", "no-such-user"), "no user has the key"),
        (("--owner", "1", "--userless"), "not both"),
        (("--account", ""), "an account id has"),
    ],
)
def test_usage_refuses_wrong_options(
    app: Flask, given: tuple[str, ...], said: str
) -> None:
    for verb in ("show", "export"):
        refused = run(app, "usage", verb, *given, code=2)
        assert said in refused.stderr
        assert not refused.stdout
        assert "secret" not in refused.output


def test_usage_says_when_recording_is_off(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_USAGE="off")
    for verb in ("show", "export"):
        assert "APITOKENS_USAGE is off" in run(app, "usage", verb).stderr
