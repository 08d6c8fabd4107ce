"""introspect, revoke and self: what holders learn and do, and strangers do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from flask_apitokens import Service
from flask_apitokens import signals
from flask_apitokens.core.context import utcnow
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.lookup.connections import Unavailable
from flask_apitokens.lookup.finder import TokenFinder
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp
from tests.crypto.test_session_tokens import access
from tests.crypto.test_session_tokens import log_in
from tests.pages import soup
from tests.pages import visible_text

E = "/api-tokens/"
SCOPE = "apitokens:introspect"
INACTIVE = {"active": False}


def host(make_app: MakeApp, url: str | None = None, **options: Any) -> Flask:
    """Return a host of two accounts with a service for resource servers."""
    app = administration.administered(make_app, url, csrf_protect=True, **options)
    hosts.host_of(app).apitokens.service("gateway", "Gateway", scopes={SCOPE: "Ask"})
    return app


def ask(client: FlaskClient, about: str, caller: str | None) -> TestResponse:
    """Return the response of introspection."""
    sent = {} if caller is None else bearer(caller)
    return client.post(f"{E}introspect", data={"token": about}, headers=sent)


def revoke(client: FlaskClient, text: str, **options: Any) -> TestResponse:
    """Return the response of revocation."""
    return client.post(f"{E}revoke", data={"token": text}, **options)


def bare(response: TestResponse) -> tuple[Any, ...]:
    """Status, headers and body of an answer, but for its instance."""
    text = response.text
    body = response.json
    if isinstance(body, dict) and "instance" in body:
        text = text.replace(body["instance"], "")
    return response.status_code, tuple(response.headers), text


# -- self ---------------------------------------------------------------------


def test_self_returns_the_properties_of_every_kind_of_token(
    make_app: MakeApp, database_url: str
) -> None:
    app = host(make_app, database_url)
    ada = administration.create_user(app, "ada")
    bearing.subscribe(app, ada, "timeseries")
    end = utcnow().replace(microsecond=0) + timedelta(days=3)
    public, plaintext = bearing.generate(
        *(app, ada),
        name="Night run",
        service="timeseries",
        scopes=["write", "read"],
        expires_at=end,
        networks=["127.0.0.0/8"],
    )
    client = app.test_client()
    assert client.get(f"{E}self", headers=bearer(plaintext)).status_code == 200
    assert app.extensions["apitokens"].recorder.flush()
    answer = client.get(f"{E}self", headers=bearer(plaintext))
    facts: Any = answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    assert facts.pop("last_used_at").startswith(str(utcnow().year))
    assert facts.pop("created_at").endswith("Z")
    assert facts == {
        "id": public,
        "name": "Night run",
        "kind": "api",
        "owner": "ada@acme.example",
        "account_id": "acme",
        "service": "timeseries",
        "scopes": ["read", "write"],
        "networks": ["127.0.0.0/8"],
        "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    userless, machine = administration.generate_userless(app)
    facts = client.get(f"{E}self", headers=bearer(machine)).json
    assert (facts["id"], facts["owner"], facts["expires_at"]) == (userless, None, None)
    entry, exchanged = access(app, ada)
    for text, kind in ((exchanged, "access"), (log_in(client, exchanged), "session")):
        facts = client.get(f"{E}self", headers=bearer(text)).json
        assert (facts["id"], facts["kind"]) == (entry, kind)
    assert code(client.get(f"{E}self")) == "missing_token"
    bearing.change(app, public, revoked_at=utcnow())
    assert code(client.get(f"{E}self", headers=bearer(plaintext))) == "token_revoked"
    assert client.post(f"{E}self", headers=bearer(machine)).status_code == 405


# -- introspect ---------------------------------------------------------------


def test_introspection_of_itself_reveals_only_inactive(
    make_app: MakeApp, database_url: str
) -> None:
    """LOG-08, RFC 7662 section 2.2."""
    app = host(make_app, database_url)
    ada = administration.create_user(app, "ada")
    bearing.subscribe(app, ada, "tmy")
    public, plaintext = bearing.generate(
        app, ada, name="Mine", service="tmy", scopes=["read"]
    )
    client = app.test_client()
    answer = ask(client, plaintext, plaintext)
    facts: Any = answer.json
    assert utcnow().timestamp() - facts.pop("iat") < 600
    assert facts == {
        "active": True,
        "token_type": "Bearer",
        "jti": public,
        "scope": "read",
        "username": "ada@acme.example",
        "sub": str(ada.id),
        "name": "Mine",
        "kind": "api",
        "service": "tmy",
        "account_id": "acme",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    entry, exchanged = access(app, ada)
    session = log_in(client, exchanged)
    for text, kind in ((exchanged, "access"), (session, "session")):
        facts = ask(client, text, text).json
        assert (facts["active"], facts["jti"], facts["kind"]) == (True, entry, kind)
        assert facts["exp"] > utcnow().timestamp()
    bearing.unsubscribe(app, ada, "tmy")
    assert ask(client, plaintext, plaintext).json == INACTIVE
    bearing.change_user(app, ada, is_active=False)
    for text in (plaintext, exchanged, session, bearing.sealed("0123456789ab"), "x"):
        answer = ask(client, text, text)
        assert (answer.status_code, answer.json) == (200, INACTIVE)


def test_introspection_scope_covers_the_account(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = host(make_app, database_url)
    ada, carol = (
        administration.create_user(app, "ada"),
        administration.create_user(app, "carol", administration.OTHER),
    )
    right: dict[str, Any] = {"service": "gateway", "scopes": [SCOPE]}
    _, gateway = administration.generate_userless(app, **right)
    _, elsewhere = administration.generate_userless(app, administration.OTHER, **right)
    bearing.subscribe(app, ada, "gateway")
    _, personal = bearing.generate(app, ada, **right)
    _, exchanged = access(app, ada, **right)
    public, plaintext = bearing.generate(app, ada)
    _, foreign = bearing.generate(app, carol)
    client = app.test_client()
    session = log_in(client, exchanged)
    for caller in (gateway, personal, session):
        assert ask(client, plaintext, caller).json["jti"] == public  # type: ignore[index]
        assert ask(client, session, caller).json["kind"] == "session"  # type: ignore[index]
        assert ask(client, foreign, caller).json == INACTIVE
    # Neither without the scope, nor from another account, nor with an access token.
    for caller in (foreign, elsewhere, plaintext, exchanged):
        other = gateway if caller == plaintext else plaintext
        assert ask(client, other, caller).json == INACTIVE
    recorder = app.extensions["apitokens"].recorder
    assert recorder.flush()
    with app.app_context():
        row = hosts.host_of(app).db.session.get(bearing.models_of(app).Token, public)
        assert row is not None
        before = row.last_used_at
    assert ask(client, plaintext, gateway).json["active"] is True  # type: ignore[index]
    assert recorder.flush()
    with app.app_context():
        row = hosts.host_of(app).db.session.get(bearing.models_of(app).Token, public)
        assert row is not None
        assert row.last_used_at == before
    bearing.change(app, public, expires_at=utcnow())
    assert ask(client, plaintext, gateway).json == INACTIVE
    bearing.switch_service(app, "gateway", active=False, account="acme")
    assert code(ask(client, plaintext, gateway)) == "service_inactive"
    assert code(ask(client, plaintext, None)) == "missing_token"
    assert code(ask(client, plaintext, "x")) == "invalid_token"


@pytest.mark.parametrize("name", ["introspect", "revoke"])
@pytest.mark.parametrize("data", [{}, {"token": ""}, {"token": ["a", "b"]}])
def test_form_without_token_is_malformed(
    name: str, data: Any, client: FlaskClient
) -> None:
    answer = client.post(E + name, data=data)
    assert code(answer) == "malformed_request"
    assert client.get(E + name).status_code == 405


def holder(make_app: MakeApp) -> tuple[FlaskClient, str]:
    """Return a client of a host, and the token of one of its users."""
    app = host(make_app)
    user = administration.create_user(app, "ada")
    _id, plaintext = bearing.generate(app, user, name="Mine")
    return app.test_client(), plaintext


#: what a copy from a terminal, a file of Windows or a page brings along
AROUND = ["{}\n", "{}\r\n", " {}", "\ufeff{}", "\t\ufeff {}\u200b\u00a0\n", "\u3000{}"]


@pytest.mark.parametrize("form", AROUND)
def test_white_space_around_a_pasted_token_is_no_part_of_it(
    form: str, make_app: MakeApp
) -> None:
    client, plaintext = holder(make_app)
    pasted = form.format(plaintext)
    about = ask(client, pasted, plaintext)
    assert about.json is not None
    assert about.json["active"] is True
    revoked = revoke(client, pasted)
    assert (revoked.status_code, revoked.json) == (200, {})
    assert code(client.get("/api/plain", headers=bearer(plaintext))) == "token_revoked"


@pytest.mark.parametrize(
    "form",
    [
        *("Bearer {}", "{} {}", "{}\n{}", '"{}"', "{}\0", "{},", "<{}>", "{}é"),
        *("Authorization: Bearer {}", "{}" + "a" * 512, "\ufffd{}", "{}\u00ad"),
        *("{}=", "{}.", "{}-", "{}x", "{}{}", "token={}", "+{}", "x{}", "17|{}"),
    ],
)
def test_text_that_holds_a_token_is_not_called_revoked_or_inactive(
    form: str, make_app: MakeApp
) -> None:
    client, plaintext = holder(make_app)
    text = form.replace("{}", plaintext)
    for response in (revoke(client, text), ask(client, text, plaintext)):
        assert (response.status_code, code(response)) == (400, "malformed_request")
        assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]
        assert plaintext not in response.text
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scopes": {"apitokens:other": ""}}, "the only one there is"),
        ({"scopes": {SCOPE: ""}, "default_active": True}, "not for everybody"),
    ],
)
def test_introspection_scope_cannot_be_declared_for_every_user(
    options: dict[str, Any], message: str, make_app: MakeApp
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        hosts.host_of(make_app()).apitokens.service("gate", "Gate", **options)
    assert isinstance(
        hosts.host_of(make_app()).apitokens.service("g", "G", scopes={SCOPE: ""}),
        Service,
    )


# -- revoke -------------------------------------------------------------------


def test_holder_revokes_a_token_and_the_owner_is_notified(
    make_app: MakeApp, database_url: str
) -> None:
    """LOG-08, RFC 7009: 200 twice; the log, the signal and the notice tell once."""
    notices: list[Any] = []
    app = host(make_app, database_url, plugin={"on_notice": notices.append})
    ada = administration.create_user(app, "ada")
    public, plaintext = bearing.generate(app, ada, name="Leaked")
    told: list[Any] = []

    def hear(sender: Flask, token: Any, actor: Any, **_: Any) -> None:
        told.append((token.id, actor.label, actor.ip))

    client = app.test_client()
    hosts.login(client, ada)
    with client.session_transaction() as kept:
        kept.permanent = True
    assert "Set-Cookie" in client.get("/account").headers
    assert "Set-Cookie" not in client.post(f"{E}introspect").headers
    with signals.token_revoked.connected_to(hear, app):
        for _ in range(2):
            answer = revoke(client, plaintext)
            assert (answer.status_code, answer.json) == (200, {})
            assert "Set-Cookie" not in answer.headers
    assert told == [(public, "token holder", "127.0.0.1")]
    said = "A holder of the token revoked your token “Leaked”."
    assert [(n.kind, n.text) for n in notices] == [("token_revoked", said)]
    answer = client.get("/api/plain", headers=bearer(plaintext))
    assert code(answer) == "token_revoked"
    page = client.get(f"/account/api-tokens/{public}")
    text = visible_text(soup(page))
    assert "Holder of the token" in text
    # Deactivated and expired ones as well: it is for good now.
    for values in ({"deactivated_at": utcnow()}, {"expires_at": utcnow()}):
        public, plaintext = bearing.generate(app, ada)
        bearing.change(app, public, **values)
        assert revoke(client, plaintext).status_code == 200
        [at] = administration.column(app, "Token", "revoked_at", id=public)
        assert at is not None


def test_revoking_a_session_token_revokes_its_live_access_token(
    app: Flask, client: FlaskClient, user: Any
) -> None:
    public, plaintext = access(app, user)
    session = log_in(client, plaintext)
    app.config["SECRET_KEY"] = "another"
    assert revoke(client, session).status_code == 200
    app.config["SECRET_KEY"] = "not-a-secret"
    bearing.change(app, public, expires_at=utcnow())
    assert revoke(client, session).status_code == 200
    assert administration.column(app, "Token", "revoked_at", id=public) == [None]
    bearing.change(app, public, expires_at=utcnow() + timedelta(days=1))
    assert revoke(client, session).status_code == 200
    answer = client.get("/api/plain", headers=bearer(session))
    assert code(answer) == "token_revoked"


def test_endpoints_respond_503_without_database(
    app: Flask, client: FlaskClient, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DBS-01: neither 200, which would be a lie, nor a page."""
    _, plaintext = bearing.generate(app, user)

    def fail(session: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("gone"))

    monkeypatch.setattr(Session, "commit", fail)
    answer = revoke(client, plaintext)
    assert code(answer) == "temporarily_unavailable"
    assert answer.headers["Retry-After"]


