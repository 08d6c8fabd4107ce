"""The one SELECT behind the guard: what it reads and what it leaves alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest
from flask import Blueprint
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import ANY_SERVICE
from flask_apitokens import token_required
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.lookup import connections
from tests import bearing
from tests import databases
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import HostOfModels
from tests.conftest import MakeApp
from tests.lookup.calls import QUIET
from tests.lookup.calls import owner_email
from tests.lookup.calls import status

MOMENT = datetime(2031, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)


# -- how much is asked --------------------------------------------------------


def test_guarded_call_runs_exactly_one_select(
    make_app: MakeApp, database_url: str
) -> None:
    """No BEGIN, no ROLLBACK, no ping: exactly one SELECT."""
    app = make_app(database_url, **QUIET)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    public, plaintext = bearing.generate(app, user)
    _, other = bearing.generate(app, user, service="tmy", scopes=["read"])
    with bearing.listening(app) as wire:
        status(app, plaintext)
        for path, token, answer in (
            ("/api/plain", plaintext, 200),
            ("/api/tmy", other, 200),
            ("/api/tmy", plaintext, 403),
            ("/api/plain", bearing.sealed("0123456789ab"), 401),
            ("/api/plain", bearing.another_secret(plaintext), 401),
        ):
            wire.forget()
            assert status(app, token, path) == answer
            assert wire.verbs == ["SELECT"]
        bearing.change(app, public, revoked_at=MOMENT)
        wire.forget()
        assert status(app, plaintext) == 401
        assert wire.verbs == ["SELECT"]
        wire.forget()
        assert status(app, plaintext[:-1]) == 401
        assert wire.statements == []


def test_current_user_costs_one_more_select(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, **QUIET)

    @app.get("/api/who")
    @token_required
    def who() -> list[str]:
        return [owner_email(), owner_email()]

    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    with bearing.listening(app) as wire:
        status(app, plaintext)
        wire.forget()
        assert status(app, plaintext, "/api/who") == 200
        reads = [verb for verb in wire.verbs if verb not in {"BEGIN", "ROLLBACK"}]
        assert reads == ["SELECT", "SELECT"]


def test_two_guards_of_one_call_look_up_once(make_app: MakeApp) -> None:
    """A protected blueprint whose views say more exactly what they need."""
    app = make_app(APITOKENS_USAGE_FLUSH_SECONDS=60.0)
    blueprint = Blueprint("twice", __name__)
    hosts.host_of(app).apitokens.protect(blueprint, service=ANY_SERVICE)
    blueprint.get("/twice")(token_required(service="tmy")(lambda: "in"))
    app.register_blueprint(blueprint)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    _, plain = bearing.generate(app, user)
    _, fitting = bearing.generate(app, user, service="tmy", scopes=["read"])
    recorder = app.extensions["apitokens"].recorder
    with bearing.listening(app) as wire:
        for plaintext, answer in ((fitting, 200), (plain, 403)):
            recorder.flush()
            wire.forget()
            assert status(app, plaintext, "/twice") == answer
            assert wire.verbs.count("SELECT") == 1
            assert recorder.pending == 1


def test_unguarded_route_runs_no_statement(make_app: MakeApp) -> None:
    """DEP-10."""
    app = make_app(**QUIET)
    app.get("/open")(lambda: "open")
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    with bearing.listening(app) as wire:
        assert status(app, plaintext, "/open") == 200
        assert wire.statements == []


# -- the same answer on every way ---------------------------------------------


@pytest.mark.parametrize("services", [True, False])
@pytest.mark.parametrize("way", ["driver", "core", "session"])
def test_driver_core_and_session_find_the_same_row(
    way: str,
    services: bool,
    make_app: MakeApp,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if way == "core":
        monkeypatch.setattr(connections, "AUTOCOMMIT", {})
    options = {"APITOKENS_LOOKUP": "session"} if way == "session" else {}
    app = make_app(database_url, services=True, **QUIET, **options)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "timeseries")
    public, _ = bearing.generate(
        app,
        user,
        name="Ünïcode \U0001f511 \u202e",
        service="timeseries",
        scopes=["write", "read"],
        expires_at=MOMENT,
    )
    userless, _ = bearing.generate(app, None, account_id="acme")
    bearing.switch_service(app, "timeseries", active=False)
    state = app.extensions["apitokens"]
    if not services:
        hosts.host_of(app).apitokens.catalog = type(state.catalog)()
    with app.app_context():
        found = state.finder.find(public)
        assert found.name == "Ünïcode \U0001f511 \u202e"
        assert (found.kind, found.service) == ("api", "timeseries")
        assert found.scopes == ("read", "write")
        assert isinstance(bytes(found.check_digest), bytes)
        assert len(found.check_digest) == 16
        assert found.secret_hash.startswith("$2b$04$")
        assert found.expires_at == MOMENT
        assert found.expires_at.utcoffset() is not None
        assert found.stopped is None
        assert (found.owner_id, found.owner_key) == (user.id, user.id)
        assert not found.userless
        assert bool(found.owner_active)
        switches = (found.subscription_active, found.service_active)
        if services:
            assert [bool(switch) for switch in switches] == [True, False]
        else:
            assert switches == (None, None)
        ownerless = state.finder.find(userless)
        assert ownerless.userless
        assert ownerless.account_id == "acme"
        assert (ownerless.owner_id, ownerless.owner_key) == (None, None)
        assert not ownerless.scopes
        assert state.finder.find("zzzzzzzzzzzz") is None
        for hostile in ("", "'", "%", "\\", "ABCDEFGHJKMN"):
            assert state.finder.find(hostile) is None


@pytest.mark.database
def test_psycopg2_finds_the_same_row(postgresql_url: str, make_app: MakeApp) -> None:
    url = make_url(postgresql_url).set(drivername="postgresql+psycopg2")
    app = make_app(url.render_as_string(hide_password=False), user_key="uuid")
    app.get("/api/who")(token_required(owner_email))
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "timeseries")
    public, plaintext = bearing.generate(
        app, user, service="timeseries", scopes=["read", "write"], expires_at=MOMENT
    )
    with app.app_context():
        found = app.extensions["apitokens"].finder.find(public)
    assert (found.scopes, found.expires_at) == (("read", "write"), MOMENT)
    assert (found.owner_id, found.owner_key) == (user.id, user.id)
    client = app.test_client()
    answer = client.post("/api/timeseries/jobs", headers=bearer(plaintext))
    assert answer.status_code == 202
    _, other = bearing.generate(app, user)
    assert client.get("/api/who", headers=bearer(other)).text == "ada@example.com"


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_owner_is_found_by_every_type_of_key(
    user_key: str, make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url, user_key=user_key)
    app.get("/api/who")(token_required(owner_email))
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    client = app.test_client()
    answer = client.get("/api/who", headers=bearer(plaintext))
    assert answer.text == "ada@example.com"
    bearing.change_user(app, user, is_active=False)
    assert code(client.get("/api/who", headers=bearer(plaintext))) == "owner_inactive"


# -- the host's session and transactions --------------------------------------


@pytest.mark.parametrize("memory", [True, False])
def test_look_up_leaves_the_hosts_session_unchanged(
    memory: bool, make_app: MakeApp
) -> None:
    """USE-03, and in-memory SQLite where all share one connection."""
    app = make_app("sqlite://" if memory else None)
    host = hosts.host_of(app)
    seen: list[Any] = []

    @app.before_request
    def begin() -> None:
        loaded: Any = host.db.session.get(host.user_model, user.id)
        loaded.email = "dirty@example.com"
        host.db.session.add(host.user_model(email="new@example.com"))
        if memory:
            host.db.session.flush()
            loaded.email = "dirtier@example.com"
        seen.append(loaded)

    @app.get("/api/look")
    @token_required
    def look() -> str:
        loaded, session = seen[-1], host.db.session
        assert loaded in session.dirty
        assert "email" in vars(loaded)
        assert bool(session.new) != memory
        assert session().in_transaction()
        return ""

    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    for _ in range(2):
        assert status(app, plaintext, "/api/look") == 200
        assert status(app, bearing.another_secret(plaintext), "/api/look") == 401
    assert app.extensions["apitokens"].recorder.flush() or memory
    with app.app_context():
        emails = list(host.db.session.scalars(text("select email from user")))
        assert emails == ["ada@example.com"]


def test_look_up_in_memory_keeps_the_hosts_open_transaction(make_app: MakeApp) -> None:
    """A guarded call between two statements of a transaction ends nothing."""
    app = make_app("sqlite://")
    host = hosts.host_of(app)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    with app.app_context():
        session = host.db.session
        session.add(host.user_model(email="new@example.com"))
        session.flush()
        assert status(app, plaintext) == 200
        assert session.query(host.user_model).count() == 2
        session.rollback()
        assert session.query(host.user_model).count() == 1


def test_look_up_in_memory_follows_a_disposed_engine(make_app: MakeApp) -> None:
    """The next connection has another database, in which tables are made anew."""
    app = make_app("sqlite://")
    for _ in range(2):
        user = hosts.create_user(app, "ada@example.com")
        assert status(app, bearing.generate(app, user)[1]) == 200
        with app.app_context():
            db = hosts.host_of(app).db
            db.session.remove()
            db.engine.dispose()
            db.create_all()


def test_first_look_ups_in_memory_keep_the_hosts_open_transaction(
    make_app: MakeApp,
) -> None:
    """Several at once take the connection from the pool once."""
    app = make_app("sqlite://", **QUIET)
    host = hosts.host_of(app)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    both = threading.Barrier(2)

    @event.listens_for(bearing.engine_of(app), "checkout")
    def meet(*_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            # The second one must not come.
            with suppress(threading.BrokenBarrierError):
                both.wait(0.2)

    with app.app_context(), ThreadPoolExecutor(2) as threads:
        session = host.db.session
        session.add(host.user_model(email="new@example.com"))
        session.flush()
        calls = [threads.submit(status, app, plaintext) for _ in range(2)]
        assert [call.result() for call in calls] == [200, 200]
        assert session.query(host.user_model).count() == 2


def test_session_look_up_finds_uncommitted_tokens(
    make_app: MakeApp, database_url: str
) -> None:
    """``APITOKENS_LOOKUP = "session"``: what is not committed is found too."""
    app = make_app(database_url, APITOKENS_LOOKUP="session", **QUIET)
    host = hosts.host_of(app)
    with app.app_context():
        engines: Any = host.db.engines
        engine = engines[None]
        with engine.connect() as connection, connection.begin() as transaction:
            engines[None] = connection
            user = host.user_model(email="ada@example.com")
            host.db.session.add(user)
            host.apitokens.subscribe(user, "tmy")
            _, plaintext = host.apitokens.generate(
                owner=user, name="x", service="tmy", scopes=["read"]
            )
            host.db.session.commit()
            assert status(app, plaintext, "/api/tmy") == 200
            host.db.session.remove()
            engines[None] = engine
            transaction.rollback()
        assert status(app, plaintext, "/api/tmy") == 401


def test_connection_in_place_of_an_engine_is_a_configuration_error(
    make_app: MakeApp,
) -> None:
    """A forgotten setting must not look like a fault of ours."""
    app = make_app(**QUIET)
    with app.app_context():
        engines: Any = hosts.host_of(app).db.engines
        engine = engines[None]
        with engine.connect() as connection:
            engines[None] = connection
            plaintext = bearing.sealed("zyxwvtsrqpnm")
            with pytest.raises(ConfigurationError, match='LOOKUP = "session".*testing'):
                status(app, plaintext, "/api/tmy")
            engines[None] = engine


def test_look_up_reads_from_the_primary_and_not_a_replica(
    make_app: MakeApp, tmp_path: Any, host_of_models: HostOfModels
) -> None:
    """DBS-05."""
    replica = create_engine(f"sqlite:///{tmp_path}/replica.sqlite")

    class Routed(Session):
        def get_bind(self, *args: Any, **kwargs: Any) -> Any:
            return super().get_bind(*args, **kwargs) if self._flushing else replica

    db = SQLAlchemy(session_options={"class_": Routed})

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]

    url = databases.sqlite_url(tmp_path)
    app = host_of_models(db, User, url)
    model = bearing.models_of(app).Token
    primary = bearing.engine_of(app)
    with primary.begin() as connection:
        connection.execute(text("insert into user values (1, 'ada@example.com')"))
        plaintext = bearing.sealed("0123456789ab")
        connection.execute(
            model.__table__.insert().values(  # type: ignore[attr-defined]
                id="0123456789ab",
                kind="api",
                name="x",
                scheme="native",
                check_digest=crypto_tokens.check_digest(plaintext.encode()),
                secret_hash=crypto_tokens.hash_token(plaintext.encode(), 4),
                owner_id=1,
                created_at=MOMENT,
                created_by="a test",
            )
        )
    assert status(app, plaintext) == 200
    replica.dispose()
