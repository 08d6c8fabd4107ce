"""Userless tokens, and every token of an account: found, stopped, started, ended."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from bs4 import Tag
from flask import Flask
from sqlalchemy import inspect

from flask_apitokens import Notice
from tests import administration
from tests import bearing
from tests.administration import OTHER
from tests.administration import A
from tests.administration import generate_in
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import names
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import subscribe
from tests.pages import text_of

USERLESS = "services/tmy/userless"


def make(app: Flask, owner: Any, name: str) -> tuple[str, str]:
    """A token of the service: id and plaintext."""
    values: dict[str, Any] = {"name": name, "service": "tmy", "scopes": ["read"]}
    if owner is None:
        return administration.generate_userless(app, **values)
    return bearing.generate(app, owner, **values)


def call(app: Flask, plaintext: str) -> str:
    """What the guard answers."""
    response = app.test_client().get("/api/tmy", headers=bearer(plaintext))
    return "200" if response.status_code == 200 else bearing.code(response)


def column(app: Flask, name: str, **where: Any) -> list[Any]:
    """One column of the tokens."""
    return administration.column(app, "Token", name, **where)


def test_userless_token_is_generated_renamed_revoked_and_deleted(
    app: Flask, boss: Visitor
) -> None:
    answer = generate_in(boss, f"{USERLESS}/new", USERLESS)
    assert answer.status_code == 201
    plaintext = plaintext_in(answer)
    assert call(app, plaintext) == "200"
    [token_id] = column(app, "id")
    assert column(app, "name") == ["TMY data 1"]
    assert column(app, "owner_id") == [None]
    assert column(app, "account_id") == ["acme"]
    assert column(app, "created_by") == [boss.user.email]
    assert names(boss.without_script().get(USERLESS)) == ["TMY data 1"]
    boss.post(f"{USERLESS}/{token_id}/rename", name="Robot")
    assert column(app, "name") == ["Robot"]
    assert call(app, plaintext) == "200"
    boss.post(f"{USERLESS}/{token_id}/revoke")
    assert call(app, plaintext) == "token_revoked"
    boss.post(f"{USERLESS}/{token_id}/delete")
    assert column(app, "id") == []
    actions = administration.column(app, "Event", "action", token_id=token_id)
    assert actions == ["generated", "renamed", "revoked", "deleted"]


def test_userless_token_cannot_be_generated_for_a_service_that_is_off(
    app: Flask, boss: Visitor
) -> None:
    bearing.switch_service(app, "tmy", active=False, account="acme")
    assert boss.get(f"{USERLESS}/new").status_code in {403, 409}
    answer = boss.post(USERLESS, kind="api", expiry="never", scope="read")
    assert answer.status_code in {400, 403, 409}
    assert column(app, "id") == []


def test_all_tokens_can_be_searched_and_filtered(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    used, _ = make(app, ada, "Used")
    bearing.change(
        app, used, last_used_at=datetime.now(UTC), last_used_ip="203.0.113.7"
    )
    bearing.generate(app, ada, name="Plain")
    stopped, _ = make(app, None, "Stopped")
    administration.deactivate(app, stopped)
    eve = administration.create_user(app, "eve", OTHER)
    bearing.generate(app, eve, name="Eve's")
    for query, found in (
        ("", {"Used", "Plain", "Stopped"}),
        ("q=ada@acme", {"Used", "Plain"}),
        (f"q={used}", {"Used"}),
        ("q=203.0.113.7", {"Used"}),
        ("q=::ffff:203.0.113.7", {"Used"}),
        ("q=eve", set()),
        ("q=%00", {"Used", "Plain", "Stopped"}),
        ("status=deactivated", {"Stopped"}),
        ("status=active", {"Used", "Plain"}),
        ("status=nonsense", {"Used", "Plain", "Stopped"}),
        ("service=tmy", {"Used", "Stopped"}),
        ("kind=access", set()),
        ("use=never", {"Plain", "Stopped"}),
        ("use=unused", set()),
        ("page=99&q=used", {"Used"}),
    ):
        assert set(names(boss.get(f"tokens?{query}"))) == found, query


def test_token_is_deactivated_with_a_reason_and_activated_again(
    app: Flask, boss: Visitor, ada: Any, heard: list[Notice]
) -> None:
    token_id, plaintext = make(app, ada, "CI")
    at = f"tokens/{token_id}"
    question = boss.get(f"{at}/deactivate")
    assert one(question, "[name=reason]")
    assert "ada@acme.example" in question.text
    for reason in ("", "  ", "a\0b", "x" * 5000):
        refused = boss.post(f"{at}/deactivate", reason=reason)
        assert refused.status_code == 422
        field: Tag = one(refused, "[name=reason]")
        kept = field.get_text() or str(field.get("value") or "")
        assert kept.strip() == reason.replace("\0", "\ufffd")[:500].strip() or (
            "\0" in reason
        )
        assert call(app, plaintext) == "200"
    boss.post(f"{at}/deactivate", reason="Leaked <b>in</b> a log")
    assert call(app, plaintext) == "token_deactivated"
    assert [n.reason for n in heard] == ["Leaked <b>in</b> a log"]
    page = boss.without_script().get(at)
    assert "<b>in</b>" not in page.text
    assert boss.get(f"{at}/deactivate").status_code == 409
    assert boss.get(f"{at}/activate").status_code == 200
    assert call(app, plaintext) == "token_deactivated"
    boss.post(f"{at}/activate")
    assert call(app, plaintext) == "200"
    assert [n.kind for n in heard] == ["token_deactivated", "token_activated"]
    assert boss.get(f"{at}/activate").status_code == 409
    boss.post(f"{at}/revoke")
    assert call(app, plaintext) == "token_revoked"
    for act in ("deactivate", "activate"):
        assert boss.post(f"{at}/{act}", reason="x").status_code == 409


CAUSES = {
    "leaked": "It has leaked",
    "left": "Its user has left",
    "unused": "It is not used any more",
}


@pytest.mark.parametrize("cause", CAUSES)
def test_reason_that_is_offered_is_one_choice_and_stored_as_text(
    app: Flask, boss: Visitor, ada: Any, heard: list[Notice], cause: str
) -> None:
    ids = [make(app, ada, name)[0] for name in ("one", "two", "three")]
    question = boss.get(f"tokens/{ids[0]}/deactivate")
    offered = soup(question).select("[type=radio][name=cause]")
    assert [field["value"] for field in offered] == [*CAUSES, "other"]
    assert not any(field.has_attr("checked") for field in offered)
    boss.post(f"tokens/{ids[0]}/deactivate", cause=cause)
    boss.post("tokens/deactivate", id=ids[1], confirm="1", cause=cause)
    boss.post(f"tokens/{ids[2]}/deactivate", cause=cause, reason="Said Bob")
    stored = [CAUSES[cause], CAUSES[cause], f"{CAUSES[cause]}: Said Bob"]
    found = [column(app, "deactivated_reason", id=token_id) for token_id in ids]
    assert found == [[text] for text in stored]
    assert [notice.reason for notice in heard] == stored


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "Choose a reason or enter one."),
        ({"cause": "nonsense"}, "Choose a reason or enter one."),
        ({"cause": "other"}, "Enter a reason."),
        ({"cause": "other", "reason": " "}, "Enter a reason."),
        ({"cause": "leaked", "reason": "x" * 500}, "Use 500 characters or fewer."),
    ],
)
def test_deactivation_without_a_reason_is_refused_in_the_form(
    app: Flask, boss: Visitor, ada: Any, sent: dict[str, str], error: str
) -> None:
    ids = [make(app, ada, name)[0] for name in ("one", "two")]
    for path, fields in (
        (f"tokens/{ids[0]}/deactivate", {}),
        ("tokens/deactivate", {"id": ids, "confirm": "1"}),
    ):
        refused = boss.post(path, **fields, **sent)
        assert refused.status_code == 422
        assert error in text_of(refused, "[id$=reason-e]")
        chosen = [field["value"] for field in soup(refused).select("[checked]")]
        known = sent.get("cause") in {*CAUSES, "other"}
        assert chosen == ([sent["cause"]] if known else [])
        assert one(refused, "form:has([name=cause])").has_attr("novalidate")
    assert column(app, "deactivated_at") == [None, None]


@pytest.mark.parametrize("sends", [True, False])
def test_question_promises_a_message_only_if_the_host_sends_one(
    make_app: MakeApp, *, sends: bool
) -> None:
    plugin = {"on_notice": str} if sends else {}
    app = administration.administered(make_app, plugin=plugin)
    boss = administration.administrator(app)
    ada = administration.create_user(app, "ada")
    subscribe(app, ada, "tmy")
    subscribe(app, boss.user, "tmy")
    owners = {"ada": ada, "boss": boss.user, "userless": None}
    ids = {who: make(app, owner, who)[0] for who, owner in owners.items()}
    message = re.compile("gets? a message with your reason")
    for who in owners:
        asked = boss.get(f"tokens/{ids[who]}/deactivate").text
        assert bool(message.search(asked)) == (sends and who == "ada"), who
        assert ("Shown to the owner" in asked) == (who != "userless")
    for chosen in (["ada", "boss"], ["boss", "userless"], ["userless"]):
        asked = boss.post("tokens/deactivate", id=[ids[who] for who in chosen]).text
        assert bool(message.search(asked)) == (sends and "ada" in chosen)


def test_selected_tokens_are_deactivated_with_one_reason(
    app: Flask, boss: Visitor, ada: Any, heard: list[Notice]
) -> None:
    made = [make(app, ada, "one"), make(app, None, "two"), make(app, ada, "ended")]
    bearing.change(app, made[2][0], revoked_at=datetime.now(UTC))
    ids = [token_id for token_id, _ in made]
    question = boss.post("tokens/deactivate", id=ids)
    assert question.status_code == 200
    assert "2 tokens" in question.text
    refused = boss.post("tokens/deactivate", id=ids, confirm="1", reason=" ")
    assert refused.status_code == 422
    assert one(refused, "[name=reason]")
    assert len(refused.text.split(f'value="{ids[0]}"')) == 2, "the choice is kept"
    assert column(app, "deactivated_at") == [None] * 3
    boss.post("tokens/deactivate", id=ids, confirm="1", reason="Audit")
    assert [call(app, plain) for _, plain in made] == [
        "token_deactivated",
        "token_deactivated",
        "token_revoked",
    ]
    assert [inspect(n.user).identity for n in heard] == [(ada.id,)]
    assert boss.post("tokens/deactivate", reason="x").status_code == 422
    gone = boss.post("tokens/deactivate", id=ids[2], confirm="1", reason="x")
    assert gone.status_code == 409


def test_search_for_a_whole_token_keeps_only_its_id(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    token_id, plaintext = make(app, ada, "CI")
    answer = boss.without_script().get(f"tokens?q={plaintext}")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{A}tokens?q={token_id}"
    assert plaintext not in boss.get(f"tokens?q={plaintext}").text
