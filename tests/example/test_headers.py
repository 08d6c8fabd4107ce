"""Headers, cookies and logs of the example host."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient

from example_app.security import POLICY
from example_app.security import HideKeys
from tests.example.steps import sign_in


@pytest.mark.parametrize("address", ["/", "/login", "/nowhere", "/static/example.css"])
def test_every_response_has_the_security_headers(
    visitor: FlaskClient, address: str
) -> None:
    headers = visitor.get(address, buffered=True).headers
    policy = dict(
        rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; ")
    )
    assert policy == POLICY
    assert set(policy.values()) == {"'none'", "'self'"}
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_are_not_stored(visitor: FlaskClient) -> None:
    sign_in(visitor)
    for address in ("/", "/account/preferences"):
        assert "no-store" in visitor.get(address).headers["Cache-Control"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_session_cookie_is_httponly_and_secure_under_https(
    visitor: FlaskClient, scheme: str
) -> None:
    answer = sign_in(visitor, base_url=f"{scheme}://example.test")
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (scheme == "https")


KEY = "apt_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef31PE6C"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (f"sort=name&q={KEY}&page=2", "sort=name&q=…&page=2"),
        (f"q=+{KEY}%20", "q=…"),
        ("q=nightly_export&x=100%25", "q=nightly_export&x=100%25"),
    ],
)
def test_access_log_hides_a_token_in_a_search(query: str, shown: str) -> None:
    line = f'"GET /account/api-tokens/?{query} HTTP/1.1" 200'
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%s", (line,), None)
    assert HideKeys().filter(record)
    assert record.getMessage() == line.replace(query, shown)


def test_access_log_hides_a_token_in_the_url() -> None:
    record = logging.LogRecord(
        "werkzeug",
        logging.INFO,
        __file__,
        1,
        "%s",
        ('"POST /datadelivery/request?a=1&key=apt_secret&b=2 HTTP/1.1" 200',),
        None,
    )
    assert HideKeys().filter(record)
    assert record.getMessage() == (
        '"POST /datadelivery/request?a=1&key=…&b=2 HTTP/1.1" 200'
    )
