"""What tests of the example host do over and over."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from example_app.demo import PASSWORD
from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db


def token_for(
    example: Flask, *, service: str = "timeseries", scopes: tuple[str, ...] = ("read",)
) -> str:
    """Return the plaintext of a new token of ada."""
    with example.app_context():
        _token, plaintext = apitokens.generate(
            owner=User.with_email("ada@example.com"),
            name="test",
            service=service,
            scopes=scopes,
        )
        db.session.commit()
    return plaintext


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def csrf_field(page: TestResponse) -> str:
    """Return the CSRF token in the first form of a page."""
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert match is not None, page.text
    return match[1]


def sign_in(
    visitor: FlaskClient,
    email: str = "ada@example.com",
    *,
    password: str = PASSWORD,
    address: str = "/login",
    **options: Any,
) -> TestResponse:
    """Fetch the log-in page and post its form."""
    page = visitor.get(address, **options)
    data = {"email": email, "password": password, "csrf_token": csrf_field(page)}
    if str(options.get("base_url", "")).startswith("https"):
        options["headers"] = {"Referer": options["base_url"] + "/login"}
    return visitor.post(address, data=data, **options)
