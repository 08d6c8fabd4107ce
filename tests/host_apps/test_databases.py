"""Hosts whose session and engine are not those of Flask-SQLAlchemy's defaults."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import create_engine
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import scoped_session
from sqlalchemy.orm import sessionmaker

from flask_apitokens import APITokens
from flask_apitokens import Database
from flask_apitokens import signals
from flask_apitokens.errors import ConfigurationError
from tests import bearing
from tests import commandline
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.host_apps.conftest import NewApp
from tests.pages import plaintext_in
from tests.pages import stored
from tests.pages import visitor

lite = machine.framework("flask_sqlalchemy_lite")

#: begins a host and returns it with the metadata of its tables
Begin = Callable[[NewApp, str], tuple[Flask, MetaData]]


def classes() -> tuple[Any, Any]:
    """Return a new base class of SQLAlchemy and a user class on it."""

    class Base(DeclarativeBase):
        pass

    class User(UserMixin, Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(254), unique=True)
        is_active: Mapped[bool] = mapped_column(default=True)

    return Base, User


def on_lite(new_app: NewApp, url: str) -> tuple[Flask, MetaData]:
    """A host on Flask-SQLAlchemy-Lite, as its documentation begins one."""
    base, user = classes()
    app = new_app(url, SQLALCHEMY_ENGINES={"default": url})
    db = lite.SQLAlchemy(app)
    hosts.furnish(app, db, user)
    with app.app_context():
        base.metadata.create_all(db.engine)
    return app, base.metadata


def on_lite_with_another_engine(new_app: NewApp, url: str) -> tuple[Flask, MetaData]:
    """The same; its users have an engine of their own, and *db* comes last."""
    base, user = classes()
    app = new_app(url, SQLALCHEMY_ENGINES={"default": "sqlite://", "people": url})
    db = lite.SQLAlchemy(session_options={"binds": {base: "people"}})
    hosts.furnish(app, db, user)
    db.init_app(app)
    with app.app_context():
        base.metadata.create_all(db.get_engine("people"))
    return app, base.metadata


def on_a_bind(new_app: NewApp, url: str) -> tuple[Flask, MetaData]:
    """A host on Flask-SQLAlchemy that has no default engine, only one with a key."""
    app = new_app(SQLALCHEMY_BINDS={"people": url})
    del app.config["SQLALCHEMY_DATABASE_URI"]

    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(app, model_class=Base)

    class User(UserMixin, db.Model):  # type: ignore[name-defined]
        __bind_key__ = "people"
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(254), unique=True)
        is_active: Mapped[bool] = mapped_column(default=True)

    hosts.furnish(app, db, User)
    with app.app_context():
        db.create_all("people")
    return app, db.metadatas["people"]


def on_plain_sqlalchemy(new_app: NewApp, url: str) -> tuple[Flask, MetaData]:
    """A host with a session and an engine of its own, as SQLAlchemy documents them."""
    base, user = classes()
    app = new_app(url)
    engine = create_engine(url)
    session = scoped_session(sessionmaker(engine))
    app.teardown_appcontext(lambda _error: session.remove())
    hosts.furnish(app, Database(session, engine), user)
    base.metadata.create_all(engine)
    app.extensions["sqlalchemy"] = SimpleNamespace(engines={"own": engine})
    return app, base.metadata


def on_a_session_with_binds(new_app: NewApp, url: str) -> tuple[Flask, MetaData]:
    """The same; the session has an engine for the host's classes alone."""
    base, user = classes()
    app = new_app(url)
    engine = create_engine(url)
    session = scoped_session(sessionmaker(binds={base: engine}))
    app.teardown_appcontext(lambda _error: session.remove())
    hosts.furnish(app, Database(session, engine), user)
    base.metadata.create_all(engine)
    app.extensions["sqlalchemy"] = SimpleNamespace(engines={"own": engine})
    return app, base.metadata


EACH = pytest.mark.parametrize(
    "begin",
    [
        on_lite,
        on_lite_with_another_engine,
        on_a_bind,
        on_plain_sqlalchemy,
        on_a_session_with_binds,
    ],
    ids=lambda function: str(function.__name__),
)


@EACH
def test_all_parts_work(new_app: NewApp, database_url: str, begin: Begin) -> None:
    app, _metadata = begin(new_app, database_url)
    user = hosts.create_user(app, "ada@example.com")
    ada = visitor(app, user, "tmy")
    made = ada.generate(service="tmy", scope="read")
    assert "Deploy" in ada.without_script().get().text
    made.close()  # the plaintext is then noted as shown
    head, client = bearer(plaintext_in(made)), app.test_client()
    for number in range(3):
        answer = client.get("/api/tmy", headers=head)
        assert answer.status_code == 200, number
    state = app.extensions["apitokens"]
    with app.app_context():
        state.recorder.flush()
    [row] = stored(app, user)
    assert row["last_used_at"] is not None
    assert row["shown_at"] is not None
    assert "/api/tmy" in ada.without_script().get(row["id"]).text
    by_command = commandline.generate(app, "Nightly")
    assert client.get("/api/plain", headers=bearer(by_command["token"])).status_code
    listed = commandline.answer(app, "token", "list", *commandline.ADA)
    assert {each["name"] for each in listed} == {"Deploy", "Nightly"}
    ada.post(f"{row['id']}/revoke", confirm="1")
    assert bearing.code(client.get("/api/tmy", headers=head)) == "token_revoked"
    _delete_user(app, user)
    again = client.get("/api/plain", headers=bearer(by_command["token"]))
    assert again.status_code == 401


