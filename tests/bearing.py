"""Generate tokens, present them, and read the guard's responses."""

from __future__ import annotations

import ctypes
import json
import os
import re
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import bcrypt
import pytest
from flask import Flask
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from psycopg.pq import Trace
from sqlalchemy import Engine
from sqlalchemy import event
from sqlalchemy import update
from werkzeug.test import TestResponse

from flask_apitokens import Actor
from flask_apitokens import APITokens
from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.core.context import Context
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.mapping import Models
from flask_apitokens.db.models import Token
from flask_apitokens.domain import tokens
from tests import hosts

ACTOR = Actor("a test")
#: what libpq writes of a statement that PostgreSQL has executed
_DONE = re.compile(r'^B\t\d+\tCommandComplete\t "(.*)"$', re.MULTILINE)
_numbers = count(1)


def host_of_models(
    db: SQLAlchemy,
    user_model: Any,
    url: str,
    *,
    services: bool = False,
    plugin: Mapping[str, Any] | None = None,
    **config: Any,
) -> Flask:
    """Return a host with the test's own user class, with tables and no users."""
    app = Flask("tests.own")
    app.config.update(
        SECRET_KEY="not-a-secret",
        SQLALCHEMY_DATABASE_URI=url,
        APITOKENS_BCRYPT_ROUNDS=4,
    )
    app.config.update(config)
    db.init_app(app)
    manager = LoginManager(app)
    manager.user_loader(lambda key: None)
    apitokens = APITokens(db, user_model, **(plugin or {}))
    if services:
        apitokens.service("tmy", "TMY data", scopes={"read": "Download"})
    apitokens.init_app(app)
    app.extensions["tests.host"] = hosts.Host(db, user_model, apitokens)
    app.get("/api/plain")(token_required(_plain))
    with app.app_context():
        db.create_all()
    return app


def _plain() -> dict[str, str]:
    return {"token": current_token.id}


def generate(app: Flask, owner: Any, **values: Any) -> tuple[str, str]:
    """Generate and commit a token of *owner*; return its id and its plaintext."""
    values.setdefault("name", f"token {next(_numbers)}")
    host = hosts.host_of(app)
    with app.app_context():
        token, plaintext = host.apitokens.generate(owner=owner, **values)
        host.db.session.commit()
        return token.id, plaintext


def first_token(app: Flask, apitokens: APITokens) -> tuple[str, str]:
    """Create the tables of a host, a user and a token of that user.

    :returns: the id and the plaintext of the token.
    """
    db = app.extensions["sqlalchemy"]
    with app.app_context():
        db.create_all()
        user = models_of(app).user(email="ada@example.com")
        db.session.add(user)
        token, plaintext = apitokens.generate(owner=user, name="x")
        db.session.commit()
        return token.id, plaintext


def revealed(made: tuple[Token, Plaintext]) -> tuple[Token, str]:
    """Return the row and the text of a token that a domain function has made."""
    token, plaintext = made
    return token, plaintext.reveal()


def make(ctx: Context, owner: Any, name: str = "x", **values: Any) -> Token:
    """Generate and commit a token in the session of *ctx*; return its row."""
    values.setdefault("actor", ACTOR)
    token, _ = tokens.generate(ctx, owner, name=name, **values)
    ctx.session.commit()
    return token


def actions(ctx: Context, token_id: str) -> list[str]:
    """Return the audited actions on a token, oldest first."""
    event = ctx.models.Event
    found = ctx.session.query(event).filter_by(token_id=token_id)
    return [row.action for row in found.order_by(event.id)]


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
    """Return the mapped classes of *app*."""
    models: Models = app.extensions["apitokens"].models
    return models


def context_of(app: Flask) -> Context:
    """Return a context on the session of the current application context."""
    ctx: Context = app.extensions["apitokens"].context()
    return ctx


def engine_of(app: Flask) -> Engine:
    """Return the engine of the plugin's tables."""
    with app.app_context():
        engine: Engine = app.extensions["apitokens"].engine
        return engine


