"""What becomes of a genuine token: its owner, the route's wishes, bcrypt's turn."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_apitokens import ANY_SERVICE
from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.verification_cache import QueueFull
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

NOW = datetime.now(UTC)


# -- the owner ----------------------------------------------------------------


def test_disabled_owner_is_reported_to_the_holder_only(
    app: Flask,
    client: FlaskClient,
    user: Any,
    plaintext: str,
    bcrypt_asked: bearing.Bcrypt,
) -> None:
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    bearing.change_user(app, user, is_active=False)
    response = client.get("/api/plain", headers=bearer(plaintext))
    assert code(response) == "owner_inactive"
    assert response.status_code == 401
    wrong = bearer(bearing.another_secret(plaintext))
    assert code(client.get("/api/plain", headers=wrong)) == "invalid_token"
    bearing.change_user(app, user, is_active=True)
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    assert bcrypt_asked.checks == 1


def test_userless_token_needs_no_user(app: Flask, client: FlaskClient) -> None:
    public, plaintext = bearing.generate(app, None, account_id="acme")

    @app.get("/api/whose")
    @token_required
    def whose() -> dict[str, Any]:
        return {
            "userless": current_token.is_userless,
            "owner": current_token.owner,
            "owner_id": current_token.owner_id,
            "account": current_token.account_id,
        }

    response = client.get("/api/whose", headers=bearer(plaintext))
    assert response.json == {
        "userless": True,
        "owner": None,
        "owner_id": None,
        "account": "acme",
    }
    # A user's token whose user is gone is not one: it stays shut.
    bearing.change(app, public, userless=False)
    response = client.get("/api/whose", headers=bearer(plaintext))
    assert code(response) == "owner_inactive"


# -- what the route asks for --------------------------------------------------


@pytest.fixture
def routes(app: Flask) -> Flask:
    """Routes that ask for different things."""
    asks: dict[str, dict[str, Any]] = {
        "any": {"service": ANY_SERVICE},
        "none": {},
        "tmy": {"service": "tmy"},
        "both": {"service": "timeseries", "scopes": "read write"},
        "list": {"service": "timeseries", "scopes": ["write", "read"]},
        "access": {"kinds": ("access",)},
        "one-kind": {"kinds": "access"},
        "no-kind": {"kinds": ()},
    }
    for name, ask in asks.items():
        guard = token_required(**ask)
        app.get(f"/for/{name}", endpoint=f"for-{name}")(guard(lambda: "in"))
    return app


@pytest.mark.parametrize(
    ("path", "token", "expected", "scope"),
    [
        ("any", {}, None, None),
        ("none", {}, None, None),
        ("tmy", {}, "wrong_service", None),
        ("both", {}, "wrong_service", "read write"),
        ("access", {}, "wrong_kind", None),
        ("no-kind", {}, "wrong_kind", None),
        ("any", {"service": "tmy", "scopes": ["read"]}, None, None),
        ("none", {"service": "tmy", "scopes": ["read"]}, "wrong_service", None),
        ("tmy", {"service": "tmy", "scopes": ["read"]}, None, None),
        ("both", {"service": "tmy", "scopes": ["read"]}, "wrong_service", "read write"),
        (
            "both",
            {"service": "timeseries", "scopes": ["read"]},
            "insufficient_scope",
            "read write",
        ),
        (
            "list",
            {"service": "timeseries", "scopes": ["write"]},
            "insufficient_scope",
            "read write",
        ),
        ("both", {"service": "timeseries", "scopes": ["write", "read"]}, None, None),
        ("list", {"service": "timeseries", "scopes": ["write", "read"]}, None, None),
    ],
)
def test_valid_token_for_another_service_is_forbidden(
    path: str,
    token: dict[str, Any],
    expected: str | None,
    scope: str | None,
    routes: Flask,
    user: Any,
) -> None:
    """HTTP-03."""
    bearing.subscribe(routes, user, "tmy", "timeseries")
    _, plaintext = bearing.generate(routes, user, **token)
    response = routes.test_client().get(f"/for/{path}", headers=bearer(plaintext))
    if expected is None:
        assert response.text == "in"
        return
    assert code(response) == expected
    assert response.status_code == 403
    challenge = response.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert (f'scope="{scope}"' in challenge) if scope else ("scope=" not in challenge)


def test_access_token_is_accepted_on_its_own_routes_only(
    routes: Flask, user: Any
) -> None:
    client = routes.test_client()
    _, plaintext = bearing.generate(
        routes, user, kind="access", expires_at=NOW + timedelta(days=1)
    )
    response = client.get("/for/none", headers=bearer(plaintext))
    assert code(response) == "wrong_kind"
    assert response.status_code == 403
    assert client.get("/for/access", headers=bearer(plaintext)).text == "in"
    assert client.get("/for/one-kind", headers=bearer(plaintext)).text == "in"


def test_service_accepts_calls_only_while_it_is_on(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    """VER-08."""
    bearing.subscribe(app, user, "tmy")
    _, plaintext = bearing.generate(app, user, service="tmy", scopes=["read"])

    def answer() -> str:
        response = client.get("/api/tmy", headers=bearer(plaintext))
        if response.status_code == 200:
            return "in"
        assert response.status_code == 403
        return code(response)

    assert answer() == "in"
    bearing.unsubscribe(app, user, "tmy")
    assert answer() == "service_inactive"
    bearing.subscribe(app, user, "tmy")
    assert answer() == "in"
    bearing.switch_service(app, "tmy", active=False)
    assert answer() == "service_inactive"
    bearing.switch_service(app, "tmy", active=False, account="another")
    bearing.switch_service(app, "tmy", active=True)
    assert answer() == "in"


def test_undeclared_service_is_off(make_app: MakeApp, tmp_path: Any) -> None:
    app = make_app()
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    public, plaintext = bearing.generate(app, user, service="tmy", scopes=["read"])
    bearing.change(app, public, service="gone")
    response = app.test_client().get("/api/ping", headers=bearer(plaintext))
    assert code(response) == "service_inactive"


def test_service_open_to_all_can_be_closed_to_one_user(make_app: MakeApp) -> None:
    app = make_app(services=False)
    apitokens = hosts.host_of(app).apitokens
    # also: declared after init_app
    apitokens.service("free", "Free data", default_active=True)
    ada = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, ada, service="free")
    _, userless = bearing.generate(app, None, service="free")
    client = app.test_client()
    for each in (plaintext, userless):
        assert client.get("/api/ping", headers=bearer(each)).status_code == 200
    bearing.unsubscribe(app, ada, "free")
    response = client.get("/api/ping", headers=bearer(plaintext))
    assert code(response) == "service_inactive"
    assert client.get("/api/ping", headers=bearer(userless)).status_code == 200
    bearing.switch_service(app, "free", active=False)
    response = client.get("/api/ping", headers=bearer(userless))
    assert code(response) == "service_inactive"


# -- bcrypt's turn ------------------------------------------------------------


def test_full_bcrypt_queue_is_a_503(
    app: Flask, client: FlaskClient, plaintext: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VER-12."""
    verifier = app.extensions["apitokens"].verifier

    def full(*_: object, **__: object) -> bool:
        raise QueueFull

    with monkeypatch.context() as patch:
        patch.setattr(verifier, "_run_bcrypt", full)
        response = client.get("/api/plain", headers=bearer(plaintext))
    assert code(response) == "temporarily_unavailable"
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200