def test_unchecked_token_is_neither_revoked_nor_inactive(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DBS-01: what is not known is not answered, whose token it may be."""
    app = host(make_app)
    client = app.test_client()
    ada = administration.create_user(app, "ada")
    public, plaintext = bearing.generate(app, ada)
    _, gateway = administration.generate_userless(
        app, "acme", service="gateway", scopes=[SCOPE]
    )
    find = TokenFinder.find

    def fail(finder: TokenFinder, token_id: str) -> Any:
        if token_id == public:
            raise Unavailable("gone")
        return find(finder, token_id)

    monkeypatch.setattr(TokenFinder, "find", fail)
    for answer in (
        revoke(client, plaintext),
        ask(client, plaintext, gateway),
        ask(client, plaintext, plaintext),
    ):
        assert code(answer) == "temporarily_unavailable"
        assert answer.headers["Retry-After"]


# -- what strangers learn -----------------------------------------------------


def test_endpoints_do_not_reveal_whether_a_token_exists(make_app: MakeApp) -> None:
    """Bodies and headers are the same for every token without proof of possession."""
    app = host(make_app)
    ada, carol = (
        administration.create_user(app, "ada"),
        administration.create_user(app, "carol", administration.OTHER),
    )
    _, live = bearing.generate(app, ada)
    revoked_id, revoked = bearing.generate(app, ada)
    expired_id, expired = bearing.generate(app, ada)
    _, entry = access(app, ada)
    client = app.test_client()
    session = log_in(client, entry)
    bearing.change(app, revoked_id, revoked_at=utcnow())
    bearing.change(app, expired_id, expires_at=utcnow())
    guesses = [
        bearing.sealed("zyxwvtsrqpnm"),
        *map(bearing.another_secret, (live, revoked, expired, entry)),
        live[:-1] + ("0" if live[-1] != "0" else "1"),
        session[:-1] + ("A" if session[-1] != "A" else "B"),
        session.replace(".", ".1", 1),
        "apts_" + live[4:],
        "x",
    ]
    posts = [("login", {}), ("introspect", {"token": live}), ("revoke", {"token": "x"})]
    for name, data in posts:
        answers = [client.post(E + name, data=data, headers=bearer(g)) for g in guesses]
        assert len({bare(answer) for answer in answers}) == 1, name
    answers = [client.get(f"{E}self", headers=bearer(guess)) for guess in guesses]
    assert len({bare(answer) for answer in answers}) == 1
    # Asked about, by one that may and by one that may not: also what others hold.
    right: dict[str, Any] = {"service": "gateway", "scopes": [SCOPE]}
    _, gateway = administration.generate_userless(app, administration.OTHER, **right)
    _, plain = bearing.generate(app, carol)
    held = [*guesses, live, revoked, expired, entry, session]
    for caller in (gateway, plain):
        answers = [ask(client, text, caller) for text in held]
        assert {bare(answer) for answer in answers} == {bare(answers[0])}
        assert answers[0].json == INACTIVE
    answers = [revoke(client, text) for text in (*guesses, live)]
    assert len({bare(answer) for answer in answers}) == 1
    assert code(client.get("/api/plain", headers=bearer(live))) == "token_revoked"
