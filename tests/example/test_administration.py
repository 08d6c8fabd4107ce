"""The example host as a new administrator tries it."""

from __future__ import annotations

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from example_app.models import User
from example_app.models import db
from tests.example.steps import csrf_field
from tests.example.steps import sign_in

A = "/admin/api"


def key_of(example: Flask, email: str) -> str:
    """Return the primary key of a user, as URLs have it."""
    with example.app_context():
        user = User.with_email(email)
        assert user is not None
        return str(user.id)


def called(example: Flask, plaintext: str) -> tuple[int, str | None]:
    """Return the status and code of a guarded route's response to a token."""
    bearer = {"Authorization": f"Bearer {plaintext}"}
    answer = example.test_client().get("/api/tmy?lat=48&lon=16", headers=bearer)
    return answer.status_code, (answer.json or {}).get("code")


def switch(visitor: FlaskClient, key: str, *, on: bool) -> None:
    """Save a user's switch as the form would; off, confirmed."""
    page = f"{A}/services/tmy/users"
    form = {"csrf_token": csrf_field(visitor.get(page)), "row": key, "confirm": "1"}
    form["active" if on else "was"] = key
    assert visitor.post(page, data=form).status_code == 303


def test_administrator_activates_a_service_and_generates_a_token(
    example: Flask, visitor: FlaskClient
) -> None:
    sign_in(visitor, "admin@example.com")
    grace = key_of(example, "grace@example.com")
    switch(visitor, grace, on=True)
    new = f"{A}/services/tmy/users/{grace}/new"
    fields = BeautifulSoup(visitor.get(new).text, "html.parser").select("[type=hidden]")
    form = {str(field["name"]): str(field.get("value", "")) for field in fields}
    form |= {"kind": "api", "name": "", "scope": "read", "expiry": "never"}
    made = visitor.post(f"{A}/services/tmy/users/{grace}/tokens", data=form)
    assert made.status_code == 201, made.text
    secret = BeautifulSoup(made.text, "html.parser").select_one("#at-secret")
    assert secret is not None
    plaintext = secret.get_text(strip=True)
    assert called(example, plaintext) == (200, None)
    switch(visitor, grace, on=False)
    assert called(example, plaintext) == (403, "service_inactive")
    switch(visitor, grace, on=True)
    assert called(example, plaintext) == (200, None)


def test_administrator_sees_their_own_account_only(
    example: Flask, visitor: FlaskClient
) -> None:
    sign_in(visitor, "admin@example.com")
    carol = key_of(example, "carol@other.example")
    assert visitor.get(f"{A}/services/tmy/users/{carol}").status_code == 404
    assert "carol@other.example" not in visitor.get(f"{A}/services/tmy/users").text


def test_admin_pages_refuse_other_users(visitor: FlaskClient) -> None:
    sign_in(visitor)
    assert visitor.get(f"{A}/services").status_code == 403
    assert f"{A}/services" not in visitor.get("/account/preferences").text


def test_application_grants_the_api_permission(
    example: Flask, visitor: FlaskClient
) -> None:
    sign_in(visitor, "noapi@example.com")
    page = "/account/api-tokens/"
    form = {
        "csrf_token": csrf_field(visitor.get(page)),
        "service": "",
        "reason": "Why not",
    }
    assert visitor.post(f"{page}request", data=form).status_code == 303
    admin = example.test_client()
    sign_in(admin, "admin@example.com")
    requests = f"{A}/requests"
    document = BeautifulSoup(admin.get(requests).text, "html.parser")
    approve = document.select_one(f'form[action^="{requests}/"]')
    assert approve is not None
    form = {"csrf_token": csrf_field(admin.get(requests)), "do": "approve"}
    assert admin.post(str(approve["action"]), data=form).status_code == 303
    with example.app_context():
        user = User.with_email("noapi@example.com")
        assert user is not None
        assert user.may_use_api
        db.session.rollback()
