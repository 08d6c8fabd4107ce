"""What the guard answers, and what a view learns from it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from flask_apitokens import ANY_SERVICE
from flask_apitokens import current_token
from flask_apitokens import signals
from flask_apitokens import token_required
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import Refusal
from flask_apitokens.guard.current_token import CurrentToken
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.bearing import problem
from tests.conftest import MakeApp

# -- what a refusal looks like ------------------------------------------------


@pytest.fixture
def with_handlers(app: Flask) -> Flask:
    """A host that answers every error in its own way."""
    app.errorhandler(401)(lambda error: ("the host's 401", 401))
    app.errorhandler(HTTPException)(lambda error: ("any error", error.code or 500))
    app.errorhandler(Exception)(lambda error: ("all is well", 200))
    return app


@pytest.mark.parametrize("accept", ["text/html", "*/*", "application/json", ""])
def test_refusal_bypasses_the_hosts_error_pages(
    accept: str, with_handlers: Flask, headers: dict[str, str]
) -> None:
    """HTTP-15, HTTP-18."""
    client = with_handlers.test_client()
    for sent in ({}, bearer("x"), {"Authorization": "Bearer"}):
        refused = client.get("/api/plain", headers={"Accept": accept, **sent})
        assert code(refused) in {"missing_token", "invalid_token", "malformed_request"}
    wrong = client.get("/api/tmy", headers={"Accept": accept, **headers})
    assert code(wrong) == "wrong_service"
    assert client.get("/nowhere").text == "any error"


def test_refusal_reveals_no_secret(client: FlaskClient, token: tuple[str, str]) -> None:
    """HTTP-14."""
    public, plaintext = token
    for path, sent in (
        ("/api/tmy", plaintext),
        ("/api/plain", bearing.another_secret(plaintext)),
        ("/api/plain", plaintext[:-1]),
    ):
        refused = client.get(path, headers=bearer(sent))
        everything = refused.get_data(as_text=True) + str(refused.headers)
        assert problem(refused)
        for secret in (plaintext, plaintext.split("_")[2][:32], sent, public, path):
            assert secret not in everything
        for word in ("SELECT", "apitokens_token", "$2b$", "Traceback", "flask_api/"):
            assert word not in everything


def test_refusal_with_a_host_body_keeps_its_challenge(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    @hosts.host_of(app).apitokens.error_handler
    def own(refusal: Refusal) -> Any:
        headers = {"X-Own": refusal.problem, "Cache-Control": "public, max-age=9"}
        return {"oh": refusal.problem}, 200, headers

    missing = client.get("/api/plain")
    assert missing.status_code == 401
    assert missing.json == {"oh": "missing_token"}
    assert missing.headers["X-Own"] == "missing_token"
    assert missing.headers["Cache-Control"] == "no-store"
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    forbidden = client.get("/api/tmy", headers=headers)
    assert forbidden.status_code == 403
    assert 'scope="read"' in forbidden.headers["WWW-Authenticate"]


def test_challenge_names_the_configured_realm(make_app: MakeApp) -> None:
    client = make_app(APITOKENS_REALM="My 'API'").test_client()
    challenge = client.get("/api/plain").headers["WWW-Authenticate"]
    assert challenge == "Bearer realm=\"My 'API'\""


def test_refusal_is_logged_with_its_instance_and_without_the_token(
    client: FlaskClient, token: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        refused = client.get("/api/tmy", headers=bearer(token[1]))
    assert problem(refused)["instance"] in caplog.text
    assert "wrong_service" in caplog.text
    assert token[0] in caplog.text
    assert token[1].split("_")[2] not in caplog.text


# -- query_parameter, optional ------------------------------------------------


@pytest.fixture
def delivery(app: Flask) -> Flask:
    """One route that takes the token from ``?key=`` too."""
    guard = token_required(query_parameter="key")
    app.add_url_rule(
        "/delivery",
        "delivery",
        guard(lambda: current_token.id),
        methods=["GET", "POST"],
    )
    return app


def test_query_parameter_is_accepted_on_routes_that_allow_it(
    delivery: Flask, token: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client, (public, plaintext) = delivery.test_client(), token
    with caplog.at_level(logging.DEBUG):
        for method in ("GET", "POST"):
            response = client.open(
                "/delivery", method=method, query_string={"key": plaintext}
            )
            assert response.text == public
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
        assert client.get("/delivery", headers=bearer(plaintext)).text == public
        elsewhere = client.get("/api/plain", query_string={"key": plaintext})
        assert code(elsewhere) == "missing_token"
        in_form = client.post("/delivery", data={"key": plaintext})
        assert code(in_form) == "missing_token"
        wrong = client.get("/delivery", query_string={"key": plaintext[:-1]})
        assert code(wrong) == "invalid_token"
    assert plaintext.split("_")[2] not in caplog.text
    events = bearing.models_of(delivery).Event
    with delivery.app_context():
        for event in hosts.host_of(delivery).db.session.query(events):
            assert plaintext not in repr(vars(event))


def deliver(
    app: Flask, query: str, header: str | None, *, plaintext: str = ""
) -> TestResponse:
    """Return the answer to a query string and a header, each with the token in it."""
    environ = {}
    if header is not None:
        environ["HTTP_AUTHORIZATION"] = header.replace("{}", plaintext)
    address = "/delivery?" + query.replace("{}", plaintext)
    return app.test_client().get(address, environ_overrides=environ)


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("key={}&key={}", None),
        ("key={}", "Bearer {}"),
        ("key={}&key=+{}", None),
        ("key={}", "Digest a=b, Bearer {}"),
        ("key=", "Bearer {}, Bearer {}"),
        ("key=%00", None),
        ("key=%FF%FE", None),
        ("key={}+{}", None),
        ("key={},{}", None),
        ("key=" + "a" * 513, None),
    ],
)
def test_query_parameter_beside_another_token_place_is_malformed(
    query: str, header: str | None, delivery: Flask, token: tuple[str, str]
) -> None:
    response = deliver(delivery, query, header, plaintext=token[1])
    assert code(response) == "malformed_request"


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("key={}", ""),
        ("key={}", "  "),
        ("key={}", ","),
        ("key={}", "Basic dTpw"),
        ("key={}", 'Digest username="ada, bearer", uri="/"'),
        ("key=&key={}", None),
        ("key=", "Bearer {}"),
        ("key=+%0A", "Bearer {}"),
        ("key=+%EF%BB%BF{}%E2%80%8B%0D%0A", None),
    ],
)
def test_empty_place_and_other_scheme_are_no_second_place(
    query: str, header: str | None, delivery: Flask, token: tuple[str, str]
) -> None:
    response = deliver(delivery, query, header, plaintext=token[1])
    assert response.status_code == 200


@pytest.mark.parametrize("query", ["", "key", "key=", "key=&key=", "key=%EF%BB%BF"])
@pytest.mark.parametrize("header", [None, "", " ", ",", "Digest a=b, c=d"])
def test_nothing_in_any_place_is_a_missing_token(
    query: str, header: str | None, delivery: Flask
) -> None:
    response = deliver(delivery, query, header)
    assert code(response) == "missing_token"


def test_optional_guard_admits_anonymous_calls_and_refuses_bad_tokens(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    guard = token_required(optional=True)

    @app.get("/optional")
    @guard
    def optional() -> str:
        return current_token.id if get_for_update() else "no user"

    for header in ("", " ", ",", "Basic dTpw", 'AWS4-HMAC-SHA256 Credential="a", x=y'):
        anonymous = client.get("/optional", headers={"Authorization": header})
        assert anonymous.text == "no user", header
    assert client.get("/optional").text == "no user"
    assert client.get("/optional", headers=headers).text == token[0]
    assert code(client.get("/optional", headers=bearer("x"))) == "invalid_token"
    refused = client.get("/optional", headers={"Authorization": "Bearer"})
    assert code(refused) == "malformed_request"


# -- current_token, signals, the application ----------------------------------


def get_for_update() -> bool:
    """Whether there is a current token."""
    token: object = current_token
    return bool(token)


def test_current_token_has_every_attribute_of_the_contract(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    bearing.subscribe(app, user, "timeseries")
    public, plaintext = bearing.generate(
        app, user, name="My token", service="timeseries", scopes=["write", "read"]
    )
    seen: dict[str, Any] = {}

    @app.get("/look")
    @token_required(service=ANY_SERVICE)
    def look() -> str:
        names = "id name kind service scopes owner_id account_id expires_at is_userless"
        seen.update({name: getattr(current_token, name) for name in names.split()})
        seen["email"] = current_token.owner.email
        seen["same"] = current_token.owner is current_token.owner
        return ""

    client.get("/look", headers=bearer(plaintext))
    assert seen == {
        "id": public,
        "name": "My token",
        "kind": "api",
        "service": "timeseries",
        "scopes": frozenset({"read", "write"}),
        "owner_id": user.id,
        "account_id": "",
        "expires_at": None,
        "is_userless": False,
        "email": "ada@example.com",
        "same": True,
    }


def test_current_token_outside_a_guarded_route_is_none(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    seen: list[bool] = []

    @app.get("/open")
    def view() -> str:
        seen.append(get_for_update())
        return ""

    client.get("/open", headers=headers)
    assert seen == [False]
    assert not get_for_update()
    with app.app_context():
        # An application context that outlives its requests keeps nothing of them.
        client.get("/api/plain", headers=headers)
        assert not get_for_update()
        client.get("/open", headers=headers)
    assert seen == [False, False]


def test_signals_report_every_call_without_plaintext(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    told: list[Any] = []

    def accepted(sender: Flask, token: CurrentToken) -> None:
        told.append((sender, token.id, request.path))

    def rejected(sender: Flask, refusal: Refusal) -> None:
        told.append((sender, refusal.problem, refusal.token_id))

    with (
        signals.token_authenticated.connected_to(accepted, app),
        signals.token_rejected.connected_to(rejected, app),
    ):
        client.get("/api/plain", headers=headers)
        client.get("/api/tmy", headers=headers)
        client.get("/api/plain")
    assert told == [
        (app, token[0], "/api/plain"),
        (app, "wrong_service", token[0]),
        (app, "missing_token", None),
    ]


def test_guard_without_the_plugin_raises_with_the_remedy() -> None:
    app = Flask("tests.bare")
    app.testing = True
    app.get("/guarded")(token_required(lambda: "in"))
    with pytest.raises(ConfigurationError, match=r"init_app\(app\)"):
        app.test_client().get("/guarded")
