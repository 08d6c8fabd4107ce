"""Engines with an isolation level: each act works, and each invariant holds."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from flask_apitokens.core.context import Context
from flask_apitokens.domain import expiry_notices
from flask_apitokens.domain import tokens
from tests import bearing
from tests import commandline
from tests import hosts
from tests.bearing import ACTOR
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.domain.test_concurrency import posted
from tests.domain.test_concurrency import statuses
from tests.domain.test_concurrency import wish
from tests.pages import Visitor
from tests.pages import plaintext_in
from tests.pages import stored
from tests.pages import visitor

AT_ONCE = 10
POOL = {"pool_size": AT_ONCE + 4}
PEPPERS = ("2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o",)

LEVELS = [
    *[("sqlite", level) for level in ("AUTOCOMMIT", "SERIALIZABLE")],
    *[
        pytest.param(server, level, marks=pytest.mark.database)
        for server in ("postgresql", "mariadb")
        for level in ("AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE")
    ],
]


@pytest.fixture(params=["engine", "option"])
def options(request: pytest.FixtureRequest, level: str) -> dict[str, Any]:
    """The options of an engine, with the level in each of the two places."""
    given = {"isolation_level": level}
    return POOL | (given if request.param == "engine" else {"execution_options": given})


@pytest.fixture
def app(
    request: pytest.FixtureRequest,
    server: str,
    options: dict[str, Any],
    make_app: MakeApp,
) -> Flask:
    """A host whose users have one token, on an engine with that level."""
    return make_app(
        request.getfixturevalue(f"{server}_url"),
        services=False,
        SQLALCHEMY_ENGINE_OPTIONS=options,
        APITOKENS_MAX_PER_OWNER=1,
        APITOKENS_PEPPERS=PEPPERS,
        APITOKENS_IMPORT_BCRYPT_ROUNDS=4,
        APITOKENS_USAGE_FLUSH_SECONDS=60,
    )


@pytest.fixture
def ada(app: Flask) -> Visitor:
    """A user of it, signed in."""
    return visitor(app, hosts.create_user(app, "ada@example.com"))


def live(ada: Visitor) -> int:
    """How many tokens of the user work."""
    return sum(row["revoked_at"] is None for row in stored(ada.app, ada.user))


@pytest.mark.parametrize(("server", "level"), LEVELS)
def test_each_act_works_at_each_isolation_level(app: Flask, ada: Visitor) -> None:
    made = ada.generate(name="Deploy")
    assert made.status_code == 201, made.text
    plaintext = plaintext_in(made)
    client, recorder = app.test_client(), app.extensions["apitokens"].recorder

    def status(text: str) -> int:
        return client.get("/api/plain", headers=bearer(text)).status_code

    assert status(plaintext) == 200
    assert recorder.flush()
    host, [first] = hosts.host_of(app), stored(app, ada.user)
    assert first["last_used_at"] is not None
    assert ada.post(f"{first['id']}/rename", name="Other").status_code == 200
    with app.app_context():
        [token] = host.apitokens.tokens_of(ada.user)
        assert token.name == "Other"
        successor, newer = host.apitokens.rotate(token)
        host.apitokens.import_token("an-old-token-of-theirs", owner=None, name="old")
        host.db.session.rollback()
        # What was rolled back leaves nothing: AUTOCOMMIT too has transactions here.
        [token] = host.apitokens.tokens_of(ada.user)
        successor, newer = host.apitokens.rotate(token)
        host.apitokens.import_token("an-old-token-of-theirs", owner=None, name="old")
        host.db.session.commit()
        key = successor.id
    assert [status(text) for text in (plaintext, newer)] == [401, 200]
    assert status("an-old-token-of-theirs") == 200
    assert ada.post(f"{key}/revoke").status_code == 200
    assert status(newer) == 401
    assert recorder.flush()
    # The host's own connections are as it wants them.
    with bearing.engine_of(app).connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        wanted = "AUTOCOMMIT" in str(app.config["SQLALCHEMY_ENGINE_OPTIONS"])
        assert _commits_at_once(driver) == wanted


def _commits_at_once(driver: Any) -> bool:
    if hasattr(driver, "get_autocommit"):
        return bool(driver.get_autocommit())
    if hasattr(driver, "in_transaction"):
        return driver.isolation_level is None
    return bool(driver.autocommit)


@pytest.mark.parametrize(("server", "level"), LEVELS)
def test_single_token_stays_single_at_each_isolation_level(
    app: Flask, ada: Visitor
) -> None:
    answers = posted(ada, [wish(ada, f"t{n}") for n in range(AT_ONCE)])
    assert statuses(answers).keys() <= {201, 409}, statuses(answers)
    assert statuses(answers)[201] == 1
    assert live(ada) == 1
    _revoke_all(ada)
    found = Counter(_generated_at_once(app, ada.user))
    assert found["made"] == 1, found
    assert live(ada) == 1
    # One token, several hands: nothing fails, and the last word is consistent.
    [token] = [row for row in stored(app, ada.user) if row["revoked_at"] is None]
    acts = [
        (f"{token['id']}/rename", {"name": "Other"}),
        (f"{token['id']}/revoke", {}),
    ] * (AT_ONCE // 2)
    answers = posted(ada, acts)
    assert statuses(answers).keys() <= {200, 404, 409}, statuses(answers)
    assert live(ada) == 0


@pytest.mark.database
def test_driver_that_is_not_known_here_gets_transactions_too(
    make_app: MakeApp, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_apitokens.db.engines._AT_ONCE", {})
    level = {"isolation_level": "AUTOCOMMIT"}
    app = make_app(postgresql_url, services=False, SQLALCHEMY_ENGINE_OPTIONS=level)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    assert [ada.generate(name="One").status_code for _ in "ab"] == [201, 422]


@pytest.mark.database
def test_notice_that_gave_way_to_another_transaction_is_sent(
    make_app: MakeApp, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(postgresql_url, services=False)
    user = hosts.create_user(app, "ada@example.com")
    public, _ = bearing.generate(app, user)
    now, days = datetime.now(UTC), timedelta(days=1)
    bearing.change(app, public, created_at=now - 99 * days, expires_at=now + 2 * days)
    really, tries = expiry_notices.claim, []

    def give_way(ctx: Context, token_id: str) -> Any:
        tries.append(token_id)
        due = really(ctx, token_id)
        if len(tries) < 3:
            fail = "DO $$ BEGIN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END $$"
            ctx.session.execute(text(fail))
        return due

    monkeypatch.setattr(expiry_notices, "claim", give_way)
    told = commandline.answer(app, "notices", "send")
    assert (told, len(tries)) == ({"sent": 1, "failed": 0}, 3)


def _revoke_all(ada: Visitor) -> None:
    host = hosts.host_of(ada.app)
    with ada.app.app_context():
        for token in host.apitokens.tokens_of(ada.user):
            host.apitokens.revoke(token)
        host.db.session.commit()


def _generated_at_once(app: Flask, user: Any) -> list[str]:
    """Generate in the code of a host, whose transactions have all begun before."""
    barrier = threading.Barrier(AT_ONCE)

    def work(number: int) -> str:
        with app.app_context():
            ctx = bearing.context_of(app)
            owner = ctx.session.get(hosts.host_of(app).user_model, user.id)
            barrier.wait(30)
            try:
                tokens.generate(ctx, owner, name=f"u{number}", actor=ACTOR)
                ctx.session.commit()
            except Exception as error:
                ctx.session.rollback()
                return type(getattr(error, "orig", error)).__name__
            return "made"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, range(AT_ONCE)))
