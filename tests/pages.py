"""The pages as a test client sees them: sign in, fill in a form, send it."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from typing import Any

from bs4 import BeautifulSoup
from bs4 import Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import hosts

U = "/account/api-tokens/"
HTMX = {"HX-Request": "true"}


@dataclass(frozen=True)
class Visitor:
    """A signed-in user and their browser.

    :param htmx: whether the browser runs scripts.
    :param base: the start of all addresses.
    """

    app: Flask
    user: Any
    client: FlaskClient
    htmx: bool = True
    base: str = U

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the browser sends with each request of a control."""
        return HTMX if self.htmx else {}

    def get(self, path: str = "", **options: Any) -> TestResponse:
        """Follow a link below the base."""
        return self.client.get(self.base + path, headers=self.headers, **options)

    def post(self, path: str = "", **fields: Any) -> TestResponse:
        """Send a form below the base, with a CSRF token."""
        token = hosts.csrf_token(self.client)
        data = {"csrf_token": token, **fields}
        return self.client.post(self.base + path, data=data, headers=self.headers)

    def generate(self, **fields: Any) -> TestResponse:
        """Fill in the generate form and send it."""
        form = hidden_fields(self.get("new").text)
        wish = {"kind": "api", "name": "Deploy", "expiry": "never", **form, **fields}
        return self.client.post(self.base, data=wish, headers=self.headers)

    def without_script(self) -> Visitor:
        """The same user with scripts off."""
        return replace(self, htmx=False)


def visitor(app: Flask, user: Any, *services: str) -> Visitor:
    """Sign *user* in, subscribed to *services*."""
    subscribe(app, user, *services)
    client = app.test_client()
    hosts.login(client, user)
    return Visitor(app, user, client)


def subscribe(app: Flask, user: Any, *services: str, active: bool = True) -> None:
    """Subscribe *user* to *services*, or end the subscriptions."""
    host = hosts.host_of(app)
    with app.app_context():
        mine = host.db.session.get(host.user_model, user.id)
        for slug in services:
            switch = host.apitokens.subscribe if active else host.apitokens.unsubscribe
            switch(mine, slug)
        host.db.session.commit()


def add_token(
    app: Flask,
    user: Any,
    name: str = "Deploy",
    *,
    service: str | None = None,
    scopes: Collection[str] = (),
    **columns: Any,
) -> str:
    """Generate a token of *user*; *columns* are set afterwards without a check."""
    host = hosts.host_of(app)
    with app.app_context():
        mine = host.db.session.get(host.user_model, user.id)
        token, _plaintext = host.apitokens.generate(
            owner=mine, name=name, service=service, scopes=scopes
        )
        for column, value in columns.items():
            setattr(token, column, value)
        host.db.session.commit()
        return token.id


def add_tokens(app: Flask, user: Any, number: int) -> list[str]:
    """Generate tokens named "Token 1", "Token 2" and so on; the last is the newest."""
    return [add_token(app, user, f"Token {n}") for n in range(1, number + 1)]


def stored(app: Flask, user: Any) -> list[dict[str, Any]]:
    """Return all tokens of *user* as stored, oldest first."""
    host = hosts.host_of(app)
    model = app.extensions["apitokens"].models.Token
    columns = ("id", "name", "kind", "service", "scopes", "expires_at", "revoked_at")
    with app.app_context():
        rows = host.db.session.query(model).filter_by(owner_id=user.id)
        rows = rows.order_by(model.created_at, model.id).all()
        more = ("secret_hash", "check_digest", "last_used_at", "shown_at", "owner_id")
        return [{c: getattr(row, c) for c in (*columns, *more)} for row in rows]


def soup(response: TestResponse) -> BeautifulSoup:
    """Return the response as a document."""
    return BeautifulSoup(response.text, "html.parser")


def one(response: TestResponse, selector: str) -> Tag:
    """Return the only element that *selector* finds."""
    found = soup(response).select(selector)
    assert len(found) == 1, f"{selector}: {len(found)} in {response.text}"
    return found[0]


def text_of(response: TestResponse, selector: str) -> str:
    """Return the text of the only element that *selector* finds."""
    return visible_text(one(response, selector))


def visible_text(element: Tag) -> str:
    """Return the text of *element*, with single spaces."""
    return " ".join(element.get_text(" ").split())


def names(response: TestResponse) -> list[str]:
    """Return the names in the list, from the top."""
    return [visible_text(link) for link in soup(response).select(".at-name a")]


def hidden_fields(html: str) -> dict[str, str]:
    """Return the hidden fields of the forms in *html*."""
    fields = BeautifulSoup(html, "html.parser").select("form input[type=hidden]")
    return {str(field["name"]): str(field.get("value", "")) for field in fields}


def plaintext_in(response: TestResponse) -> str:
    """Return the plaintext that the response shows."""
    return one(response, "#at-secret").get_text()


def moments(rows: Sequence[dict[str, Any]], column: str) -> list[datetime]:
    """Return one column of times of several tokens."""
    return [row[column] for row in rows]
