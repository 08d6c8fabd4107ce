"""Session tokens: issued for an access token, accepted while that is valid."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import Signer

from flask_apitokens import ANY_SERVICE
from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.core.context import utcnow
from flask_apitokens.crypto import session_tokens
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.errors import ConfigurationError
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.bearing import problem
from tests.conftest import MakeApp
from tests.pages import one
from tests.pages import stored
from tests.pages import text_of
from tests.pages import visitor

LOGIN = "/api-tokens/login"
DIGEST = b"0123456789abcdef"
MOMENT = datetime(2031, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)
KEYS = [b"not-a-secret"]


def access(app: Flask, user: Any, **values: Any) -> tuple[str, str]:
    """A new access token: its id and its plaintext."""
    values.setdefault("expires_at", utcnow() + timedelta(days=1))
    return bearing.generate(app, user, kind="access", **values)


def log_in(client: FlaskClient, plaintext: str) -> str:
    """A session for an access token."""
    answer = client.post(LOGIN, headers=bearer(plaintext))
    assert answer.status_code == 200, answer.text
    return str(answer.json and answer.json["access_token"])


def ping(client: FlaskClient, session: str, path: str = "/api/ping") -> Any:
    """What a guarded route answers."""
    return client.get(path, headers=bearer(session))


# -- the text -----------------------------------------------------------------


def issue(**changed: Any) -> str:
    """A session token under :data:`KEYS`."""
    values: dict[str, Any] = {
        "token_id": "0123456789ab",
        "check_digest": DIGEST,
        "expires_at": MOMENT,
        **changed,
    }
    return session_tokens.issue("apt", values.pop("keys", KEYS), **values)


def read(token: bytes, keys: list[bytes] = KEYS, brand: str = "apt") -> Any:
    return session_tokens.read(token, brand=brand, keys=keys)


def test_session_token_keeps_its_end_to_the_microsecond() -> None:
    session = issue()
    claim = read(session.encode())
    assert claim is not None
    assert (claim.token_id, claim.expires_at) == ("0123456789ab", MOMENT)
    assert claim.fits(DIGEST)
    assert not claim.fits(DIGEST[::-1])
    assert session.startswith("apts_0123456789ab.")
    assert len(session) < 128
    assert crypto_tokens.parser("apt")(session.encode()) is None
    said = crypto_tokens.without_plaintexts("apt", f"I lost {session}, sorry")
    assert said == "I lost apts_0123456789ab.…, sorry"


def test_changed_session_token_is_rejected() -> None:
    session = issue().encode()
    for place in range(len(session)):
        changed = bytearray(session)
        changed[place] ^= 1
        assert read(bytes(changed)) is None, place
    signed = Signer(KEYS[0]).sign(session.rpartition(b".")[0])
    for text in (session[:-1], session + b"x", session[:40], b"apts_", b"", signed):
        assert read(text) is None
    # What base64 reads over, so that the signature would still be the same.
    for noise in (b"====", b"????", b"\r\n  ", b"!" * 4000):
        assert read(session + noise) is None
        assert read(session[:-2] + noise + session[-2:]) is None
    assert read(session, brand="solar") is None
    assert read(session, keys=[]) is None


def test_newest_key_signs_and_fallback_keys_verify() -> None:
    session = issue().encode()
    config = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": [b"older", "not-a-secret"]}
    keys = session_tokens.keys_of(config)
    assert read(session, keys=keys) is not None
    renewed = issue(keys=keys).encode()
    assert read(renewed, keys=[b"new"]) is not None
    assert read(renewed) is None
    assert (
        session_tokens.keys_of({"SECRET_KEY": None, "SECRET_KEY_FALLBACKS": ["x"]})
        == []
    )
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        issue(keys=[])


# -- logging in ---------------------------------------------------------------


def test_log_in_gives_a_session_token_that_routes_accept(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three databases; no bcrypt and one SELECT for a session, recorded as a call."""
    app = make_app(database_url, csrf_protect=True, APITOKENS_USAGE_FLUSH_SECONDS=60.0)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    public, plaintext = access(app, user, service="tmy", scopes=["read"])
    app.get("/api/kind")(
        token_required(service=ANY_SERVICE)(
            lambda: {"kind": current_token.kind, "id": current_token.id}
        )
    )
    client = app.test_client()
    for path in ("/api/ping", "/api/tmy"):
        assert code(ping(client, plaintext, path)) == "wrong_kind"
    with bearing.listening(app) as wire:
        answer = client.post(LOGIN, headers=bearer(plaintext))
        body: Any = answer.json
        session = body.pop("access_token")
        recorder = app.extensions["apitokens"].recorder
        recorder.flush()
        asked = bearing.Bcrypt(monkeypatch)
        ping(client, session)
        wire.forget()
        assert ping(client, session, "/api/tmy").json == {"token": public}
        assert wire.verbs == ["SELECT"]
        assert ping(client, session[:-1]).status_code == 401
        assert ping(client, session.replace(".", ".9", 1)).status_code == 401
        assert wire.verbs == ["SELECT"]
    assert body == {"token_type": "Bearer", "expires_in": 900, "token_id": public}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert asked.checks == 0
    assert recorder.pending == 2
    assert ping(client, session, "/api/kind").json == {"kind": "session", "id": public}
    assert code(ping(client, session, "/api/plain")) == "wrong_service"
    ends = ping(client, session).headers["Apitokens-Expires"]
    assert ends < (utcnow() + timedelta(minutes=16)).isoformat()
    assert recorder.flush()
    with app.app_context():
        row = hosts.host_of(app).db.session.get(bearing.models_of(app).Token, public)
        assert row is not None
        assert row.last_used_at is not None


