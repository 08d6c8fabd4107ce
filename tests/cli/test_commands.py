"""``flask apitokens …``: what is asked for happens, stdout has the results alone."""

from __future__ import annotations

import getpass
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click import BadParameter
from flask import Flask
from flask import request
from flask_babel import Babel
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import select

from flask_apitokens import signals
from flask_apitokens.cli import session as cli_session
from flask_apitokens.cli.options import parse_expiry
from flask_apitokens.cli.output import printable
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run
from tests.conftest import MakeApp

ROOT = Path(__file__).parents[2]


def stored(app: Flask) -> str:
    """Every value in every table of the host, as text."""
    host = hosts.host_of(app)
    with app.app_context():
        tables = host.db.metadata.sorted_tables
        return repr([host.db.session.execute(select(t)).all() for t in tables])


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that the host's database is sent meanwhile."""
    sent: list[str] = []
    with app.app_context():
        engine = hosts.host_of(app).db.engine

    def note(*args: Any) -> None:
        sent.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def ada(app: Flask, user: Any) -> Any:
    """Ada, in the host on SQLite."""
    return user


# -- token generate ------------------------------------------------------------


def test_the_plaintext_stands_alone_on_stdout_and_works(anywhere: Flask) -> None:
    result = run(anywhere, "token", "generate", *ADA, "--name", "CI")
    plaintext = result.stdout.removesuffix("\n")
    token_id = plaintext.split("_")[1]
    assert call(anywhere, plaintext).json == {"token": token_id}
    assert token_id in result.stderr
    assert plaintext not in result.stderr


def test_with_json_the_plaintext_is_in_the_document(anywhere: Flask) -> None:
    run(anywhere, "subscription", "activate", *ADA, "tmy")
    scope = ("--service", "tmy", "--scope", "read")
    made = generate(anywhere, "CI", *scope, "--expires", "90d")
    assert call(anywhere, made["token"], "/api/tmy").status_code == 200
    assert made["owner"] == "ada@example.com"
    assert (made["service"], made["scopes"]) == ("tmy", ["read"])
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert made["created_by"] == cli_session.current_actor().label


