"""A tightened policy expires no token, and the list shows the tokens outside it."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.commandline import answer
from tests.commandline import run
from tests.conftest import MakeApp
from tests.pages import names
from tests.pages import soup
from tests.pages import visible_text

DAY = timedelta(days=1)


def test_token_outside_the_policy_is_listed_and_keeps_working(
    make_app: MakeApp, database_url: str
) -> None:
    """LIF-12"""
    app = administration.administered(make_app, database_url, services=False)
    owner = administration.create_user(app, "ada")
    now = datetime.now(UTC)
    ends = {"for ever": None, "a year": now + 365 * DAY, "a month": now + 30 * DAY}
    made = {
        name: bearing.generate(app, owner, name=name, expires_at=end)
        for name, end in ends.items()
    }
    gone, _ = bearing.generate(app, owner, name="revoked")
    bearing.change(app, gone, revoked_at=now)
    stranger = administration.create_user(app, "carol", "other")
    bearing.generate(app, stranger, name="elsewhere")
    strict: dict[str, Any] = {"APITOKENS_EXPIRY_MAX": 30, "create_tables": False}
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app = administration.administered(make_app, url, services=False, **strict)
    for _token_id, plaintext in made.values():
        call = app.test_client().get("/api/plain", headers=bearer(plaintext))
        assert call.status_code == 200
    boss = administration.administrator(app)
    page = boss.without_script().get("tokens")
    [note] = [
        n for n in soup(page).select(".at-note") if "Show them" in visible_text(n)
    ]
    assert visible_text(note).startswith("2 tokens work longer than new ones may.")
    assert "The longest lifetime is 30 days now." in visible_text(note)
    link = str(note.select("a")[0]["href"])
    assert link == "/admin/api/tokens?policy=outside"
    assert set(names(boss.client.get(link))) == {"for ever", "a year"}
    fragment = boss.get("tokens?policy=outside&q=year")
    assert names(fragment) == ["a year"]
    assert "policy=outside" in fragment.text
    chosen = soup(boss.client.get(link)).select("#at-filter-policy option[selected]")
    assert [str(option["value"]) for option in chosen] == ["outside"]
    listed = answer(app, "token", "list", "--outside-policy")
    assert {facts["name"] for facts in listed} == {"for ever", "a year", "elsewhere"}
    # By and by they come inside.
    bearing.change(app, made["for ever"][0], expires_at=now + 29 * DAY)
    bearing.change(app, made["a year"][0], expires_at=now + 29 * DAY)
    assert "Show them" not in boss.without_script().get("tokens").text


def test_no_token_is_outside_without_a_policy(make_app: MakeApp) -> None:
    app = administration.administered(make_app)
    hosts.create_user(app, "ada@example.com")
    administration.generate_userless(app)
    boss = administration.administrator(app)
    page = boss.without_script().get("tokens")
    assert not soup(page).select("#at-filter-policy")
    assert names(boss.get("tokens?policy=outside")) == []
    said = run(app, "token", "list", "--outside-policy")
    assert "APITOKENS_EXPIRY_MAX is not set" in said.stderr
    assert said.stdout == ""