def test_raised_bcrypt_cost_rehashes_at_the_next_use(
    make_app: MakeApp, bcrypt_asked: bearing.Bcrypt
) -> None:
    """VER-19."""
    app = make_app(APITOKENS_BCRYPT_ROUNDS=5)
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, user)
    weak = crypto_tokens.hash_token(plaintext.encode(), 4)
    bearing.change(app, public, secret_hash=weak)
    client = app.test_client()
    client.get("/api/plain", headers=bearer(plaintext), buffered=True)
    stored = _stored_hash(app, public)
    assert stored.startswith("$2b$05$")
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    assert _stored_hash(app, public) == stored
    wrong = bearer(bearing.another_secret(plaintext))
    assert code(client.get("/api/plain", headers=wrong)) == "invalid_token"


def test_lowered_bcrypt_cost_keeps_stronger_hashes(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_BCRYPT_ROUNDS=4)
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, user)
    strong = crypto_tokens.hash_token(plaintext.encode(), 5)
    bearing.change(app, public, secret_hash=strong)
    response = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert response.status_code == 200
    assert _stored_hash(app, public) == strong


def _stored_hash(app: Flask, public: str) -> str:
    model = bearing.models_of(app).Token
    with app.app_context():
        session = hosts.host_of(app).db.session
        found = session.query(model.secret_hash).filter_by(id=public).one()
        return str(found[0])