def test_the_plaintext_is_nowhere_else(
    anywhere: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plaintext = generate(anywhere, "CI")["token"]
    secret = plaintext.split("_")[2]
    token_id = plaintext.split("_")[1]
    shown = run(anywhere, "token", "show", token_id, "--json").output
    listed = run(anywhere, "token", "list", "--json").output
    assert token_id in stored(anywhere)
    for text in (stored(anywhere), caplog.text, shown, listed):
        assert secret not in text


@pytest.mark.usefixtures("ada")
def test_a_token_is_noted_as_shown_once_it_was_printed(app: Flask) -> None:
    made = generate(app, "CI")
    assert "shown_at" not in made
    assert answer(app, "token", "show", made["id"])["shown_at"]


def test_a_userless_token_belongs_to_an_account(anywhere: Flask) -> None:
    scope = ("--service", "tmy", "--scope", "read")
    made = generate(anywhere, "bot", "--account", "acme", *scope, owner=None)
    assert (made["owner"], made["userless"]) == (None, True)
    assert made["account_id"] == "acme"
    assert call(anywhere, made["token"], "/api/tmy").status_code == 200


@pytest.mark.parametrize(
    "args",
    [
        ("--name", "CI"),
        (*ADA, "--userless", "--name", "CI"),
        (*ADA, "--account", "acme", "--name", "CI"),
        ("--userless", "--account", "", "--name", "CI"),
        ("--userless", "--account", "a" * 65, "--name", "CI"),
        ("--userless", "--account", "a\0", "--name", "CI"),
        (*ADA,),
        (*ADA, "--name", "CI", "--kind", "session"),
        (*ADA, "--name", "CI", "--expires", "tomorrow"),
        (*ADA, "--name", "CI", "--service", "nothing"),
        (*ADA, "--name", "CI", "--scope", "read"),
        (*ADA, "--name", "CI", "--service", "tmy"),
        (*ADA, "--name", "CI", "--service", "tmy", "--scope", "write"),
    ],
)
@pytest.mark.usefixtures("ada")
def test_a_wrong_command_line_makes_no_token(app: Flask, args: tuple[str, ...]) -> None:
    result = run(app, "token", "generate", *args, code=2)
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert answer(app, "token", "list") == []


def test_what_the_rules_refuse_is_said_in_their_sentence(anywhere: Flask) -> None:
    generate(anywhere, "CI")
    for args, sentence in [
        (("--name", "CI"), "The owner already has a token called “CI”"),
        (("--name", " "), "Enter a name."),
        (("--name", "\udcff"), "signs and spaces only"),
        (("--name", "A", "--kind", "access"), "need an expiry date"),
        (("--name", "A", "--expires", "2001-01-31"), "after today"),
    ]:
        result = run(anywhere, "token", "generate", *ADA, *args, code=1)
        assert result.stdout == ""
        assert sentence in result.stderr
    assert len(answer(anywhere, "token", "list")) == 1


@pytest.mark.usefixtures("ada")
def test_without_a_subscription_the_way_to_one_is_told(app: Flask) -> None:
    scope = ("--service", "tmy", "--scope", "read")
    args = ("token", "generate", *ADA, "--name", "CI", *scope)
    refused = run(app, *args, code=1)
    command = refused.stderr.partition("flask apitokens ")[2].split()
    run(app, *command)
    run(app, *args)


def test_a_kind_that_is_not_offered_is_refused(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_KINDS=("access",), APITOKENS_EXPIRY_DEFAULT=30)
    hosts.create_user(app, "ada@example.com")
    made = generate(app, "CI")
    assert made["kind"] == "access"
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    args = ("token", "generate", *ADA, "--name", "B", "--kind", "api")
    assert "offers access only" in run(app, *args, code=2).stderr
    args = ("token", "generate", *ADA, "--name", "B", "--expires", "never")
    assert "need an expiry date" in run(app, *args, code=1).stderr


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T12:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00+05:45", datetime(2027, 1, 31, 6, 15, tzinfo=UTC)),
        ("never", "never"),
    ],
)
def test_an_expiry_is_a_moment(text: str, moment: object) -> None:
    assert parse_expiry(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "90", "-1d", "d", "999999999d", "٣d", "2027-02-30", "2027-01-31T12:00"),
        *("9999-12-31T23:00-05:00", "12:00Z", "soon", "Never", "\u202e"),
    ],
)
def test_another_expiry_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="90d, 2027-01-31"):
        parse_expiry(text)


# -- owners --------------------------------------------------------------------


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_an_owner_is_found_by_key_and_by_email(
    make_app: MakeApp, database_url: str, user_key: hosts.UserKey
) -> None:
    app = make_app(database_url, user_key=user_key)
    ada = hosts.create_user(app, "ada@example.com")
    hosts.create_user(app, "grace@example.com")
    by_key = generate(app, "one", owner=str(ada.id))
    by_email = generate(app, "two")
    key = ada.id if user_key == "int" else str(ada.id)
    assert by_key["owner_id"] == by_email["owner_id"] == key
    assert by_key["owner"] == "ada@example.com"


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_an_unknown_owner_is_an_error(
    make_app: MakeApp, database_url: str, user_key: hosts.UserKey
) -> None:
    app = make_app(database_url, user_key=user_key)
    hosts.create_user(app, "ada@example.com")
    odd = ("", " ", "%", "ada", "-1", "9" * 17, "9" * 99, "١", "\0", "\udcff", "🦉")
    for text in (*odd, "00000000-0000-0000-0000-000000000000", "\u202eada"):
        result = run(app, "token", "list", "--owner", text, code=2)
        assert "no user has the key, email, username or name" in result.stderr
        assert result.stdout == ""
        assert "\u202e" not in result.stderr


def test_an_owner_who_could_be_two_is_an_error(make_app: MakeApp) -> None:
    app = make_app(user_key="str")
    hosts.create_user(app, "ada@example.com", id="a")
    hosts.create_user(app, "grace@example.com", id="ada@example.com")
    args = ("token", "generate", *ADA, "--name", "CI")
    result = run(app, *args, code=2)
    assert "more than one user" in result.stderr
    assert "a (ada@example.com)" in result.stderr
    assert answer(app, "token", "list") == []


# -- token list and show -------------------------------------------------------


