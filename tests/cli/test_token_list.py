"""``token list`` and ``token show``, and how they print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_apitokens.cli import session as cli_session
from flask_apitokens.cli.output import printable
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run
from tests.conftest import MakeApp


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Record the statements that SQLAlchemy sends to the host's database."""
    sent: list[str] = []
    with app.app_context():
        engine = hosts.host_of(app).db.engine

    def record(*args: Any) -> None:
        sent.append(args[2])

    event.listen(engine, "before_cursor_execute", record)
    yield sent
    event.remove(engine, "before_cursor_execute", record)


def test_token_list_has_every_token_without_options(anywhere: Flask) -> None:
    hosts.create_user(anywhere, "grace@example.com")
    generate(anywhere, "hers", owner="grace@example.com")
    generate(anywhere, "mine")
    generate(anywhere, "bot", owner=None)

    def names(*args: str) -> list[str]:
        return [token["name"] for token in answer(anywhere, "token", "list", *args)]

    assert names() == ["bot", "mine", "hers"]
    assert names("--userless") == ["bot"]
    assert names(*ADA) == ["mine"]
    assert names("--service", "tmy") == []
    assert names("--limit", "2") == ["bot", "mine"]
    assert names("--limit", "2", "--page", "2") == ["hers"]
    assert names("--limit", "2", "--page", "3") == []
    run(anywhere, "token", "list", *ADA, "--userless", code=2)
    run(anywhere, "token", "list", "--service", "nothing", code=2)
    run(anywhere, "token", "list", "--limit", "100000", code=2)


def test_token_list_status_agrees_with_the_guard(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url)
    host = hosts.host_of(app)
    host.apitokens.service("open", "Open", default_active=True)
    ada = hosts.create_user(app, "ada@example.com")
    run(app, "subscription", "activate", *ADA, "tmy", "timeseries")
    wishes = {
        "plain": (),
        "paid": ("--service", "tmy", "--scope", "read"),
        "lapsed": ("--service", "timeseries", "--scope", "read"),
        "open": ("--service", "open"),
    }
    made = [generate(app, name, *wish) for name, wish in wishes.items()]
    made += [generate(app, f"bot {n}", *wish, owner=None) for n, wish in wishes.items()]
    made += [generate(app, "lost", *wishes["open"], owner=None)]
    run(app, "subscription", "deactivate", *ADA, "timeseries")
    with app.app_context():
        models, session = app.extensions["apitokens"].models, host.db.session
        facts = {"changed_at": datetime.now(UTC), "changed_by": "test"}
        off = models.ServiceSetting(account_id="", service="open", active=False)
        for name, value in facts.items():
            setattr(off, name, value)
        session.add(off)
        session.get_one(models.Token, made[-1]["id"]).service = "gone"
        session.commit()
    paused = {
        token["name"]
        for token in made
        if call(app, token["token"], "/api/ping").status_code == 403
    }
    assert paused == {"lapsed", "open", "bot open", "lost"}
    listed = answer(app, "token", "list")
    assert {t["name"] for t in listed if t["status"] == "paused"} == paused
    found = answer(app, "token", "list", "--status", "paused")
    assert {token["name"] for token in found} == paused
    found = answer(app, "token", "list", "--status", "active", "--owner", str(ada.id))
    assert {token["name"] for token in found} == {"plain", "paid"}


def test_token_list_filters_by_each_status(anywhere: Flask) -> None:
    made = {
        "active": generate(anywhere, "active")["id"],
        "expiring": generate(anywhere, "expiring", "--expires", "2d")["id"],
        "expired": generate(anywhere, "expired", "--expires", "2d")["id"],
        "revoked": generate(anywhere, "revoked")["id"],
    }
    run(anywhere, "token", "revoke", made["revoked"])
    with anywhere.app_context():
        state = anywhere.extensions["apitokens"]
        token = state.db.session.get(state.models.Token, made["expired"])
        token.expires_at = datetime.now(UTC)
        token = state.db.session.get(state.models.Token, made["expiring"])
        token.created_at -= timedelta(days=2)
        token.expires_at -= timedelta(days=1, minutes=1)
        state.db.session.commit()
    for status, token_id in made.items():
        found = answer(anywhere, "token", "list", "--status", status)
        assert [(t["id"], t["status"]) for t in found] == [(token_id, status)]


@pytest.mark.usefixtures("ada")
def test_token_list_statements_do_not_grow_with_tokens(app: Flask) -> None:
    hosts.create_user(app, "grace@example.com")
    generate(app, "first")
    with statements(app) as short:
        run(app, "token", "list")
    for number in range(6):
        generate(app, f"A {number}")
        generate(app, f"B {number}", owner="grace@example.com")
    with statements(app) as long:
        run(app, "token", "list")
    assert len(long) == len(short)


@pytest.mark.usefixtures("ada")
def test_table_is_aligned_and_escapes_invisible_characters(app: Flask) -> None:
    generate(app, "日本")
    generate(app, "evil \u202egnp.exe")
    generate(app, "e\u0301x\u0300")
    result = run(app, "token", "list")
    header, *lines = result.stdout.splitlines()
    assert header.split()[:3] == ["ID", "NAME", "OWNER"]
    assert "\u202e" not in result.stdout
    assert "evil \\u202egnp.exe" in result.stdout
    place = header.index("OWNER")
    columns = {line.index("ada@") - place for line in lines}
    # "日本" takes two columns more than it has characters, the marks take none.
    assert columns == {0, -2, 1}
    listed = answer(app, "token", "list")
    assert "evil \u202egnp.exe" in {token["name"] for token in listed}


@pytest.mark.usefixtures("ada")
def test_table_escapes_what_the_encoding_lacks(app: Flask) -> None:
    generate(app, "日本")
    runner = app.test_cli_runner(charset="latin-1")
    result = runner.invoke(args=["apitokens", "token", "list"])
    assert result.exit_code == 0
    assert "\\u65e5\\u672c" in result.stdout


def test_printable_escapes_invisible_characters() -> None:
    hidden = "\x1b[2J\u202e\u2066\u200d\u2028\udcff\n"
    shown = printable(f"é日🦉 {hidden}")
    assert shown.isprintable()
    assert shown.startswith("é日🦉 \\x1b[2J\\u202e")


@pytest.mark.usefixtures("ada")
def test_empty_token_list_prints_nothing_on_stdout(app: Flask) -> None:
    result = run(app, "token", "list")
    assert result.stdout == ""
    assert "0 in all" in result.stderr


def test_token_show_has_properties_and_events(anywhere: Flask) -> None:
    token_id = generate(anywhere, "CI")["id"]
    run(anywhere, "token", "rename", token_id, "nightly")
    shown = answer(anywhere, "token", "show", token_id)
    assert (shown["id"], shown["name"]) == (token_id, "nightly")
    assert [event["action"] for event in shown["events"]] == ["renamed", "generated"]
    assert {event["actor"] for event in shown["events"]} == {
        cli_session.current_actor().label
    }
    text = run(anywhere, "token", "show", token_id).stdout
    assert "nightly" in text
    assert "renamed" in text
