"""Who may hold a token: email binding, self-service, fresh log-ins."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask import session
from flask.testing import FlaskClient
from flask_login import UserMixin
from flask_login import login_fresh
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens.domain import email_binding
from flask_apitokens.errors import ConfigurationError
from tests import administration
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import HostOfModels
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import plaintext_in
from tests.pages import soup
from tests.pages import stored
from tests.pages import text_of
from tests.pages import visible_text
from tests.pages import visitor

BOUND: dict[str, Any] = {"APITOKENS_BIND_TO_EMAIL": True, "APITOKENS_USAGE": "off"}
ASKED: dict[str, Any] = {"email_of": lambda user: str(user.email)}


def call(app: Flask, plaintext: str) -> str:
    """What the guard answers: "200", or the code of the refusal."""
    answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
    return "200" if answer.status_code == 200 else code(answer)


# -- the email ----------------------------------------------------------------


def test_email_digest_depends_on_address_and_token() -> None:
    kept = email_binding.digest_of("0123456789ab", "Ada@example.com")
    assert kept is not None
    assert len(kept) == 16
    assert email_binding.is_of("0123456789ab", kept, email=" ada@EXAMPLE.com ")
    for other in ("bob@example.com", "", None):
        assert not email_binding.is_of("0123456789ab", kept, email=other)
    assert not email_binding.is_of("0123456789ac", kept, email="ada@example.com")
    assert email_binding.digest_of("0123456789ab", "  ") is None
    assert email_binding.digest_of("0123456789ab", None) is None


@pytest.mark.parametrize("services", [True, False])
@pytest.mark.parametrize("plugin", [{}, ASKED], ids=["column", "asked"])
def test_token_is_refused_while_its_owners_address_differs(
    plugin: dict[str, Any], services: bool, make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, plugin=plugin, services=services, **BOUND)
    ada = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, ada)
    _, userless = bearing.generate(app, None, account_id="acme")
    with bearing.listening(app) as wire:
        assert call(app, plaintext) == "200"
        wire.forget()
        assert call(app, plaintext) == "200"
        reads = [verb for verb in wire.verbs if verb == "SELECT"]
        assert len(reads) == (2 if plugin else 1)
    [kept] = administration.column(app, "Token", "email_digest", id=public)
    assert kept not in (None, b"ada@example.com")
    bearing.change_user(app, ada, email="Ada@Example.com")
    assert call(app, plaintext) == "200"
    bearing.change_user(app, ada, email="other@example.com")
    assert call(app, plaintext) == "owner_email_changed"
    assert call(app, bearing.another_secret(plaintext)) == "invalid_token"
    assert call(app, userless) == "200"
    _, later = bearing.generate(app, _again(app, ada))
    assert call(app, later) == "200"
    bearing.change_user(app, ada, email="ada@example.com")
    assert call(app, plaintext) == "200"
    assert call(app, later) == "owner_email_changed"


def _again(app: Flask, user: Any) -> Any:
    with app.app_context():
        host = hosts.host_of(app)
        found = host.db.session.get(host.user_model, user.id)
        assert found is not None
        host.db.session.expunge(found)
        return found


def test_enabled_email_binding_keeps_tokens_and_refuses_on_a_failing_hook(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """LIF-12, LIF-15."""
    directory = hosts.Directory()
    before = make_app(sqlite_url)
    ada = hosts.create_user(before, "ada@example.com")
    _, plaintext = bearing.generate(before, ada)
    bearing.change_user(before, ada, email="new@example.com")
    assert call(before, plaintext) == "200"
    app = make_app(sqlite_url, plugin={"email_of": directory.email_of}, **BOUND)
    ada = _again(app, ada)
    assert call(app, plaintext) == "200"
    _, bound = bearing.generate(app, ada)
    directory.is_away = True
    assert call(app, bound) == "owner_email_changed"
    with pytest.raises(RuntimeError):
        bearing.generate(app, ada)
    page = visitor(app, ada).without_script().get()
    assert "because your email address has changed" in page.text
    bearing.change_user(app, ada, email="newer@example.com")
    assert call(before, bound) == "200"
    page = visitor(before, _again(before, ada)).without_script().get()
    assert "Paused" not in page.text
    assert "email address" not in page.text


def test_user_without_an_address_is_a_configuration_error(
    host_of_models: HostOfModels,
) -> None:
    db = SQLAlchemy()

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str | None]

    with pytest.raises(ConfigurationError, match="email_of"):
        host_of_models(db, User, "sqlite://", **BOUND)
    plugin: dict[str, Any] = {"email_of": lambda user: user.mail}
    app = host_of_models(db, User, "sqlite://", plugin=plugin, **BOUND)
    with app.app_context():
        user = User()
        db.session.add(user)
        db.session.commit()
        _, plaintext = bearing.generate(app, user)
        assert call(app, plaintext) == "200"
        user.mail = "first@example.com"
        db.session.commit()
        assert call(app, plaintext) == "200"


@pytest.mark.parametrize("htmx", [True, False])
def test_pages_explain_a_changed_address_and_offer_a_new_token(
    htmx: bool, make_app: MakeApp, database_url: str
) -> None:
    app = administration.administered(
        make_app, database_url, services=False, plugin={}, **BOUND
    )
    boss = administration.administrator(app)
    ada = administration.create_user(app, "ada")
    token_id = add_token(app, ada, "Deploy")
    add_token(app, ada, "Old", revoked_at=bearing_now(app), live_name=None)
    browser = visitor(app, ada)
    browser = browser if htmx else browser.without_script()
    assert "has changed" not in browser.client.get(browser.base).text
    bearing.change_user(app, ada, email="new@acme.example")
    page = browser.client.get(browser.base)
    assert "1 token stopped working because your email address has changed." in (
        visible_text(soup(page))
    )
    row = visible_text(soup(page).select(f"#at-row-{token_id}")[0])
    assert "Paused Your email address has changed" in row
    own = browser.client.get(f"{browser.base}{token_id}")
    note = text_of(own, ".at-note")
    assert "This token stopped working because your email address has changed." in note
    assert str(one(own, ".at-note a")["href"]) == f"{browser.base}new"
    again = browser.generate(name="Deploy 2")
    assert call(app, plaintext_in(again)) == "200"
    listed = boss.client.get(f"{boss.base}tokens?q={token_id}")
    assert "Its owner has another email address" in listed.text
    told = app.test_cli_runner().invoke(
        args=["apitokens", "token", "show", token_id, "--json"]
    )
    assert '"status": "paused"' in told.stdout


def bearing_now(app: Flask) -> Any:
    """This moment, as the domain of *app* knows it."""
    with app.app_context():
        return bearing.context_of(app).now()


# -- self-service -------------------------------------------------------------


def test_users_cannot_generate_when_only_administrators_may(
    make_app: MakeApp, database_url: str
) -> None:
    app = administration.administered(
        make_app, database_url, APITOKENS_SELF_SERVICE=False
    )
    boss = administration.administrator(app)
    ada = administration.create_user(app, "ada")
    mine = visitor(app, ada, "tmy")
    for browser in (mine, mine.without_script()):
        page = browser.client.get(browser.base)
        text = visible_text(soup(page))
        assert "Administrators generate the tokens here." in text
        assert "An administrator generates them. You will see them here." in text
        assert "You do not have API access yet" not in text
        assert soup(page).select("#at-generate, [href$='/new']") == []
        for answer in (
            browser.get("new"),
            browser.get("new/scopes?service=tmy"),
            browser.post(kind="api", name="Mine", expiry="never"),
        ):
            assert answer.status_code == 403
            assert "Administrators generate the tokens here." in answer.text
    assert stored(app, ada) == []
    path = f"services/tmy/users/{ada.id}"
    warning = text_of(boss.get(f"{path}/new"), "form .at-note")
    assert warning == "You will see the token once and have to pass it on safely."
    made = administration.generate_in(boss, f"{path}/new", f"{path}/tokens")
    assert made.status_code == 201
    [token] = stored(app, ada)
    page = mine.client.get(mine.base)
    assert "Administrators generate the tokens here." in visible_text(soup(page))
    assert mine.post(f"{token['id']}/rename", name="Renamed").status_code == 200
    assert mine.post(f"{token['id']}/revoke").status_code == 200
    [token] = stored(app, ada)
    assert (token["name"], token["revoked_at"] is None) == ("Renamed", False)
    assert mine.post(f"{token['id']}/delete").status_code == 200
    bearing.unsubscribe(app, ada, "tmy")
    text = visible_text(soup(mine.client.get(mine.base)))
    assert "You do not have API access yet" in text
    assert "Administrators generate" not in text


@pytest.mark.parametrize("most", [None, 1])
def test_users_cannot_rotate_when_only_administrators_generate(
    most: int | None, make_app: MakeApp
) -> None:
    """Overwriting is refused as well, because it would circumvent the setting."""
    app = make_app(
        services=False, APITOKENS_SELF_SERVICE=False, APITOKENS_MAX_PER_OWNER=most
    )
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    token_id, _ = bearing.generate(app, ada.user)
    wish = {"grace": "0", "expiry": "never", "current": token_id}
    for browser in (ada, ada.without_script()):
        for path in (f"{token_id}/rotate", *(["replace"] if most else [])):
            for answer in (browser.get(path), browser.post(path, **wish)):
                assert answer.status_code == 403
                assert "Administrators generate the tokens here." in answer.text
    assert [row["revoked_at"] for row in stored(app, ada.user)] == [None]


# -- a fresh log-in -----------------------------------------------------------


def _fresh_host(make_app: MakeApp, **options: Any) -> Flask:
    app = make_app(services=False, APITOKENS_FRESH_LOGIN=True, **options)
    app.login_manager.refresh_view = "login"  # type: ignore[attr-defined]
    return app


def _grow_stale(client: FlaskClient) -> None:
    with client.session_transaction() as kept:
        kept["_fresh"] = False


def _next_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


@pytest.mark.parametrize("htmx", [True, False])
def test_stale_log_in_is_renewed_and_returns_to_the_form(
    htmx: bool, make_app: MakeApp
) -> None:
    """AUZ-15; the input is kept, and one token is generated."""
    app = _fresh_host(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    ada = ada if htmx else ada.without_script()
    form = f"{ada.base}new"
    hidden = hidden_fields(ada.get("new").text)
    pasted = bearing.sealed("0123456789ab")
    wish = {
        **{"kind": "access", "name": f"Night run {pasted}", "scope": ["x" * 99] * 99},
        **{"access_expiry": "custom", "access_expiry_date": "2031-05-04", **hidden},
    }
    _grow_stale(ada.client)
    assert ada.get().status_code == 200
    sent = ada.client.post(ada.base, data=wish, headers=ada.headers)
    if htmx:
        assert (sent.status_code, sent.headers["HX-Redirect"]) == (200, form)
        assert sent.headers["Apitokens-Fragment"] == "1"
        assert ada.get("new").headers["HX-Redirect"] == form
    else:
        assert (sent.status_code, sent.headers["Location"]) == (303, form)
    assert stored(app, ada.user) == []
    asked = ada.client.get(form)
    assert asked.status_code == 302
    assert urlsplit(asked.headers["Location"]).path == "/login"
    assert _next_of(asked.headers["Location"]) == form
    with ada.client.session_transaction() as kept:
        assert "reauthenticate" in str(kept["_flashes"])
        assert pasted not in str(dict(kept))
    back = ada.client.post(asked.headers["Location"], data={"email": ada.user.email})
    assert back.headers["Location"] == form
    page = ada.client.get(form)
    assert one(page, "#at-field-name")["value"] == "Night run apt_0123456789ab_…"
    assert one(page, "[name=access_expiry_date]")["value"] == "2031-05-04"
    for chosen in ("kind", "access_expiry"):
        checked = one(page, f"input[name={chosen}][checked]")
        assert checked["value"] == wish[chosen]
    assert one(ada.client.get(form), "#at-field-name")["value"] == ""
    assert ada.generate(name="Night run").status_code == 201


@pytest.mark.parametrize("path", ["{id}/rotate", "replace"])
def test_stale_log_in_cannot_rotate_or_overwrite(path: str, make_app: MakeApp) -> None:
    """AUZ-15; the log-in returns to the confirmation, which is shown again."""
    app = _fresh_host(make_app, APITOKENS_MAX_PER_OWNER=1)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    token_id, _ = bearing.generate(app, ada.user)
    path = path.format(id=token_id)
    wish = {"grace": "0", "expiry": "never", **hidden_fields(ada.get(path).text)}
    form = f"{ada.base}{path}"
    _grow_stale(ada.client)
    for answer in (ada.get(path), ada.post(path, **wish)):
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, form)
    plain = ada.without_script()
    sent = plain.post(path, **wish)
    assert (sent.status_code, sent.headers["Location"]) == (303, form)
    asked = plain.get(path)
    assert _next_of(asked.headers["Location"]) == form
    assert [row["revoked_at"] for row in stored(app, ada.user)] == [None]
    ada.client.post(asked.headers["Location"], data={"email": ada.user.email})
    # Nothing was carried out, so the form still counts.
    assert ada.post(path, **wish).status_code == 201


def test_forged_or_foreign_input_is_not_restored(make_app: MakeApp) -> None:
    app = _fresh_host(make_app, plugin={"is_admin": lambda user: True})
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    _grow_stale(ada.client)
    app.testing = False
    forged = {"name": "Forged", "form_id": "x" * 22, "csrf_token": "no"}
    assert ada.client.post(ada.base, data=forged).status_code == 303
    with ada.client.session_transaction() as kept:
        assert "_apitokens_kept" not in kept
        kept["_apitokens_kept"] = {"at": "/elsewhere/new", "wish": {}}
    hosts.login(ada.client, ada.user)
    assert one(ada.client.get(f"{ada.base}new"), "#at-field-name")["value"] == ""


def test_saved_input_is_restored_for_its_user_only(make_app: MakeApp) -> None:
    app = _fresh_host(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    hidden = hidden_fields(ada.get("new").text)
    _grow_stale(ada.client)
    assert ada.post("", name="My secret project", **hidden).status_code == 200
    with ada.client.session_transaction() as kept:
        assert kept["_apitokens_kept"]["wish"]["name"] == "My secret project"
    hosts.login(ada.client, hosts.create_user(app, "bob@example.com"))
    assert one(ada.client.get(f"{ada.base}new"), "#at-field-name")["value"] == ""


def test_token_call_does_not_make_a_log_in_fresh(make_app: MakeApp) -> None:
    """AUZ-15."""
    app = _fresh_host(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    made = ada.generate(name="Mine")
    _grow_stale(ada.client)
    header = bearer(plaintext_in(made))
    assert ada.client.get("/api/plain", headers=header).status_code == 200
    answer = ada.client.get(f"{ada.base}new", headers=header)
    assert answer.status_code == 302
    stranger = Visitor(app, None, app.test_client())
    answer = stranger.client.get(f"{ada.base}new", headers=header)
    assert urlsplit(answer.headers["Location"]).path == "/login"
    with app.test_request_context(headers=header):
        assert not login_fresh()
        assert "_fresh" not in session


def test_stale_log_in_of_an_administrator_is_renewed(make_app: MakeApp) -> None:
    app = administration.administered(make_app, APITOKENS_FRESH_LOGIN=True)
    app.login_manager.refresh_view = "login"  # type: ignore[attr-defined]
    boss = administration.administrator(app)
    _grow_stale(boss.client)
    form = f"{boss.base}services/tmy/userless/new"
    answer = boss.client.get(form, headers=boss.headers)
    assert answer.headers["HX-Redirect"] == form
    answer = boss.client.get(form)
    assert _next_of(answer.headers["Location"]) == form


def test_host_configures_how_a_log_in_is_renewed(make_app: MakeApp) -> None:
    app = _fresh_host(make_app)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    _grow_stale(ada.client)
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.refresh_view = None
    with pytest.raises(ConfigurationError, match="refresh_view"):
        ada.get("new")
    manager.needs_refresh_handler(lambda: ("the host's own way", 401))
    answer = ada.client.get(f"{ada.base}new")
    assert (answer.status_code, answer.text) == (401, "the host's own way")
    assert ada.get("new").headers["HX-Redirect"] == f"{ada.base}new"
