"""From an ``Authorization`` header to a token: every answer of the contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from flask_apitokens import token_required
from flask_apitokens.crypto import tokens as crypto_tokens
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.bearing import problem
from tests.conftest import MakeApp

NOW = datetime.now(UTC)
PAST = NOW - timedelta(seconds=1)


Send = Callable[[str], TestResponse]


@pytest.fixture
def send(client: FlaskClient) -> Send:
    """Send a header unchanged: a client library would correct it."""

    def raw(header: str) -> TestResponse:
        return client.get(
            "/api/plain", environ_overrides={"HTTP_AUTHORIZATION": header}
        )

    return raw


# -- the header ---------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Bearer {}", "bearer {}", "BEARER {}", "bEaReR {}", "Bearer    {}", "Bearer {}  "],
)
def test_well_formed_header_is_accepted(
    header: str, send: Send, token: tuple[str, str]
) -> None:
    """HTTP-05."""
    response = send(header.format(token[1]))
    assert response.status_code == 200, response.text
    assert response.json == {"token": token[0]}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "Bearer:",
        "Bearer: {}",
        "Bearer\t{}",
        "Bearer {}\t",
        "Bearer\xa0{}",
        "Bearer{}",
        'Bearer "{}"',
        "Bearer <{}>",
        "Bearer '{}'",
        "Bearer {} {}",
        "Bearer {};x=1",
        "Bearer token={},x",
        "Bearer {}\0",
        "Bearer \0{}",
        "Bearer {}\n",
        "Bearer {}\r\nX: y",
        "Bearer \x01\x02\x7f",
        "Bearer é{}",
        "Bearer \xff\xfe",
        "Bearer " + "a" * 513,
        "Bearer " + "a" * 65_536,
        # two headers arrive like this
        "Bearer {},Bearer {}",
        "Bearer {}, Bearer {}",
        "Basic dTpw, Bearer {}",
        "Bearer {}, Basic dTpw",
        ",Bearer {},Bearer {}",
        "Digest a=b, Bearer {}",
        "Bearer {}, Digest a=b",
        'Bearer "{}, x"',
        *("Bearer {}," + odd * 30_000 for odd in ('"', '\\"', '"\\', ',"')),
    ],
)
def test_unreadable_header_is_a_malformed_request(
    header: str, send: Send, plaintext: str
) -> None:
    """HTTP-04, HTTP-05: even if a valid token is in the header."""
    response = send(header.replace("{}", plaintext))
    assert code(response) == "malformed_request"
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
    assert plaintext not in response.text


@pytest.mark.parametrize(
    "header",
    [
        *("Basic dTpw", "Digest username=x", "Token {}", "Negotiate abc", "{}"),
        *("Bear {}", "", " ", ",", " , ", "Basic {}, Digest {}"),
        r'Digest username="ada, Bearer {}", realm="a\", Bearer {}", uri="/"',
        "AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host;x, Signature={}",
        "Digest a=b, bearer=c, bearer_hint = {}",
    ],
)
def test_other_authorization_scheme_is_ignored(
    header: str, send: Send, plaintext: str
) -> None:
    """AUZ-05: neither the user nor the password of Basic is read."""
    response = send(header.replace("{}", plaintext))
    assert code(response) == "missing_token"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "header", [",Bearer {}", "Bearer {},", " , Bearer {} ,,", "bearer  {} ,"]
)
def test_empty_header_joined_with_another_is_no_second_one(
    header: str, send: Send, plaintext: str
) -> None:
    """A server joins repeated headers by commas, also one that a proxy left empty."""
    assert send(header.format(plaintext)).status_code == 200


def test_challenge_without_a_token_names_no_error(client: FlaskClient) -> None:
    """HTTP-01."""
    response = client.get("/api/plain")
    assert response.status_code == 401
    assert code(response) == "missing_token"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a" * 512,
        "a=b=c",
        "~+/._-=",
        "eyJhbGciOiJub25lIn0.e30.",
        "apt_",
        bearing.sealed("0123456789ab", brand="solar"),
        bearing.sealed("0123456789AB"),
        bearing.sealed("0123456789ab")[:-1] + "_",
    ],
)
def test_foreign_token_is_invalid_without_a_database_query(
    token: str, app: Flask, client: FlaskClient
) -> None:
    with bearing.listening(app) as wire:
        assert code(client.get("/api/plain", headers=bearer(token))) == "invalid_token"
        assert wire.statements == []


def test_arbitrary_header_never_causes_a_server_error(send: Send) -> None:
    @settings(max_examples=300, deadline=None)
    @given(
        st.tuples(
            st.sampled_from(["", "Bearer ", "bearer", "Bearer\t", "Basic ", "apt_"]),
            st.text(st.characters(max_codepoint=255), max_size=60),
        ).map("".join)
    )
    def try_one(header: str) -> None:
        response = send(header)
        assert response.status_code in {400, 401}
        assert code(response) in {
            "malformed_request",
            "missing_token",
            "invalid_token",
        }

    try_one()


@pytest.mark.parametrize(
    "request_",
    [
        {"query_string": {"token": "{}"}},
        {"query_string": {"access_token": "{}"}},
        {"query_string": {"key": "{}"}},
        {"headers": {"X-Api-Key": "{}"}},
        {"headers": {"Proxy-Authorization": "Bearer {}"}},
        {"headers": {"Cookie": "token={}; session={}; access_token={}"}},
        {"data": {"access_token": "{}"}, "method": "POST"},
        {"json": {"access_token": "{}"}, "method": "POST"},
    ],
)
def test_token_outside_the_header_is_ignored(
    request_: dict[str, Any], make_app: MakeApp
) -> None:
    """HTTP-07."""
    app = make_app()
    app.post("/api/plain", endpoint="post")(token_required(lambda: "in"))
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    filled = _fill(request_, plaintext)
    response = app.test_client().open("/api/plain", **filled)
    assert code(response) == "missing_token"


def _fill(value: Any, plaintext: str) -> Any:
    if isinstance(value, dict):
        return {key: _fill(inner, plaintext) for key, inner in value.items()}
    return value.replace("{}", plaintext)


# -- the token ----------------------------------------------------------------


def test_unknown_wrong_and_damaged_tokens_get_identical_answers(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    """HTTP-02."""
    _, good = bearing.generate(app, user)
    gone_id, gone = bearing.generate(app, user)
    revoked_id, revoked = bearing.generate(app, user)
    domain_app = hosts.host_of(app)
    with app.app_context():
        token = domain_app.db.session.get(bearing.models_of(app).Token, gone_id)
        domain_app.db.session.delete(token)
        domain_app.db.session.commit()
    bearing.change(app, revoked_id, revoked_at=NOW)
    presented = [
        bearing.sealed("zyxwvtsrqpnm"),
        bearing.another_secret(good),
        bearing.another_secret(revoked),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good[:-1],
        gone,
        "x",
    ]
    answers = [client.get("/api/plain", headers=bearer(each)) for each in presented]
    instances = [problem(answer)["instance"] for answer in answers]
    assert len(set(instances)) == len(presented)
    alike = {
        answer.get_data().replace(instance.encode(), b"")
        for answer, instance in zip(answers, instances, strict=True)
    }
    assert len(alike) == 1
    assert len({tuple(answer.headers) for answer in answers}) == 1
    assert code(answers[0]) == "invalid_token"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"revoked_at": NOW}, "token_revoked"),
        ({"deactivated_at": NOW}, "token_deactivated"),
        ({"expires_at": PAST}, "token_expired"),
        ({"revoked_at": NOW, "expires_at": PAST}, "token_revoked"),
    ],
)
def test_ended_token_is_reported_to_its_holder_only_without_bcrypt(
    values: dict[str, Any],
    expected: str,
    app: Flask,
    client: FlaskClient,
    token: tuple[str, str],
    bcrypt_asked: bearing.Bcrypt,
) -> None:
    """HTTP-02, VER-04, VER-05."""
    public, plaintext = token
    bearing.change(app, public, **values)
    for _ in range(50):
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert code(response) == expected
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    other = client.get("/api/plain", headers=bearer(bearing.another_secret(plaintext)))
    assert code(other) == "invalid_token"
    assert bcrypt_asked.checks == 0


def test_wrong_secret_costs_no_bcrypt(
    client: FlaskClient, plaintext: str, bcrypt_asked: bearing.Bcrypt
) -> None:
    """VER-04."""
    wrong = bearer(bearing.another_secret(plaintext))
    assert code(client.get("/api/plain", headers=wrong)) == "invalid_token"
    assert bcrypt_asked.checks == 0


def test_second_use_costs_no_bcrypt(
    client: FlaskClient, plaintext: str, bcrypt_asked: bearing.Bcrypt
) -> None:
    """VER-06."""
    for _ in range(3):
        assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    assert bcrypt_asked.checks == 1


@pytest.mark.parametrize(
    "values",
    [
        {"secret_hash": ""},
        {"secret_hash": "-"},
        {"secret_hash": "$2b$04$short"},
        {"secret_hash": "$2b$xx$" + "a" * 53},
        {"secret_hash": "$2b$99$" + "a" * 53},
        {"secret_hash": "$2b$15$" + "a" * 53},
        {"check_digest": b""},
        {"check_digest": b"\0" * 16},
    ],
    ids=str,
)
def test_damaged_row_is_an_invalid_token(
    values: dict[str, Any], app: Flask, client: FlaskClient, token: tuple[str, str]
) -> None:
    public, plaintext = token
    bearing.change(app, public, **values)
    for _ in range(2):
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert code(response) == "invalid_token"


def test_stored_text_that_is_no_digest_and_no_network_is_refused(
    app: Flask,
    client: FlaskClient,
    token: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    public, plaintext = token

    def store(networks: str | None, digest: object) -> None:
        change = "UPDATE apitokens_token SET networks = ?, check_digest = ?"
        with bearing.engine_of(app).begin() as connection:
            connection.exec_driver_sql(change, (networks, digest))

    digest = crypto_tokens.check_digest(plaintext.encode())
    for networks in ("junk", "192.0.2.0/24 junk", "127.0.0.1/99"):
        store(networks, digest)
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert code(response) == "network_not_allowed"
    assert f"the networks of token {public} are stored damaged" in caplog.text
    for other in ("text", 5):
        store(None, other)
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert code(response) == "invalid_token"


def test_hash_of_another_token_is_refused(
    app: Flask, client: FlaskClient, user: Any, token: tuple[str, str]
) -> None:
    """A forged check digest without the matching bcrypt hash is refused."""
    public, plaintext = token
    _, other = bearing.generate(app, user)
    forged = bearing.sealed(public)
    digest = crypto_tokens.check_digest(forged.encode())
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    bearing.change(app, public, check_digest=digest)
    assert code(client.get("/api/plain", headers=bearer(forged))) == "invalid_token"
    assert client.get("/api/plain", headers=bearer(other)).status_code == 200


def test_token_is_expired_from_the_exact_moment_of_its_expiry(
    app: Flask,
    client: FlaskClient,
    token: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LIF-11."""
    public, plaintext = token
    moment = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    bearing.change(app, public, expires_at=moment)
    for after, status in ((-1, 200), (0, 401), (1, 401)):

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None, shift: int = after) -> Any:
                return (moment + timedelta(microseconds=shift)).astimezone(tz)

        monkeypatch.setattr("flask_apitokens.guard.current_token.datetime", Clock)
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert response.status_code == status


def test_accepted_answer_announces_the_expiry(
    app: Flask, client: FlaskClient, token: tuple[str, str]
) -> None:
    public, plaintext = token
    response = client.get("/api/plain", headers=bearer(plaintext))
    assert "Apitokens-Expires" not in response.headers
    moment = datetime(2031, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)
    bearing.change(app, public, expires_at=moment)
    response = client.get("/api/plain", headers=bearer(plaintext))
    assert response.headers["Apitokens-Expires"] == "2031-05-04T03:02:01Z"
    assert "public" not in response.headers.get("Cache-Control", "")
