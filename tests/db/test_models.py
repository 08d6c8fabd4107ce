"""The tables beside every user model, and users that go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy import MetaData
from sqlalchemy import inspect
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import DeclarativeBaseNoMeta
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import MappedAsDataclass
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm import mapped_column

from flask_apitokens import APITokens
from flask_apitokens.db.mapping import bind_models
from flask_apitokens.db.mapping import user_key_of
from flask_apitokens.errors import ConfigurationError
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import HostOfModels
from tests.conftest import MakeApp

# -- beside every user model --------------------------------------------------


def _default() -> SQLAlchemy:
    return SQLAlchemy()


def _declarative() -> SQLAlchemy:
    class Base(DeclarativeBase):
        pass

    return SQLAlchemy(model_class=Base)


def _no_meta() -> SQLAlchemy:
    class Base(DeclarativeBaseNoMeta):
        pass

    return SQLAlchemy(model_class=Base)


def _dataclass() -> SQLAlchemy:
    class Base(DeclarativeBase, MappedAsDataclass):
        pass

    return SQLAlchemy(model_class=Base)


def _dataclass_no_meta() -> SQLAlchemy:
    class Base(DeclarativeBaseNoMeta, MappedAsDataclass):
        pass

    return SQLAlchemy(model_class=Base)


def _legacy() -> SQLAlchemy:
    return SQLAlchemy(model_class=declarative_base())


def _with_names() -> SQLAlchemy:
    names = {
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
    return SQLAlchemy(metadata=MetaData(naming_convention=names))


def _user_model(db: Any, **table: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        __tablename__ = "person"
        __table_args__ = table
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]

    return User


def use(app: Flask, user_model: Any) -> None:
    """Generate a token for a new user, call with it, revoke it."""
    host = hosts.host_of(app)
    with app.app_context():
        user = user_model(id=1, email="ada@example.com")
        host.db.session.add(user)
        token, plaintext = host.apitokens.generate(owner=user, name="x")
        host.db.session.commit()
        client = app.test_client()
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert response.json == {"token": token.id}
        host.apitokens.revoke(token)
        host.db.session.commit()
        response = client.get("/api/plain", headers=bearer(plaintext))
        assert code(response) == "token_revoked"


BASES = [_default, _declarative, _no_meta, _legacy, _with_names]
if sqlalchemy.__version__.startswith("2.0."):
    # With these Flask-SQLAlchemy 3.1 itself does not start on SQLAlchemy 2.1.
    BASES += [_dataclass, _dataclass_no_meta]


@pytest.mark.parametrize("make_db", BASES)
def test_every_declarative_base_of_flask_sqlalchemy_is_supported(
    make_db: Callable[[], SQLAlchemy], sqlite_url: str, host_of_models: HostOfModels
) -> None:
    db = make_db()
    user_model = _user_model(db)
    app = host_of_models(db, user_model, sqlite_url)
    use(app, user_model)


def test_tables_use_the_bind_key_of_the_user_model(
    tmp_path: Path, host_of_models: HostOfModels
) -> None:
    """The tables are in the database of the users."""
    for lookup in ("engine", "session"):
        db = SQLAlchemy()

        class User(db.Model):  # type: ignore[name-defined,misc]
            __bind_key__ = "people"
            id: Mapped[int] = mapped_column(primary_key=True)
            email: Mapped[str]

        app = host_of_models(
            db,
            User,
            f"sqlite:///{tmp_path}/{lookup}-main.sqlite",
            SQLALCHEMY_BINDS={"people": f"sqlite:///{tmp_path}/{lookup}.sqlite"},
            APITOKENS_LOOKUP=lookup,
        )
        use(app, User)
        with app.app_context():
            assert "apitokens_token" in inspect(db.engines["people"]).get_table_names()
            assert inspect(db.engine).get_table_names() == []


@pytest.mark.database
def test_tables_use_the_schema_of_the_user_table(
    postgresql_url: str, host_of_models: HostOfModels
) -> None:
    db = SQLAlchemy()
    user_model = _user_model(db, schema="people")
    app = Flask("tests.schema")
    app.config["SQLALCHEMY_DATABASE_URI"] = postgresql_url
    db.init_app(app)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("create schema people"))
    with app.app_context():
        db.engine.dispose()
    app = host_of_models(db, user_model, postgresql_url)
    use(app, user_model)
    with app.app_context():
        tables = inspect(db.engine).get_table_names(schema="people")
        assert {"person", "apitokens_token", "apitokens_event"} <= set(tables)


def test_user_of_a_joined_subclass_is_found(
    sqlite_url: str, host_of_models: HostOfModels
) -> None:
    db = SQLAlchemy()

    class Party(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        sort: Mapped[str]
        is_active: Mapped[bool] = mapped_column(default=True)
        __mapper_args__ = {"polymorphic_on": "sort", "polymorphic_identity": "party"}

    class Person(Party):
        id: Mapped[int] = mapped_column(ForeignKey(Party.id), primary_key=True)
        email: Mapped[str]
        __mapper_args__ = {"polymorphic_identity": "person"}

    app = host_of_models(db, Person, sqlite_url)
    use(app, Person)


def test_composite_user_key_is_refused_with_its_columns() -> None:
    db = SQLAlchemy()

    class Pair(db.Model):  # type: ignore[name-defined,misc]
        left: Mapped[int] = mapped_column(primary_key=True)
        right: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ConfigurationError) as error:
        user_key_of(Pair)
    message = str(error.value)
    assert message.startswith("Pair has the primary key (")
    assert "left" in message
    assert "right" in message
    assert "needs a single column" in message


@pytest.mark.parametrize("thing", [object, str, dict])
def test_unmapped_user_class_is_refused(thing: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match="is not a mapped class"):
        user_key_of(thing)


def test_one_db_has_one_set_of_tables() -> None:
    db = SQLAlchemy()
    user_model = _user_model(db)

    class Other(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    models = bind_models(user_model.metadata, user_model)
    assert bind_models(user_model.metadata, user_model) is models
    with pytest.raises(ConfigurationError, match="already refer to User"):
        bind_models(Other.metadata, Other)


def test_indexes_and_constraints_match_the_design(
    make_app: MakeApp, database_url: str
) -> None:
    app = make_app(database_url)
    found = inspect(bearing.engine_of(app))
    key = found.get_pk_constraint("apitokens_token")
    assert key["constrained_columns"] == ["id"]
    unique = {
        table: {
            tuple(each["column_names"]) for each in found.get_unique_constraints(table)
        }
        for table in (
            "apitokens_token",
            "apitokens_subscription",
            "apitokens_service_setting",
            "apitokens_event",
        )
    }
    assert ("live_name",) in unique["apitokens_token"]
    assert ("owner_id", "created_at", "id") in unique["apitokens_token"]
    assert ("user_id", "service") in unique["apitokens_subscription"]
    assert ("account_id", "service") in unique["apitokens_service_setting"]
    assert ("form_key",) in unique["apitokens_event"]


@pytest.mark.parametrize("convention", [{}, {"uq": "u_%(constraint_name)s", "pk": "p"}])
def test_constraints_and_indexes_keep_their_names_under_any_convention(
    convention: dict[str, str],
) -> None:
    """Alembic can then drop each of them, by the same name in every host."""
    db = SQLAlchemy(metadata=MetaData(naming_convention=convention))
    user_model = _user_model(db)
    models = bind_models(user_model.metadata, user_model)
    named: list[tuple[Any, Any]] = [
        (table, item)
        for table in models.tables
        for item in (*table.constraints, *table.indexes)
    ]
    assert len(named) > 30
    for table, item in named:
        sort = str(item.name).partition("_")[0]
        assert sort in {"pk", "fk", "uq", "ix"}, (table.name, item)
        assert "apitokens_" in str(item.name)
    assert len({item.name for _, item in named}) == len(named)


# -- users that go ------------------------------------------------------------


@pytest.fixture
def gone(make_app: MakeApp, database_url: str) -> tuple[Flask, Any, str, str]:
    """A host, its user with a token and a subscription."""
    app = make_app(database_url)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    public, plaintext = bearing.generate(app, user, name="My token")
    return app, user, public, plaintext


def test_deleting_a_user_deletes_the_tokens(
    gone: tuple[Flask, Any, str, str],
) -> None:
    """VER-08, LIF-14: the events stay."""
    app, user, public, plaintext = gone
    host, models = hosts.host_of(app), bearing.models_of(app)
    other = hosts.create_user(app, "grace@example.com")
    _, kept = bearing.generate(app, other)
    client = app.test_client()
    assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200
    with app.app_context():
        session = host.db.session
        session.delete(session.get(host.user_model, user.id))
        session.commit()
        assert session.query(models.Token).filter_by(id=public).count() == 0
        assert session.query(models.Subscription).count() == 0
        events = session.query(models.Event).filter_by(token_id=public)
        assert [event.action for event in events] == ["generated", "deleted"]
        assert {event.token_name for event in events} == {"My token"}
    assert code(client.get("/api/plain", headers=bearer(plaintext))) == "invalid_token"
    assert client.get("/api/plain", headers=bearer(kept)).status_code == 200


def test_token_is_refused_after_its_user_is_deleted_by_sql(
    gone: tuple[Flask, Any, str, str],
) -> None:
    """SQLite enforces no foreign key by default, so the token has no owner then."""
    app, user, public, plaintext = gone
    with bearing.engine_of(app).begin() as connection:
        name = connection.dialect.identifier_preparer.quote("user")
        connection.execute(
            text(f"delete from {name} where id = :id"),  # noqa: S608 - a constant
            {"id": user.id},
        )
    client = app.test_client()
    response = client.get("/api/plain", headers=bearer(plaintext))
    orphaned = bearing.engine_of(app).dialect.name == "sqlite"
    assert code(response) == ("owner_inactive" if orphaned else "invalid_token")


def test_reused_user_key_inherits_no_token(gone: tuple[Flask, Any, str, str]) -> None:
    """SQLite reuses the key of a deleted row."""
    app, user, public, plaintext = gone
    host, models = hosts.host_of(app), bearing.models_of(app)
    with bearing.engine_of(app).begin() as connection:
        connection.execute(
            host.user_model.__table__.delete().where(host.user_model.id == user.id)
        )
    with app.app_context():
        session = host.db.session
        session.add(host.user_model(id=user.id, email="eve@example.com"))
        session.commit()
        assert session.query(models.Token).count() == 0
        assert session.query(models.Subscription).count() == 0
        assert session.query(models.Event).filter_by(token_id=public).count() > 0
    response = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert code(response) == "invalid_token"


def test_users_can_be_created_before_the_plugins_tables(sqlite_url: str) -> None:
    """The host has installed the plugin, but has not migrated yet."""
    db, app = SQLAlchemy(), Flask("tests.early")
    user_model = _user_model(db)
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlite_url
    db.init_app(app)
    APITokens(db, user_model).init_app(app)
    with app.app_context():
        user_model.__table__.create(db.engine)
        user = user_model(email="ada@example.com")
        db.session.add(user)
        db.session.commit()
        assert user.id == 1
        db.session.delete(user)
        db.session.commit()
        assert db.session.query(user_model).count() == 0
    hosts.put_away(app)


def test_duplicate_live_name_or_id_is_refused_by_the_database(
    app: Flask, user: Any
) -> None:
    """CON-06: the name of a live token and the id are unique."""
    public, _ = bearing.generate(app, user, name="one")
    other, _ = bearing.generate(app, user, name="two")
    model = bearing.models_of(app).Token
    with app.app_context():
        token = hosts.host_of(app).db.session.get(model, public)
        assert token is not None
        live_name = token.live_name
    with pytest.raises(IntegrityError):
        bearing.change(app, other, live_name=live_name)
    with pytest.raises(IntegrityError):
        bearing.change(app, other, id=public)
