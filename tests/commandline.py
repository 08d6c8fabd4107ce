"""Run ``flask apitokens …`` in a test's host, and look at what it did."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from flask import Flask
from sqlalchemy import select

from tests import hosts

ADA = ("--owner", "ada@example.com")


def run(app: Flask, *args: str, code: int = 0, **options: Any) -> Result:
    """Run ``flask apitokens`` and return its result, which must have the exit code."""
    result = app.test_cli_runner().invoke(args=["apitokens", *args], **options)
    assert result.exit_code == code, result.output
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def answer(app: Flask, *args: str, code: int = 0, **options: Any) -> Any:
    """Return the JSON document that a command prints."""
    return json.loads(run(app, *args, "--json", code=code, **options).stdout)


def generate(app: Flask, name: str, *args: str, owner: str | None = ADA[1]) -> Any:
    """Return the record of a new token, with its plaintext as "token"."""
    whose = ["--userless"] if owner is None else ["--owner", owner]
    return answer(app, "token", "generate", *whose, "--name", name, *args)


def call(app: Flask, plaintext: str, path: str = "/api/plain") -> Any:
    """Return the response of a guarded route to a token."""
    headers = {"Authorization": f"Bearer {plaintext}"}
    return app.test_client().get(path, headers=headers)


def stored_values(app: Flask) -> str:
    """Return every value in every table of the host, as text."""
    host = hosts.host_of(app)
    with app.app_context():
        tables = host.db.metadata.sorted_tables
        return repr([host.db.session.execute(select(t)).all() for t in tables])
