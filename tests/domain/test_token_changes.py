"""Tokens renamed, revoked, deleted, marked as shown, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import InvalidRequestError

from flask_apitokens import signals
from flask_apitokens.core.context import Context
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import owned_by
from flask_apitokens.errors import TokenNotFound
from tests import bearing
from tests.bearing import ACTOR
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

NOW = datetime(2031, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn."""
    return make_app(database_url)


def test_rename_changes_only_the_name(app: Flask, ctx: Context, user: Any) -> None:
    """LIF-08."""
    token, plaintext = bearing.revealed(
        tokens.generate(ctx, user, name="old", actor=ACTOR)
    )
    ctx.session.commit()
    columns = set(token.__table__.columns.keys()) - {"name", "live_name"}  # type: ignore[attr-defined]
    before = {column: getattr(token, column) for column in columns}
    assert tokens.rename(ctx, token, " new ", actor=ACTOR) is token
    ctx.session.commit()
    assert token.name == "new"
    assert {column: getattr(token, column) for column in columns} == before
    bearing.make(ctx, user, "old")
    client = app.test_client()
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    tokens.rename(ctx, token, "new", actor=ACTOR)
    ctx.session.commit()
    assert bearing.actions(ctx, token.id) == ["generated", "renamed"]


def test_ended_token_cannot_be_renamed(ctx: Context, user: Any) -> None:
    token = bearing.make(ctx, user, "old")
    tokens.revoke(ctx, token, actor=ACTOR)
    ctx.session.commit()
    with pytest.raises(TokenNotFound):
        tokens.rename(ctx, token, "new", actor=ACTOR)
    assert token.name == "old"


def test_token_revoked_twice_is_revoked_once(ctx: Context, user: Any) -> None:
    token = bearing.make(ctx, user)
    first = tokens.revoke(ctx, token, actor=ACTOR).revoked_at
    assert tokens.revoke(ctx, token, actor=ACTOR).revoked_at == first
    ctx.session.commit()
    assert bearing.actions(ctx, token.id) == ["generated", "revoked"]


def test_deleted_token_is_gone_and_its_events_remain(
    app: Flask, ctx: Context, user: Any
) -> None:
    """LIF-09."""
    token, plaintext = bearing.revealed(
        tokens.generate(ctx, user, name="gone", actor=ACTOR)
    )
    ctx.session.commit()
    public, client = token.id, app.test_client()
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    tokens.delete(ctx, token, actor=ACTOR)
    ctx.session.commit()
    response = client.get("/api/plain", headers=bearer(plaintext))
    assert code(response) == "invalid_token"
    with pytest.raises(TokenNotFound):
        tokens.find_among(ctx, owned_by(ctx, user), public)
    assert bearing.actions(ctx, public) == ["generated", "deleted"]


@pytest.mark.parametrize("change", ["rename", "revoke", "delete"])
def test_token_deleted_by_another_request_is_not_found(
    change: str, app: Flask, ctx: Context, user: Any
) -> None:
    """LIF-09: never a server error."""
    token = bearing.make(ctx, user)
    public = token.id
    with bearing.engine_of(app).begin() as connection:
        model = ctx.models.Token
        connection.execute(
            model.__table__.delete().where(model.id == public)  # type: ignore[attr-defined]
        )
    changes: dict[str, Any] = {
        "rename": lambda: tokens.rename(ctx, token, "new", actor=ACTOR),
        "revoke": lambda: tokens.revoke(ctx, token, actor=ACTOR),
        "delete": lambda: tokens.delete(ctx, token, actor=ACTOR),
    }
    with pytest.raises(TokenNotFound):
        changes[change]()
    ctx.session.rollback()
    assert bearing.actions(ctx, public) == ["generated"]


def test_token_object_of_another_session_is_not_reported_as_deleted(
    ctx: Context, user: Any
) -> None:
    """The token is live, so the caller must not read that it is gone."""
    token = bearing.make(ctx, user, "kept for later")
    ctx.session.refresh(token)
    ctx.session.expunge(token)
    for change in (tokens.revoke, tokens.delete):
        with pytest.raises(InvalidRequestError, match="not persistent within this"):
            change(ctx, token, actor=ACTOR)


def test_second_reveal_keeps_the_first_moment(ctx: Context, user: Any) -> None:
    token = bearing.make(ctx, user)
    assert token.shown_at is None
    tokens.mark_shown(replace(ctx, now=lambda: NOW), token.id)
    tokens.mark_shown(ctx, token.id)
    tokens.mark_shown(ctx, "zzzzzzzzzzzz")
    ctx.session.commit()
    assert token.shown_at == NOW


def test_signals_report_every_change_without_plaintext(
    app: Flask, ctx: Context, user: Any
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    names = ("generated", "renamed", "revoked", "deleted")
    receivers = []
    for name in names:

        def hear(sender: Flask, name: str = name, **values: Any) -> None:
            assert sender is app
            told.append((name, values))

        getattr(signals, f"token_{name}").connect(hear, app)
        receivers.append(hear)
    token, plaintext = bearing.revealed(
        tokens.generate(ctx, user, name="old", actor=ACTOR)
    )
    tokens.rename(ctx, token, "new", actor=ACTOR)
    tokens.revoke(ctx, token, actor=ACTOR)
    tokens.delete(ctx, token, actor=ACTOR)
    assert told == []
    ctx.session.commit()
    assert [name for name, _ in told] == list(names)
    for _, values in told:
        assert values["actor"] is ACTOR
        assert plaintext not in repr(values)
        assert plaintext not in repr(vars(values["token"]))
    assert told[1][1]["old_name"] == "old"