def test_the_list_is_everybodys_unless_told(anywhere: Flask) -> None:
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


def test_the_list_tells_a_status_as_the_guard_does(
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


def test_the_list_finds_each_status(anywhere: Flask) -> None:
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
def test_a_long_list_costs_as_many_statements_as_a_short_one(app: Flask) -> None:
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
def test_the_table_is_aligned_and_cannot_garble_the_terminal(app: Flask) -> None:
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
def test_the_table_takes_any_encoding(app: Flask) -> None:
    generate(app, "日本")
    runner = app.test_cli_runner(charset="latin-1")
    result = runner.invoke(args=["apitokens", "token", "list"])
    assert result.exit_code == 0
    assert "\\u65e5\\u672c" in result.stdout


def test_what_is_not_text_is_written_out() -> None:
    hidden = "\x1b[2J\u202e\u2066\u200d\u2028\udcff\n"
    shown = printable(f"é日🦉 {hidden}")
    assert shown.isprintable()
    assert shown.startswith("é日🦉 \\x1b[2J\\u202e")


@pytest.mark.usefixtures("ada")
def test_an_empty_list_is_said_beside_stdout(app: Flask) -> None:
    result = run(app, "token", "list")
    assert result.stdout == ""
    assert "0 in all" in result.stderr


def test_show_tells_facts_and_events(anywhere: Flask) -> None:
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


# -- token rename, revoke, delete ----------------------------------------------


@pytest.mark.parametrize("owner", ["ada@example.com", None])
def test_tokens_are_renamed_revoked_and_deleted_by_id(
    anywhere: Flask, owner: str | None
) -> None:
    made = generate(anywhere, "CI", owner=owner)
    renamed = answer(anywhere, "token", "rename", made["id"], "nightly")
    assert renamed["name"] == "nightly"
    assert call(anywhere, made["token"]).status_code == 200
    [revoked] = answer(anywhere, "token", "revoke", made["id"])
    assert revoked["status"] == "revoked"
    assert call(anywhere, made["token"]).json["code"] == "token_revoked"
    again = run(anywhere, "token", "revoke", made["id"])
    assert "Was revoked before" in again.stderr
    late = run(anywhere, "token", "rename", made["id"], "late", code=1)
    assert "is revoked" in late.stderr
    [deleted] = answer(anywhere, "token", "delete", made["id"], "--yes")
    assert (deleted["id"], deleted["status"]) == (made["id"], "deleted")
    assert call(anywhere, made["token"]).json["code"] == "invalid_token"
    assert answer(anywhere, "token", "list") == []


def test_several_tokens_end_together_or_not_at_all(anywhere: Flask) -> None:
    ids = [generate(anywhere, name)["id"] for name in ("A", "B", "C")]
    for verb in (["revoke"], ["delete", "--yes"]):
        refused = run(anywhere, "token", *verb, *ids, "000000000000", "x", code=1)
        assert "000000000000, x" in refused.stderr
        assert not any(token_id in refused.stderr for token_id in ids)
    listed = answer(anywhere, "token", "list")
    assert [token["status"] for token in listed] == ["active"] * 3
    run(anywhere, "token", "revoke", *ids, ids[0])
    assert len(answer(anywhere, "token", "delete", "--yes", *ids[:2], ids[0])) == 2
    [left] = answer(anywhere, "token", "list")
    assert (left["id"], left["status"]) == (ids[2], "revoked")


@pytest.mark.parametrize(
    "args",
    [("show",), ("rename", "name"), ("revoke",), ("delete", "--yes")],
    ids=lambda args: str(args[0]),
)
def test_an_unknown_id_is_named(anywhere: Flask, args: tuple[str, ...]) -> None:
    verb, *rest = args
    for token_id in ("000000000000", "🦉", "\udcff", "' OR 1=1", "A" * 999):
        result = run(anywhere, "token", verb, token_id, *rest, code=1)
        assert f"No token has the id {printable(token_id)[:80]}." in result.stderr
        assert result.stdout == ""


@pytest.mark.usefixtures("ada")
def test_a_whole_token_in_place_of_its_id_is_not_repeated(app: Flask) -> None:
    plaintext = generate(app, "CI")["token"]
    result = run(app, "token", "revoke", plaintext, code=2)
    assert "whole token" in result.stderr
    assert plaintext.split("_")[2] not in result.output


def test_a_name_that_is_taken_is_refused(anywhere: Flask) -> None:
    generate(anywhere, "A")
    token_id = generate(anywhere, "B")["id"]
    result = run(anywhere, "token", "rename", token_id, "A", code=1)
    assert "already has a token called “A”" in result.stderr
    assert answer(anywhere, "token", "show", token_id)["name"] == "B"


@pytest.mark.usefixtures("ada")
def test_nobody_to_ask_means_no_deletion(app: Flask) -> None:
    token_id = generate(app, "CI")["id"]
    result = run(app, "token", "delete", token_id, code=2, input="y\n")
    assert "--yes" in result.stderr
    assert len(answer(app, "token", "list")) == 1


@pytest.mark.parametrize(
    ("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("", 1, 1)]
)
@pytest.mark.usefixtures("ada")
def test_a_deletion_is_confirmed(
    app: Flask, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    monkeypatch.setattr(cli_session, "is_interactive", lambda: True)
    token_id = generate(app, "CI")["id"]
    args = ("token", "delete", token_id)
    result = run(app, *args, code=code, input=typed)
    assert f"{token_id} “CI” of ada@example.com" in result.stderr
    assert len(answer(app, "token", "list")) == left


@pytest.mark.usefixtures("ada")
def test_an_unknown_id_is_told_before_anybody_is_asked(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_session, "is_interactive", lambda: True)
    result = run(app, "token", "delete", "000000000000", code=1, input="y\n")
    assert "000000000000" in result.stderr
    assert "Delete?" not in result.stderr


# -- service and subscription --------------------------------------------------


def test_services_are_listed(app: Flask) -> None:
    tmy, timeseries = answer(app, "service", "list")
    assert (tmy["slug"], tmy["name"]) == ("tmy", "TMY data")
    assert tmy["scopes"] == {"read": "Download TMY files"}
    assert timeseries["default_active"] is False
    header, *lines = run(app, "service", "list").stdout.splitlines()
    assert header.split()[:2] == ["SLUG", "NAME"]
    assert [line.split()[0] for line in lines] == ["tmy", "timeseries"]


def test_a_host_without_services_says_so(make_app: MakeApp) -> None:
    app = make_app(services=False)
    hosts.create_user(app, "ada@example.com")
    assert answer(app, "service", "list") == []
    assert answer(app, "subscription", "list", *ADA) == []
    for args in (("service", "list"), ("subscription", "list", *ADA)):
        result = run(app, *args)
        assert "declares no services" in result.stderr
        assert result.stdout == ""


def test_subscriptions_are_switched(anywhere: Flask) -> None:
    def active() -> dict[str, bool]:
        rows = answer(anywhere, "subscription", "list", *ADA)
        return {row["service"]: row["active"] for row in rows}

    assert active() == {"tmy": False, "timeseries": False}
    [row] = answer(anywhere, "subscription", "activate", *ADA, "tmy")
    assert (row["owner"], row["service"]) == ("ada@example.com", "tmy")
    assert row["changed_by"] == cli_session.current_actor().label
    assert active() == {"tmy": True, "timeseries": False}
    run(anywhere, "subscription", "activate", *ADA, "tmy", "timeseries")
    assert active() == {"tmy": True, "timeseries": True}
    told = run(anywhere, "subscription", "deactivate", *ADA, "tmy")
    assert "tmy is off for ada@example.com" in told.stderr
    assert active() == {"tmy": False, "timeseries": True}
    table = run(anywhere, "subscription", "list", *ADA).stdout.splitlines()
    assert table[1].split()[:4] == ["tmy", "TMY", "data", "no"]


def test_an_unknown_service_is_not_switched(anywhere: Flask) -> None:
    args = ("subscription", "activate", *ADA, "tmy", "nothing")
    result = run(anywhere, *args, code=2)
    assert "“nothing” is not a service; there are tmy, timeseries" in result.stderr
    rows = answer(anywhere, "subscription", "list", *ADA)
    assert not any(row["active"] for row in rows)


# -- the surroundings ----------------------------------------------------------


def test_missing_tables_are_named_with_the_way_to_make_them(
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


def test_a_database_that_is_away_is_said(app: Flask, user: Any) -> None:
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


def test_another_fault_of_the_database_is_said_without_its_values(
    anywhere: Flask,
) -> None:
    with anywhere.app_context():
        engine = hosts.host_of(anywhere).db.engine

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def spoil(_connection: Any, _cursor: Any, statement: str, *rest: Any) -> Any:
        return statement.replace("INTO apitokens_token", "INTO nothing"), rest[0]

    result = run(anywhere, "token", "generate", *ADA, "--name", "CI", code=1)
    assert "The database refused: " in result.stderr
    assert "$2b$" not in result.output
    assert answer(anywhere, "token", "list") == []


@pytest.mark.usefixtures("ada")
def test_a_fault_of_the_host_rolls_everything_back(app: Flask) -> None:
    def fail(*args: Any, **values: Any) -> None:
        raise RuntimeError("the host's own")

    with signals.token_generated.connected_to(fail, app):
        result = app.test_cli_runner().invoke(
            args=["apitokens", "token", "generate", *ADA, "--name", "CI"]
        )
    assert isinstance(result.exception, RuntimeError)
    assert result.stdout == ""
    assert answer(app, "token", "list") == []


@pytest.mark.usefixtures("ada")
def test_a_locale_that_needs_a_request_does_not_matter(app: Flask) -> None:
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(["de"]))
    args = ("token", "generate", *ADA, "--name", " ")
    assert "Enter a name." in run(app, *args, code=1).stderr
    generate(app, "CI")


@pytest.mark.usefixtures("ada")
def test_a_process_without_an_account_has_a_label_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert generate(app, "CI")["created_by"] == f"cli:uid-{os.getuid()}"


def test_the_actor_fits_into_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "\udcff" + "x" * 300)
    label = cli_session.current_actor().label
    assert label.startswith("cli:\\udcffxxx")
    assert len(label) == 255


def test_a_failing_note_does_not_take_the_token_back(
    anywhere: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with anywhere.app_context():
        engine = hosts.host_of(anywhere).db.engine

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def spoil(_connection: Any, _cursor: Any, statement: str, *rest: Any) -> Any:
        return statement.replace("shown_at IS NULL", "shown_at IS NOTHING"), rest[0]

    result = run(anywhere, "token", "generate", *ADA, "--name", "CI")
    assert call(anywhere, result.stdout.strip()).status_code == 200
    assert "The database refused" in result.stderr


# -- as a process --------------------------------------------------------------

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


def tell(app, token, actor):
    print("the host prints on stdout")
    app.logger.info("generated %s", token.id)
"""


@pytest.fixture
def flask(app: Flask, user: Any, tmp_path: Path) -> Any:
    """Runs ``flask apitokens …`` as a process, in a host that logs to stdout."""
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


def test_a_shell_variable_holds_the_token_and_nothing_else(
    app: Flask, flask: Any
) -> None:
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


def test_a_deletion_without_a_terminal_needs_yes(app: Flask, flask: Any) -> None:
    token_id = generate(app, "CI")["id"]
    assert flask("token", "delete", token_id).returncode == 2
    assert len(answer(app, "token", "list")) == 1
    assert flask("token", "delete", token_id, "--yes").returncode == 0
    assert answer(app, "token", "list") == []


def test_a_plaintext_that_nobody_could_read_is_said(app: Flask, flask: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        done = flask("token", "generate", *ADA, "--name", "CI", stdout=broken)
    [token] = answer(app, "token", "list")
    assert done.returncode == 1
    assert f"flask apitokens token revoke {token['id']}" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert token["shown_at"] is None


# -- administration ------------------------------------------------------------


@pytest.fixture
def accounts(make_app: MakeApp, database_url: str) -> Flask:
    """A host with two accounts on each database, which keeps what people are told."""
    told: list[Any] = []
    app = make_app(
        database_url,
        plugin={
            "account_of": lambda user: user.email.partition("@")[2].partition(".")[0],
            "on_notice": told.append,
        },
    )
    app.extensions["told"] = told
    for email in ("ada@example.com", "eve@other.org"):
        hosts.create_user(app, email)
    return app


def test_tokens_are_deactivated_and_activated(accounts: Flask) -> None:
    made = [generate(accounts, name) for name in ("one", "two")]
    ids = [token["id"] for token in made]
    run(accounts, "token", "deactivate", *ids, code=2)
    refused = run(accounts, "token", "deactivate", *ids, "--reason", " ", code=1)
    assert "Enter a reason." in refused.stderr
    stopped = answer(accounts, "token", "deactivate", *ids, "--reason", "Leaked")
    facts = [(t["status"], t["deactivated_reason"]) for t in stopped]
    assert facts == [("deactivated", "Leaked")] * 2
    assert call(accounts, made[0]["token"]).status_code == 401
    told = accounts.extensions["told"]
    assert [n.reason for n in told if n.kind == "token_deactivated"] == ["Leaked"] * 2
    again = run(accounts, "token", "deactivate", ids[0], "--reason", "Other")
    assert "Was inactive before" in again.stderr
    [working] = answer(accounts, "token", "activate", ids[0])
    assert (working["status"], working["deactivated_at"]) == ("active", None)
    assert call(accounts, made[0]["token"]).status_code == 200
    run(accounts, "token", "revoke", ids[1])
    for act in (("activate",), ("deactivate", "--reason", "x")):
        result = run(accounts, "token", *act, *ids, code=1)
        assert f"{ids[1]} is revoked" in result.stderr
    assert call(accounts, made[0]["token"]).status_code == 200, "all or none"


def test_a_service_is_switched_for_an_account(accounts: Flask) -> None:
    run(accounts, "subscription", "activate", *ADA, "tmy")
    scope = ("--service", "tmy", "--scope", "read")
    made = generate(accounts, "CI", *scope)
    here = ("--account", "example")
    run(accounts, "service", "disable", "tmy", code=2)
    run(accounts, "service", "disable", "nothing", *here, code=2)
    [off] = answer(accounts, "service", "disable", "tmy", *here)
    assert (off["slug"], off["active"]) == ("tmy", False)
    assert call(accounts, made["token"], "/api/tmy").status_code == 403
    both = [row["active"] for row in answer(accounts, "service", "list", *here)]
    assert both == [False, True]
    everywhere = answer(accounts, "service", "list")
    assert [row["off_in"] for row in everywhere] == [["example"], []]
    assert answer(accounts, "service", "list", "--account", "other")[0]["active"]
    # Neither a subscription nor an owner would help: the way out is told.
    for whose in (("--userless", *here), ADA):
        args = ("token", "generate", *whose, "--name", "B", *scope)
        refused = run(accounts, *args, code=1)
        command = refused.stderr.partition("flask apitokens ")[2].split()
        assert command == ["service", "enable", "tmy", "--account", "example"]
    for nowhere in ("exampel", "nosuch"):
        refused = run(
            accounts, "service", "disable", "tmy", "--account", nowhere, code=1
        )
        said = f"No user and no token belongs to the account {nowhere}."
        assert said in refused.stderr
        assert "is off" not in refused.output
    told = run(accounts, *command)
    assert "tmy is on for the account example." in told.stderr
    assert call(accounts, made["token"], "/api/tmy").status_code == 200
    generate(accounts, "bot", *here, *scope, owner=None)


def test_a_userless_token_is_of_an_account_there_is(accounts: Flask) -> None:
    """In any other it would work, and no administrator would see it."""
    args = ("token", "generate", "--userless", "--name", "Box")
    unnamed = run(accounts, *args, code=2)
    assert "Say in which account: --account ID." in unnamed.stderr
    mistyped = run(accounts, *args, "--account", "exmaple", code=1)
    assert "No user and no token belongs to the account exmaple." in mistyped.stderr
    assert answer(accounts, "token", "list") == []
    made = answer(accounts, *args, "--account", "example")
    assert made["account_id"] == "example"


def test_a_host_without_accounts_needs_none_named(anywhere: Flask) -> None:
    told = run(anywhere, "service", "disable", "tmy", "timeseries")
    assert "tmy is off for every user." in told.stderr
    assert [s["active"] for s in answer(anywhere, "service", "list")] == [False, False]
    scope = ("--service", "tmy", "--scope", "read")
    args = ("token", "generate", "--userless", "--name", "B", *scope)
    assert run(anywhere, *args, code=1).stderr.endswith("service enable tmy\n")


def test_a_services_users_are_listed(accounts: Flask) -> None:
    run(accounts, "subscription", "activate", *ADA, "tmy")
    run(accounts, "subscription", "deactivate", "--owner", "eve@other.org", "tmy")

    def listed(*args: str) -> list[tuple[str, bool]]:
        rows = answer(accounts, "subscription", "list", "--service", "tmy", *args)
        return [(row["owner"], row["active"]) for row in rows]

    assert listed() == [("ada@example.com", True), ("eve@other.org", False)]
    assert listed("--account", "example") == [("ada@example.com", True)]
    assert listed("--account", "none") == []
    run(accounts, "service", "disable", "tmy", "--account", "example")
    assert listed("--account", "example") == [("ada@example.com", False)]
    args = ("subscription", "list")
    table = run(accounts, *args, "--service", "tmy").stdout.splitlines()
    assert table[0].split()[:2] == ["OWNER", "SERVICE"]
    run(accounts, *args, code=2)
    run(accounts, *args, *ADA, "--service", "tmy", code=2)
    run(accounts, *args, *ADA, "--account", "example", code=2)


def test_requests_are_listed_and_decided(accounts: Flask) -> None:
    host = hosts.host_of(accounts)
    with accounts.app_context():
        for user in host.db.session.query(host.user_model).order_by("id"):
            for slug in ("tmy", "timeseries"):
                host.apitokens.request_access(user, slug, f"{slug} please")
        host.db.session.commit()
    told = accounts.extensions["told"]
    assert [n.kind for n in told] == ["access_requested"] * 4
    asked = answer(accounts, "subscription", "requests")
    assert [(r["owner"], r["service"], r["reason"]) for r in asked[:2]] == [
        ("ada@example.com", "tmy", "tmy please"),
        ("ada@example.com", "timeseries", "timeseries please"),
    ]
    args = ("subscription", "requests", "--account", "other")
    assert [r["owner"] for r in answer(accounts, *args)] == ["eve@other.org"] * 2
    ids = [str(r["id"]) for r in asked]
    result = run(accounts, "subscription", "approve", ids[0], "999", code=1)
    assert "No request has the id 999." in result.stderr
    assert len(answer(accounts, "subscription", "requests")) == 4, "all or none"
    run(accounts, "subscription", "approve", "x", code=2)
    run(accounts, "subscription", "approve", "9" * 30, code=1)
    here = ("--account", "example")
    run(accounts, "service", "disable", "tmy", *here)
    off = run(accounts, "subscription", "approve", ids[0], "--json")
    assert "tmy is off for the whole account" in off.stderr
    [approved] = json.loads(off.stdout)
    run(accounts, "service", "enable", "tmy", *here)
    assert (approved["service"], approved["decision"]) == ("tmy", "approved")
    no = run(accounts, "subscription", "decline", *ids[1:3], "--reason", "No seat")
    assert "Declined: ada@example.com, timeseries." in no.stderr
    assert [(n.kind, n.reason) for n in told[4:]] == [
        ("access_approved", ""),
        ("access_declined", "No seat"),
        ("access_declined", "No seat"),
    ]
    rows = answer(accounts, "subscription", "list", *ADA)
    assert [row["active"] for row in rows] == [True, False]
    again = run(accounts, "subscription", "decline", ids[0], code=1)
    assert "was decided or withdrawn already" in again.stderr
    run(accounts, "subscription", "approve", ids[3])
    empty = run(accounts, "subscription", "requests")
    assert (empty.stdout, empty.stderr) == ("", "No one is waiting for access.\n")


def test_a_request_stays_in_the_account_it_was_made_in(accounts: Flask) -> None:
    host = hosts.host_of(accounts)
    with accounts.app_context():
        users = host.db.session.query(host.user_model)
        ada = users.filter_by(email="ada@example.com").one()
        number = str(host.apitokens.request_access(ada, "tmy", "internal").id)
        ada.email = "ada@other.org"
        host.db.session.commit()
    for there in ((), ("--account", "other"), ("--account", "example")):
        assert answer(accounts, "subscription", "requests", *there) == []
    for decision in ("approve", "decline"):
        left = run(accounts, "subscription", decision, number, code=1)
        assert f"request {number} has left the account" in left.stderr
    owner = ("--owner", "ada@other.org")
    rows = answer(accounts, "subscription", "list", *owner)
    assert [row["active"] for row in rows] == [False, False]


def test_a_request_of_who_is_gone_is_nobodys(app: Flask, user: Any) -> None:
    """Where a database kept no foreign keys while the user was deleted."""
    host = hosts.host_of(app)
    with app.app_context():
        mine = host.db.session.get(host.user_model, user.id)
        row = host.apitokens.request_access(mine, "tmy", "please")
        host.db.session.commit()
        number = str(row.id)
        host.db.session.execute(delete(host.user_model))
        host.db.session.commit()
    for decision in ("approve", "decline"):
        gone = run(app, "subscription", decision, number, code=1)
        assert gone.stderr == f"Error: Who made request {number} no longer exists.\n"
    assert "No one is waiting" in run(app, "subscription", "requests").stderr


def test_the_audit_log_is_listed(accounts: Flask) -> None:
    token_id = generate(accounts, "CI \u202eevil")["id"]
    generate(accounts, "hers", owner="eve@other.org")
    run(accounts, "token", "rename", token_id, "CI")
    run(accounts, "token", "delete", token_id, "--yes")

    def actions(*args: str) -> list[str]:
        return [row["action"] for row in answer(accounts, "audit", "list", *args)]

    assert actions() == ["deleted", "renamed", "generated", "generated"]
    assert actions("--account", "other") == ["generated"]
    assert (
        actions(*ADA)
        == actions("--token", token_id)
        == [
            *("deleted", "renamed", "generated"),
        ]
    )
    assert actions("--action", "renamed", "--action", "deleted") == actions()[:2]
    assert actions("--since", "2001-01-31") == actions("--since", "2001-01-31T12:00Z")
    assert actions("--since", "9999-01-01") == []
    newest = answer(accounts, "audit", "list", "--limit", "1")[0]
    assert newest["actor"] == cli_session.current_actor().label
    assert (newest["subject"], newest["token_name"]) == ("ada@example.com", "CI")
    assert actions("--before", str(newest["id"])) == actions()[1:]
    for odd in ("nothing", "\0", "é", "%"):
        assert actions("--token", odd) == []
    table = run(accounts, "audit", "list").stdout
    assert "\u202e" not in table
    assert "\\u202e" in table
    more = run(accounts, "audit", "list", "--limit", "2").stderr
    assert "--before" in more


@pytest.mark.usefixtures("ada")
def test_a_wrong_audit_line_is_refused(app: Flask) -> None:
    plaintext = generate(app, "CI")["token"]
    for args in (
        ("--since", "yesterday"),
        ("--since", "2026-02-30"),
        ("--since", "2026-01-01T12:00"),
        ("--action", "exploded"),
        ("--limit", "0"),
        ("--before", "9" * 30),
        ("--owner", "no-such-user"),
        ("--account", ""),
        ("--token", plaintext),
    ):
        result = run(app, "audit", "list", *args, code=2)
        assert result.stdout == ""
        assert plaintext not in result.output


def test_the_audit_log_is_pruned(make_app: MakeApp, database_url: str) -> None:
    app = make_app(database_url, APITOKENS_AUDIT_RETENTION_DAYS=30)
    hosts.create_user(app, "ada@example.com")
    for name in ("one", "two"):
        generate(app, name)
    with app.app_context():
        session = hosts.host_of(app).db.session
        model = app.extensions["apitokens"].models.Event
        oldest = session.query(model).order_by(model.id).first()
        oldest.at = datetime.now(UTC) - timedelta(days=31)
        session.commit()
    assert answer(app, "audit", "prune") == {"removed": 1, "retention_days": 30}
    assert "Removed 0 events older than 30 days." in run(app, "audit", "prune").stderr
    with app.app_context():
        assert session.query(model).count() == 1


@pytest.mark.usefixtures("ada")
def test_without_retention_nothing_is_pruned(app: Flask) -> None:
    generate(app, "CI")
    assert "RETENTION_DAYS is not set" in run(app, "audit", "prune").stderr
    assert len(answer(app, "audit", "list")) == 1
