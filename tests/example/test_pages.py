"""Signing in and out of the example host, and its pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import create_app
from example_app.demo import PASSWORD
from example_app.models import User
from example_app.models import db
from tests.example.steps import csrf_field
from tests.example.steps import sign_in

MakeExample = Callable[..., Flask]


def test_login_redirects_to_the_preferences(visitor: FlaskClient) -> None:
    answer = sign_in(visitor)
    assert answer.status_code == 303
    assert answer.location == "/account/preferences"
    page = visitor.get(answer.location)
    assert page.status_code == 200
    assert "Ada Lovelace" in page.text
    assert "data-apitokens" in page.text


def test_login_ignores_the_case_of_the_email(visitor: FlaskClient) -> None:
    assert sign_in(visitor, " Ada@Example.COM ").status_code == 303


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("ada@example.com", "wrong", "do not match"),
        ("nobody@example.com", PASSWORD, "do not match"),
        ("disabled@example.com", PASSWORD, "switched off"),
        ("disabled@example.com", "wrong", "do not match"),
        ("ada", PASSWORD, "such as ada@example.com"),
        ("ada@example.com\0", PASSWORD, "such as ada@example.com"),
        ("a" * 300 + "@example.com", PASSWORD, "254 characters"),
        ("", "", "Enter your email address"),
        ("ada@example.com", "", "Enter your password"),
        ("ada@example.com", "x" * 2000, "not your password"),
    ],
)
def test_failed_login_shows_the_error_and_keeps_the_email(
    visitor: FlaskClient, email: str, password: str, message: str
) -> None:
    answer = sign_in(
        visitor, email, password=password, address="/login?next=/account/api-tokens/"
    )
    assert answer.status_code == 422
    assert message in answer.text
    assert visitor.get("/account/preferences").status_code == 302


def test_next_survives_a_wrong_password(visitor: FlaskClient) -> None:
    asked = visitor.get("/account/preferences?tab=1")
    assert asked.status_code == 302
    address = asked.location
    assert sign_in(visitor, password="wrong", address=address).status_code == 422
    answer = sign_in(visitor, address=address)
    assert answer.location == "/account/preferences?tab=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/%09/evil.example/",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie:x=1",
        "javascript:alert(1)",
        "account/preferences",
        "http:///evil.example",
        "//[",
        "",
    ],
)
def test_next_never_leaves_the_site(visitor: FlaskClient, target: str) -> None:
    answer = sign_in(visitor, address=f"/login?next={target}")
    assert answer.location == "/account/preferences"


def test_login_page_redirects_a_logged_in_user(visitor: FlaskClient) -> None:
    sign_in(visitor)
    assert visitor.get("/login?next=/").location == "/"


def test_logout_needs_a_post_with_csrf_token(visitor: FlaskClient) -> None:
    sign_in(visitor)
    assert visitor.get("/logout").status_code == 405
    refused = visitor.post("/logout")
    assert refused.status_code == 400
    assert "open too long" in refused.text
    page = visitor.get("/account/preferences")
    assert page.status_code == 200
    visitor.post("/logout", data={"csrf_token": csrf_field(page)})
    assert visitor.get("/account/preferences").status_code == 302


def test_deactivated_user_loses_the_session(
    example: Flask, visitor: FlaskClient
) -> None:
    sign_in(visitor)
    with example.app_context():
        ada = User.with_email("ada@example.com")
        assert ada is not None
        ada.is_active = False
        db.session.commit()
    assert visitor.get("/account/preferences").status_code == 302


def test_missing_tables_are_explained(tmp_path: Path) -> None:
    example = create_app({"SECRET_KEY": "x"}, instance_path=tmp_path)
    answer = sign_in(example.test_client())
    with example.app_context():
        db.engine.dispose()
    assert answer.status_code == 503
    assert "flask --app example_app seed" in answer.text


def test_navigation_marks_the_current_page(visitor: FlaskClient) -> None:
    sign_in(visitor)
    for address, label in (
        ("/account/preferences", "Profile"),
        ("/account/api-tokens/", "API tokens"),
    ):
        page = visitor.get(address).text
        (here,) = re.findall(r'aria-current="page"\s*>([^<]+)</a>', page)
        assert here.strip() == label


@pytest.mark.parametrize("address", ["/", "/account/preferences"])
def test_every_link_has_a_target(visitor: FlaskClient, address: str) -> None:
    sign_in(visitor)
    page = visitor.get(address).text
    addresses = set(re.findall(r'(?:href|src)="(/[^"]*)"', page))
    assert addresses
    for linked in addresses:
        answer = visitor.get(linked, buffered=True, follow_redirects=True)
        assert answer.status_code == 200, linked


def test_template_overrides_come_with_their_layout(make_example: MakeExample) -> None:
    visitor = make_example(EXAMPLE_TEMPLATES="bootstrap5").test_client()
    sign_in(visitor)
    for address in ("/account/preferences", "/account/api-tokens/"):
        page = visitor.get(address)
        assert page.status_code == 200
        (stylesheet,) = re.findall(r'href="([^"]+bootstrap[^"]*\.css)"', page.text)
        assert visitor.get(stylesheet, buffered=True).status_code == 200
