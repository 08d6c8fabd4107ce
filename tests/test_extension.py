"""``APITokens``: registered on one host or several, and what host code calls."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import ANY_SERVICE
from flask_apitokens import Actor
from flask_apitokens import APITokens
from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.core.callbacks import default_label
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import ServiceUnavailable
from flask_apitokens.errors import TokenNotFound
from flask_apitokens.state import current_apitokens
from flask_apitokens.state import state_of
from tests import bearing
from tests import databases
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp


def _user_model(db: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]

    return User


_made: list[Flask] = []


@pytest.fixture(autouse=True)
def put_away() -> Iterator[None]:
    """What a host of a test's own holds open is closed with the test."""
    yield
    while _made:
        hosts.put_away(_made.pop())


def _bare(**config: Any) -> Flask:
    app = Flask("tests.bare")
    _made.append(app)
    app.config.update(
        SQLALCHEMY_DATABASE_URI="sqlite://", SECRET_KEY="x", APITOKENS_BCRYPT_ROUNDS=4
    )
    app.config.update(config)
    return app


def status(app: Flask, plaintext: str, path: str = "/api/plain") -> int:
    """What the guard answers."""
    return app.test_client().get(path, headers=bearer(plaintext)).status_code


# -- registering --------------------------------------------------------------


@pytest.mark.parametrize("missing", ["db", "user_model", "both"])
def test_init_app_without_db_or_user_raises(missing: str) -> None:
    db, app = SQLAlchemy(), _bare()
    arguments: dict[str, Any] = {"db": db, "user_model": _user_model(db)}
    for name in list(arguments) if missing == "both" else [missing]:
        del arguments[name]
    with pytest.raises(ConfigurationError, match=r"APITokens\(db, User\)"):
        APITokens(**arguments).init_app(app)


def test_second_init_app_of_one_application_raises(app: Flask) -> None:
    host = hosts.host_of(app)
    with pytest.raises(ConfigurationError, match="is registered on this application"):
        APITokens(host.db, host.user_model).init_app(app)


def test_application_without_the_plugin_raises_with_the_remedy() -> None:
    app = _bare()
    with pytest.raises(ConfigurationError, match=r"init_app\(app\)"):
        state_of(app)
    with app.app_context(), pytest.raises(ConfigurationError, match="not registered"):
        current_apitokens.context()


def test_db_and_user_can_be_given_to_init_app() -> None:
    """DEP-03: the factory gives everything, the import nothing."""
    apitokens, db, app = APITokens(), SQLAlchemy(), _bare()
    user_model = _user_model(db)
    db.init_app(app)
    apitokens.init_app(app, db, user_model)
    app.get("/api/plain")(token_required(lambda: current_token.id))
    public, plaintext = bearing.first_token(app, apitokens)
    response = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert response.text == public


def test_service_can_be_declared_after_init_app(app: Flask, user: Any) -> None:
    hosts.host_of(app).apitokens.service("late", "Late", scopes={"read": "Read"})
    app.get("/late")(token_required(service="late")(lambda: "in"))
    bearing.subscribe(app, user, "late")
    _, plaintext = bearing.generate(app, user, service="late", scopes=["read"])
    assert status(app, plaintext, "/late") == 200


