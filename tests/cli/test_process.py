"""The commands as processes, with real streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate

ROOT = Path(__file__).parents[2]


HOST = """
import logging
import os
import sys

from flask_apitokens import signals
from tests import hosts


def create_app():
    logging.getLogger("sqlalchemy.engine").setLevel("INFO")
    app = hosts.create_host(os.environ["TEST_DATABASE"])
    logging.basicConfig(stream=sys.stdout, level="DEBUG")
    signals.token_generated.connect(tell, app, weak=False)
    return app


def tell(app, token, **extra):
    print("the host prints on stdout")
    app.logger.info("generated %s", token.id)
"""


@pytest.fixture
def flask(app: Flask, user: Any, tmp_path: Path) -> Any:
    """Return a function that runs the commands as a process that logs to stdout."""
    (tmp_path / "loud_host.py").write_text(HOST)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "TEST_DATABASE": app.config["SQLALCHEMY_DATABASE_URI"],
    }
    command = [sys.executable, "-m", "flask", "--app", "loud_host", "apitokens"]

    def start(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        streams = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(  # noqa: S603
            [*command, *args],
            env=environment,
            cwd=tmp_path,
            text=True,
            stderr=subprocess.PIPE,
            check=False,
            **streams,
        )

    return start


def test_stdout_of_generate_has_the_plaintext_only(app: Flask, flask: Any) -> None:
    done = flask("token", "generate", *ADA, "--name", "CI")
    assert done.returncode == 0, done.stderr
    # as $(…) cuts it
    assert call(app, done.stdout.rstrip("\n")).status_code == 200
    assert done.stdout.count("\n") == 1
    assert "the host prints on stdout" in done.stderr
    assert "INSERT INTO apitokens_token" in done.stderr
    assert done.stdout.strip() not in done.stderr
    assert done.stdout.split("_")[2].strip() not in done.stderr
    json_too = flask("token", "generate", *ADA, "--name", "B", "--json")
    assert json.loads(json_too.stdout)["name"] == "B"


def test_delete_in_a_pipe_needs_yes(app: Flask, flask: Any) -> None:
    token_id = generate(app, "CI")["id"]
    assert flask("token", "delete", token_id).returncode == 2
    assert len(answer(app, "token", "list")) == 1
    assert flask("token", "delete", token_id, "--yes").returncode == 0
    assert answer(app, "token", "list") == []


def test_generate_reports_a_broken_stdout(app: Flask, flask: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        done = flask("token", "generate", *ADA, "--name", "CI", stdout=broken)
    [token] = answer(app, "token", "list")
    assert done.returncode == 1
    assert f"flask apitokens token revoke {token['id']}" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert token["shown_at"] is None
