"""Every address of the administrators' pages, from the URL map: none is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from flask_apitokens import Actor
from flask_apitokens.core.context import utcnow
from flask_apitokens.domain import access_requests
from flask_apitokens.guard.blueprints import ADMIN
from flask_apitokens.guard.blueprints import METHODS
from tests import administration
from tests import bearing
from tests import calling
from tests import hosts
from tests.administration import A
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.web.views.admin.test_pages import Scene

#: what a form may say to any of them, all at once
FIELDS = {
    **{"confirm": "1", "reason": "Leaked", "name": "New", "scope": "read"},
    **{"kind": "api", "expiry": "never", "grace": "0"},
}
#: what a form leads to alone, or a control with what is filled in, or nothing at all
BY_FORM = {
    *("save_users", "user_generate", "userless_generate", "all_deactivate_many"),
    *("user_revoke_many", "userless_revoke_many", "decide_many", "start", "stray"),
    *("user_new_scopes", "userless_new_scopes"),
}
#: texts on the pages of the first account and of no other
NAMES = ("idle@acme.example", "Let me in", ">CI<", "“CI”", ">Box<", "“Box”")


class Place(Scene):
    """Two accounts with every kind of row, and a user with a pending request."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.key = str(self.ada.id)
        self.ended, _ = bearing.generate(app, self.ada, name="Ended")
        host = hosts.host_of(app)
        with app.app_context():
            ctx = bearing.context_of(app)
            user = host.db.session.get_one(host.user_model, self.idle.id)
            actor = Actor(user.email, str(user.id))
            row = access_requests.request(
                ctx, user, "tmy", reason="Let me in", actor=actor
            )
            self.request = row.id
            host.db.session.commit()
        calling.note(app, *calling.some(3, token_id=self.token, owner_key=self.key))
        # The only one that can be deleted among all.
        bearing.change(app, self.ended, revoked_at=utcnow())

    def addresses(self) -> list[tuple[str, Rule, str]]:
        """The endpoint, the rule and a true address of each of our pages."""
        found = []
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint.startswith(f"{ADMIN}."):
                built = rule.build(self._values(rule), append_unknown=False)
                assert built is not None
                found.append((rule.endpoint, rule, built[1]))
        return found

    def _values(self, rule: Rule) -> dict[str, Any]:
        token = self.userless if "/userless" in rule.rule else self.token
        token = self.stopped if rule.rule.endswith("/activate") else token
        known = {"slug": "tmy", "key": self.key, "number": self.request}
        known |= {"token_id": token, "rest": "gone/astray"}
        return {name: known[name] for name in rule.arguments}

    def fields(self, endpoint: str) -> dict[str, Any]:
        """What a form says there, true enough to change something."""
        token = self.userless if "userless" in endpoint else self.token
        token = str(self.request) if endpoint.endswith("decide_many") else token
        row = {"row": self.key, "was": self.key, "id": token, "do": "approve"}
        return FIELDS | row | ({"active": "0"} if endpoint.endswith("switch") else {})

    def everything(self) -> list[Any]:
        """Every row of every table there is."""
        host = hosts.host_of(self.app)
        with self.app.app_context():
            tables = host.db.metadata.sorted_tables
            rows = [host.db.session.execute(select(table)).all() for table in tables]
            host.db.session.rollback()
        return [sorted(map(repr, found)) for found in rows]


@pytest.fixture
def place(make_app: MakeApp) -> Place:
    """A host of two accounts, on SQLite."""
    return Place(administration.administered(make_app))


def asked(place: Place, client: FlaskClient) -> Iterator[tuple[str, str, Any]]:
    """The answers of every address to every method, with and without htmx."""
    token = hosts.csrf_token(client)
    for endpoint, _rule, url in place.addresses():
        for headers in ({}, HTMX):
            for method in (*METHODS, "HEAD", "OPTIONS"):
                fields = {**place.fields(endpoint), "csrf_token": token}
                data = fields if method == "POST" else None
                answer = client.open(url, method=method, headers=headers, data=data)
                # A file is written as it is read.
                answer.get_data()
                yield method, url, answer