def test_token_survives_a_changed_secret_key(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """VER-18."""
    before = make_app(sqlite_url, SECRET_KEY="one")
    user = hosts.create_user(before, "ada@example.com")
    _, plaintext = bearing.generate(before, user)
    browser = before.test_client()
    hosts.login(browser, user)
    cookie = browser.get_cookie("session")
    assert cookie is not None
    after = make_app(sqlite_url, SECRET_KEY="two")
    assert status(after, plaintext) == 200
    client = after.test_client()
    client.set_cookie("session", cookie.value)
    assert client.get("/account/api-tokens/").status_code != 200


# -- several applications -----------------------------------------------------


def test_two_applications_in_one_process_share_no_state(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DEP-02: tokens, brands, caches and services are separate."""
    asked = bearing.Bcrypt(monkeypatch)
    apps, tokens = [], []
    for brand in ("apt", "solar"):
        folder = tmp_path / brand
        folder.mkdir()
        app = make_app(databases.sqlite_url(folder), APITOKENS_BRAND=brand)
        user = hosts.create_user(app, "ada@example.com")
        apps.append(app)
        tokens.append(bearing.generate(app, user, name="same name"))
    assert [token[1].split("_")[0] for token in tokens] == ["apt", "solar"]
    for app, (_, own), (_, foreign) in zip(apps, tokens, reversed(tokens), strict=True):
        assert status(app, own) == 200
        assert status(app, foreign) == 401
    assert asked.checks == 2
    hosts.host_of(apps[0]).apitokens.service("extra", "Extra")
    catalogs = [app.extensions["apitokens"].catalog for app in apps]
    assert ["extra" in catalog.services for catalog in catalogs] == [True, False]


def test_token_on_two_applications_is_verified_by_each(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each application verifies the hash and has its own cache."""
    asked = bearing.Bcrypt(monkeypatch)
    url = databases.sqlite_url(tmp_path)
    first, second = make_app(url), make_app(url)
    user = hosts.create_user(first, "ada@example.com")
    public, plaintext = bearing.generate(first, user)
    assert [status(app, plaintext) for app in (first, second) * 2] == [200] * 4
    assert asked.checks == 2
    assert first.extensions["apitokens"] is not second.extensions["apitokens"]
    bearing.change(first, public, secret_hash="damaged")
    assert [status(app, plaintext) for app in (first, second)] == [401, 401]


def test_one_extension_object_serves_several_applications(tmp_path: Path) -> None:
    """DEP-03: a factory often has its extensions at module level."""
    db = SQLAlchemy()
    user_model = _user_model(db)
    apitokens = APITokens(db, user_model)
    apitokens.service("tmy", "TMY data", scopes={"read": "Download"})
    shared = Blueprint("shared", __name__)
    apitokens.protect(shared, service=ANY_SERVICE)
    shared.add_url_rule("/shared", "view", lambda: current_token.id)

    def create_app(number: int) -> tuple[Flask, str, str]:
        url = f"sqlite:///{tmp_path}/{number}.sqlite"
        app = _bare(SQLALCHEMY_DATABASE_URI=url)
        db.init_app(app)
        apitokens.init_app(app)
        app.register_blueprint(shared)
        return app, *bearing.first_token(app, apitokens)

    made = [create_app(number) for number in range(3)]
    for app, public, plaintext in made:
        for _, _, each in made:
            answer = app.test_client().get("/shared", headers=bearer(each))
            assert answer.text == public if each == plaintext else answer.is_json
        assert app.extensions["apitokens"].extension is apitokens


def test_application_of_a_factory_is_collected_after_use(
    tmp_path: Path,
) -> None:
    """DEP-03: an application is collected when its last reference is gone."""
    url = databases.sqlite_url(tmp_path)

    def create() -> weakref.ref[Flask]:
        app = hosts.create_host(url, APITOKENS_USAGE="off")
        assert code(app.test_client().get("/api/plain")) == "missing_token"
        hosts.put_away(app)
        return weakref.ref(app)

    gone = [create() for _ in range(5)]
    gc.collect()
    assert [app() for app in gone].count(None) >= 4


# -- for host code ------------------------------------------------------------


def test_host_api_flushes_and_leaves_the_commit_to_the_host(
    app: Flask, user: Any
) -> None:
    host = hosts.host_of(app)
    with app.app_context():
        host.apitokens.subscribe(user, "tmy", actor=Actor("boss"))
        token, plaintext = host.apitokens.generate(
            owner=user, name="x", service="tmy", scopes=["read"], actor=Actor("boss")
        )
        assert token.created_by == "boss"
        assert token.shown_at is not None
        host.db.session.rollback()
    assert status(app, plaintext, "/api/tmy") == 401
    with app.app_context():
        assert host.db.session.query(bearing.models_of(app).Token).count() == 0
        assert host.db.session.query(bearing.models_of(app).Event).count() == 0


def test_host_api_switches_subscriptions_and_revokes_tokens(
    app: Flask, user: Any
) -> None:
    host, model = hosts.host_of(app), bearing.models_of(app).Token
    bearing.subscribe(app, user, "tmy")
    public, plaintext = bearing.generate(app, user, service="tmy", scopes=["read"])
    assert status(app, plaintext, "/api/tmy") == 200
    bearing.unsubscribe(app, user, "tmy")
    assert status(app, plaintext, "/api/tmy") == 403
    with app.app_context():
        with pytest.raises(ServiceUnavailable):
            host.apitokens.generate(owner=user, name="x", service="tmy")
        with pytest.raises(ServiceUnavailable):
            host.apitokens.subscribe(user, "gone")
        token = host.db.session.get(model, public)
        assert token is not None
        revoked = host.apitokens.revoke(token, actor=Actor("boss"))
        assert revoked is token
        host.db.session.commit()
    response = app.test_client().get("/api/tmy", headers=bearer(plaintext))
    assert code(response) == "token_revoked"


def test_accounts_come_from_the_hosts_callback(make_app: MakeApp) -> None:
    accounts: dict[str, Any] = {"ada@example.com": 7, "grace@example.com": None}
    app = make_app(plugin={"account_of": lambda user: accounts[user.email]})
    for email, stored in (("ada@example.com", "7"), ("grace@example.com", "")):
        user = hosts.create_user(app, email)
        public, _ = bearing.generate(app, user)
        with app.app_context():
            assert bearing.context_of(app).account_of(user) == stored
            row = hosts.host_of(app).db.session.get(
                bearing.models_of(app).Token, public
            )
            assert row is not None
            assert row.account_id == stored
    assert app.extensions["apitokens"].callbacks.has_accounts


def test_service_declared_after_the_first_look_up_is_refused(
    make_app: MakeApp,
) -> None:
    """The compiled look-up statement would not read its subscriptions."""
    app = make_app(services=False)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert answer.status_code == 200
    with pytest.raises(ConfigurationError, match="before the first request"):
        hosts.host_of(app).apitokens.service("late", "Late")


def test_account_too_long_for_its_column_is_refused(make_app: MakeApp) -> None:
    app = make_app(plugin={"account_of": lambda user: "x" * 65})
    user = hosts.create_user(app, "ada@example.com")
    with pytest.raises(ConfigurationError, match="65 characters; allowed are 64"):
        bearing.generate(app, user)


def test_service_switched_off_for_an_account_is_refused_by_the_guard(
    make_app: MakeApp,
) -> None:
    app = make_app(plugin={"account_of": lambda user: user.email.partition("@")[2]})
    ada = hosts.create_user(app, "ada@acme.example")
    carol = hosts.create_user(app, "carol@other.example")
    for user in (ada, carol):
        bearing.subscribe(app, user, "tmy")
    tokens = [
        bearing.generate(app, user, service="tmy", scopes=["read"])[1]
        for user in (ada, carol)
    ]
    bearing.switch_service(app, "tmy", active=False, account="acme.example")
    assert [status(app, token, "/api/tmy") for token in tokens] == [403, 200]


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        (("email", "username", "name"), "email"),
        (("username", "name"), "username"),
        (("name",), "name"),
        ((), "1"),
    ],
)
def test_user_label_falls_back_to_the_next_attribute(
    columns: tuple[str, ...], label: str
) -> None:
    db, app = SQLAlchemy(), _bare()
    db.init_app(app)
    fields: dict[str, Any] = {
        "__annotations__": {"id": Mapped[int]}
        | {name: Mapped[str] for name in columns},
        "id": mapped_column(primary_key=True),
    }
    model: Any = type("User", (db.Model,), fields)
    with app.app_context():
        db.create_all()
        user = model(id=1, **{name: name for name in columns})
        db.session.add(user)
        db.session.commit()
        assert default_label(user) == label
        for name in columns:
            setattr(user, name, "")
        assert default_label(user) == "1"