def test_pasted_session_token_is_cut_down_to_its_id(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    public, plaintext = access(app, user)
    session = log_in(client, plaintext)
    hosts.login(client, user)
    answer = client.get("/account/api-tokens/", query_string={"q": session})
    assert answer.headers["Location"] == f"/account/api-tokens/?q={public}"
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["apitokens", "token", "show", session])
    assert refused.exit_code == 2
    assert session[:40] not in refused.output


def test_log_in_accepts_only_an_access_token_in_the_header(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    _, api = bearing.generate(app, user)
    _, plaintext = access(app, user)
    session = log_in(client, plaintext)
    hosts.login(client, user)
    for sent, expected in (
        ({}, "missing_token"),
        ({"headers": bearer(api)}, "wrong_kind"),
        ({"headers": bearer(session)}, "wrong_kind"),
        ({"headers": bearer(plaintext[:-1])}, "invalid_token"),
        ({"data": {"token": plaintext}}, "missing_token"),
        ({"query_string": {"access_token": plaintext}}, "missing_token"),
    ):
        assert code(client.post(LOGIN, **sent)) == expected
    refused = client.get(LOGIN, headers=bearer(plaintext))
    assert refused.status_code == 405
    assert refused.content_type == "application/problem+json"
    assert (refused.headers["Allow"], refused.json and refused.json["status"]) == (
        "POST",
        405,
    )
    nowhere = client.post("/api-tokens/nowhere")
    assert (nowhere.status_code, nowhere.content_type) == (404, refused.content_type)
    assert nowhere.headers["Cache-Control"] == "no-store"
    preflight = client.options(LOGIN)
    assert (preflight.status_code, preflight.text) == (200, "")


def test_session_token_ends_with_its_access_token_or_the_setting(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIF-11: an equal instant is over."""
    app = make_app(APITOKENS_SESSION_SECONDS=60, APITOKENS_ENDPOINT_URL_PREFIX="/auth")
    user = hosts.create_user(app, "ada@example.com")
    client, now = app.test_client(), utcnow()

    def at(moment: datetime) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return moment.astimezone(tz)

        monkeypatch.setattr("flask_apitokens.guard.current_token.datetime", Clock)

    for life, expected in ((86_400, 60), (20, 20)):
        _, plaintext = access(app, user, expires_at=now + timedelta(seconds=life))
        at(now)
        body: Any = client.post("/auth/login", headers=bearer(plaintext)).json
        assert body["expires_in"] == expected
        end = now + timedelta(seconds=expected)
        at(end - timedelta(microseconds=1))
        assert ping(client, body["access_token"]).status_code == 200
        at(end)
        refused = ping(client, body["access_token"])
        assert code(refused) == "token_expired"
        assert problem(refused)["detail"] == "The session has ended. Log in again."
        assert code(ping(client, body["access_token"][:-1])) == "invalid_token"
        at(now)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"revoked_at": MOMENT}, "token_revoked"),
        ({"deactivated_at": MOMENT}, "token_deactivated"),
        ({"expires_at": MOMENT.replace(year=2021)}, "token_expired"),
        ({"check_digest": DIGEST}, "invalid_token"),
        ({"kind": "api"}, "invalid_token"),
        ("inactive", "owner_inactive"),
        ("forbidden", "api_access_denied"),
        ("unsubscribed", "service_inactive"),
        ("gone", "invalid_token"),
    ],
    ids=str,
)
def test_ended_access_token_ends_its_sessions_at_the_next_call(
    change: Any, expected: str, make_app: MakeApp
) -> None:
    app = make_app(plugin={"can_use_api": hosts.user_model_of().may_use_api})
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    public, plaintext = access(app, user, service="tmy", scopes=["read"])
    client = app.test_client()
    session = log_in(client, plaintext)
    assert ping(client, session, "/api/tmy").status_code == 200
    if change == "inactive":
        bearing.change_user(app, user, is_active=False)
    elif change == "forbidden":
        bearing.change_user(app, user, may_use_api=False)
    elif change == "unsubscribed":
        bearing.unsubscribe(app, user, "tmy")
    elif change == "gone":
        with app.app_context():
            host = hosts.host_of(app)
            host.db.session.delete(host.db.session.get(host.user_model, user.id))
            host.db.session.commit()
    else:
        bearing.change(app, public, **change)
    assert code(ping(client, session, "/api/tmy")) == expected


def test_new_secret_key_ends_sessions_and_keeps_tokens(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    """VER-18."""
    _, plaintext = access(app, user)
    _, api = bearing.generate(app, user)
    session = log_in(client, plaintext)
    app.config.update(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["not-a-secret"])
    assert ping(client, session).status_code == 200
    app.config["SECRET_KEY_FALLBACKS"] = None
    refused = ping(client, session)
    unknown = ping(client, bearing.sealed("0123456789ab"))
    assert problem(refused).pop("instance") != problem(unknown).pop("instance")
    assert refused.headers == unknown.headers
    assert code(refused) == "invalid_token"
    for token in (api, log_in(client, plaintext)):
        assert ping(client, token).status_code == 200
    app.config["SECRET_KEY"] = None
    assert code(ping(client, session)) == "invalid_token"
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        client.post(LOGIN, headers=bearer(plaintext))


def test_new_access_token_is_shown_with_its_two_example_calls(
    make_app: MakeApp,
) -> None:
    app = make_app()
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    form = text_of(ada.get("new"), ".at-choices")
    assert "Sent in the Authorization header of each request." in form
    assert "For tools that sign in through the Login API" in form
    wish = {"service": "tmy", "scope": "read", "kind": "access"}
    refused = ada.generate(**wish)
    assert (refused.status_code, stored(app, ada.user)) == (422, [])
    assert "Access tokens need an expiry date." in refused.text
    lines = one(ada.generate(**wish, expiry="7"), "pre").get_text()
    assert 'curl -X POST "$API_URL/api-tokens/login"' in lines
    assert 'curl "$API_URL/api/tmy" \\\n  -H "Authorization: Bearer $SESS' in lines
    other = ada.generate(name="API", service="timeseries", scope="write")
    assert other.status_code == 422
