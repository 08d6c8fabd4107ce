"""Subscriptions that an administrator saves, and the tokens made for a user."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect

from flask_apitokens import Notice
from tests import administration
from tests import bearing
from tests.administration import A
from tests.administration import generate_in
from tests.bearing import bearer
from tests.pages import U
from tests.pages import Visitor
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import visible_text
from tests.pages import visitor

USERS = "services/tmy/users"


@pytest.fixture
def bob(app: Flask) -> Any:
    """A user who does not use it."""
    return administration.create_user(app, "bob")


def saved(app: Flask) -> dict[int, bool]:
    """Who is subscribed."""
    users = administration.column(app, "Subscription", "user_id", service="tmy")
    states = administration.column(app, "Subscription", "active", service="tmy")
    return dict(zip(users, states, strict=True))


def call(app: Flask, plaintext: str) -> str:
    """What the guard answers."""
    response = app.test_client().get("/api/tmy", headers=bearer(plaintext))
    return "200" if response.status_code == 200 else bearing.code(response)


def done(boss: Visitor) -> set[int]:
    """The status of an answer that says it was done."""
    return {200} if boss.htmx else {303}


# -- saving --------------------------------------------------------------------


def test_turning_on_needs_no_question(
    app: Flask, boss: Visitor, ada: Any, bob: Any
) -> None:
    page = boss.without_script().get(USERS)
    row = next(r for r in soup(page).select("tbody tr") if "bob@" in visible_text(r))
    assert "/new" not in str(row), "generated before it was saved"
    assert saved(app) == {ada.id: True}
    keys = [str(ada.id), str(bob.id)]
    answer = boss.post(USERS, row=keys, was=keys[:1], active=keys)
    assert answer.status_code in done(boss)
    assert saved(app) == {ada.id: True, bob.id: True}
    page = boss.without_script().get(USERS)
    assert "1 user turned on." in answer.text + page.text
    row = next(r for r in soup(page).select("tbody tr") if "bob@" in visible_text(r))
    assert f"{A}{USERS}/{bob.id}/new" in str(row)
    [event] = [
        label
        for label, action in zip(
            administration.column(app, "Event", "actor_label"),
            administration.column(app, "Event", "action"),
            strict=True,
        )
        if action == "subscription-activated" and label != "system"
    ]
    assert event == boss.user.email


def test_turning_off_asks_first_and_counts_the_tokens(
    app: Flask, boss: Visitor, ada: Any, bob: Any
) -> None:
    tmy: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
    _, plaintext = bearing.generate(app, ada, **tmy)
    bearing.generate(app, ada, **tmy)
    keys = [str(ada.id), str(bob.id)]
    question = boss.post(USERS, row=keys, was=keys[:1], active=keys[1:])
    assert question.status_code == 200
    assert "2 tokens stop working when you save" in question.text
    assert "ada@acme.example" in question.text
    assert saved(app) == {ada.id: True}
    assert call(app, plaintext) == "200"
    form = one(question, "form[method=post]")
    fields: dict[str, list[str]] = {}
    for field in form.select("input[type=hidden], button[name]"):
        fields.setdefault(str(field["name"]), []).append(str(field.get("value", "")))
    fields.setdefault("confirm", ["1"])
    answer = boss.client.post(str(form["action"]), data=fields, headers=boss.headers)
    assert answer.status_code in done(boss)
    assert saved(app) == {ada.id: False, bob.id: True}
    assert call(app, plaintext) == "service_inactive"
    boss.post(USERS, row=keys, was=keys[1:], active=keys)
    assert call(app, plaintext) == "200"


def test_form_changes_only_rows_that_the_administrator_changed(
    app: Flask, boss: Visitor, ada: Any, bob: Any
) -> None:
    """A row that a stale form does not change is left as it is now."""
    second = administration.administrator(app, "second")
    keys = [str(ada.id), str(bob.id)]
    stale = {"row": keys, "was": keys[:1]}
    second.post(USERS, **stale, confirm="1")
    assert saved(app) == {ada.id: False}
    boss.post(USERS, **stale, active=keys)
    assert saved(app) == {ada.id: False, bob.id: True}
    # What both turn on is on, and noted once.
    second.post(USERS, row=keys[:1], active=keys[:1])
    boss.post(USERS, row=keys[:1], active=keys[:1])
    actions = administration.column(app, "Event", "action", subject_id=str(ada.id))
    assert actions.count("subscription-activated") == 2


@pytest.mark.parametrize("key", ["4711", "x", "\0", "", "{0}", "0{1}", " {1}"])
def test_row_of_a_user_outside_the_account_changes_nothing(
    app: Flask, boss: Visitor, ada: Any, key: str
) -> None:
    eve = administration.create_user(app, "eve", "other")
    wrong = key.format(eve.id, ada.id)
    bob = administration.create_user(app, "bob")
    rows = [wrong, str(bob.id)]
    for fields in (
        {"row": rows, "active": rows},
        {"row": rows, "was": rows, "confirm": "1"},
    ):
        assert boss.post(USERS, **fields).status_code == 409
        assert saved(app) == {ada.id: True}


def test_form_with_too_many_changes_is_refused(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    keys = [str(n) for n in range(501)]
    answer = boss.post(USERS, row=keys, active=keys)
    assert answer.status_code == 422
    assert "500" in answer.text
    assert saved(app) == {ada.id: True}


def test_form_without_changes_says_so(app: Flask, boss: Visitor, ada: Any) -> None:
    key = str(ada.id)
    answer = boss.post(USERS, row=key, was=key, active=key)
    assert answer.status_code in done(boss)
    assert saved(app) == {ada.id: True}
    # The box of a row that the form did not show is ignored.
    boss.post(USERS, active=key)
    boss.post(USERS, was=key, confirm="1")
    assert saved(app) == {ada.id: True}


# -- generating for a user -----------------------------------------------------


def test_token_generated_for_a_user_belongs_to_them(
    app: Flask, boss: Visitor, ada: Any, heard: list[Notice]
) -> None:
    at = f"{USERS}/{ada.id}"
    form = boss.get(f"{at}/new")
    assert "pass it on safely" in form.text
    answer = generate_in(boss, f"{at}/new", f"{at}/tokens")
    assert answer.status_code == 201
    plaintext = plaintext_in(answer)
    assert call(app, plaintext) == "200"
    again = generate_in(boss, f"{at}/new", f"{at}/tokens")
    assert again.status_code == 201
    assert administration.column(app, "Token", "owner_id") == [ada.id] * 2
    names = administration.column(app, "Token", "name")
    assert sorted(names) == ["Ada 1", "Ada 2"]
    assert set(administration.column(app, "Event", "actor_label", action="generated"))
    events = {
        name: administration.column(app, "Event", name, action="generated")
        for name in ("actor_label", "subject_label")
    }
    assert events["actor_label"] == [boss.user.email] * 2
    assert events["subject_label"] == [ada.email] * 2
    assert [inspect(n.user).identity for n in heard] == [(ada.id,)] * 2
    assert plaintext not in str([notice.text for notice in heard])
    own = visitor(app, ada).without_script()
    token_id = administration.column(app, "Token", "id")[0]
    assert boss.user.email in own.get(token_id).text
    assert own.client.get(U).text.count("Ada ") >= 2


def test_form_sent_twice_generates_one_token(
    app: Flask, boss: Visitor, ada: Any
) -> None:
    at = f"{USERS}/{ada.id}"
    fields = hidden_fields(boss.get(f"{at}/new").text)
    wish = {**fields, "kind": "api", "name": "", "expiry": "never", "scope": "read"}
    answers = [
        boss.client.post(f"{A}{at}/tokens", data=wish, headers=boss.headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert len(administration.column(app, "Token", "id")) == 1


@pytest.mark.parametrize("why", ["subscription", "service", "permission", "disabled"])
def test_token_cannot_be_generated_for_a_user_without_access(
    app: Flask, boss: Visitor, ada: Any, why: str
) -> None:
    at = f"{USERS}/{ada.id}"
    fields = hidden_fields(boss.get(f"{at}/new").text)
    if why == "subscription":
        bearing.unsubscribe(app, ada, "tmy")
    elif why == "service":
        bearing.switch_service(app, "tmy", active=False, account="acme")
    elif why == "permission":
        bearing.change_user(app, ada, may_use_api=False)
    else:
        bearing.change_user(app, ada, is_active=False)
    wish = {**fields, "kind": "api", "expiry": "never", "scope": "read"}
    answer = boss.client.post(f"{A}{at}/tokens", data=wish, headers=boss.headers)
    assert answer.status_code in {403, 409, 422}
    assert boss.get(f"{at}/new").status_code == answer.status_code
    assert administration.column(app, "Token", "id") == []