def test_url_map_has_every_listed_endpoint(place: Place) -> None:
    """Else the tests below would prove nothing."""
    endpoints = {endpoint for endpoint, _rule, _url in place.addresses()}
    assert len(endpoints) >= 40
    for endpoint, rule, url in place.addresses():
        if "GET" in (rule.methods or ()) and not endpoint.endswith(".stray"):
            # By htmx: what is a part of a form alone leads others to the form.
            some = {"id": place.fields(endpoint)["id"]}
            answer = place.boss.client.get(url, headers=HTMX, query_string=some)
            answer.get_data()
            status = answer.status_code
            assert status == (302 if endpoint.endswith(".start") else 200), url


@pytest.mark.parametrize("who", ["ada", "eve"])
def test_user_who_is_no_administrator_gets_403_everywhere(
    place: Place, who: str
) -> None:
    """AUZ-02: 403, or for what is not there 404 and 405."""
    client = place.app.test_client()
    hosts.login(client, getattr(place, who))
    before = place.everything()
    for method, url, answer in asked(place, client):
        if method != "OPTIONS":
            assert answer.status_code == 403, (method, url, answer.status_code)
        assert not [name for name in NAMES if name in answer.text], (method, url)
    assert place.everything() == before


def test_signed_out_user_is_refused_everywhere(place: Place) -> None:
    """AUZ-03: a page leads to the log-in, a control says that one is signed out."""
    before = place.everything()
    for method, url, answer in asked(place, place.app.test_client()):
        if method != "OPTIONS":
            assert answer.status_code in {302, 401}, (method, url, answer.status_code)
        assert not [name for name in NAMES if name in answer.text], (method, url)
    assert place.everything() == before


def test_no_address_changes_anything_without_csrf_token(
    place: Place,
) -> None:
    """CSR-01: also those that a list of changes could forget."""
    before, client = place.everything(), place.boss.client
    for endpoint, rule, url in place.addresses():
        if "POST" not in (rule.methods or ()) or endpoint.endswith(".stray"):
            continue
        for forged in ({}, {"csrf_token": "forged"}):
            data = {**place.fields(endpoint), **forged}
            for headers in ({}, HTMX):
                answer = client.post(url, data=data, headers=headers)
                assert answer.status_code == 400, (url, answer.status_code)
    assert place.everything() == before


def test_get_changes_nothing(place: Place) -> None:
    """CSR-02: whatever the address carries, as a form would send it."""
    before, client = place.everything(), place.boss.client
    for endpoint, _rule, url in place.addresses():
        fields = {**place.fields(endpoint), "csrf_token": hosts.csrf_token(client)}
        for method in ("GET", "HEAD", "OPTIONS"):
            for headers in ({}, HTMX):
                sent: Any = {"headers": headers, "query_string": fields}
                answer = client.open(url, method=method, buffered=True, **sent)
                assert answer.status_code < 500, (method, url)
    assert place.everything() == before


def test_every_link_answers_and_changes_nothing(place: Place) -> None:
    """CSR-02: an administrator follows all there are, from page to page."""
    before, client = place.everything(), place.boss.client
    waiting = [(f"{A}services", False)]
    seen = set(waiting)
    while waiting:
        url, htmx = waiting.pop()
        answer = client.get(url, headers=HTMX if htmx else {})
        assert answer.status_code == 200, (url, htmx)
        new = _links(answer.text, url) - seen
        seen |= new
        waiting += new
    adapter = place.app.url_map.bind("localhost")
    reached = {adapter.match(urlsplit(url).path)[0] for url, _htmx in seen}
    ours = {endpoint for endpoint, _rule, _url in place.addresses()}
    assert {name.partition(".")[2] for name in ours - reached} == BY_FORM
    assert place.everything() == before


def _links(html: str, here: str) -> set[tuple[str, bool]]:
    """Where a page leads below A, and whether by a control rather than a link."""
    found = BeautifulSoup(html, "html.parser").select("[href], [hx-get]")
    urls = {
        (urljoin(here, str(element[name])).partition("#")[0], name == "hx-get")
        for element in found
        for name in ("href", "hx-get")
        if element.get(name)
    }
    return {(url, htmx) for url, htmx in urls if url.startswith(A)}
