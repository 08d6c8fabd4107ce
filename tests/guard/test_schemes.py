"""More ways to send a token: schemes of ``Authorization``, and other headers."""

from __future__ import annotations

import logging
from base64 import b64encode
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import request
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_apitokens import current_token
from flask_apitokens import signals
from flask_apitokens import token_required
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import Refusal
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp
from tests.crypto.test_plaintext import shown_by
from tests.importing.test_service import CONFIG as IMPORTS
from tests.importing.test_service import UUID
from tests.importing.test_service import take_in

ALL: dict[str, Any] = {
    "APITOKENS_SCHEMES": ("Bearer", "Token", "Api-Key", "Basic"),
    "APITOKENS_HEADERS": ("X-API-Key", "Private-Token"),
}


def basic(user: str | bytes, password: str | bytes = "") -> str:
    """Return the value of ``Authorization`` for Basic (RFC 7617)."""
    halves = [x.encode() if isinstance(x, str) else x for x in (user, password)]
    return f"Basic {b64encode(b':'.join(halves)).decode()}"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return a host that accepts a token in every place there is."""
    app = make_app(services=False, **ALL)
    app.post("/api/plain", endpoint="post")(token_required(lambda: "in"))
    return app


def ask(app: Flask, method: str = "GET", **environ: str) -> Any:
    """Send headers unchanged: a client library would correct them."""
    keys = {name if "." in name else f"HTTP_{name}": environ[name] for name in environ}
    return app.test_client().open("/api/plain", method=method, environ_overrides=keys)


# -- where a token is accepted ------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer {}", "Token {}", "Api-Key {}", "TOKEN {}", "api-key {}"),
        *("Token    {}  ", ",Token {}", "Api-Key {},", "aPi-KeY {}"),
    ],
)
def test_token_in_an_accepted_scheme_is_accepted(
    header: str, app: Flask, token: tuple[str, str]
) -> None:
    answer = ask(app, AUTHORIZATION=header.format(token[1]))
    assert answer.json == {"token": token[0]}


@pytest.mark.parametrize(
    ("name", "password"),
    [
        *(("", "{}"), ("{}", ""), ("__token__", "{}"), ("ada@example.com", "{}")),
        *(("{}", "x-oauth-basic"), ("oauth2", "{}"), ("x-token-auth", "{}")),
        *(("{}", "x"), ("{}", "a:b:c"), ("{}", ":"), ("é", "{}"), ("{}", "pässwörd")),
        *((" {} ", ""), ("ada", "{}\n"), ("{}", "x" * 2000)),
    ],
)
def test_token_is_either_half_of_basic(
    name: str, password: str, app: Flask, token: tuple[str, str]
) -> None:
    header = basic(name.replace("{}", token[1]), password.replace("{}", token[1]))
    for sent in (header, header.replace("Basic", "bAsIc"), header.rstrip("=")):
        assert ask(app, AUTHORIZATION=sent).json == {"token": token[0]}


def test_other_half_of_basic_may_be_in_any_encoding(
    app: Flask, token: tuple[str, str]
) -> None:
    for other in (b"\xff\xfe", b"\xc3", "ü".encode("latin-1"), b"\0\x01"):
        header = basic(other, token[1])
        assert ask(app, AUTHORIZATION=header).json == {"token": token[0]}


@pytest.mark.parametrize("key", ["X_API_KEY", "PRIVATE_TOKEN"])
@pytest.mark.parametrize("value", ["{}", "  {}\t", "{},", ",{}"])
@pytest.mark.parametrize(
    "authorization", ["", " ", "Digest a=b", "Negotiate abc", "Basic Og==", "Token"]
)
def test_token_in_a_named_header_is_accepted_beside_a_foreign_scheme(
    key: str, value: str, authorization: str, app: Flask, token: tuple[str, str]
) -> None:
    environ = {"AUTHORIZATION": authorization, key: value.format(token[1])}
    answer = ask(app, **environ)
    if authorization == "Token":
        assert code(answer) == "malformed_request"
    else:
        assert answer.json == {"token": token[0]}


def test_password_of_a_proxy_beside_a_named_header_is_ignored(
    make_app: MakeApp,
) -> None:
    app = make_app(services=False, APITOKENS_HEADERS=("X-API-Key",))
    public, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    environ = {"AUTHORIZATION": basic("proxy", plaintext), "X_API_KEY": plaintext}
    assert ask(app, **environ).json == {"token": public}
    assert code(ask(app, AUTHORIZATION=environ["AUTHORIZATION"])) == "missing_token"


@pytest.mark.parametrize("scheme", ["Token", "Api-Key", "Basic"])
def test_place_that_is_switched_off_is_ignored(
    scheme: str, client: FlaskClient, make_app: MakeApp
) -> None:
    """HTTP-07."""
    others = tuple(name for name in ALL["APITOKENS_SCHEMES"] if name != scheme)
    app = make_app(services=False, APITOKENS_SCHEMES=others)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    sent = basic("x", plaintext) if scheme == "Basic" else f"{scheme} {plaintext}"
    assert code(ask(app, AUTHORIZATION=sent)) == "missing_token"
    assert code(ask(app, X_API_KEY=plaintext)) == "missing_token"


# -- two tokens, and no token --------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"AUTHORIZATION": "Bearer {}", "X_API_KEY": "{}"},
        {"AUTHORIZATION": "Token {}", "PRIVATE_TOKEN": "no"},
        {"AUTHORIZATION": "{basic}", "X_API_KEY": "{}"},
        {"AUTHORIZATION": "Token {}, Bearer {}"},
        {"AUTHORIZATION": "{basic}, Bearer {}"},
        {"AUTHORIZATION": "Digest a=b, Api-Key {}"},
        {"AUTHORIZATION": "{twice}"},
        {"X_API_KEY": "{}", "PRIVATE_TOKEN": "{}"},
        {"X_API_KEY": "{},{}"},
        {"X_API_KEY": "{}, {}"},
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_two_tokens_are_a_malformed_request(
    environ: dict[str, str], optional: bool, app: Flask, plaintext: str
) -> None:
    """HTTP-04: even if both are the same and work."""
    app.get("/either")(token_required(optional=optional)(lambda: "in"))
    twice, once = basic(plaintext, plaintext), basic("x", plaintext)
    sent = {
        f"HTTP_{key}": value.replace("{twice}", twice)
        .replace("{basic}", once)
        .replace("{}", plaintext)
        for key, value in environ.items()
    }
    answer = app.test_client().get("/either", environ_overrides=sent)
    assert code(answer) == "malformed_request"
    assert plaintext not in answer.text


@pytest.mark.parametrize(
    "environ",
    [
        *({"AUTHORIZATION": f"{word}{{}}"} for word in ("Token\t", "Api-Key:")),
        *({"AUTHORIZATION": word} for word in ("Basic", "Basic ", "Token", "api-key ")),
        {"AUTHORIZATION": 'Token token="{}"'},
        {"AUTHORIZATION": "Token {} {}"},
        {"AUTHORIZATION": "Basic {}"},  # no base64 of anything
        {"AUTHORIZATION": "Basic !!!!"},
        {"AUTHORIZATION": "Basic Zm9v"},  # no colon
        {"AUTHORIZATION": "Basic Zm9vOmJhcg== x"},
        {"AUTHORIZATION": "Basic Zm9v\nOmJhcg=="},
        {"AUTHORIZATION": "Basic é"},
        {"AUTHORIZATION": "Basic " + "QUFB" * 20_000},
        {"AUTHORIZATION": "Basic ===="},
        {"X_API_KEY": "Bearer {}"},
        {"X_API_KEY": '"{}"'},
        {"X_API_KEY": "{}\0"},
        {"X_API_KEY": "é{}"},
        {"X_API_KEY": "a" * 65_536},
    ],
)
def test_unreadable_token_is_a_malformed_request(
    environ: dict[str, str], app: Flask, plaintext: str
) -> None:
    sent = {key: value.replace("{}", plaintext) for key, value in environ.items()}
    answer = ask(app, **sent)
    assert code(answer) == "malformed_request"
    assert plaintext not in answer.text


@pytest.mark.parametrize("sent", [basic("", ""), basic(" ", "\t")])
def test_empty_credentials_of_basic_are_a_missing_token(sent: str, app: Flask) -> None:
    assert code(ask(app, AUTHORIZATION=sent)) == "missing_token"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        *(("ada", "password"), ("ada", ""), ("", "password"), ("ü", "pässwörd")),
        *(("ada", "x" * 2000), (b"\0", b"\xff"), ("{wrong}", "{wrong}x")),
    ],
)
@pytest.mark.parametrize("peppers", [False, True])
def test_readable_basic_without_a_token_is_invalid(
    name: Any, password: Any, peppers: bool, make_app: MakeApp
) -> None:
    """A client such as git asks for other credentials after a 401, not after a 400."""
    app = make_app(services=False, **ALL, **(IMPORTS if peppers else {}))
    wrong = bearing.sealed("0123456789ab")[:-1] + "_"
    if isinstance(name, str):
        name, password = (half.replace("{wrong}", wrong) for half in (name, password))
    with bearing.listening(app) as wire:
        answer = ask(app, AUTHORIZATION=basic(name, password))
        assert peppers or wire.statements == []
    assert code(answer) == "invalid_token"
    assert answer.status_code == 401


def test_arbitrary_text_in_any_place_never_causes_a_server_error(
    make_app: MakeApp,
) -> None:
    app = make_app(services=False, **ALL, **IMPORTS)
    words = ("", "Token ", "Api-Key ", "Basic ", "Basic Og", "Basic QTpC,", "basic\t")
    odd = st.text(st.characters(max_codepoint=255), max_size=60)
    decoded = st.binary(max_size=60).map(lambda raw: f"Basic {b64encode(raw).decode()}")

    @settings(max_examples=300, deadline=None)
    @given(
        st.one_of(st.tuples(st.sampled_from(words), odd).map("".join), decoded),
        st.one_of(st.just(""), odd),
    )
    def try_one(header: str, key: str) -> None:
        answer = ask(app, AUTHORIZATION=header, X_API_KEY=key)
        assert answer.status_code in {400, 401}
        assert code(answer) in {"malformed_request", "missing_token", "invalid_token"}

    try_one()


# -- imported tokens ----------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"AUTHORIZATION": f"Token {UUID}"},
        {"AUTHORIZATION": f"Api-Key {UUID}"},
        {"X_API_KEY": UUID},
        {"AUTHORIZATION": basic(UUID)},
        {"AUTHORIZATION": basic("", UUID)},
        {"AUTHORIZATION": basic("ada@example.com", UUID)},
        {"AUTHORIZATION": basic(UUID, "x-oauth-basic")},
        {"AUTHORIZATION": basic(UUID, "a-password-of-some-length")},
        {"AUTHORIZATION": basic("17|" + UUID, "x")},
    ],
)
def test_imported_token_works_as_its_clients_send_it(
    environ: dict[str, str], make_app: MakeApp
) -> None:
    app = make_app(services=False, **ALL, **IMPORTS)
    public = take_in(app, UUID, hosts.create_user(app, "ada@example.com"))
    assert ask(app, **environ).json == {"token": public}


def test_ended_imported_token_in_basic_is_told_to_its_holder(make_app: MakeApp) -> None:
    app = make_app(services=False, **ALL, **IMPORTS)
    ada = hosts.create_user(app, "ada@example.com")
    public = take_in(app, UUID, ada)
    bearing.change(app, public, revoked_at=bearing_now(app), live_name=None)
    for header in (basic("ada", UUID), basic(UUID, "x")):
        assert code(ask(app, AUTHORIZATION=header)) == "token_revoked"


def bearing_now(app: Flask) -> Any:
    """Return the present moment of the application's clock."""
    with app.app_context():
        return bearing.context_of(app).now()


