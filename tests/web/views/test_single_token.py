"""Single-token mode: one card, one token, and a new one in its place at once."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_apitokens import signals
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.commandline import run
from tests.conftest import MakeApp
from tests.domain.test_concurrency import AT_ONCE
from tests.domain.test_concurrency import ROOMY
from tests.domain.test_concurrency import outcomes
from tests.domain.test_concurrency import posted
from tests.domain.test_concurrency import statuses
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import subscribe
from tests.pages import text_of
from tests.pages import visible_text
from tests.pages import visitor

ONE = {"APITOKENS_MAX_PER_OWNER": 1}


@pytest.fixture
def ada(make_app: MakeApp) -> Visitor:
    """A user who may have one token."""
    app = make_app(plugin={"account_of": lambda user: "acc_1"}, services=False, **ONE)
    return visitor(app, hosts.create_user(app, "ada@example.com"))


def overwrite(ada: Visitor, form: str = "") -> TestResponse:
    """Answer the question that is put, or was put with *form*."""
    fields = hidden_fields(form or ada.get("replace").text)
    return ada.client.post(U + "replace", data=fields, headers=ada.headers)


def live(app: Flask, user: Any) -> list[str]:
    """The ids of the tokens that still work."""
    return [row["id"] for row in stored(app, user) if row["revoked_at"] is None]


def call(app: Flask, plaintext: str) -> int:
    """What a guarded route says to a token."""
    return app.test_client().get("/api/plain", headers=bearer(plaintext)).status_code


def buttons(response: TestResponse) -> list[str]:
    """What can be done on the card."""
    return [visible_text(link) for link in soup(response).select("#at-list a.at-btn")]


def test_page_without_a_token_links_to_the_form(ada: Visitor) -> None:
    for browser in (ada.without_script(), ada):
        page = browser.without_script().get()
        assert text_of(page, "h1") == "API token"
        assert "Generating a new one replaces it." in page.text
        assert "acc_1" in page.text
        assert buttons(page) == ["Generate a new token"]
        assert not soup(page).select("table")
    # The name goes without saying.
    form = ada.get("new")
    assert "If you leave this empty, it is called “Web API token”." in form.text
    assert ada.get("replace").headers["Location"].endswith("/new")
    made = ada.generate(name="")
    assert made.status_code == 201
    [row] = stored(ada.app, ada.user)
    assert row["name"] == "Web API token"
    card = one(made, "#at-list")
    assert row["id"] in visible_text(card)


@pytest.mark.parametrize("htmx", [True, False])
def test_token_is_generated_replaced_and_revoked(ada: Visitor, htmx: bool) -> None:
    """LIF-06, VER-09"""
    first = plaintext_in(ada.generate(name="", expiry="90"))
    ada = ada if htmx else ada.without_script()
    [old] = stored(ada.app, ada.user)
    page = ada.without_script().get()
    assert text_of(page, "#at-list .at-chip") == "Active"
    assert buttons(page) == ["Generate a new token", "Revoke this token"]
    assert "it cannot be shown again." in page.text
    question = ada.get("replace")
    heading = "Generate a new token and overwrite the old one?"
    assert heading in question.text
    assert "Your current token stops working at once." in question.text
    shown = [visible_text(fact) for fact in soup(question).select(".at-facts > div")]
    assert shown == [f"Current token {old['id']}", "Last used Never used"]
    # To look changes nothing.
    assert call(ada.app, first) == 200
    done = overwrite(ada)
    assert done.status_code == 201
    second = plaintext_in(done)
    assert (call(ada.app, first), call(ada.app, second)) == (401, 200)
    rows = stored(ada.app, ada.user)
    assert [row["name"] for row in rows] == ["Web API token"] * 2
    assert live(ada.app, ada.user) == [second.split("_")[1]]
    life = rows[1]["expires_at"] - datetime.now(UTC)
    assert timedelta(days=89) < life <= timedelta(days=90)
    if htmx:
        assert second.split("_")[1] in visible_text(one(done, "#at-list"))
    for browser in (ada, ada.without_script()):
        assert second not in browser.get().text


def test_replace_form_takes_effect_once_and_for_its_token(ada: Visitor) -> None:
    """CON-01, LIF-02, CSR-01"""
    ada.generate(name="")
    form = ada.get("replace").text
    other = ada.get("replace").text
    assert overwrite(ada, form).status_code == 201
    again, late = overwrite(ada, form), overwrite(ada, other)
    assert (again.status_code, late.status_code) == (409, 409)
    assert "This token was already generated" in again.text
    assert "Someone else changed this." in late.text
    assert live(ada.app, ada.user)[0] in visible_text(one(late, "#at-list"))
    fields = hidden_fields(ada.get("replace").text)
    stale = ada.post("replace", **{**fields, "csrf_token": ""})
    assert stale.status_code == 400
    assert "This form was open too long. Try again." in stale.text
    assert ada.post("replace", **{**fields, "current": "0" * 12}).status_code == 404
    # The form for a first token, left open in another tab.
    assert ada.get("new").headers["Location"].endswith("/replace")
    wish = {"kind": "api", "name": "x", "expiry": "never"}
    assert ada.post("", **{**fields, **wish}).status_code == 409
    assert len(live(ada.app, ada.user)) == 1


def test_token_of_another_user_answers_404(ada: Visitor) -> None:
    """AUZ-01"""
    ada.generate(name="")
    eve = visitor(ada.app, hosts.create_user(ada.app, "eve@example.com"))
    mine = hidden_fields(ada.get("replace").text)["current"]
    eve.generate(name="")
    fields = hidden_fields(eve.get("replace").text)
    answer = eve.post("replace", **{**fields, "current": mine})
    assert answer.status_code == 404
    assert len(live(ada.app, ada.user)) == len(live(ada.app, eve.user)) == 1


def test_revoked_token_makes_room_for_a_new_one(ada: Visitor) -> None:
    ada.generate(name="")
    [token] = live(ada.app, ada.user)
    done = ada.post(f"{token}/revoke")
    assert done.status_code == 200
    assert "No token yet" in visible_text(one(done, "#at-list"))
    assert ada.generate(name="").status_code == 201


def test_card_shows_why_a_token_does_not_work(
    make_app: MakeApp,
) -> None:
    app = make_app(**ONE)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    wish = {"service": "tmy", "scope": "read", "name": ""}
    ada.generate(**wish)
    [token] = live(app, ada.user)
    page = ada.without_script()
    assert "TMY data" in text_of(page.get(), "#at-list .at-facts")
    subscribe(app, ada.user, "tmy", active=False)
    assert text_of(page.get(), "#at-list .at-chip") == "Paused"
    assert buttons(page.get()) == ["Revoke this token"]
    assert page.get("replace").status_code == 403
    subscribe(app, ada.user, "tmy")
    administration.deactivate(app, token, "Leaked in a log")
    assert "Leaked in a log" in text_of(page.get(), "#at-list")
    assert buttons(page.get()) == ["Delete this token"]
    administration.activate(app, token)
    now = datetime.now(UTC)
    bearing.change(app, token, expires_at=now)
    assert text_of(page.get(), "#at-list .at-chip") == "Expired"
    assert buttons(page.get()) == ["Generate a new token", "Delete this token"]
    assert page.get("replace").headers["Location"].endswith("/new")
    assert ada.generate(**wish).status_code == 201
    assert text_of(page.get(), "#at-list .at-chip") == "Active"


def test_user_with_several_live_tokens_sees_the_list(make_app: MakeApp) -> None:
    app = make_app(services=False)
    user = hosts.create_user(app, "ada@example.com")
    ids = [add_token(app, user, name) for name in ("a", "b")]
    app = make_app(services=False, create_tables=False, **ONE)
    ada = visitor(app, user)
    page = ada.without_script().get()
    assert len(soup(page).select("tbody tr")) == 2
    assert ada.generate(name="c").status_code == 409
    ada.post(f"{ids[0]}/revoke")
    assert buttons(ada.without_script().get())[0] == "Generate a new token"


def test_replace_page_answers_404_without_single_token_mode(
    app: Flask, user: Any
) -> None:
    """LIF-07"""
    ada = visitor(app, user)
    assert ada.get("replace").status_code == 404
    assert ada.post("replace", current="x").status_code == 404


def test_panel_shows_the_card_in_a_page_of_the_application(ada: Visitor) -> None:
    ada.generate(name="")
    page = ada.client.get("/account")
    assert text_of(page, "h2#at-title") == "API token"
    assert text_of(page, "#at-list .at-chip") == "Active"
    assert soup(page).select("#at-list a#at-generate")


def test_htmx_gets_the_card_as_a_panel(ada: Visitor) -> None:
    ada.generate(name="")
    assert len(soup(ada.get()).select("dl.at-facts")) == 1


def test_command_line_explains_the_limit(ada: Visitor) -> None:
    generate = ("token", "generate", "--owner", "ada@example.com", "--name", "CI")
    run(ada.app, *generate)
    [token] = live(ada.app, ada.user)
    said = run(ada.app, *generate, code=1).stderr
    assert f"flask apitokens token rotate {token}" in said
    new = run(ada.app, "token", "rotate", token)
    assert "has stopped working." in new.stderr
    assert len(live(ada.app, ada.user)) == 1
    administration.deactivate(ada.app, live(ada.app, ada.user)[0])
    said = run(ada.app, *generate[:-1], "Other", code=1).stderr
    assert "The owner already has 1 token, the most allowed." in said


def test_parallel_replacements_store_one_token(
    make_app: MakeApp, database_url: str
) -> None:
    """CON-01"""
    app = make_app(database_url, services=False, **ONE, **ROOMY)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    rotations: list[object] = []
    signals.token_rotated.connect(lambda _app, **_: rotations.append(1), app, False)
    ada.generate(name="")
    forms = [hidden_fields(ada.get("replace").text) for _ in range(AT_ONCE)]
    answers = posted(ada, [("replace", form) for form in forms])
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    assert sum("apt_" in answer.text for answer in answers) == 1
    [shown] = [answer for answer in answers if answer.status_code == 201]
    plaintext = plaintext_in(shown)
    assert live(app, ada.user) == [plaintext.split("_")[1]]
    assert call(app, plaintext) == 200
    assert len(stored(app, ada.user)) == 2
    assert outcomes(["apt_" for _ in rotations]) == {"made": 1}


def test_parallel_first_tokens_store_one_token(
    make_app: MakeApp, database_url: str
) -> None:
    """LIF-13"""
    app = make_app(database_url, services=False, **ONE, **ROOMY)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    wishes = [
        ("", {**hidden_fields(ada.get("new").text), "kind": "api", "name": f"t{n}"})
        for n in range(AT_ONCE)
    ]
    posts = [(path, {**fields, "expiry": "never"}) for path, fields in wishes]
    answers = posted(ada, posts)
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    assert len(live(app, ada.user)) == 1
