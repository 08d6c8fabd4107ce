"""The commands of an administrator, in an application with accounts."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from flask_apitokens.cli import session as cli_session
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run
from tests.conftest import MakeApp


@pytest.fixture
def accounts(make_app: MakeApp, database_url: str) -> Flask:
    """Return a host with two accounts on each database, which keeps its notices."""
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


def test_service_is_switched_for_one_account(accounts: Flask) -> None:
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


def test_userless_token_needs_an_account_that_exists(accounts: Flask) -> None:
    """In another account it would work, and no administrator would see it."""
    args = ("token", "generate", "--userless", "--name", "Box")
    unnamed = run(accounts, *args, code=2)
    assert "Say in which account: --account ID." in unnamed.stderr
    mistyped = run(accounts, *args, "--account", "exmaple", code=1)
    assert "No user and no token belongs to the account exmaple." in mistyped.stderr
    assert answer(accounts, "token", "list") == []
    made = answer(accounts, *args, "--account", "example")
    assert made["account_id"] == "example"


def test_service_disable_without_accounts_needs_no_account(anywhere: Flask) -> None:
    told = run(anywhere, "service", "disable", "tmy", "timeseries")
    assert "tmy is off for every user." in told.stderr
    assert [s["active"] for s in answer(anywhere, "service", "list")] == [False, False]
    scope = ("--service", "tmy", "--scope", "read")
    args = ("token", "generate", "--userless", "--name", "B", *scope)
    assert run(anywhere, *args, code=1).stderr.endswith("service enable tmy\n")


def test_subscription_list_has_the_users_of_a_service(accounts: Flask) -> None:
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


def test_access_requests_are_listed_and_decided(accounts: Flask) -> None:
    host = hosts.host_of(accounts)
    with accounts.app_context():
        for user in host.db.session.query(host.user_model).order_by("id"):
            for slug in ("tmy", "timeseries"):
                host.apitokens.request_access(user, slug, reason=f"{slug} please")
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


def test_access_request_of_a_user_who_changed_account_is_refused(
    accounts: Flask,
) -> None:
    host = hosts.host_of(accounts)
    with accounts.app_context():
        users = host.db.session.query(host.user_model)
        ada = users.filter_by(email="ada@example.com").one()
        number = str(host.apitokens.request_access(ada, "tmy", reason="internal").id)
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


def test_access_request_of_a_deleted_user_is_refused(app: Flask, user: Any) -> None:
    """A database without foreign keys keeps the request of a deleted user."""
    host = hosts.host_of(app)
    with app.app_context():
        mine = host.db.session.get(host.user_model, user.id)
        row = host.apitokens.request_access(mine, "tmy", reason="please")
        host.db.session.commit()
        number = str(row.id)
        host.db.session.execute(delete(host.user_model))
        host.db.session.commit()
    for decision in ("approve", "decline"):
        gone = run(app, "subscription", decision, number, code=1)
        assert gone.stderr == f"Error: Who made request {number} no longer exists.\n"
    assert "No one is waiting" in run(app, "subscription", "requests").stderr


def test_audit_list_filters_events(accounts: Flask) -> None:
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
def test_audit_list_refuses_wrong_options(app: Flask) -> None:
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


def test_audit_prune_removes_old_events(make_app: MakeApp, database_url: str) -> None:
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
def test_audit_prune_without_retention_removes_nothing(app: Flask) -> None:
    generate(app, "CI")
    assert "RETENTION_DAYS is not set" in run(app, "audit", "prune").stderr
    assert len(answer(app, "audit", "list")) == 1
