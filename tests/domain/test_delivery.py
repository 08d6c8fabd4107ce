"""Delivery: each subscriber is called, whatever it is and whatever the others do."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import current_app

from flask_apitokens import Notice
from flask_apitokens import signals
from tests import administration
from tests import hosts
from tests.conftest import MakeApp
from tests.domain.test_expiry_notices import add
from tests.domain.test_expiry_notices import send


def _generate(app: Flask, name: str) -> None:
    """Generate a token, as an administrator does, and commit it."""
    host = hosts.host_of(app)
    session = host.db.session
    owner = session.query(host.user_model).first()
    host.apitokens.generate(owner=owner, name=name, actor=administration.BOSS)
    session.commit()


class Listeners:
    """Coroutine subscribers, and what they heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def receive(self, sender: Flask, token: Any, **_: Any) -> None:
        """Receive a signal, and use the session of the application."""
        assert current_app == sender
        host = hosts.host_of(sender)
        owner = host.db.session.get_one(host.user_model, token.owner_id)
        self.heard.append(f"{owner.email} {token.name}")

    async def take(self, notice: Notice) -> None:
        """Take a notice."""
        self.heard.append(notice.kind)


def test_coroutine_subscribers_are_awaited_in_sync_and_async_views(
    make_app: MakeApp, database_url: str
) -> None:
    """asgiref refuses to wait in a thread whose event loop is running."""
    listeners = Listeners()
    app = make_app(database_url, plugin={"on_notice": listeners.take})
    hosts.create_user(app, "ada@example.com")

    @app.get("/sync")
    def view() -> str:
        _generate(app, "sync")
        return ""

    @app.get("/async")
    async def async_view() -> str:
        _generate(app, "async")
        return ""

    client = app.test_client()
    with signals.token_generated.connected_to(listeners.receive, app):
        assert client.get("/sync").status_code == 200
        assert client.get("/async").status_code == 200
    assert listeners.heard == [
        "ada@example.com sync",
        "token_generated",
        "ada@example.com async",
        "token_generated",
    ]


def test_receiver_that_cannot_be_awaited_stops_no_other_subscriber(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without asgiref, Flask raises before the receiver is called."""
    listeners, heard = Listeners(), []
    app = make_app(plugin={"on_notice": lambda notice: heard.append(notice.kind)})
    user = hosts.create_user(app, "ada@example.com")

    def refuse(_function: object) -> None:
        raise RuntimeError("Install Flask with the 'async' extra")

    monkeypatch.setattr(app, "async_to_sync", refuse)
    with (
        signals.token_generated.connected_to(listeners.receive, app),
        app.app_context(),
    ):
        _generate(app, "CI")
    add(app, user, "expiring", age=100, left=5)
    with signals.notice_due.connected_to(listeners.receive, app):
        assert send(app, code=1) == {"sent": 0, "failed": 1}
    assert heard == ["token_generated", "token_expiring"]
    assert "a subscriber failed for the event token_generated" in caplog.text
    assert listeners.heard == []
