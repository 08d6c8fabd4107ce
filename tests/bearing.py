"""Tokens in the hands of a test: made, presented, and what the guard answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import bcrypt
import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import update
from werkzeug.test import TestResponse

from flask_apitokens import Actor
from flask_apitokens import secret
from flask_apitokens.domain import Domain
from flask_apitokens.models import Models
from tests import hosts

ACTOR = Actor("a test")
_numbers = count(1)


def generate(app: Flask, owner: Any, **values: Any) -> tuple[str, str]:
    """A new token of *owner*, committed: its id and its plaintext."""
    values.setdefault("name", f"token {next(_numbers)}")
    host = hosts.host_of(app)
    with app.app_context():
        token, plaintext = host.apitokens.generate(owner=owner, **values)
        host.db.session.commit()
        return token.id, plaintext


def subscribe(app: Flask, user: Any, *slugs: str) -> None:
    """Let *user* use services, committed."""
    host = hosts.host_of(app)
    with app.app_context():
        for slug in slugs:
            host.apitokens.subscribe(user, slug)
        host.db.session.commit()


def unsubscribe(app: Flask, user: Any, slug: str) -> None:
    """Stop *user* from using a service, committed."""
    host = hosts.host_of(app)
    with app.app_context():
        host.apitokens.unsubscribe(user, slug)
        host.db.session.commit()


def models_of(app: Flask) -> Models:
    """The mapped classes of *app*."""
    models: Models = app.extensions["apitokens"].models
    return models


def domain_of(app: Flask) -> Domain:
    """The domain on the session of the current application context."""
    domain: Domain = app.extensions["apitokens"].domain()
    return domain


def engine_of(app: Flask) -> Engine:
    """The engine our tables are on."""
    with app.app_context():
        engine: Engine = app.extensions["apitokens"].engine
        return engine


def change(app: Flask, token_id: str, **values: Any) -> None:
    """Change the row of a token behind the plugin's back."""
    model = models_of(app).Token
    with engine_of(app).begin() as connection:
        connection.execute(update(model).where(model.id == token_id).values(**values))


def change_user(app: Flask, user: Any, **values: Any) -> None:
    """Change the row of a user behind everybody's back."""
    model = hosts.host_of(app).user_model
    with engine_of(app).begin() as connection:
        connection.execute(update(model).where(model.id == user.id).values(**values))


def switch_service(app: Flask, slug: str, *, active: bool, account: str = "") -> None:
    """Switch a service for an account."""
    host, domain = hosts.host_of(app), models_of(app)
    with app.app_context():
        setting = host.db.session.query(domain.ServiceSetting).filter_by(
            account_id=account, service=slug
        )
        row = setting.one_or_none() or domain.ServiceSetting(
            account_id=account, service=slug, changed_by="a test"
        )
        row.active = active
        row.changed_at = domain_of(app).now()
        host.db.session.add(row)
        host.db.session.commit()


def bearer(plaintext: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {plaintext}"}


def sealed(public: str, brand: str = "apt", tail: str = "0" * 32) -> str:
    """A token that nobody generated, with a checksum that is right."""
    head = f"{brand}_{public}_{tail}"
    return head + secret.crc_of(head.encode()).decode()


def another_secret(plaintext: str) -> str:
    """The same id with another secret and a checksum that is right."""
    brand, public, tail = plaintext.split("_")
    return sealed(public, brand, tail[:32].swapcase())


def problem(response: TestResponse) -> dict[str, Any]:
    """The problem details of a refusal, after a look at what all refusals keep to."""
    body: dict[str, Any] = json.loads(response.get_data())
    assert response.content_type == "application/problem+json"
    assert response.status_code == body["status"]
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    assert "Location" not in response.headers
    challenged = "WWW-Authenticate" in response.headers
    assert challenged == (response.status_code in {400, 401, 403})
    return body


def code(response: TestResponse) -> str:
    """The machine word of a refusal."""
    word: str = problem(response)["code"]
    return word


class Bcrypt:
    """Counts what bcrypt is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checks = 0
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self._count)

    def _count(self, password: bytes, stored: bytes) -> bool:
        self.checks += 1
        return self._check(password, stored)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """What SQLite is told in the block, BEGIN and COMMIT included, by anybody.

    Recorded by the driver itself: our look-ups pass by SQLAlchemy's events. Begin
    before the first guarded call, which opens their connections.
    """
    engine, told = engine_of(app), list[str]()

    def listen(connection: Any, _record: object) -> None:
        connection.set_trace_callback(told.append)

    event.listen(engine, "connect", listen)
    engine.dispose()
    yield told
    event.remove(engine, "connect", listen)