# -- administration from host code ---------------------------------------------


def test_host_api_administers_tokens_and_sends_signals(make_app: MakeApp) -> None:
    told: list[Any] = []
    app = make_app(plugin={"on_notice": told.append})
    ada = hosts.create_user(app, "ada@example.com")
    host = hosts.host_of(app)
    plugin, boss = host.apitokens, Actor("boss@example.com", "9099")
    with app.app_context():
        user = host.db.session.get(host.user_model, ada.id)
        plugin.request_access(user, "tmy", reason="For my thesis")
        plugin.subscribe(user, "tmy")
        token, _ = plugin.generate(
            owner=user, name="CI", service="tmy", scopes=["read"], actor=boss
        )
        assert plugin.deactivate(token, "Leaked").deactivated_reason == "Leaked"
        assert plugin.activate(token, actor=boss).deactivated_at is None
        plugin.disable_service("tmy")
        with pytest.raises(ServiceUnavailable):
            plugin.generate(owner=user, name="B", service="tmy", scopes=["read"])
        plugin.enable_service("tmy", actor=boss)
        plugin.revoke(token, actor=boss)
        host.db.session.commit()
        assert [(notice.kind, notice.reason) for notice in told] == [
            ("access_requested", "For my thesis"),
            ("access_approved", ""),
            ("token_generated", ""),
            ("token_deactivated", "Leaked"),
            ("token_activated", ""),
            ("token_revoked", ""),
        ]
        assert told[3].text == "The system deactivated your token “CI”."
        log = plugin.audit_log()
        assert [event.action for event in log] == [
            *("revoked", "service-enabled", "service-disabled", "activated"),
            *("deactivated", "generated", "subscription-activated"),
            "access-requested",
        ]
        assert log[-1].actor_label == "ada@example.com"
        assert [e.id for e in plugin.audit_log(limit=2)] == [e.id for e in log[:2]]
        assert plugin.audit_log(before=log[1].id, q="boss")[0].action == "activated"
        assert plugin.audit_log("other") == []