# -- what logs and collectors of errors see ------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {"AUTHORIZATION": "Token {} x"},
        {"AUTHORIZATION": "Token {}, Bearer {}"},
        {"AUTHORIZATION": "{basic}"},
        {"AUTHORIZATION": "{twice}"},
        {"AUTHORIZATION": "{basic}x"},
        {"AUTHORIZATION": "{basic}", "SEC_FETCH_SITE": "cross-site"},
        {"X_API_KEY": "{} x"},
        {"X_API_KEY": "{},{}"},
    ],
)
def test_refusal_shows_no_text_of_a_header_in_frames_and_logs(
    environ: dict[str, str],
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    app = make_app(services=False, **ALL, **IMPORTS)
    app.post("/api/plain", endpoint="post")(token_required(lambda: "in"))
    # Nearly a token of ours: what is refused must not be shown either.
    secret = "Qx7" * 14
    texts = {
        "{basic}": basic("ada", f"apt_{secret}"),
        "{twice}": basic(bearing.sealed("0" * 12), bearing.sealed("1" * 12)),
        "{}": f"apt_{secret}",
    }
    for mark, text in texts.items():
        environ = {key: value.replace(mark, text) for key, value in environ.items()}
    shown: list[str] = []

    def collect(sender: Flask, refusal: Refusal, **_: object) -> None:
        shown.append(shown_by(refusal))

    with signals.token_rejected.connected_to(collect, app):
        answer = ask(app, "POST", **environ)
    assert answer.status_code in {400, 401}
    assert len(shown) == 1
    for needle in (secret, "0" * 30, *(text[6:] for text in texts.values())):
        assert needle not in shown[0]
        assert needle not in caplog.text
        assert needle not in answer.text


def test_failing_view_shows_no_text_of_a_header_in_our_frames(
    app: Flask, plaintext: str
) -> None:
    @app.get("/boom")
    @token_required
    def boom() -> str:
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = True
    sent = basic("ada", plaintext)
    for headers in ({"Authorization": sent}, {"X-API-Key": plaintext}):
        with pytest.raises(ZeroDivisionError) as error:
            app.test_client().get("/boom", headers=headers)
        shown = shown_by(error.value)
        assert plaintext[17:] not in shown
        assert sent[8:] not in shown


# -- for one route ------------------------------------------------------------


def _legacy(app: Flask, **places: Any) -> FlaskClient:
    app.get("/legacy")(token_required(**places)(lambda: {"token": current_token.id}))
    return app.test_client()


def test_route_with_places_of_its_own_leaves_the_others_alone(
    make_app: MakeApp,
) -> None:
    app = make_app(services=False)
    client = _legacy(app, schemes="Token", headers="X-API-Key")
    public, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    for headers in (
        {"Authorization": f"Token {plaintext}"},
        {"X-API-Key": plaintext},
    ):
        assert client.get("/legacy", headers=headers).json == {"token": public}
        assert code(client.get("/api/plain", headers=headers)) == "missing_token"
    refused = client.get("/legacy", headers=bearer(plaintext))
    assert code(refused) == "missing_token"
    assert refused.headers.getlist("WWW-Authenticate") == ['Token realm="api"']
    assert refused.headers["Vary"] == "Authorization, X-API-Key"


def test_route_can_narrow_what_the_application_accepts(
    app: Flask, plaintext: str
) -> None:
    client = _legacy(app, schemes=("Bearer",), headers=())
    assert client.get("/legacy", headers=bearer(plaintext)).status_code == 200
    assert code(client.get("/legacy", headers={"X-API-Key": plaintext})) == (
        "missing_token"
    )
    assert client.get("/legacy").headers["Vary"] == "Authorization"


def test_route_that_names_one_keeps_the_other_of_the_application(
    app: Flask, plaintext: str
) -> None:
    client = _legacy(app, schemes="Token")
    for headers in (
        {"Private-Token": plaintext},
        {"Authorization": f"Token {plaintext}"},
    ):
        assert client.get("/legacy", headers=headers).status_code == 200


def test_blueprint_can_have_places_of_its_own(make_app: MakeApp) -> None:
    app = make_app(services=False)
    shut = Blueprint("shut", __name__, url_prefix="/shut")
    shut.get("/")(lambda: "in")
    apitokens = hosts.host_of(app).apitokens
    apitokens.protect(shut, schemes=("Basic", "Bearer"), headers=["X-API-Key"])
    app.register_blueprint(shut)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    client = app.test_client()
    assert client.get("/shut/", auth=("x", plaintext)).status_code == 200
    assert client.get("/shut/", headers={"X-API-Key": plaintext}).status_code == 200
    assert code(client.get("/api/plain", auth=("x", plaintext))) == "missing_token"


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({"schemes": "Digest"}, "schemes of a guard is 'Digest'; allowed is some of"),
        ({"headers": "Cookie"}, "headers of a guard is 'Cookie'; allowed is names of"),
        ({"headers": ("A", "a")}, "headers of a guard is ('A', 'a'); allowed is"),
        ({"schemes": 7}, "schemes of a guard is 7; allowed is"),
        ({"schemes": ()}, "schemes of a guard is (); allowed is an empty tuple only"),
    ],
)
def test_guard_with_an_unusable_place_is_a_configuration_error(
    places: dict[str, Any], said: str, app: Flask
) -> None:
    for declare in (
        lambda: token_required(**places),
        lambda: hosts.host_of(app).apitokens.protect(Blueprint("b", "b"), **places),
    ):
        with pytest.raises(ConfigurationError) as error:
            declare()
        assert str(error.value).startswith(said)


