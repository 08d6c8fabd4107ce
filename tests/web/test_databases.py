"""The users' pages on each database: the whole way, odd text, and many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import hidden_fields
from tests.pages import names
from tests.pages import stored
from tests.pages import text_of
from tests.pages import visitor

AT_ONCE = 6


@pytest.fixture
def ada(make_app: MakeApp, database_url: str) -> Visitor:
    """A user of a host on one of the databases."""
    app = make_app(database_url)
    return visitor(app, hosts.create_user(app, "ada@example.com"), "tmy", "timeseries")


def test_token_is_generated_renamed_and_revoked_on_each_database(ada: Visitor) -> None:
    name = "🚀 नमस्ते — ‮x"
    wish = {"service": "tmy", "scope": "read", "expiry": "30"}
    assert ada.generate(name=name, **wish).status_code == 201
    assert ada.generate(name=name, **wish).status_code == 422
    token_id = stored(ada.app, ada.user)[0]["id"]
    assert names(ada.get(query_string={"q": "नमस्"})) == [name]
    assert names(ada.get(query_string={"q": token_id[3:9]})) == [name]
    for nonsense in ("\0", "%", "_", "\\", "'", "x" * 10_000):
        response = ada.get(query_string={"q": nonsense, "sort": "-last_used"})
        assert response.status_code == 200
    for status in ("active", "expiring", "paused", "expired", "revoked"):
        assert ada.get(query_string={"status": status}).status_code == 200
    assert ada.post(f"{token_id}/rename", name="Other").status_code == 200
    assert "by ada@example.com" in text_of(ada.get(token_id), ".at-facts")
    assert ada.post(f"{token_id}/revoke").status_code == 200
    assert ada.post(f"{token_id}/delete").status_code == 200
    assert stored(ada.app, ada.user) == []


def test_parallel_posts_of_one_form_generate_one_token(ada: Visitor) -> None:
    """LIF-02, LIF-04, CON-06"""
    form = hidden_fields(ada.get("new").text)
    fields = {**form, "name": "Deploy", "kind": "api", "expiry": "never"}
    wish = {**fields, "service": "tmy", "scope": "read"}
    answers = at_once(ada.app, ada, [wish] * AT_ONCE)
    assert sorted(answers) == [201, *[409] * (AT_ONCE - 1)]
    assert len(stored(ada.app, ada.user)) == 1


def test_parallel_requests_for_one_name_store_it_once(ada: Visitor) -> None:
    wishes = []
    for _ in range(AT_ONCE):
        form = hidden_fields(ada.get("new").text)
        wish = {"name": "Deploy", "kind": "api", "expiry": "never", "scope": "read"}
        wishes.append({**form, **wish, "service": "tmy"})
    answers = at_once(ada.app, ada, wishes)
    assert sorted(answers) == [201, *[422] * (AT_ONCE - 1)]
    assert len(stored(ada.app, ada.user)) == 1


def at_once(app: Flask, ada: Visitor, wishes: list[dict[str, str]]) -> list[int]:
    """Send the forms from as many browsers of one session; the answers' statuses."""
    cookie = ada.client.get_cookie("session")
    assert cookie is not None

    def send(wish: dict[str, str]) -> int:
        client = app.test_client()
        client.set_cookie("session", cookie.value)
        return client.post(U, data=wish, headers=HTMX).status_code

    with ThreadPoolExecutor(len(wishes)) as pool:
        return list(pool.map(send, wishes))