def test_host_api_decides_access_requests(make_app: MakeApp, database_url: str) -> None:
    told: list[Any] = []
    app = make_app(database_url, plugin={"on_notice": told.append})
    ada = hosts.create_user(app, "ada@example.com")
    host = hosts.host_of(app)
    plugin, boss = host.apitokens, Actor("boss@example.com", "9099")
    with app.app_context():
        user = host.db.session.get(host.user_model, ada.id)
        for slug in ("tmy", "", "gone", "\0", "\ud800"):
            with pytest.raises(Conflict):
                plugin.decide_access(user, slug, approve=True)
            with pytest.raises(Conflict):
                plugin.withdraw_access(user, slug)
        host.db.session.commit()
        models = app.extensions["apitokens"].models
        assert host.db.session.query(models.Subscription).count() == 0
        plugin.request_access(user, "tmy")
        plugin.withdraw_access(user, "tmy")
        for reason, approve in (("No seat", False), ("A seat", True)):
            plugin.request_access(user, "tmy")
            decided: dict[str, Any] = {
                "approve": approve,
                "reason": reason,
                "actor": boss,
            }
            row = plugin.decide_access(user, "tmy", **decided)
            assert bool(row.active) is approve
            with pytest.raises(Conflict):
                plugin.decide_access(user, "tmy", **decided)
        host.db.session.commit()
        answers = [notice for notice in told if notice.user is not None]
        assert [(n.kind, n.reason, n.actor) for n in answers] == [
            ("access_declined", "No seat", "boss@example.com"),
            ("access_approved", "A seat", "boss@example.com"),
        ]
        assert [e.action for e in plugin.audit_log()] == [
            *("access-approved", "access-requested"),
            *("access-declined", "access-requested"),
            *("access-withdrawn", "access-requested"),
        ]
        assert plugin.audit_log()[-2].actor_label == "ada@example.com"


def test_host_api_finds_a_token_by_its_id(app: Flask, user: Any) -> None:
    """The token of ``current_token`` can be deactivated, also a userless one."""
    token_id, _plaintext = bearing.generate(app, None)
    plugin = hosts.host_of(app).apitokens
    with app.app_context():
        token = plugin.find_token(token_id)
        assert plugin.deactivate(token, "Too many calls").id == token_id
        for unknown in ("", "0" * 12, "\0", token_id.upper() + "x"):
            with pytest.raises(TokenNotFound):
                plugin.find_token(unknown)
        hosts.host_of(app).db.session.rollback()