def test_query_parameter_and_named_header_together_are_malformed(
    app: Flask, plaintext: str
) -> None:
    client = _legacy(app, query_parameter="key")
    query = {"key": plaintext}
    assert client.get("/legacy", query_string=query).status_code == 200
    answer = client.get("/legacy", query_string=query, headers={"X-API-Key": plaintext})
    assert code(answer) == "malformed_request"


def test_two_guards_of_one_request_vary_on_what_both_look_at(
    make_app: MakeApp,
) -> None:
    app = make_app(services=False)
    shut = Blueprint("shut", __name__, url_prefix="/shut")
    shut.get("/")(token_required(headers="X-Other")(lambda: "in"))
    hosts.host_of(app).apitokens.protect(shut, headers="X-API-Key")
    app.register_blueprint(shut)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    answer = app.test_client().get("/shut/", headers=bearer(plaintext))
    assert answer.status_code == 200
    assert answer.headers["Vary"] == "Authorization, X-API-Key, X-Other"


# -- the challenge and the sentences ------------------------------------------

BROWSERS: list[dict[str, str]] = [
    {"SEC_FETCH_MODE": "navigate", "SEC_FETCH_SITE": "none"},
    {"SEC_FETCH_SITE": "same-origin"},
    {"HX_REQUEST": "true"},
    {"X_REQUESTED_WITH": "XMLHttpRequest"},
    {"ORIGIN": "https://example.com"},
    {"USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64)"},
]