def change(app: Flask, token_id: str, **values: Any) -> None:
    """Change the row of a token behind the plugin's back."""
    model = models_of(app).Token
    with engine_of(app).begin() as connection:
        connection.execute(update(model).where(model.id == token_id).values(**values))


def change_user(app: Flask, user: Any, **values: Any) -> None:
    """Change the row of a user without the session of the host."""
    model = hosts.host_of(app).user_model
    with engine_of(app).begin() as connection:
        connection.execute(update(model).where(model.id == user.id).values(**values))


def switch_service(app: Flask, slug: str, *, active: bool, account: str = "") -> None:
    """Switch a service for an account."""
    host, ctx = hosts.host_of(app), models_of(app)
    with app.app_context():
        setting = host.db.session.query(ctx.ServiceSetting).filter_by(
            account_id=account, service=slug
        )
        row = setting.one_or_none() or ctx.ServiceSetting(
            account_id=account, service=slug, changed_by="a test"
        )
        row.active = active
        row.changed_at = context_of(app).now()
        host.db.session.add(row)
        host.db.session.commit()


def bearer(plaintext: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {plaintext}"}


def sealed(public: str, brand: str = "apt", tail: str = "0" * 32) -> str:
    """Return a token with a valid checksum that was never generated."""
    head = f"{brand}_{public}_{tail}"
    return head + crypto_tokens.crc_of(head.encode()).decode()


def another_secret(plaintext: str) -> str:
    """Return the same id with another secret and a valid checksum."""
    brand, public, tail = plaintext.split("_")
    return sealed(public, brand, tail[:32].swapcase())


def problem(response: TestResponse) -> dict[str, Any]:
    """Check what all refusals have in common, and return the problem details."""
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
    """Return the error code of a refusal."""
    word: str = problem(response)["code"]
    return word


class Bcrypt:
    """Counts the checks of bcrypt."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checks = 0
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self._count)

    def _count(self, password: bytes, stored: bytes) -> bool:
        self.checks += 1
        return self._check(password, stored)


class Wire:
    """Records the statements of this process, BEGIN and COMMIT included.

    Recorded by the drivers themselves: our look-ups pass by SQLAlchemy's events.
    """

    def __init__(self) -> None:
        self._told: list[str] = []
        #: files that libpq writes to, and how far they were read
        self._traces: dict[int, int] = {}

    @property
    def statements(self) -> list[str]:
        """Return the statements since the last :meth:`forget`."""
        if self._traces:
            ctypes.CDLL(None).fflush(None)
        for trace, place in self._traces.items():
            size = os.fstat(trace).st_size
            said = os.pread(trace, size - place, place)
            self._traces[trace] = size
            self._told += _DONE.findall(said.decode())
        return self._told

    @property
    def verbs(self) -> list[str]:
        """Return the first word of each statement."""
        return [statement.split()[0] for statement in self.statements]

    def forget(self) -> None:
        """Forget the statements so far."""
        self.statements.clear()

    def close(self) -> None:
        """Close the trace files."""
        for trace in self._traces:
            os.close(trace)

    def listen(self, connection: Any, _record: object) -> None:
        """Record the statements of a new driver connection."""
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(self._told.append)
        elif hasattr(connection, "pgconn"):
            trace, path = tempfile.mkstemp()
            os.unlink(path)
            self._traces[trace] = 0
            connection.pgconn.trace(os.dup(trace))
            connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        else:
            self._listen_to_pymysql(connection)

    def _listen_to_pymysql(self, connection: Any) -> None:
        really = connection._execute_command

        def execute(command: int, sql: Any) -> Any:
            self._told.append(sql.decode() if isinstance(sql, bytes) else sql)
            return really(command, sql)

        connection._execute_command = execute


@contextmanager
def listening(app: Flask) -> Iterator[Wire]:
    """Record the statements of new connections; start before the first guarded call."""
    engine, wire = engine_of(app), Wire()
    event.listen(engine, "connect", wire.listen)
    engine.dispose()
    yield wire
    event.remove(engine, "connect", wire.listen)
    wire.close()