def _delete_user(app: Flask, user: Any) -> None:
    host = hosts.host_of(app)
    with app.app_context():
        host.db.session.delete(host.db.session.get(host.user_model, user.id))
        host.db.session.commit()


@EACH
def test_subscriber_has_a_session_of_its_own(
    new_app: NewApp, sqlite_url: str, begin: Begin
) -> None:
    app, _metadata = begin(new_app, sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    host, sessions = hosts.host_of(app), []

    def of(session: Any) -> Any:
        return session() if isinstance(session, scoped_session) else session

    def hear(_sender: Flask, **_values: Any) -> None:
        session = of(host.db.session)
        sessions.append(session)
        session.get(host.user_model, user.id).email = "new@example.com"
        session.commit()

    with signals.token_generated.connected_to(hear, sender=app), app.app_context():
        own = of(host.db.session)
        with own.begin():
            owner = own.get(host.user_model, user.id)
            host.apitokens.generate(owner=owner, name="Deploy")
        assert of(host.db.session) is own
        assert sessions
        assert sessions[0] is not own
        own.expire_all()
        assert own.get(host.user_model, user.id).email == "new@example.com"


@pytest.mark.parametrize("scope", [None, threading.get_ident])
def test_delivery_in_another_application_leaves_the_thread_its_session(
    new_app: NewApp, sqlite_url: str, scope: Callable[[], int] | None
) -> None:
    """The end of a context removes a session that belongs to the thread."""
    engine = create_engine(sqlite_url)
    session = scoped_session(sessionmaker(engine), scopefunc=scope)
    base, user_model = classes()
    apps = []
    for _ in range(2):
        app = new_app(sqlite_url)
        app.teardown_appcontext(lambda _error: session.remove())
        hosts.furnish(app, Database(session, engine), user_model)
        apps.append(app)
    base.metadata.create_all(engine)
    one, other = apps
    user = hosts.create_user(one, "ada@example.com")
    heard: list[Flask] = []

    def hear(sender: Flask, **_: Any) -> None:
        heard.append(sender)
        assert session.get_one(user_model, user.id).email == "ada@example.com"

    with signals.token_generated.connected_to(hear), one.app_context():
        owner, present = session.get_one(user_model, user.id), session()
        hosts.host_of(one).apitokens.generate(owner=owner, name="Deploy")
        with other.app_context():
            session.commit()
            assert heard == [one]
            assert session() is present
            assert owner.email == "ada@example.com"


ENV = """from alembic import context
connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=context.config.attributes["metadata"]
)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.mark.parametrize("begin", [on_lite, on_plain_sqlalchemy])
def test_alembic_makes_the_tables(
    new_app: NewApp, database_url: str, begin: Begin, tmp_path: Path
) -> None:
    """Without Flask-Migrate, which knows Flask-SQLAlchemy alone."""
    _app, metadata = begin(new_app, database_url)
    engine = create_engine(database_url)
    metadata.drop_all(engine)
    config = Config(str(tmp_path / "alembic.ini"))
    config.set_main_option("script_location", str(tmp_path / "migrations"))
    command.init(config, str(tmp_path / "migrations"))
    (tmp_path / "migrations" / "env.py").write_text(ENV)
    with engine.begin() as connection:
        config.attributes.update(connection=connection, metadata=metadata)
        command.revision(config, "first", autogenerate=True)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    assert inspect(engine).has_table("apitokens_token")
    engine.dispose()


# -- what is refused -----------------------------------------------------------


def test_session_and_engine_of_other_kinds_are_refused(new_app: NewApp) -> None:
    engine = create_engine("sqlite://")
    maker: Any = sessionmaker(engine)
    for session in (maker, maker()):
        with pytest.raises(ConfigurationError, match="needs a scoped_session"):
            Database(session, engine)
    _base, user = classes()
    for wrong in (scoped_session(maker), engine, object()):
        with pytest.raises(ConfigurationError, match=r"flask_apitokens\.Database"):
            APITokens(wrong, user).init_app(new_app())


def test_database_without_an_engine_for_users_is_refused(new_app: NewApp) -> None:
    _base, user = classes()
    db = lite.SQLAlchemy(require_default_engine=False)
    app = new_app()
    APITokens(db, user).init_app(app)
    db.init_app(app)
    with pytest.raises(ConfigurationError, match="not async"):
        app.test_client().get("/")
    app = new_app()
    db.init_app(app)
    with pytest.raises(ConfigurationError, match="not async"):
        APITokens(db, user).init_app(app)


def test_bind_key_without_an_engine_is_refused(new_app: NewApp) -> None:
    app = new_app()
    db = SQLAlchemy(app)

    class User(db.Model):  # type: ignore[name-defined]
        __bind_key__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ConfigurationError, match="bind key 'people'.* it has None"):
        APITokens(db, User).init_app(app)
