"""Rotating in the pages: the form, the one answer, and how old and new are linked."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete
from werkzeug.test import TestResponse

from flask_apitokens import signals
from flask_apitokens.core import time_format
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.domain import validation
from tests import administration
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
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

DAY = timedelta(days=1)
NEVER = "Someone else changed this. Reload to see the latest."


def rotate(ada: Visitor, token_id: str, path: str = "", **fields: Any) -> TestResponse:
    """Fill in the form that rotates a token, as it is offered, and send it."""
    path = path or f"{token_id}/rotate"
    form = ada.get(path)
    assert form.status_code == 200, form.text
    chosen = {
        str(box["name"]): str(box["value"])
        for box in soup(form).select("input[type=radio][checked]")
    }
    data = {**hidden_fields(form.text), **chosen, **fields}
    return ada.client.post(ada.base + path, data=data, headers=ada.headers)


def chosen(response: TestResponse, name: str) -> list[str]:
    """The choices of a group, the preselected one in brackets."""
    boxes = soup(response).select(f"input[name={name}]")
    return [
        f"[{box['value']}]" if box.has_attr("checked") else str(box["value"])
        for box in boxes
    ]


def label(response: TestResponse, value: str) -> str:
    """The text beside a choice of an expiry."""
    return text_of(response, f"label:has([name=expiry][value='{value}'])")


def facts(response: TestResponse) -> dict[str, str]:
    """What the page of a token says of it."""
    rows = soup(response).select("#at-token .at-facts > div, .at-card .at-facts > div")
    return {
        visible_text(row.dt): visible_text(row.dd) for row in rows if row.dt and row.dd
    }


@pytest.mark.parametrize("htmx", [True, False])
def test_token_is_rotated_from_the_form_to_the_new_plaintext(
    ada: Visitor, htmx: bool
) -> None:
    ada = ada if htmx else ada.without_script()
    old_id = add_token(ada.app, ada.user, service="tmy", scopes=["read"])
    page = ada.without_script().get(old_id)
    button = one(page, "#at-rotate")
    assert button["href"] == f"{U}{old_id}/rotate"
    response = rotate(ada, old_id, grace="7")
    assert response.status_code == 201
    [old, new] = stored(ada.app, ada.user)
    assert (new["name"], new["service"], new["scopes"]) == ("Deploy", "tmy", ("read",))
    assert new["shown_at"] is None
    plaintext = plaintext_in(response)
    assert plaintext.startswith(f"apt_{new['id']}_")
    assert "The old token works until " in response.text
    response.close()
    assert stored(ada.app, ada.user)[1]["shown_at"] is not None
    assert plaintext not in ada.get().text
    old_page = ada.without_script().get(old_id)
    assert facts(old_page)["Replaced by"] == new["id"]
    assert soup(old_page).select(f"#at-token a[href='{U}{new['id']}']")
    assert "This token was rotated and works until " in old_page.text
    assert not soup(old_page).select("#at-rotate")
    assert f"replaced by {new['id']}" in old_page.text
    new_page = ada.without_script().get(new["id"])
    assert facts(new_page)["Replaces"] == old["id"]
    assert soup(new_page).select("#at-rotate")
    if htmx:
        panel = one(response, "#at-token")
        assert panel["hx-swap-oob"] == "innerHTML"
        assert "Replaced by" in visible_text(panel)
        said = one(response, "dialog")["data-apitokens-toast"]
        assert said == "Token “Deploy” rotated"
    else:
        # "I have stored it" leads to the new one.
        assert soup(response).select(f".at-dialog__foot a[href='{U}{new['id']}']")


def test_form_offers_grace_periods_and_expiries(app: Flask, ada: Visitor) -> None:
    now = datetime.now(UTC)
    forever = add_token(app, ada.user, "forever")
    ten = add_token(app, ada.user, "ten", created_at=now, expires_at=now + 10 * DAY)
    form = ada.get(f"{forever}/rotate")
    assert chosen(form, "grace") == ["0", "[1]", "7"]
    assert chosen(form, "expiry") == ["7", "30", "90", "365", "custom", "[never]"]
    form = ada.get(f"{ten}/rotate")
    assert chosen(form, "expiry") == ["7", "[10]", "30", "90", "365", "custom", "never"]
    end = time_format.day(now + 10 * DAY)
    assert label(form, "10") == f"Same as before (until {end})"
    access = add_token(
        app, ada.user, "acc", kind="access", created_at=now, expires_at=now + 30 * DAY
    )
    form = ada.get(f"{access}/rotate")
    assert chosen(form, "expiry") == ["7", "[30]", "90", "365", "custom"]
    assert label(form, "30").startswith("Same as before (until ")
    assert label(form, "90") == "90 days"
    for expiry in ("", "never"):
        refused = rotate(ada, access, expiry=expiry)
        assert refused.status_code == 422
        text = "Error: Access tokens need an expiry date."
        assert text_of(refused, "#at-expiry-e") == text
    assert text_of(form, "dialog h2") == "Rotate “acc”"
    assert visible_text(soup(form).select(".at-choice__t")[0]) == "Stop it at once"


def test_form_offers_only_expiries_within_the_longest_lifetime(
    make_app: MakeApp,
) -> None:
    app = make_app(APITOKENS_EXPIRY_MAX=60, APITOKENS_ROTATION_GRACE=(0, 3))
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    token_id = bearing.generate(app, ada.user, expires_at=datetime.now(UTC) + 20 * DAY)[
        0
    ]
    bearing.change(app, token_id, expires_at=None)
    form = ada.get(f"{token_id}/rotate")
    assert chosen(form, "grace") == ["0", "[3]"]
    assert chosen(form, "expiry") == ["7", "30", "[60]", "custom"]
    assert rotate(ada, token_id).status_code == 201
    assert stored(app, ada.user)[1]["expires_at"] is not None


def test_token_with_a_far_expiry_is_rotated(app: Flask, ada: Visitor) -> None:
    """As long again would be after the last year there is."""
    first = add_token(app, ada.user, expires_at=validation.LATEST)
    assert rotate(ada, first).status_code == 201
    second = next(row["id"] for row in stored(app, ada.user) if row["id"] != first)
    again = app.test_cli_runner().invoke(
        args=["apitokens", "token", "rotate", second, "--grace", "0"]
    )
    assert again.exit_code == 0, again.output
    ends = [row["expires_at"] for row in stored(app, ada.user) if row["id"] != first]
    assert all(validation.LATEST - 2 * DAY < end <= validation.LATEST for end in ends)


def test_invalid_input_is_shown_beside_its_field(app: Flask, ada: Visitor) -> None:
    token_id = add_token(app, ada.user)
    for htmx in (ada, ada.without_script()):
        past = rotate(htmx, token_id, expiry="custom", expiry_date="2020-01-01")
        assert past.status_code == 422
        assert visible_text(one(past, "#at-errsum")).startswith(
            "The token was not rotated."
        )
        assert "Choose a date after today." in text_of(past, "#at-expiry-e")
        assert chosen(past, "expiry")[-2] == "[custom]"
        assert rotate(htmx, token_id, grace="5").status_code == 422
        assert rotate(htmx, token_id, expiry="12").status_code == 422
        stale = rotate(htmx, token_id, csrf_token="")
        assert stale.status_code == 400
        assert "This form was open too long. Try again." in stale.text
        assert rotate(htmx, token_id, form_id="x").status_code == 400
    subscribe(app, ada.user, "tmy", active=True)
    bound = add_token(app, ada.user, "b", service="tmy", scopes=["read"])
    form = hidden_fields(ada.get(f"{bound}/rotate").text)
    subscribe(app, ada.user, "tmy", active=False)
    lost = ada.post(f"{bound}/rotate", **form, grace="0", expiry="never")
    assert lost.status_code == 422
    assert "There is no such service, or the owner may not use it." in lost.text
    assert len(stored(app, ada.user)) == 2


def test_second_rotation_answers_409_and_refreshes_the_page(
    app: Flask, ada: Visitor
) -> None:
    """CON-03 in the pages; LIF-02."""
    token_id = add_token(app, ada.user)
    path = f"{token_id}/rotate"
    first, second = (hidden_fields(ada.get(path).text) for _ in range(2))
    wish = {"grace": "1", "expiry": "never"}
    assert ada.post(path, **first, **wish).status_code == 201
    again = ada.post(path, **first, **wish)
    late = ada.post(path, **second, **wish)
    assert (again.status_code, late.status_code) == (409, 409)
    assert "This token was already generated and its value shown once." in again.text
    assert text_of(late, ".at-toast").startswith(NEVER)
    assert "Replaced by" in visible_text(one(late, "#at-token"))
    assert late.headers["HX-Retarget"] == "#at-toasts"
    assert ada.get(path).status_code == 409
    page = ada.without_script().post(path, **second, **wish)
    assert (page.status_code, NEVER in visible_text(soup(page))) == (409, True)
    assert len(stored(app, ada.user)) == 2


@pytest.mark.parametrize("htmx", [True, False])
def test_rotation_of_a_deleted_token_answers_404(
    ada: Visitor, htmx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = ada if htmx else ada.without_script()
    token_id = add_token(ada.app, ada.user)
    model, hashed = bearing.models_of(ada.app).Token, crypto_tokens.hash_token

    def slowly(*args: Any) -> str:
        with bearing.engine_of(ada.app).begin() as connection:
            connection.execute(delete(model).where(model.id == token_id))
        return hashed(*args)

    monkeypatch.setattr(crypto_tokens, "hash_token", slowly)
    late = rotate(ada, token_id)
    assert late.status_code == 404
    assert "This token no longer exists." in late.text


def test_rotation_by_another_user_or_by_get_changes_nothing(
    app: Flask, ada: Visitor, other_user: Any
) -> None:
    """AUZ-01, CSR-02"""
    token_id = add_token(app, ada.user)
    eve = visitor(app, other_user)
    for act in (eve.get, eve.post):
        assert act(f"{token_id}/rotate").status_code == 404
    stranger = Visitor(app, None, app.test_client())
    assert stranger.get(f"{token_id}/rotate").status_code == 401
    before = stored(app, ada.user)
    assert ada.get(f"{token_id}/rotate").status_code == 200
    assert stored(app, ada.user) == before


def test_token_that_cannot_be_rotated_has_no_rotate_link(
    app: Flask, ada: Visitor
) -> None:
    now = datetime.now(UTC)
    ended: dict[str, dict[str, Any]] = {
        "revoked": {"revoked_at": now},
        "expired": {"expires_at": now},
        "deactivated": {"deactivated_at": now, "deactivated_reason": "Leaked"},
    }
    for name, columns in ended.items():
        token_id = add_token(app, ada.user, name, **columns)
        assert not soup(ada.without_script().get(token_id)).select("#at-rotate")
        assert ada.get(f"{token_id}/rotate").status_code == 409
    paused = add_token(app, ada.user, "p", service="tmy", scopes=["read"])
    subscribe(app, ada.user, "tmy", active=False)
    assert not soup(ada.without_script().get(paused)).select("#at-rotate")
    assert ada.get(f"{paused}/rotate").status_code == 403


def test_deleted_predecessor_is_named_but_not_linked(app: Flask, ada: Visitor) -> None:
    token_id = add_token(app, ada.user)
    rotate(ada, token_id)
    new = stored(app, ada.user)[1]["id"]
    assert ada.post(f"{new}/delete").status_code == 200
    page = ada.without_script().get(token_id)
    assert facts(page)["Replaced by"] == f"{new} deleted"
    assert not soup(page).select(f"#at-token a[href$='{new}']")
    # For good: it is not to be followed by a second one.
    assert ada.get(f"{token_id}/rotate").status_code == 409


def test_administrator_rotates_a_token_of_a_user(make_app: MakeApp) -> None:
    told: list[tuple[str, str]] = []
    plugin = {"on_notice": lambda notice: told.append((notice.kind, notice.text))}
    app = administration.administered(make_app, plugin=plugin)
    owner = administration.create_user(app, "ada")
    boss = administration.administrator(app)
    token_id, _ = bearing.generate(app, owner, name="Deploy")
    path = f"tokens/{token_id}"
    page = boss.without_script().get(path)
    assert one(page, "#at-rotate")["href"] == f"/admin/api/{path}/rotate"
    form = boss.get(f"{path}/rotate")
    assert "pass it on safely" in form.text
    done = rotate(boss, token_id, f"{path}/rotate", grace="0")
    assert done.status_code == 201
    new = plaintext_in(done).split("_")[1]
    assert facts(boss.without_script().get(path))["Replaced by"] == new
    assert "The old token has stopped working." in done.text
    by = administration.column(app, "Event", "actor_label", action="rotated")
    assert by == [boss.user.email]
    assert told == [
        ("token_rotated", f"{boss.user.email} rotated your token “Deploy”.")
    ]
    elsewhere = administration.administrator(app, "chef", "other")
    assert elsewhere.get(f"{path}/rotate").status_code == 404
    userless, _ = administration.generate_userless(app)
    path = f"tokens/{userless}/rotate"
    assert rotate(boss.without_script(), userless, path).status_code == 201


@pytest.mark.parametrize("htmx", [True, False])
def test_plaintext_is_shown_even_if_the_old_token_is_deleted_meanwhile(
    app: Flask, ada: Visitor, htmx: bool
) -> None:
    """The row is deleted right after the commit, before the answer is rendered."""
    token_id = add_token(app, ada.user, "Deploy", service="tmy", scopes=["read"])
    browser = ada if htmx else ada.without_script()

    def delete_it(_sender: Flask, **_values: Any) -> None:
        session, model = hosts.host_of(app).db.session, bearing.models_of(app).Token
        session.execute(delete(model).where(model.id == token_id))
        session.commit()

    with signals.token_rotated.connected_to(delete_it, app):
        response = rotate(browser, token_id)
    assert response.status_code == 201
    assert plaintext_in(response)