def test_each_accepted_scheme_has_a_challenge(app: Flask) -> None:
    answer = ask(app)
    assert answer.headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api"',
        'Token realm="api"',
        'Api-Key realm="api"',
        'Basic realm="api", charset="UTF-8"',
    ]
    answer = ask(app, AUTHORIZATION=f"Token {bearing.sealed('0123456789ab')}")
    for challenge in answer.headers.getlist("WWW-Authenticate")[:3]:
        assert 'error="invalid_token"' in challenge


@pytest.mark.parametrize("environ", BROWSERS)
@pytest.mark.parametrize("schemes", [("Basic", "Bearer"), ("Basic",)])
def test_browser_is_never_challenged_with_basic(
    environ: dict[str, str], schemes: tuple[str, ...], make_app: MakeApp
) -> None:
    """It would open a window, and send what is entered with every later request."""
    app = make_app(services=False, APITOKENS_SCHEMES=schemes)
    challenges = ask(app, **environ).headers.getlist("WWW-Authenticate")
    assert challenges == [f'{"Bearer" if len(schemes) > 1 else "ApiToken"} realm="api"']
    asked = ask(app).headers.getlist("WWW-Authenticate")
    assert 'Basic realm="api", charset="UTF-8"' in asked


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "Authorization: Bearer <token>."),
        ({"APITOKENS_HEADERS": ("X-API-Key",)}, "Authorization: Bearer <token>."),
        ({"APITOKENS_SCHEMES": ("Token",)}, "Authorization: Token <token>."),
        ({"APITOKENS_SCHEMES": ("Basic",)}, "a colon and the token>."),
        (
            {"APITOKENS_SCHEMES": (), "APITOKENS_HEADERS": ("X-API-Key",)},
            "the header X-API-Key: <token>.",
        ),
    ],
)
def test_refusal_says_the_first_way_to_send_a_token(
    config: dict[str, Any], said: str, make_app: MakeApp
) -> None:
    app = make_app(services=False, **config)
    answer = ask(app)
    assert code(answer) == "missing_token"
    assert answer.json["detail"].endswith(said)


