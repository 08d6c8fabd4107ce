"""htmx.py: which requests want a fragment, and what one looks like."""

from __future__ import annotations

import pytest
from flask import Flask
from markupsafe import Markup

from flask_apitokens.web import htmx


@pytest.fixture
def app() -> Flask:
    """An application without anything."""
    return Flask(__name__)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "false"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        # htmx 4
        ({"HX-Request": "true", "HX-Request-Type": "partial"}, True),
        ({"X-Requested-With": "XMLHttpRequest"}, False),
    ],
)
def test_wants_fragment_is_true_only_for_requests_of_controls(
    app: Flask, headers: dict[str, str], wanted: bool
) -> None:
    with app.test_request_context(headers=headers):
        assert htmx.wants_fragment() is wanted


def test_fragment_has_one_main_content_and_panels(app: Flask) -> None:
    with app.test_request_context():
        response = htmx.fragment(
            Markup("<p>main</p>"),
            status=201,
            out_of_band={"at-list": Markup("<b>list</b>"), "at-alert": "<i>"},
        )
    assert response.status_code == 201
    assert response.headers["Apitokens-Fragment"] == "1"
    assert "HX-Retarget" not in response.headers
    assert response.get_data(as_text=True).splitlines() == [
        "<p>main</p>",
        '<div id="at-list" hx-swap-oob="innerHTML"><b>list</b></div>',
        '<div id="at-alert" hx-swap-oob="innerHTML">&lt;i&gt;</div>',
    ]


def test_fragment_can_be_retargeted(app: Flask) -> None:
    with app.test_request_context():
        response = htmx.fragment(Markup("<p>"), target=htmx.TOASTS)
    assert response.headers["HX-Retarget"] == "#at-toasts"
    assert response.headers["HX-Reswap"] == "innerHTML"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://localhost/a/b?c=d#e", "/a/b?c=d"),
        ("http://localhost", "/"),
        ("http://localhost//evil.example", "/evil.example"),
        ("http://localhost/\\evil.example", "/evil.example"),
        ("https://localhost/a", None),
        ("http://localhost:81/a", None),
        ("http://evil.example/a", None),
        ("http://user@localhost/a", None),
        ("javascript:alert(1)", None),
        ("/a", None),
        ("http://[", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("header", ["HX-Current-URL", "Referer"])
def test_page_asked_from_returns_only_pages_of_this_origin(
    app: Flask, header: str, url: str, page: str | None
) -> None:
    with app.test_request_context(headers={header: url}):
        assert htmx.page_asked_from() == page
