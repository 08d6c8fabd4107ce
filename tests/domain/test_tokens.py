"""Tokens: generated, found, and what is stored of them."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import current_user
from sqlalchemy import make_url

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.domain import rotation
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import owned_by
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import InvalidGrace
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import TokenNotFound
from tests import bearing
from tests import hosts
from tests.bearing import ACTOR
from tests.bearing import bearer
from tests.conftest import MakeApp

NOW = datetime(2031, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn."""
    return make_app(database_url)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the costs of the bcrypt hashes that are made."""
    made: list[int] = []
    make = crypto_tokens.hash_token

    def counted(token: bytes, rounds: int) -> str:
        made.append(rounds)
        return make(token, rounds)

    monkeypatch.setattr(crypto_tokens, "hash_token", counted)
    return made


# -- generate -----------------------------------------------------------------


def test_generated_token_has_the_requested_attributes(
    app: Flask, ctx: Context, user: Any
) -> None:
    bearing.subscribe(app, user, "timeseries")
    at = replace(ctx, now=lambda: NOW)
    token, plaintext = bearing.revealed(
        tokens.generate(
            at,
            user,
            name=" Cafe\u0301 \U0001f511 ",
            kind="access",
            service="timeseries",
            scopes=["write", "read"],
            expires_at=NOW + timedelta(days=30),
            actor=Actor("ada@example.com", "9007", "192.0.2.7"),
            shown=True,
        )
    )
    ctx.session.commit()
    ctx.session.expire_all()
    assert crypto_tokens.parser("apt")(plaintext.encode()) == token.id
    assert (token.name, token.kind) == ("Café \U0001f511", "access")
    assert (token.service, token.scopes) == ("timeseries", ("read", "write"))
    assert (token.created_at, token.shown_at) == (NOW, NOW)
    assert token.expires_at == NOW + timedelta(days=30)
    assert token.created_by == "ada@example.com"
    assert (token.owner_id, token.userless, token.account_id) == (user.id, False, "")
    assert (token.revoked_at, token.deactivated_at, token.last_used_at) == (None,) * 3
    assert token.scheme == "native"


def test_stored_values_do_not_authenticate(
    ctx: Context, user: Any, make_app: MakeApp
) -> None:
    """VER-02."""
    token, plaintext = bearing.revealed(
        tokens.generate(ctx, user, name="x", actor=ACTOR)
    )
    ctx.session.commit()
    tail = plaintext.split("_")[2]
    assert token.secret_hash.startswith("$2b$04$")
    stored: list[Any] = []
    for table in ctx.models.tables:
        for row in ctx.session.execute(table.select()):
            stored += row
    assert len(stored) > 20
    for value in stored:
        text = value.hex() if isinstance(value, bytes) else str(value)
        for part in (plaintext, tail, tail[:32]):
            assert part not in text
            for algorithm in ("md5", "sha1", "sha256", "sha512"):
                digest = hashlib.new(algorithm, part.encode()).hexdigest()
                assert digest != text
                assert not digest.startswith(text) or len(text) < 16


def test_bcrypt_cost_is_configured_by_the_host(make_app: MakeApp) -> None:
    """VER-02."""
    app = make_app(APITOKENS_BCRYPT_ROUNDS=6)
    user = hosts.create_user(app, "ada@example.com")
    with app.app_context():
        token = bearing.make(bearing.context_of(app), user)
        assert token.secret_hash.startswith("$2b$06$")


def test_owner_can_be_new_current_or_detached(app: Flask, ctx: Context) -> None:
    host = hosts.host_of(app)
    new = host.user_model(email="new@example.com")
    ctx.session.add(new)
    token = bearing.make(ctx, new)
    assert token.owner_id == new.id
    detached = hosts.create_user(app, "detached@example.com")
    assert bearing.make(ctx, detached).owner_id == detached.id
    client = app.test_client()
    with client:
        hosts.login(client, detached)
        client.get("/account")
        assert bearing.make(ctx, current_user, "current").owner_id == detached.id
    with pytest.raises(ValueError, match="no key yet"):
        bearing.make(ctx, host.user_model(email="lost@example.com"))


def test_kind_that_is_not_offered_is_refused(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_KINDS=("access",))
    user = hosts.create_user(app, "ada@example.com")
    with app.app_context():
        for kind in ("api", "session", "", "\0"):
            with pytest.raises(InvalidKind):
                bearing.make(bearing.context_of(app), user, kind=kind)


def test_refused_token_leaves_no_row(ctx: Context, user: Any) -> None:
    bearing.make(ctx, user, "taken")
    for wrong in (
        {"name": "taken"},
        {"name": ""},
        {"name": "\0"},
        {"name": "x" * 10_000},
        {"name": "x", "service": "tmy"},
        {"name": "x", "scopes": ["read"]},
        {"name": "x", "kind": "access"},
        {"name": "x", "expires_at": datetime.now(UTC)},
    ):
        with pytest.raises(DomainError):
            tokens.generate(ctx, user, actor=ACTOR, **wrong)
        ctx.session.commit()
    assert ctx.session.query(ctx.models.Token).count() == 1
    assert ctx.session.query(ctx.models.Event).count() == 1


def test_pending_changes_of_the_host_survive_a_refusal(
    app: Flask, ctx: Context, user: Any
) -> None:
    bearing.make(ctx, user, "taken")
    host = hosts.host_of(app)
    ctx.session.add(host.user_model(email="pending@example.com"))
    with pytest.raises(NameTaken):
        tokens.generate(ctx, user, name="taken", actor=ACTOR)
    ctx.session.commit()
    found = ctx.session.query(host.user_model).filter_by(email="pending@example.com")
    assert found.count() == 1


def test_long_labels_and_addresses_are_truncated(
    app: Flask, ctx: Context, user: Any
) -> None:
    callbacks = replace(ctx.callbacks, user_label=lambda user: "ü" * 1_000)
    long = replace(ctx, callbacks=callbacks)
    for number, ip in enumerate(("x" * 100, "é", "1.2.3.4, 5.6.7.8", "::1%eth0", "")):
        token = bearing.make(
            long, user, f"t{number}", actor=Actor("é" * 1_000, "7" * 999, ip)
        )
        assert len(token.created_by) == 255
        assert bearing.actions(ctx, token.id) == ["generated"]


# -- names --------------------------------------------------------------------


def test_name_of_a_live_token_is_taken_and_of_an_ended_one_free(
    ctx: Context, user: Any, other_user: Any
) -> None:
    first = bearing.make(ctx, user, "name")
    with pytest.raises(NameTaken, match="“name”"):
        bearing.make(ctx, user, "name")
    with pytest.raises(NameTaken):
        bearing.make(ctx, user, "  name ")
    for other in ("Name", "name.", "näme"):
        bearing.make(ctx, user, other)
    bearing.make(ctx, other_user, "name")
    bearing.make(ctx, None, "name")
    tokens.revoke(ctx, first, actor=ACTOR)
    second = bearing.make(ctx, user, "name")
    tokens.delete(ctx, second, actor=ACTOR)
    soon = datetime.now(UTC) + timedelta(seconds=60)
    bearing.make(ctx, user, "name", expires_at=soon)
    with pytest.raises(NameTaken):
        bearing.make(ctx, user, "name")
    later = replace(ctx, now=lambda: soon)
    assert bearing.make(later, user, "name").name == "name"


def test_normalized_forms_of_a_name_are_the_same_name(ctx: Context, user: Any) -> None:
    bearing.make(ctx, user, "Caf\u00e9")
    with pytest.raises(NameTaken):
        bearing.make(ctx, user, "Cafe\u0301")


def test_userless_token_names_are_unique_in_their_account(ctx: Context) -> None:
    bearing.make(ctx, None, "name", account_id="acme")
    with pytest.raises(NameTaken):
        bearing.make(ctx, None, "name", account_id="acme")
    bearing.make(ctx, None, "name", account_id="other")
    bearing.make(ctx, None, "name")


def test_rename_can_take_the_name_of_an_expired_token(ctx: Context, user: Any) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    bearing.make(ctx, user, "name", expires_at=soon)
    other = bearing.make(ctx, user, "other")
    with pytest.raises(NameTaken):
        tokens.rename(ctx, other, "name", actor=ACTOR)
    ctx.session.commit()
    assert other.name == "other"
    later = replace(ctx, now=lambda: soon)
    assert tokens.rename(later, other, "name", actor=ACTOR).name == "name"
    ctx.session.commit()


# -- one form, one token; the limit -------------------------------------------


def test_repeated_form_generates_one_token(
    ctx: Context, user: Any, other_user: Any
) -> None:
    """LIF-02."""
    bearing.make(ctx, user, "one", form_key="form")
    with pytest.raises(AlreadyGenerated):
        bearing.make(ctx, user, "two", form_key="form")
    bearing.make(ctx, other_user, "one", form_key="form")
    bearing.make(ctx, user, "two", form_key="another")
    bearing.make(ctx, user, "three", form_key="\0\ud800")
    token = tokens.all_of(ctx, user)[-1]
    tokens.delete(ctx, token, actor=ACTOR)
    with pytest.raises(AlreadyGenerated):
        bearing.make(ctx, user, "one", form_key="form")


def test_token_limit_counts_live_tokens_only(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, APITOKENS_MAX_PER_OWNER=2)
    user = hosts.create_user(app, "ada@example.com")
    other = hosts.create_user(app, "grace@example.com")
    with app.app_context():
        ctx = bearing.context_of(app)
        soon = datetime.now(UTC) + timedelta(seconds=60)
        first = bearing.make(ctx, user, "one")
        bearing.make(ctx, user, "two", expires_at=soon)
        with pytest.raises(LimitReached, match="You already have 2 tokens"):
            bearing.make(ctx, user, "three")
        bearing.make(ctx, other, "one")
        bearing.make(ctx, None, "a")
        tokens.revoke(ctx, first, actor=ACTOR)
        bearing.make(ctx, user, "three")
        with pytest.raises(LimitReached):
            bearing.make(ctx, user, "four")
        later = replace(ctx, now=lambda: soon)
        bearing.make(later, user, "four")


# -- whose it is --------------------------------------------------------------


ODD_IDS = ["", "x", "\0", "z" * 12, "Z" * 12, "é" * 12, "' or '1'='1", "i" * 12]


def test_unknown_id_is_not_found(ctx: Context, user: Any) -> None:
    bearing.make(ctx, user)
    for token_id in ODD_IDS:
        with pytest.raises(TokenNotFound):
            tokens.find_among(ctx, owned_by(ctx, user), token_id)
    assert tokens.find_many(ctx, owned_by(ctx, user), ODD_IDS) == []


def test_token_of_another_user_is_not_found(
    ctx: Context, user: Any, other_user: Any
) -> None:
    """AUZ-01."""
    token, userless = bearing.make(ctx, other_user), bearing.make(ctx, None)
    for foreign in (token.id, userless.id):
        with pytest.raises(TokenNotFound):
            tokens.find_among(ctx, owned_by(ctx, user), foreign)
        assert tokens.find_many(ctx, owned_by(ctx, user), [foreign]) == []
        assert (
            tokens.revoke_many(ctx, owned_by(ctx, user), [foreign], actor=ACTOR) == []
        )
    ctx.session.commit()
    assert token.revoked_at is None
    assert tokens.find_among(ctx, owned_by(ctx, other_user), token.id) is token


def test_several_tokens_are_revoked_at_once(
    ctx: Context, user: Any, other_user: Any
) -> None:
    mine = [bearing.make(ctx, user, name) for name in "abc"]
    foreign = bearing.make(ctx, other_user, "a")
    tokens.revoke(ctx, mine[0], actor=ACTOR)
    ids = [*(token.id for token in mine), foreign.id, "zzzzzzzzzzzz", "\0", mine[1].id]
    done = tokens.revoke_many(ctx, owned_by(ctx, user), ids, actor=ACTOR)
    ctx.session.commit()
    assert {token.id for token in done} == {mine[1].id, mine[2].id}
    assert all(token.revoked_at for token in mine)
    assert foreign.revoked_at is None
    assert tokens.revoke_many(ctx, owned_by(ctx, user), [], actor=ACTOR) == []


# -- the plaintext is nowhere -------------------------------------------------


def test_plaintext_is_in_no_file_and_no_log(
    make_app: MakeApp, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """VER-01, LOG-04: with DEBUG and SQLALCHEMY_ECHO, after use and errors."""
    app = make_app(sqlite_url, DEBUG=True, SQLALCHEMY_ECHO=True)
    user = hosts.create_user(app, "ada@example.com")
    with caplog.at_level(logging.DEBUG):
        public, plaintext = bearing.generate(app, user, name="marker-name")
        client = app.test_client()
        for sent, path in (
            (plaintext, "/api/plain"),
            (plaintext, "/api/tmy"),
            (bearing.another_secret(plaintext), "/api/plain"),
            (plaintext + ",", "/api/plain"),
        ):
            client.get(path, headers=bearer(sent))
        bearing.change(app, public, secret_hash="damaged")
        client.get("/api/plain", headers=bearer(plaintext))
        client.get("/api/plain?key=" + plaintext)
        app.extensions["apitokens"].recorder.flush()
    file = Path(str(make_url(sqlite_url).database))
    tail = plaintext.split("_")[2]
    written = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert b"marker-name" in written
    assert public.encode() in written
    assert (file.parent / f"{file.name}-wal").stat().st_size > 0
    assert "INSERT INTO apitokens_token" in caplog.text
    for part in (tail, tail[:32], tail[:20]):
        assert part.encode() not in written
        assert part not in caplog.text
        for record in caplog.records:
            assert part not in repr(record.__dict__)
    with closing(sqlite3.connect(file)) as connection:
        assert tail not in "\n".join(connection.iterdump())


def test_refused_token_is_not_hashed(
    ctx: Context, user: Any, hashed: list[int]
) -> None:
    """bcrypt takes its time, and a client may ask again and again."""

    def refused(kind: type[DomainError], **values: Any) -> None:
        with pytest.raises(kind):
            tokens.generate(ctx, user, actor=ACTOR, **{"name": "B", **values})
        assert hashed == []

    ctx = replace(ctx, settings=replace(ctx.settings, max_per_owner=2))
    first, _ = tokens.generate(ctx, user, name="A", actor=ACTOR, form_key="a")
    ctx.session.commit()
    hashed.clear()
    refused(NameTaken, name="A")
    refused(AlreadyGenerated, name="A", form_key="a")
    refused(DomainError, name="\0")
    refused(DomainError, service="unknown")
    tokens.generate(ctx, user, name="C", actor=ACTOR)
    ctx.session.commit()
    hashed.clear()
    refused(LimitReached)
    rotation.rotate(ctx, first, grace=0, actor=ACTOR, form_key="b")
    ctx.session.commit()
    hashed.clear()
    with pytest.raises(Conflict):
        rotation.rotate(ctx, first, grace=0, actor=ACTOR)
    with pytest.raises(AlreadyGenerated):
        rotation.rotate(ctx, first, grace=0, actor=ACTOR, form_key="b")
    with pytest.raises(InvalidGrace):
        rotation.rotate(ctx, first, grace=99, actor=ACTOR)
    assert hashed == []
