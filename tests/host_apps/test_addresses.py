"""Hosts below a prefix, on a subdomain and with rules for host names."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import urljoin
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from werkzeug.test import TestResponse

from flask_apitokens.errors import ConfigurationError
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import hidden_fields
from tests.pages import plaintext_in
from tests.pages import stored

LINKS = ("href", "action", "src", "hx-get", "hx-post", "data-apitokens-htmx-src")


class HostMatching(Flask):
    """An application whose own rules are for one host name each."""

    def __init__(self, name: str) -> None:
        super().__init__(name, host_matching=True, static_host="www.example.com")

    def add_url_rule(  # type: ignore[override]
        self, rule: str, endpoint: Any = None, view_func: Any = None, **options: Any
    ) -> None:
        """Add a rule; those of blueprints are as the blueprint says."""
        if "." not in (endpoint or ""):
            host = "api.example.com" if rule.startswith("/api/") else "www.example.com"
            options.setdefault("host", host)
        super().add_url_rule(rule, endpoint, view_func, **options)


class Subdomains(Flask):
    """An application that has its pages on one subdomain."""

    def __init__(self, name: str) -> None:
        super().__init__(name, subdomain_matching=True)
        self.config["SERVER_NAME"] = "example.com"

    def add_url_rule(  # type: ignore[override]
        self, rule: str, endpoint: Any = None, view_func: Any = None, **options: Any
    ) -> None:
        """Add a rule; those of blueprints are as the blueprint says."""
        if "." not in (endpoint or ""):
            options.setdefault("subdomain", "app")
        super().add_url_rule(rule, endpoint, view_func, **options)


@dataclass
class Browser:
    """A browser that follows addresses as pages have them.

    :param origin: scheme and host of the pages.
    :param prefix: what each address of the host begins with.
    :param strip: whether a proxy takes the prefix off again.
    """

    app: Flask
    client: Client
    origin: str = "http://localhost"
    prefix: str = ""
    strip: bool = False
    seen: set[str] = field(default_factory=set)

    def open(self, address: str, **options: Any) -> TestResponse:
        """Request an address, which may be relative to the host's start."""
        parts = urlsplit(urljoin(self.origin, address))
        path = parts.path
        if self.strip:
            options["headers"] = {**options.get("headers", {})} | {
                "X-Forwarded-Prefix": self.prefix
            }
            path = path.removeprefix(self.prefix)
        options["base_url"] = f"{parts.scheme}://{parts.netloc}"
        # Closed at once, as a browser would after it has read all.
        options["buffered"] = True
        return self.client.open(path, query_string=parts.query, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """Request a path below the prefix."""
        return self.open(self.prefix + path, **options)

    def post(self, path: str, data: dict[str, str], **options: Any) -> TestResponse:
        """Send a form to a path below the prefix."""
        return self.open(self.prefix + path, method="POST", data=data, **options)

    def links(self, page: TestResponse) -> Iterator[str]:
        """Yield the addresses in a page that were not seen before."""
        for element in BeautifulSoup(page.text, "html.parser").find_all(True):
            for name in LINKS:
                address = str(element.get(name, ""))
                known = address in self.seen or address.startswith(("#", "data:"))
                if address and not known:
                    self.seen.add(address)
                    yield address


def below_a_prefix(make_app: MakeApp) -> Browser:
    """A host that is mounted below another one."""
    app = make_app(plugin=_ADMIN, APPLICATION_ROOT="/sub")
    mounted = DispatcherMiddleware(Flask("other"), {"/sub": app})
    return Browser(app, Client(mounted), prefix="/sub")


def behind_a_proxy(make_app: MakeApp) -> Browser:
    """A host behind a proxy that takes a prefix off, and says which."""
    app = make_app(plugin=_ADMIN)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    return Browser(app, app.test_client(), prefix="/sub", strip=True)


def with_host_matching(make_app: MakeApp) -> Browser:
    """A host with a host name in each of its rules."""
    app = make_app(app_class=HostMatching, plugin=_ADMIN)
    return Browser(app, app.test_client(), "http://www.example.com")


def with_host_matching_on_one(make_app: MakeApp) -> Browser:
    """The same; our rules have one as well."""
    app = make_app(
        app_class=HostMatching, plugin=_ADMIN, APITOKENS_HOST="www.example.com"
    )
    return Browser(app, app.test_client(), "http://www.example.com")


def on_a_subdomain(make_app: MakeApp) -> Browser:
    """A host whose pages are on a subdomain."""
    app = make_app(app_class=Subdomains, plugin=_ADMIN, APITOKENS_HOST="app")
    return Browser(app, app.test_client(), "http://app.example.com")


_ADMIN = {"is_admin": lambda user: True}
EACH = pytest.mark.parametrize(
    "begin",
    [
        below_a_prefix,
        behind_a_proxy,
        with_host_matching,
        with_host_matching_on_one,
        on_a_subdomain,
    ],
    ids=lambda function: str(function.__name__),
)


@EACH
def test_every_address_in_the_pages_is_there(make_app: MakeApp, begin: Any) -> None:
    browser = begin(make_app)
    app, ada = browser.app, hosts.create_user(browser.app, "ada@example.com")
    bearing.subscribe(app, ada, "tmy")
    away = browser.get("/account/api-tokens/")
    assert away.status_code == 302
    to = urlsplit(away.headers["Location"])
    assert to.path == f"{browser.prefix}/login"
    assert browser.open(away.headers["Location"]).status_code == 200
    signed_in = browser.open(
        away.headers["Location"], method="POST", data={"email": ada.email}
    )
    back = browser.open(signed_in.headers["Location"])
    assert "No tokens yet" in back.text
    form = hidden_fields(browser.get("/account/api-tokens/new").text)
    wish = {"kind": "api", "name": "Deploy", "expiry": "never", **form}
    wish |= {"service": "tmy", "scope": "read"}
    made = browser.post("/account/api-tokens/", wish)
    assert made.status_code == 201
    _check_calls(browser, plaintext_in(made))
    [row] = stored(app, ada)
    pages = ["/account/api-tokens/", f"/account/api-tokens/{row['id']}", "/admin/api/"]
    pages += ["/admin/api/services/tmy/users", "/admin/api/tokens", "/account"]
    found = [
        made,
        *(browser.get(page, headers=head) for page in pages for head in ({}, HTMX)),
    ]
    for _round in range(2):
        for address in [each for page in found for each in browser.links(page)]:
            answer = browser.open(address)
            if urlsplit(address).path.endswith("/logout"):
                continue
            assert answer.status_code != 404, address
            assert answer.status_code < 500, address
            found.append(answer)
            where = answer.headers.get("Location")
            if where:
                path = urlsplit(urljoin(browser.origin, where)).path
                assert path.startswith(f"{browser.prefix}/"), (address, where)
    assert len(browser.seen) > 30


def _check_calls(browser: Browser, plaintext: str) -> None:
    """Check a guarded route and the endpoints for scripts."""
    head = bearer(plaintext)
    api = "http://api.example.com/api/tmy"
    if not isinstance(browser.app, HostMatching):
        api = f"{browser.prefix}/api/tmy"
    assert browser.open(api, headers=head).status_code == 200
    assert bearing.code(browser.open(api)) == "missing_token"
    own = browser.get("/api-tokens/self", headers=head)
    assert own.status_code == 200


@EACH
def test_example_lines_name_an_address_that_answers(
    make_app: MakeApp, begin: Any
) -> None:
    browser = begin(make_app)
    app, ada = browser.app, hosts.create_user(browser.app, "ada@example.com")
    bearing.subscribe(app, ada, "tmy")
    browser.post("/login", {"email": ada.email})
    form = hidden_fields(browser.get("/account/api-tokens/new").text)
    wish = {"kind": "api", "name": "Deploy", "expiry": "never", **form}
    wish |= {"service": "tmy", "scope": "read"}
    made = browser.post("/account/api-tokens/", wish)
    line = re.search(r"curl (\S+) ", html.unescape(made.text))
    assert line is not None, made.text
    # Where only a header tells the host, the reader sets it.
    address = line[1].strip('"').removeprefix("$API_URL")
    answer = browser.open(address, headers=bearer(plaintext_in(made)))
    assert answer.status_code == 200, address


def test_host_setting_needs_an_application_that_matches_hosts(
    make_app: MakeApp,
) -> None:
    with pytest.raises(ConfigurationError, match="host_matching or subdomain_matching"):
        make_app(APITOKENS_HOST="app")


def test_layout_of_another_host_name_finds_the_pages(make_app: MakeApp) -> None:
    """A link in a page of another host, and outside a request."""
    app = make_app(app_class=HostMatching, APITOKENS_HOST="www.example.com")

    @app.get("/api/link")
    def link() -> ResponseReturnValue:
        from flask import url_for

        return url_for("apitokens.tokens")

    answer = app.test_client().get("/api/link", base_url="http://api.example.com")
    assert answer.text == "http://www.example.com/account/api-tokens/"


def test_pages_without_a_subdomain_are_on_the_bare_domain(make_app: MakeApp) -> None:
    app = make_app(app_class=Subdomains)
    client = app.test_client()
    page = client.get("/account/api-tokens/", base_url="http://example.com")
    assert page.headers["Location"].startswith("http://app.example.com/login?next=")
    there = client.get("/account/api-tokens/", base_url="http://app.example.com")
    assert there.status_code == 404