def test_headers_alone_leave_authorization_alone(make_app: MakeApp) -> None:
    app = make_app(
        services=False, APITOKENS_SCHEMES=(), APITOKENS_HEADERS=("X-API-Key",)
    )
    public, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    assert code(ask(app, AUTHORIZATION=f"Bearer {plaintext}")) == "missing_token"
    answer = ask(app, AUTHORIZATION="Bearer x, Bearer y", X_API_KEY=plaintext)
    assert answer.json == {"token": public}
    assert answer.headers["Vary"] == "X-API-Key"
    assert ask(app).headers.getlist("WWW-Authenticate") == ['ApiToken realm="api"']


def test_body_of_the_host_keeps_every_challenge(app: Flask) -> None:
    hosts.host_of(app).apitokens.error_handler(lambda refusal: refusal.challenge)
    answer = ask(app)
    challenges = answer.headers.getlist("WWW-Authenticate")
    assert len(challenges) == 4
    assert answer.text == ", ".join(challenges)


def test_answer_varies_on_every_header_that_may_have_the_token(
    app: Flask, plaintext: str
) -> None:
    expected = "Authorization, X-API-Key, Private-Token"
    assert ask(app).headers["Vary"] == expected
    assert ask(app, X_API_KEY=plaintext).headers["Vary"] == expected


