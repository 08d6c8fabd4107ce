"""The database, the locale and the actor of a command."""

from __future__ import annotations

import getpass
import os
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask_babel import Babel
from sqlalchemy import event

from flask_apitokens import signals
from flask_apitokens.cli import session as cli_session
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run
from tests.conftest import MakeApp


def spoil_statements(app: Flask, old: str, new: str) -> None:
    """Replace a part of each statement, so that the database refuses it."""
    with app.app_context():
        engine = hosts.host_of(app).db.engine

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def spoil(_connection: Any, _cursor: Any, statement: str, *rest: Any) -> Any:
        return statement.replace(old, new), rest[0]


def test_missing_tables_are_named_in_the_error(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url)
    hosts.create_user(app, "ada@example.com")
    with app.app_context():
        for table in reversed(app.extensions["apitokens"].models.tables):
            table.drop(hosts.host_of(app).db.engine)
    for args in (
        ("token", "list"),
        ("token", "show", "000000000000"),
        ("token", "generate", *ADA, "--name", "CI"),
        ("subscription", "list", *ADA),
    ):
        result = run(app, *args, code=1)
        assert "apitokens_token" in result.stderr
        assert "db.create_all()" in result.stderr
        assert result.stdout == ""


def test_unreachable_database_is_reported(app: Flask, user: Any) -> None:
    with app.app_context():
        engine = hosts.host_of(app).db.engine

    @event.listens_for(engine, "do_connect")
    def refuse(dialect: Any, *args: Any) -> Any:
        raise dialect.loaded_dbapi.OperationalError("Connection refused\nsecret")

    engine.dispose()
    for args in (("token", "list"), ("token", "revoke", "000000000000")):
        result = run(app, *args, code=1)
        told = "Error: The database cannot be reached: Connection refused\n"
        assert result.stderr == told


def test_database_error_is_reported_without_its_values(
    anywhere: Flask,
) -> None:
    spoil_statements(anywhere, "INTO apitokens_token", "INTO nothing")
    result = run(anywhere, "token", "generate", *ADA, "--name", "CI", code=1)
    assert "The database refused: " in result.stderr
    assert "$2b$" not in result.output
    assert answer(anywhere, "token", "list") == []


@pytest.mark.usefixtures("ada")
def test_command_succeeds_if_a_receiver_of_a_signal_fails(app: Flask) -> None:
    """Receivers are called after the commit: the token exists, and must be shown."""

    def fail(*args: Any, **values: Any) -> None:
        raise RuntimeError("the host's own")

    with signals.token_generated.connected_to(fail, app):
        result = run(app, "token", "generate", *ADA, "--name", "CI")
    assert result.stdout.startswith("apt_")
    assert [token["name"] for token in answer(app, "token", "list")] == ["CI"]


@pytest.mark.usefixtures("ada")
def test_messages_are_english_whatever_the_locale_selector(app: Flask) -> None:
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(["de"]))
    args = ("token", "generate", *ADA, "--name", " ")
    assert "Enter a name." in run(app, *args, code=1).stderr
    generate(app, "CI")


@pytest.mark.usefixtures("ada")
def test_actor_without_os_account_is_named_by_uid(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert generate(app, "CI")["created_by"] == f"cli:uid-{os.getuid()}"


def test_actor_label_is_cut_to_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "\udcff" + "x" * 300)
    label = cli_session.current_actor().label
    assert label.startswith("cli:\\udcffxxx")
    assert len(label) == 255


def test_generate_succeeds_if_marking_as_shown_fails(
    anywhere: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_statements(anywhere, "shown_at IS NULL", "shown_at IS NOTHING")
    result = run(anywhere, "token", "generate", *ADA, "--name", "CI")
    assert call(anywhere, result.stdout.strip()).status_code == 200
    assert "The database refused" in result.stderr
