"""`flask --app example_app seed` and `demo`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from example_app.demo import PASSWORD
from example_app.demo import _demo_token
from example_app.demo import imported_tokens
from example_app.demo import welcome
from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db
from example_app.past_calls import TOKEN
from example_app.past_calls import leave
from tests.example.conftest import MakeExample
from tests.example.steps import bearer
from tests.example.steps import sign_in

ROOT = Path(__file__).parents[2]


def rows_of_every_table() -> dict[str, list[tuple[Any, ...]]]:
    return {
        table.name: [tuple(row) for row in db.session.execute(select(table))]
        for table in db.metadata.sorted_tables
    }


def test_second_seed_changes_nothing(example: Flask) -> None:
    with example.app_context():
        before = rows_of_every_table()
        assert len(before["user"]) == 7
    assert example.test_cli_runner().invoke(args=["seed"]).exit_code == 0
    with example.app_context():
        assert rows_of_every_table() == before


def test_seeded_users_are_as_documented(example: Flask) -> None:
    with example.app_context():
        users = {user.email: user for user in db.session.scalars(select(User))}
        assert {email: user.account_id for email, user in users.items()} == {
            "admin@example.com": "acme",
            "ada@example.com": "acme",
            "grace@example.com": "acme",
            "disabled@example.com": "acme",
            "noapi@example.com": "acme",
            "admin@other.example": "other",
            "carol@other.example": "other",
        }
        assert {email for email, user in users.items() if user.is_admin} == {
            "admin@example.com",
            "admin@other.example",
        }
        assert [email for email, user in users.items() if not user.is_active] == [
            "disabled@example.com"
        ]
        assert [email for email, user in users.items() if not user.may_use_api] == [
            "noapi@example.com"
        ]


def test_demo_reports_a_port_in_use(example: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = example.test_cli_runner().invoke(args=["demo", "--port", str(port)])
    assert result.exit_code == 1
    assert f"Port {port} is taken" in result.output
    assert f"make demo PORT={port + 1}" in result.output


@pytest.mark.server
def test_curl_line_of_the_demo_returns_data(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'demo.sqlite'}"
    environment = os.environ | {
        "FLASK_SQLALCHEMY_DATABASE_URI": uri,
        "FLASK_SECRET_KEY": "not-a-secret",
        "PYTHONUNBUFFERED": "1",
    }
    tokens = []
    for _start in range(2):
        with subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-m", "flask", "--app", "example_app", "demo", "--port=0"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as demo:
            try:
                assert demo.stdout is not None
                lines = iter(demo.stdout.readline, "")
                printed = "".join(line for line in until(lines, "Ctrl-C"))
                token, address = read_curl(printed)
                tokens.append(token)
                statuses = [status_of(address, each) for each in tokens]
            finally:
                demo.terminate()
        assert f"{PASSWORD}\n" in printed
        assert statuses == [401] * (len(tokens) - 1) + [200]


def until(lines: Iterator[str], word: str) -> Iterator[str]:
    for line in lines:
        yield line
        if word in line:
            return


def read_curl(printed: str) -> tuple[str, str]:
    token = re.search(r'-H "Authorization: Bearer ([^"]+)"', printed)
    address = re.search(r'"(http://127[^"]+)"', printed)
    assert token is not None, printed
    assert address is not None, printed
    return token[1], address[1]


def status_of(address: str, token: str) -> int:
    request = urllib.request.Request(address, headers=bearer(token))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            assert ",9" in answer.read().decode()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_demo_starts_in_single_token_mode(
    make_example: MakeExample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one environment variable, and again whatever was generated meanwhile."""
    monkeypatch.setenv("FLASK_APITOKENS_MAX_PER_OWNER", "1")
    app = make_example()
    with app.app_context():
        _demo_token()
        ada = User.with_email("ada@example.com")
        [token] = apitokens.tokens_of(ada)
        token.name = "My own"
        db.session.commit()
        plaintext = _demo_token()
    call = app.test_client().get("/api/ping", headers=bearer(plaintext))
    assert call.status_code == 200
    browser = app.test_client()
    sign_in(browser)
    page = browser.get("/account/api-tokens/")
    assert "Generating a new one replaces it." in page.text


def test_demo_fills_the_usage_history_once(
    make_example: MakeExample,
) -> None:
    example = make_example()
    with example.app_context():
        ada = User.with_email("ada@example.com")
        leave()
        made = [token for token in apitokens.tokens_of(ada) if token.name == TOKEN]
        assert [token.last_used_at is None for token in made] == [False]
        before = rows_of_every_table()
        leave()
        assert rows_of_every_table() == before
        calls = before["apitokens_call"]
    assert len(calls) > 300
    browser = example.test_client()
    sign_in(browser, "admin@example.com")
    page = browser.get("/admin/api/usage").text
    assert f"of {len(calls):,}" in page
    assert TOKEN in page
    assert {200, 400, 403, 500} <= {
        value for row in calls for value in row if isinstance(value, int)
    }


@pytest.mark.parametrize(
    "config", [{"APITOKENS_USAGE": "off"}, {"APITOKENS_MAX_PER_OWNER": 1}]
)
def test_demo_records_no_calls_without_usage_history(
    config: dict[str, Any], make_example: MakeExample
) -> None:
    example = make_example(**config)
    with example.app_context():
        before = rows_of_every_table()
        leave()
        assert rows_of_every_table() == before


def test_imported_tokens_of_the_demo_work(
    make_example: MakeExample, tmp_path: Path
) -> None:
    """`FLASK_EXAMPLE_IMPORTED=1`: with a pepper of its own, made at the first start."""
    app = make_example(EXAMPLE_IMPORTED=True, APITOKENS_IMPORT_BCRYPT_ROUNDS=4)
    before: list[str] = []
    for _start in range(2):
        with app.app_context():
            tokens = imported_tokens()
        for token, status in [*((t, 401) for t in before), *((t, 200) for t in tokens)]:
            answer = app.test_client().get("/api/ping", headers=bearer(token))
            assert answer.status_code == status
        printed = welcome("http://127.0.0.1:5000", "apt_of_the_demo", tokens)
        assert [printed.count(token) for token in tokens] == [1, 1]
        before = tokens
    assert (tmp_path / "0" / "pepper").stat().st_mode & 0o077 == 0


def test_change_of_email_ends_bound_tokens(
    make_example: Callable[..., Flask],
) -> None:
    example = make_example(APITOKENS_BIND_TO_EMAIL=True)
    runner, client = example.test_cli_runner(), example.test_client()
    args = ["apitokens", "token", "generate", "--owner", "ada@example.com"]
    made = runner.invoke(args=[*args, "--name=x", "--service=tmy", "--scope=read"])
    sent = bearer(made.stdout.strip())
    assert client.get("/api/ping", headers=sent).status_code == 200
    change = ["change-email", "ada@example.com", "Ada@acme.example"]
    assert "ada@acme.example now" in runner.invoke(args=change).output
    refused = client.get("/api/ping", headers=sent)
    assert refused.get_json(force=True)["code"] == "owner_email_changed"
    assert runner.invoke(args=change).exit_code == 1