# -- a browser's own credentials, cookies and what is not ours ----------------


def test_token_in_a_header_passes_csrf_protect(make_app: MakeApp) -> None:
    app = make_app(services=False, csrf_protect=True, **ALL)
    app.post("/strict")(token_required(lambda: "in"))
    app.post("/open", endpoint="open")(token_required(optional=True)(lambda: "in"))
    ada = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, ada)
    client = app.test_client()
    hosts.login(client, ada)
    for path in ("/strict", "/open"):
        for headers in (
            bearer(plaintext),
            {"Authorization": f"Token {plaintext}"},
            {"Authorization": basic("x", plaintext)},
            {"X-API-Key": plaintext},
        ):
            answer = client.post(path, headers=headers)
            assert (answer.text, answer.status_code) == ("in", 200)
            assert "Set-Cookie" not in answer.headers
    # Without a token the cookie counts, and with it the check.
    assert client.post("/open").status_code == 400
    assert client.post("/open", headers={"Authorization": basic("")}).status_code == 400
    assert client.post("/open", headers={"X-API-Key": " "}).status_code == 400


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"SEC_FETCH_SITE": "cross-site"}, 400),
        ({"SEC_FETCH_SITE": "same-site"}, 400),
        ({"SEC_FETCH_SITE": "x"}, 400),
        ({"SEC_FETCH_SITE": "same-origin"}, 200),
        ({"SEC_FETCH_SITE": "none"}, 200),
        ({"ORIGIN": "https://evil.example"}, 400),
        ({"ORIGIN": "null"}, 400),
        ({"ORIGIN": "http://["}, 400),
        ({"ORIGIN": "http://localhost"}, 200),
        ({"ORIGIN": "http://localhost:81"}, 400),
        ({"ORIGIN": "http://localhost", "SEC_FETCH_SITE": "cross-site"}, 400),
        ({}, 200),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_page_of_another_site_cannot_use_basic_that_a_browser_keeps(
    environ: dict[str, str], status: int, optional: bool, make_app: MakeApp
) -> None:
    app = make_app(services=False, csrf_protect=True, **ALL)
    ran: list[str] = []

    @app.route("/do", methods=["GET", "POST", "DELETE"])
    @token_required(optional=optional)
    def do() -> str:
        ran.append("in")
        return "in"

    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    sent = {f"HTTP_{key}": value for key, value in environ.items()}
    client = app.test_client()
    for method in ("POST", "DELETE"):
        keeps = {**sent, "HTTP_AUTHORIZATION": basic("ada", plaintext)}
        answer = client.open("/do", method=method, environ_overrides=keeps)
        assert answer.status_code == status, answer.text
        if status == 400:
            assert code(answer) == "malformed_request"
            assert ran == []
        # Only a script can send these, and another site's needs the host's CORS.
        for own in ({"AUTHORIZATION": f"Token {plaintext}"}, {"X_API_KEY": plaintext}):
            chosen = {**sent, **{f"HTTP_{key}": own[key] for key in own}}
            answer = client.open("/do", method=method, environ_overrides=chosen)
            assert answer.status_code == 200
        ran.clear()
    read = {**sent, "HTTP_AUTHORIZATION": basic("ada", plaintext)}
    assert client.get("/do", environ_overrides=read).status_code == 200


@pytest.mark.parametrize("sent", ["Token {}", "Basic {}", "X-API-Key"])
def test_token_in_any_place_is_the_identity_and_not_the_cookie(
    sent: str, app: Flask
) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    grace = hosts.create_user(app, "grace@example.com")
    public, plaintext = bearing.generate(app, grace)
    client = app.test_client()
    hosts.login(client, ada)
    headers = {
        "Token {}": {"Authorization": f"Token {plaintext}"},
        "Basic {}": {"Authorization": basic("ada@example.com", plaintext)},
        "X-API-Key": {"X-API-Key": plaintext},
    }[sent]
    answer = client.get("/api/plain", headers=headers)
    assert answer.json == {"token": public}
    assert "Set-Cookie" not in answer.headers


