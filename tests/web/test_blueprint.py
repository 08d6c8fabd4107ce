"""blueprint.py: addresses under any root of the host, and the static files. DEP-01."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin
from urllib.parse import urlsplit

import pytest
from flask import Flask

from flask_apitokens.web import templating
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_tokens
from tests.pages import one
from tests.pages import soup
from tests.pages import visitor

LINKS = {"a": "href", "link": "href", "script": "src", "form": "action"}


def addresses(html: Any) -> set[str]:
    """Every address in a document that is ours to get right."""
    found = {
        str(element[attribute])
        for name, attribute in LINKS.items()
        for element in html.select(f"{name}[{attribute}]")
    }
    for attribute in ("hx-get", "hx-post", "data-apitokens-htmx-src"):
        found |= {str(element[attribute]) for element in html.select(f"[{attribute}]")}
    return {url for url in found if not url.startswith(("#", "data:"))}


@pytest.mark.parametrize(
    ("config", "environ", "prefix"),
    [
        ({}, {}, "/account/api-tokens/"),
        ({"APITOKENS_URL_PREFIX": "/me/keys"}, {}, "/me/keys/"),
        ({}, {"SCRIPT_NAME": "/x"}, "/x/account/api-tokens/"),
    ],
)
def test_every_address_resolves_to_a_view(
    make_app: MakeApp, config: dict[str, Any], environ: dict[str, str], prefix: str
) -> None:
    app = make_app(services=False, **config)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    add_tokens(app, ada.user, 12)
    inner = prefix.removeprefix(environ.get("SCRIPT_NAME", ""))
    page = ada.client.get(inner, environ_overrides=environ)
    assert page.status_code == 200
    found = addresses(soup(page))
    assert len(found) > 30
    for url in found:
        path = urlsplit(url).path
        assert path.startswith((prefix, prefix.replace(inner, "/login"))), url
        method = "POST" if url in _posted(page) else "GET"
        inside = url.removeprefix(environ.get("SCRIPT_NAME", ""))
        answer = ada.client.open(inside, method=method, environ_overrides=environ)
        assert answer.status_code in {200, 422}, (method, url)
        answer.close()


def _posted(page: Any) -> set[str]:
    return {str(form["hx-post"]) for form in soup(page).select("[hx-post]")}


def test_redirects_keep_the_prefix(make_app: MakeApp) -> None:
    app = make_app(APPLICATION_ROOT="/x")
    environ = {"SCRIPT_NAME": "/x"}
    client = app.test_client()
    response = client.get(f"{U}new", environ_overrides=environ, follow_redirects=False)
    assert response.status_code == 302
    assert urlsplit(response.headers["Location"]).path == "/x/login"
    assert "next=%2Fx%2Faccount%2Fapi-tokens%2Fnew" in response.headers["Location"]


def test_two_applications_do_not_mix(make_app: MakeApp, tmp_path: Any) -> None:
    """DEP-02"""
    first = make_app(APITOKENS_URL_PREFIX="/one", services=False)
    second = make_app(f"sqlite:///{tmp_path}/second.sqlite", services=False)
    assert first.blueprints["apitokens"] is not second.blueprints["apitokens"]
    for app, path in ((first, "/one/"), (second, U)):
        assert app.test_client().get(path).status_code == 302
    assert second.test_client().get("/one/").status_code == 404


# -- static files --------------------------------------------------------------


@pytest.fixture
def style(app: Flask, user: Any) -> str:
    """The address of the stylesheet."""
    page = visitor(app, user).without_script().get()
    return str(one(page, "link[href$='/apitokens.css']")["href"])


def test_static_file_is_cached_for_a_year(app: Flask, style: str) -> None:
    response = app.test_client().get(style)
    response.close()
    assert response.status_code == 200
    assert response.mimetype == "text/css"
    assert response.cache_control.max_age == 31_536_000
    assert response.cache_control.public
    assert response.cache_control.immutable
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in response.headers


def test_static_file_under_an_old_address_is_not_cached(app: Flask, style: str) -> None:
    old = style.replace(templating.static_version(), "0" * 12)
    response = app.test_client().get(old)
    response.close()
    assert response.status_code == 200
    assert not response.cache_control.immutable
    assert response.cache_control.max_age in {0, None}


@pytest.mark.parametrize(
    "name",
    ["apitokens.js", "apitokens.css", "apitokens-layout.css", templating.HTMX],
)
def test_every_file_a_page_loads_exists(app: Flask, name: str) -> None:
    with app.test_request_context():
        url = templating.static_url(name)
    response = app.test_client().get(url)
    response.close()
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["nothing.css", "../blueprint.py", "%2e%2e/forms.py"])
def test_static_address_serves_no_other_file(app: Flask, style: str, name: str) -> None:
    url = urljoin(style, "x").removesuffix("x") + name
    assert app.test_client().get(url).status_code in {302, 404}


def test_unguarded_routes_keep_their_headers(app: Flask, user: Any) -> None:
    """DEP-10"""
    headers = Visitor(app, user, app.test_client()).client.get("/csrf-token").headers
    for name in ("Cache-Control", "Referrer-Policy", "X-Frame-Options"):
        assert name not in headers
