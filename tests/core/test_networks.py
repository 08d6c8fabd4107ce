"""Tokens that are pinned to networks: what can be written, and from where they work."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apitokens.core import networks
from flask_apitokens.errors import InvalidNetworks
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp
from tests.crypto.test_session_tokens import access
from tests.crypto.test_session_tokens import log_in
from tests.pages import U
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import visible_text
from tests.pages import visitor

OFFICE = ("192.0.2.0/24", "2001:db8:1::/48", "198.51.100.7/32")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.5", "203.0.113.5"),
        # Azure's gateway, and others that listen on TCP only
        ("203.0.113.5:51234", "203.0.113.5"),
        ("203.0.113.5:", "203.0.113.5"),
        (" 203.0.113.5 ", "203.0.113.5"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("2001:db8::1:443", "2001:db8::1:443"),
        # RFC 7239 section 6
        ('"[2001:db8::1]:_secret"', "2001:db8::1"),
        ('"203.0.113.5:8080"', "203.0.113.5"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("[::ffff:203.0.113.5]:443", "203.0.113.5"),
        *((text, None) for text in ("", " ", "unknown", "_hidden", "203.0.113", ":1")),
        *(
            (text, None)
            for text in ("203.0.113.5:1:2", "[]", "[203.0.113.5", "256.1.1.1")
        ),
        *(
            (text, None)
            for text in ("203.0.113.5/24", "a.example:80", "1.2.3.4, 5.6.7.8")
        ),
        (None, None),
        ("9" * 5000, None),
    ],
)
def test_address_of_a_client_is_read_as_proxies_write_it(
    text: str | None, expected: str | None
) -> None:
    assert networks.address(text) == expected


@pytest.mark.parametrize("mode", ["buffered", "sync"])
def test_port_of_a_proxy_does_not_lose_the_address(
    mode: str, make_app: MakeApp
) -> None:
    app = make_app(APITOKENS_USAGE=mode)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, user, networks=["203.0.113.0/24"])
    for forwarded in ("203.0.113.5:51234", '"203.0.113.5"', "203.0.113.5:51234"):
        through = {"X-Forwarded-For": forwarded}
        assert call(app, plaintext, "10.0.0.1", **through) == "200", forwarded
    through = {"X-Forwarded-For": "203.0.114.5:51234"}
    assert call(app, plaintext, "10.0.0.1", **through) == "network_not_allowed"
    hosts.put_away(app)
    with app.app_context():
        model = bearing.models_of(app).Token
        row = hosts.host_of(app).db.session.get(model, public)
        assert row is not None
        assert row.last_used_ip == "203.0.113.5"


def test_log_says_why_a_call_without_an_address_is_refused(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, user, networks=["0.0.0.0/0", "::/0"])
    for address in ("unknown", "", "x\nforged line", "9" * 5000):
        caplog.clear()
        assert call(app, plaintext, address) == "network_not_allowed"
        [line] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert public in line
        assert "REMOTE_ADDR" in line
        assert "\n" not in line
        assert len(line) < 250
    caplog.clear()
    assert call(app, plaintext, "10.0.0.1") == "200"
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


def call(app: Flask, plaintext: str, address: str | None, **headers: str) -> str:
    """What the guard answers to a call from *address*."""
    answer = app.test_client().get(
        "/api/ping",
        headers={**bearer(plaintext), **headers},
        environ_overrides={"REMOTE_ADDR": address},
    )
    return "200" if answer.status_code == 200 else code(answer)


# -- what can be written ------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("192.0.2.0/24", ["192.0.2.0/24"]),
        ("192.0.2.5", ["192.0.2.5/32"]),
        ("2001:DB8:0::/32", ["2001:db8::/32"]),
        ("2001:db8::1", ["2001:db8::1/128"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.0/24"]),
        ("::ffff:c000:205", ["192.0.2.5/32"]),
        ("::ffff:0:0/96", ["0.0.0.0/0"]),
        ("0.0.0.0/0 ::/0", ["0.0.0.0/0", "::/0"]),
        (" 192.0.2.5,\r\n192.0.2.5/32\n\n 10.0.0.0/8 ", ["192.0.2.5/32", "10.0.0.0/8"]),
        ("", []),
        (" ,\r\n", []),
    ],
)
def test_network_ranges_are_stored_in_their_shortest_form(
    typed: str, kept: list[str]
) -> None:
    assert list(networks.parse(networks.in_words(typed))) == kept


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("192.0.2.5/24", "Write 192.0.2.0/24 for the network or 192.0.2.5 for the"),
        ("2001:db8::1/32", "Write 2001:db8::/32 for the network or 2001:db8::1 for"),
        ("192.0.2.0/33", "“192.0.2.0/33” is not a network."),
        ("192.0.2.0/255.255.255.0", "is not a network. Write 192.0.2.0/24"),
        ("192.0.2", "is not a network"),
        ("192.0.02.1", "is not a network"),
        ("fe80::1%eth0", "is not a network"),
        ("example.com", "is not a network"),
        ("3221225985", "is not a network"),
        ("/24", "is not a network"),
        ("1.2.3.4/", "is not a network"),
        ("<b>" * 99, "“" + "<b>" * 20 + "” is not a network"),
        (" ".join(f"10.0.0.{n}" for n in range(21)), "Use 20 networks or fewer."),
    ],
)
def test_invalid_range_is_refused_with_a_valid_suggestion(
    typed: str, said: str
) -> None:
    with pytest.raises(InvalidNetworks) as refused:
        networks.parse(networks.in_words(typed))
    assert said in refused.value.message


@given(st.text(max_size=50))
def test_arbitrary_text_is_a_range_or_a_validation_error(text: str) -> None:
    try:
        kept = networks.parse(networks.in_words(text))
    except InvalidNetworks:
        return
    assert networks.parse(kept) == kept
    assert not networks.contain(kept, text) or kept


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.0", True),
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("::ffff:192.0.2.9", True),
        ("::ffff:c000:209", True),
        ("::192.0.2.9", False),
        ("2001:db8:1:ffff::1", True),
        ("2001:db8:2::1", False),
        ("2001:db8:1::1%eth0", True),
        ("198.51.100.7", True),
        ("198.51.100.8", False),
        ("", False),
        ("unix:", False),
        ("192.0.2.9, 192.0.2.9", False),
        (None, False),
    ],
)
def test_address_is_inside_or_outside_the_networks(
    address: str | None, inside: bool
) -> None:
    assert networks.contain(OFFICE, address) is inside
    assert not networks.contain(("::/0",), "192.0.2.9")
    assert networks.contain(("0.0.0.0/0",), "::ffff:192.0.2.9")


# -- the guard ----------------------------------------------------------------


def test_restricted_token_works_from_its_networks_only(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, APITOKENS_USAGE="off")
    ada = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, ada, networks=OFFICE)
    _, free = bearing.generate(app, ada)
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1::1", "198.51.100.7"):
        assert call(app, plaintext, address) == "200"
    forged = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}
    wrong = bearing.another_secret(plaintext)
    for elsewhere in ("203.0.113.9", "2001:db8:2::1", "", None):
        assert call(app, plaintext, elsewhere, **forged) == "network_not_allowed"
        assert call(app, free, elsewhere) == "200"
        assert call(app, wrong, elsewhere) == "invalid_token"
    refused = app.test_client().get("/api/ping", headers=bearer(plaintext))
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    with bearing.listening(app) as wire:
        call(app, plaintext, "192.0.2.1")
        wire.forget()
        assert call(app, plaintext, "192.0.2.1") == "200"
        assert wire.verbs == ["SELECT"]
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    through = {"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}
    assert call(app, plaintext, "10.0.0.1", **through) == "200"
    through = {"X-Forwarded-For": "192.0.2.1, 203.0.113.9"}
    assert call(app, plaintext, "192.0.2.1", **through) == "network_not_allowed"
    assert administration.column(app, "Token", "networks", id=public) == [OFFICE]


def test_restriction_covers_session_and_log_in_but_not_revocation(app: Flask) -> None:
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = access(app, user, networks=["127.0.0.0/8"])
    client = app.test_client()
    session = log_in(client, plaintext)
    assert call(app, session, "127.0.0.1") == "200"
    assert call(app, session, "192.0.2.1") == "network_not_allowed"
    away: Any = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}
    sent = {"headers": bearer(plaintext), **away}
    assert code(client.post("/api-tokens/login", **sent)) == "network_not_allowed"
    asked = client.post("/api-tokens/introspect", data={"token": plaintext}, **sent)
    assert asked.json == {"active": False}
    asked = client.post("/api-tokens/revoke", data={"token": plaintext}, **away)
    assert asked.status_code == 200
    assert administration.column(app, "Token", "revoked_at", id=public) != [None]


# -- pages and commands -------------------------------------------------------


@pytest.mark.parametrize("htmx", [True, False])
def test_networks_entered_in_the_dialog_are_shown_on_the_page(
    htmx: bool, make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, services=False)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    ada = ada if htmx else ada.without_script()
    form = ada.get("new")
    assert not one(form, "details:has(#at-field-networks)").has_attr("open")
    refused = ada.generate(networks="192.0.2.5/24\n10.0.0.0/8")
    assert refused.status_code == 422
    assert one(refused, "#at-errsum a")["href"] == f"{U}#at-field-networks"
    assert one(refused, "details:has(#at-field-networks)").has_attr("open")
    field = one(refused, "#at-field-networks")
    assert field.get_text() == "192.0.2.5/24\n10.0.0.0/8"
    assert field["aria-invalid"] == "true"
    assert "Write 192.0.2.0/24 for the network" in visible_text(soup(refused))
    assert stored(app, ada.user) == []
    made = ada.generate(networks="192.0.2.0/24\r\n10.0.0.0/8")
    assert made.status_code == 201
    plaintext = plaintext_in(made)
    assert call(app, plaintext, "10.1.2.3") == "200"
    assert call(app, plaintext, "127.0.0.1") == "network_not_allowed"
    [token] = stored(app, ada.user)
    page = ada.client.get(f"{ada.base}{token['id']}")
    for shown in (made, page):
        assert "Works from 192.0.2.0/24 10.0.0.0/8" in visible_text(soup(shown))
    with app.app_context():
        [event] = hosts.host_of(app).db.session.query(bearing.models_of(app).Event)
        assert event.detail["networks"] == ["192.0.2.0/24", "10.0.0.0/8"]
    assert ada.generate(name="Free", networks=" \r\n").status_code == 201
    everything = administration.column(app, "Token", "networks")
    assert sorted(map(bool, everything)) == [False, True]


def test_administrator_restricts_a_token_to_networks(make_app: MakeApp) -> None:
    app = administration.administered(make_app)
    boss = administration.administrator(app)
    path = "services/tmy/userless"
    made = administration.generate_in(
        boss, f"{path}/new", path, networks="2001:db8::/32"
    )
    plaintext = plaintext_in(made)
    assert call(app, plaintext, "2001:db8::9") == "200"
    assert call(app, plaintext, "127.0.0.1") == "network_not_allowed"
    page = boss.client.get(f"{boss.base}tokens/{plaintext.split('_')[1]}")
    assert "Works from 2001:db8::/32" in visible_text(soup(page))


def test_command_restricts_a_token_to_networks(app: Flask, user: Any) -> None:
    run = app.test_cli_runner().invoke
    args = ["apitokens", "token", "generate", "--owner", user.email, "--name", "x"]
    wrong = run(args=[*args, "--network", "192.0.2.5/24"])
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "Write 192.0.2.0/24 for the network" in wrong.output
    made = run(args=[*args, "--network", "192.0.2.0/24", "--network", "2001:db8::1"])
    plaintext = made.stdout.strip()
    assert call(app, plaintext, "2001:db8::1") == "200"
    assert call(app, plaintext, "2001:db8::2") == "network_not_allowed"
    shown = run(args=["apitokens", "token", "show", plaintext.split("_")[1]])
    assert "192.0.2.0/24" in shown.stdout
    assert "2001:db8::1/128" in shown.stdout
    # A successor is pinned as well, and the log says so.
    rotated = run(args=["apitokens", "token", "rotate", plaintext.split("_")[1]])
    successor = rotated.stdout.strip()
    assert call(app, successor, "2001:db8::1") == "200"
    assert call(app, successor, "2001:db8::2") == "network_not_allowed"
    public = successor.split("_")[1]
    [detail] = administration.column(app, "Event", "detail", token_id=public)
    assert detail["networks"] == ["192.0.2.0/24", "2001:db8::1/128"]


def test_disabled_setting_adds_no_restriction_and_keeps_existing_ones(
    make_app: MakeApp, sqlite_url: str
) -> None:
    before = make_app(sqlite_url, services=False)
    user = hosts.create_user(before, "ada@example.com")
    _, pinned = bearing.generate(before, user, networks=["192.0.2.0/24"])
    app = make_app(sqlite_url, services=False, APITOKENS_ALLOWED_NETWORKS=False)
    ada = visitor(app, user)
    assert soup(ada.get("new")).select("#at-field-networks") == []
    refused = ada.generate(networks="192.0.2.0/24")
    assert refused.status_code == 422
    said = "Tokens cannot be limited to networks here."
    assert said in refused.text
    with pytest.raises(InvalidNetworks, match=said):
        bearing.generate(app, user, networks=["192.0.2.0/24"])
    assert call(app, pinned, "127.0.0.1") == "network_not_allowed"
    assert call(app, pinned, "192.0.2.1") == "200"