def test_token_in_any_place_opens_no_page(app: Flask, plaintext: str) -> None:
    """AUZ-05."""
    client = app.test_client()
    for headers in (
        {"Authorization": basic(plaintext)},
        {"Authorization": f"Token {plaintext}"},
        {"X-API-Key": plaintext},
    ):
        answer = client.get("/account/api-tokens/", headers=headers)
        assert answer.status_code in {302, 401}


def test_unguarded_route_reads_its_own_basic(app: Flask, plaintext: str) -> None:
    @app.get("/own")
    def own() -> dict[str, Any]:
        sent = request.authorization
        return {"user": sent and sent.username}

    @app.login_manager.request_loader  # type: ignore[attr-defined,untyped-decorator]
    def load(request: Any) -> Any:
        sent = request.authorization
        if sent is None or sent.type != "basic":
            return None
        return (
            hosts.host_of(app)
            .user_model.query.filter_by(email=sent.username)
            .one_or_none()
        )

    client = app.test_client()
    answer = client.get("/own", auth=("ada", "password"))
    assert answer.json == {"user": "ada"}
    assert "authorization" not in answer.vary
    assert client.get("/own", auth=("x", plaintext)).json == {"user": "x"}
    page = client.get("/account", auth=("ada@example.com", "x"))
    assert page.status_code == 200
    assert code(client.get("/api/plain", auth=("ada@example.com", "x"))) == (
        "invalid_token"
    )


# -- the endpoints ------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (ALL, "Bearer"),
        ({"APITOKENS_SCHEMES": ("Token", "Basic")}, "Token"),
        ({"APITOKENS_SCHEMES": (), "APITOKENS_HEADERS": ("X-API-Key",)}, "X-API-Key"),
    ],
)
def test_endpoints_take_the_token_where_routes_do(
    config: dict[str, Any], word: str, make_app: MakeApp
) -> None:
    app = make_app(services=False, **config)
    ada = hosts.create_user(app, "ada@example.com")
    access = bearing.generate(
        app, ada, kind="access", expires_at=bearing_now(app).replace(year=2999)
    )[1]
    client, state = app.test_client(), app.extensions["apitokens"]
    logged_in: Any = client.post(
        "/api-tokens/login", headers=state.places.headers_for(access)
    ).json
    assert logged_in["token_type"] == word
    session = logged_in["access_token"]
    headers = state.places.headers_for(session)
    assert client.get("/api/plain", headers=headers).status_code == 200
    own: Any = client.get("/api-tokens/self", headers=headers).json
    assert own["kind"] == "session"
    facts: Any = client.post(
        "/api-tokens/introspect", headers=headers, data={"token": session}
    ).json
    assert (facts["active"], facts["token_type"]) == (True, word)
    assert client.post("/api-tokens/revoke", data={"token": access}).status_code == 200
    gone = client.post(
        "/api-tokens/introspect", headers=headers, data={"token": session}
    )
    assert gone.json == {"active": False}


def test_introspection_with_basic_tells_nothing_of_the_other_half(
    make_app: MakeApp,
) -> None:
    app = make_app(services=False, **ALL, **IMPORTS)
    public = take_in(app, UUID, hosts.create_user(app, "ada@example.com"))
    headers = {"Authorization": basic("ada@example.com", UUID)}
    both = {"Authorization": basic("a-user-name-of-some-length", UUID)}
    client = app.test_client()

    def asked(headers: dict[str, str], token: str) -> Any:
        form = {"token": token}
        return client.post("/api-tokens/introspect", headers=headers, data=form).json

    for sent in (headers, both):
        assert asked(sent, UUID)["jti"] == public
    assert asked(both, "a-user-name-of-some-length") == {"active": False}


def test_errors_of_endpoints_challenge_with_the_accepted_schemes(app: Flask) -> None:
    answer = app.test_client().post("/api-tokens/revoke")
    assert code(answer) == "malformed_request"
    assert len(answer.headers.getlist("WWW-Authenticate")) == 4
