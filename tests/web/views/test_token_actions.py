"""views/changes.py: rename, revoke, delete, revoke several."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests import hosts
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import add_tokens
from tests.pages import hidden_fields
from tests.pages import names
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import text_of
from tests.pages import visible_text

NOW = datetime.now(UTC)


@pytest.fixture
def ada(plain: Visitor) -> Visitor:
    """A user of a host without services."""
    return plain


def alive(app: Flask, plaintext: str) -> bool:
    """Whether the token opens a route."""
    bearer = {"Authorization": f"Bearer {plaintext}"}
    return app.test_client().get("/api/ping", headers=bearer).status_code == 200


# -- rename --------------------------------------------------------------------


def test_rename_shows_the_row_as_a_form(ada: Visitor) -> None:
    token_id = add_token(ada.app, ada.user, "Old")
    add_token(ada.app, ada.user, "Other")
    response = ada.get(f"{token_id}/rename")
    assert names(response) == ["Other"]
    field = one(response, "#at-rename")
    assert (field["value"], field.has_attr("autofocus")) == ("Old", True)
    assert text_of(response, "label[for=at-rename]") == "New name for Old"
    cancel = one(response, "[data-apitokens-cancel]")
    assert cancel["href"] == U
    assert cancel["hx-get"] == f"{U}?focus={token_id}"
    focused = ada.get(query_string={"focus": token_id})
    assert visible_text(one(focused, "[data-apitokens-focus]")) == "Rename token Old"


def test_rename_changes_only_the_name(ada: Visitor) -> None:
    """LIF-08"""
    ada.generate(name="Old", expiry="30").close()
    before = stored(ada.app, ada.user)[0]
    response = ada.post(f"{before['id']}/rename", name=" New ")
    assert response.status_code == 200
    assert names(response) == ["New"]
    assert visible_text(one(response, "#at-toasts strong")) == "Renamed to “New”"
    assert visible_text(one(response, "[data-apitokens-focus]")) == "Rename token New"
    assert stored(ada.app, ada.user)[0] == {**before, "name": "New"}


@pytest.mark.parametrize("act", ["revoke", "delete"])
def test_cancel_link_keeps_the_state_of_the_list(ada: Visitor, act: str) -> None:
    token_id = add_tokens(ada.app, ada.user, 12)[0]
    browser = ada.without_script()
    response = browser.get(f"{token_id}/{act}?sort=name&page=2")
    keep = one(response, "form a[autofocus]")
    assert keep["href"] == f"{U}?sort=name&page=2"


def test_rename_without_htmx_redirects_to_the_list(ada: Visitor) -> None:
    token_id = add_token(ada.app, ada.user, "Old")
    browser = ada.without_script()
    assert one(browser.get(f"{token_id}/rename"), "h1").get_text() == "API tokens"
    response = browser.post(f"{token_id}/rename?sort=name", name="New")
    assert response.status_code == 303
    assert response.headers["Location"] == f"{U}?sort=name"
    assert text_of(browser.get(), ".at-note--ok") == "Renamed to “New”"
    assert soup(browser.get()).select(".at-note--ok") == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "Enter a name."),
        ("\0", "Use letters, digits, signs and spaces only."),
        ("x" * 81, "Use 80 characters or fewer."),
        ("Other", "You already have a token called “Other”. Choose another name."),
    ],
)
def test_invalid_name_is_shown_beside_the_field(
    ada: Visitor, name: str, message: str
) -> None:
    token_id = add_token(ada.app, ada.user, "Old")
    add_token(ada.app, ada.user, "Other")
    response = ada.post(f"{token_id}/rename", name=name)
    assert response.status_code == 422
    assert text_of(response, "#at-rename-e") == f"Error: {message}"
    assert one(response, "#at-rename")["value"] == name
    assert text_of(response, "#at-alert") == message
    assert {row["name"] for row in stored(ada.app, ada.user)} == {"Old", "Other"}


def test_row_on_another_page_can_be_renamed(ada: Visitor) -> None:
    oldest = add_tokens(ada.app, ada.user, 12)[0]
    assert one(ada.get(f"{oldest}/rename"), "#at-rename")["value"] == "Token 1"
    onpage = ada.get(f"{oldest}/rename?page=2")
    assert names(onpage) == ["Token 2"]
    assert one(onpage, "form.at-rename")["action"] == f"{U}{oldest}/rename?page=2"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ended_token_cannot_be_renamed(ada: Visitor, method: str) -> None:
    token_id = add_token(ada.app, ada.user, "Old", revoked_at=NOW, live_name=None)
    send = ada.get if method == "GET" else ada.post
    response = send(f"{token_id}/rename")
    assert response.status_code == 409
    assert text_of(response, ".at-toast--bad") == (
        "Someone else changed this. Reload to see the latest."
    )
    assert response.headers["HX-Retarget"] == "#at-toasts"
    assert "Revoked" in text_of(response, "#at-list[hx-swap-oob]")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_action_on_a_deleted_token_refreshes_the_list(
    ada: Visitor, method: str
) -> None:
    add_tokens(ada.app, ada.user, 12)
    send = ada.get if method == "GET" else ada.post
    response = send("0" * 12 + "/delete?page=2")
    assert response.status_code == 404
    assert response.headers["HX-Retarget"] == "#at-toasts"
    assert soup(response).select(".at-toast")[0].find_parent(id=True) is None
    panels = [panel["id"] for panel in soup(response).select("[hx-swap-oob]")]
    assert panels == ["at-list", "at-tools", "at-actions"]
    assert names(response) == ["Token 2", "Token 1"]
    browser = ada.without_script()
    assert soup(browser.get("0" * 12)).select("#at-list, [hx-swap-oob]") == []


# -- revoke --------------------------------------------------------------------


def test_revoke_asks_first(ada: Visitor) -> None:
    """WEB-13"""
    used: dict[str, Any] = {
        "last_used_at": NOW - timedelta(hours=3),
        "last_used_ip": "203.0.113.7",
    }
    token_id = add_token(ada.app, ada.user, "Deploy", **used)
    response = ada.get(f"{token_id}/revoke")
    assert text_of(response, "h2") == "Revoke “Deploy”?"
    assert text_of(response, "#at-dlg-d .at-note") == (
        "Connections using this token stop at once. Make sure no script or service "
        "still relies on it. This cannot be undone."
    )
    assert [
        visible_text(fact) for fact in soup(response).select(".at-facts > div")
    ] == [
        f"Token ID {token_id}",
        "Last used 3 hours ago from 203.0.113.7",
        "Calls in 7 days 0",
    ]
    assert one(response, "dialog")["role"] == "alertdialog"
    assert visible_text(one(response, "[autofocus]")) == "Keep token"
    assert stored(ada.app, ada.user)[0]["revoked_at"] is None


def test_revoke_ends_the_token_and_keeps_its_row(ada: Visitor) -> None:
    plaintext = plaintext_in(ada.generate())
    token_id = stored(ada.app, ada.user)[0]["id"]
    assert alive(ada.app, plaintext)
    response = ada.post(f"{token_id}/revoke")
    assert response.status_code == 200
    assert soup(response).find("p", hidden=True) is not None
    panels = {
        panel["id"]: visible_text(panel)
        for panel in soup(response).select("[hx-swap-oob]")
    }
    assert "Revoked" in panels["at-list"]
    assert panels["at-toasts"] == "Token “Deploy” revoked"
    assert not alive(ada.app, plaintext)
    # A second time changes nothing, and is no fault.
    again = ada.post(f"{token_id}/revoke")
    assert again.status_code == 200
    assert text_of(again, "#at-toasts") == "Token “Deploy” was already revoked"
    # The page may already show the call, in tables of its own.
    page = ada.without_script().get(token_id)
    events = text_of(page, "[aria-labelledby=at-events] tbody")
    assert events.count("Revoked") == 1
    assert ada.get(f"{token_id}/revoke").status_code == 409


def test_revoke_works_without_htmx(ada: Visitor) -> None:
    token_id = add_token(ada.app, ada.user, "Deploy")
    browser = ada.without_script()
    page = browser.get(f"{token_id}/revoke")
    assert text_of(page, "h1") == "Revoke “Deploy”?"
    assert one(page, "form")["action"] == f"{U}{token_id}/revoke"
    response = browser.post(f"{token_id}/revoke")
    assert response.status_code == 303
    assert text_of(browser.get(), ".at-note--ok") == "Token “Deploy” revoked"


# -- delete --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "title", "text"),
    [
        (
            {"last_used_at": timedelta(minutes=8)},
            "Delete “Deploy”?",
            "In use 8 minutes ago. Make sure no service connects",
        ),
        ({}, "Delete “Deploy”?", "Never used. Make sure no service connects"),
        (
            {"revoked_at": timedelta(), "live_name": None},
            "Delete “Deploy” from the list?",
            "This token is already revoked, so nothing stops working. Its entry "
            "disappears from your list. The audit log keeps the record.",
        ),
        (
            {"expires_at": timedelta(days=1)},
            "Delete “Deploy” from the list?",
            "This token has already expired, so nothing stops working.",
        ),
        (
            {"deactivated_at": timedelta()},
            "Delete “Deploy” from the list?",
            "This token is already deactivated, so nothing stops working.",
        ),
    ],
)
def test_delete_question_says_what_breaks(
    ada: Visitor, columns: dict[str, timedelta | None], title: str, text: str
) -> None:
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        name: None if ago is None else now - ago for name, ago in columns.items()
    }
    token_id = add_token(ada.app, ada.user, **values)
    response = ada.get(f"{token_id}/delete")
    assert text_of(response, "h2") == title
    assert text_of(response, "#at-dlg-d").startswith(text)


def test_delete_removes_the_row_and_then_answers_404(ada: Visitor) -> None:
    """LIF-09"""
    plaintext = plaintext_in(ada.generate())
    token_id = stored(ada.app, ada.user)[0]["id"]
    response = ada.post(f"{token_id}/delete")
    assert response.status_code == 200
    assert text_of(response, "#at-toasts") == "Token “Deploy” deleted"
    assert "No tokens yet" in text_of(response, "#at-list")
    assert visible_text(one(response, "#at-actions")) == ""
    assert not alive(ada.app, plaintext)
    assert ada.post(f"{token_id}/delete").status_code == 404


def test_action_keeps_search_order_and_page_of_the_list(ada: Visitor) -> None:
    ids = add_tokens(ada.app, ada.user, 12)
    question = ada.get(f"{ids[0]}/delete?page=2&sort=-created&q=")
    action = str(one(question, "form")["action"])
    assert action == f"{U}{ids[0]}/delete?page=2"
    response = ada.post(action.removeprefix(U))
    assert names(response) == ["Token 2"]


# -- several -------------------------------------------------------------------


def test_revoke_many_asks_and_then_revokes(ada: Visitor) -> None:
    ids = add_tokens(ada.app, ada.user, 12)
    question = ada.post("revoke", id=ids[:2])
    assert question.status_code == 200
    assert text_of(question, "h2") == "Revoke 2 tokens?"
    assert "Connections using these tokens stop at once." in question.text
    assert [visible_text(fact) for fact in soup(question).select(".at-facts dt")] == [
        "Token 2",
        "Token 1",
    ]
    assert not any(row["revoked_at"] for row in stored(ada.app, ada.user))
    fields = hidden_fields(question.text)
    chosen = [str(box["value"]) for box in soup(question).select("[name=id]")]
    response = ada.post("revoke", **{**fields, "id": chosen})
    assert text_of(response, "#at-toasts") == "2 tokens revoked"
    revoked = [row["id"] for row in stored(ada.app, ada.user) if row["revoked_at"]]
    assert sorted(revoked) == sorted(ids[:2])


def test_revoke_many_works_without_htmx(ada: Visitor) -> None:
    ids = add_tokens(ada.app, ada.user, 11)
    browser = ada.without_script()
    page = browser.post("revoke", id=ids[:3])
    assert text_of(page, "h1") == "Revoke 3 tokens?"
    shown = browser.get("revoke", query_string={"id": ids[:3]})
    assert text_of(shown, "h1") == "Revoke 3 tokens?"
    response = browser.post("revoke", id=ids[:3], confirm="1")
    assert response.status_code == 303
    assert text_of(browser.get(), ".at-note--ok") == "3 tokens revoked"


def test_revoke_many_without_selection_answers_with_a_message(ada: Visitor) -> None:
    response = ada.post("revoke")
    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#at-toasts"
    assert "Select at least one token." in response.text
    assert ada.without_script().get("revoke").status_code == 422


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_revoke_many_refuses_too_many_ids(ada: Visitor, method: str) -> None:
    mine = add_token(ada.app, ada.user)
    others = [f"{n:012}" for n in range(500)]
    for browser in (ada, ada.without_script()):
        for ids, status in (([mine] * 501, 200), ([*others, mine], 422)):
            if method == "GET":
                answer = browser.get("revoke", query_string={"id": ids})
            else:
                answer = browser.post("revoke", id=ids)
            assert answer.status_code == status
    assert text_of(answer, "h1") == "Select at most 500 tokens at a time."
    assert ada.post("revoke", id=[*others, mine], confirm="1").status_code == 422
    assert stored(ada.app, ada.user)[0]["revoked_at"] is None


def test_revoke_many_ignores_other_users_and_ended_tokens(ada: Visitor) -> None:
    grace = hosts.create_user(ada.app, "grace@example.com")
    foreign = add_token(ada.app, grace)
    ended = add_token(ada.app, ada.user, "Old", revoked_at=NOW, live_name=None)
    mine = add_token(ada.app, ada.user, "Mine")
    wanted = [foreign, ended, mine, "0" * 12, "nonsense", "\0", "x" * 5000]
    question = ada.post("revoke", id=wanted)
    # WEB-13: the question names the one token it is about.
    assert text_of(question, "h2") == "Revoke “Mine”?"
    assert ada.post("revoke", id=wanted, confirm="1").status_code == 200
    assert stored(ada.app, grace)[0]["revoked_at"] is None
    assert ada.post("revoke", id=[foreign], confirm="1").status_code == 404
    assert ada.post("revoke", id=[ended], confirm="1").status_code == 409


def test_get_and_head_change_nothing(ada: Visitor) -> None:
    """CSR-02"""
    token_id = add_token(ada.app, ada.user)
    before = stored(ada.app, ada.user)
    paths = ["", "new", "new/scopes", f"revoke?id={token_id}&confirm=1", token_id]
    paths += [f"{token_id}/{act}?confirm=1" for act in ("rename", "revoke", "delete")]
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS"):
            for headers in ({}, ada.headers):
                response = ada.client.open(U + path, method=method, headers=headers)
                assert response.status_code < 400, (method, path)
    assert stored(ada.app, ada.user) == before
