"""What a row of a list offers, and that its forms lead back to the list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from bs4 import Tag
from flask import Flask

from tests import administration
from tests import bearing
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import names
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import subscribe
from tests.pages import visible_text

NOW = datetime.now(UTC)
STOPPED = {"deactivated_at": NOW, "deactivated_reason": "Leaked"}


def offered(visitor: Visitor, path: str, name: str) -> tuple[list[str], list[str]]:
    """What the row of a token has beside it, and in its menu."""
    rows = soup(visitor.get(path)).select("tbody tr")
    row = next(row for row in rows if row.select_one(f"a[title='{name}']"))
    found = row.select(".at-cell-actions a")
    beside = [_word(link) for link in found if link.find_parent("ul") is None]
    return beside, [_word(link) for link in found if link.find_parent("ul")]


def _word(link: Tag) -> str:
    """The first word of a link."""
    return visible_text(link).split()[0]


@pytest.mark.parametrize(
    ("columns", "beside", "menu"),
    [
        ({}, ["Rename"], ["Rotate", "Revoke", "Delete"]),
        ({"successor_id": "x" * 12}, ["Rename"], ["Revoke", "Delete"]),
        ({"revoked_at": NOW}, ["Delete"], []),
        ({"expires_at": NOW}, ["Delete"], []),
        (STOPPED, ["Delete"], []),
    ],
)
def test_own_row_has_one_action_and_a_menu(
    ada: Visitor, columns: dict[str, Any], beside: list[str], menu: list[str]
) -> None:
    add_token(ada.app, ada.user, "Deploy", **columns)
    assert offered(ada, "", "Deploy") == (beside, menu)


def test_paused_token_is_not_rotated(ada: Visitor) -> None:
    add_token(ada.app, ada.user, "Deploy", service="tmy", scopes=["read"])
    subscribe(ada.app, ada.user, "tmy", active=False)
    assert offered(ada, "", "Deploy") == (["Rename"], ["Revoke", "Delete"])


@pytest.fixture
def boss(make_app: MakeApp) -> Visitor:
    """An administrator of an account."""
    return administration.administrator(administration.administered(make_app))


@pytest.fixture
def lists(boss: Visitor) -> dict[str, tuple[str, str]]:
    """The lists of administrators, each with the id of a token in it."""
    user = administration.create_user(boss.app, "ada")
    subscribe(boss.app, user, "tmy")
    values: dict[str, Any] = {"name": "Deploy", "service": "tmy", "scopes": ["read"]}
    own, _plaintext = bearing.generate(boss.app, user, **values)
    robot, _plaintext = administration.generate_userless(
        boss.app, **{**values, "name": "Robot"}
    )
    return {
        "all": ("tokens", own),
        "user": (f"services/tmy/users/{user.id}", own),
        "userless": ("services/tmy/userless", robot),
    }


def test_rows_of_administrators_have_one_red_word(
    boss: Visitor, lists: dict[str, tuple[str, str]]
) -> None:
    usual = (["Rename"], ["Rotate", "Revoke", "Delete"])
    assert offered(boss, "tokens", "Deploy") == (["Deactivate"], ["Rotate", "Revoke"])
    assert offered(boss, lists["user"][0], "Deploy") == usual
    assert offered(boss, lists["userless"][0], "Robot") == usual
    bearing.change(boss.app, lists["user"][1], **STOPPED)
    assert offered(boss, "tokens", "Deploy") == (["Activate", "Revoke"], [])
    assert offered(boss, lists["user"][0], "Deploy") == (["Delete"], [])


@pytest.mark.parametrize("name", ["own", "all", "user", "userless"])
@pytest.mark.parametrize("htmx", [True, False])
def test_token_is_rotated_from_its_list_and_back(
    request: pytest.FixtureRequest, ada: Visitor, name: str, *, htmx: bool
) -> None:
    if name == "own":
        path, token_id, who = "", add_token(ada.app, ada.user), ada
    else:
        who = request.getfixturevalue("boss")
        path, token_id = request.getfixturevalue("lists")[name]
    who = who if htmx else who.without_script()
    query = "?status=active" if name != "own" else "?sort=name"
    links = soup(who.get(path + query)).select(".at-cell-actions ul a")
    href = next(str(a["href"]) for a in links if visible_text(a).startswith("Rotate"))
    form = who.client.get(href, headers=who.headers)
    sent = one(form, "form[method=post]:has([name=grace])")
    ways = soup(form).select(".at-dialog__foot a")
    assert any(str(way["href"]).endswith(path + query) for way in ways)
    data = {**hidden_fields(form.text), "grace": "0", "expiry": "never"}
    done = who.client.post(str(sent["action"]), data=data, headers=who.headers)
    assert done.status_code == 201
    new = plaintext_in(done).split("_")[1]
    if htmx:
        shown = one(done, "#at-list")
        assert shown["hx-swap-oob"] == "innerHTML"
        assert new in visible_text(shown)
        assert not soup(done).select("#at-token")
    else:
        ways = soup(done).select(".at-dialog__foot a")
        assert any(str(way["href"]).endswith(path + query) for way in ways)
    again = who.client.post(str(sent["action"]), data=data, headers=who.headers)
    assert again.status_code == 409
    assert bool(soup(again).select("#at-list")) == htmx
    assert token_id != new


@pytest.mark.parametrize("htmx", [True, False])
def test_revoke_and_delete_say_how_they_differ_and_offer_each_other(
    app: Flask, ada: Visitor, *, htmx: bool
) -> None:
    browser = ada if htmx else ada.without_script()
    token_id = add_token(app, ada.user)
    for act, says, other in (
        ("revoke", "It stays in the list, marked as revoked.", "delete"),
        ("delete", "Revoking keeps it in the list, marked as revoked.", "revoke"),
    ):
        question = browser.get(f"{token_id}/{act}?sort=name")
        assert says in question.text
        link = one(question, f"a[href='{U}{token_id}/{other}?sort=name']")
        assert visible_text(link) == f"{other.capitalize()} instead"
        assert link.get("hx-target") == ("#at-dialog" if htmx else None)
    for columns, offers in ((STOPPED, 1), ({"revoked_at": NOW}, 0)):
        bearing.change(app, token_id, **columns)
        question = browser.get(f"{token_id}/delete")
        assert len(soup(question).select(f"a[href$='{token_id}/revoke']")) == offers


def test_selection_is_offered_in_each_list_with_two_tokens(
    boss: Visitor, lists: dict[str, tuple[str, str]]
) -> None:
    make: Callable[..., Any] = administration.generate_userless
    select = "[data-apitokens-select], #at-bulk"
    assert soup(boss.get(lists["userless"][0])).select(select) == []
    make(boss.app, name="Second", service="tmy", scopes=["read"])
    assert len(soup(boss.get(lists["userless"][0])).select(select)) == 3
    assert len(names(boss.get("tokens"))) == 3
    assert len(soup(boss.get("tokens")).select(select)) == 4
