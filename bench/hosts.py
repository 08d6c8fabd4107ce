"""Two hosts: one that guards by hand, and the same one with the plugin registered."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask import abort
from flask import request
from flask_httpauth import HTTPTokenAuth
from flask_login import LoginManager
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import ForeignKey
from sqlalchemy import LargeBinary
from sqlalchemy import String
from sqlalchemy import bindparam
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

#: the place of the public id in ``apt_<id>_…``
ID = slice(4, 16)
ANSWER = "ok"


@dataclass(frozen=True)
class Host:
    """A host and the objects behind its routes that the bench uses."""

    app: Flask
    db: SQLAlchemy
    User: Any
    #: what the routes written by hand look up: id, digest and owner of a token
    Key: Any
    apitokens: Any = None

    @property
    def engine(self) -> Any:
        """The engine of its database."""
        with self.app.app_context():
            return self.db.engine

    @property
    def state(self) -> Any:
        """The plugin's state of the application."""
        return self.app.extensions["apitokens"]


def _bare_host(database_url: str, config: dict[str, Any]) -> Host:
    """Return a host with a database, users, log-in and CSRF protection."""
    app = Flask("bench.host")
    app.config.update(SECRET_KEY="bench", SQLALCHEMY_DATABASE_URI=database_url)
    app.config.update(config)
    db, user, key = _schema()
    db.init_app(app)
    manager = LoginManager(app)
    manager.user_loader(lambda user_id: db.session.get(user, int(user_id)))
    CSRFProtect(app)

    @app.get("/open")
    def unguarded() -> str:
        return ANSWER

    return Host(app, db, user, key)


def _schema() -> tuple[SQLAlchemy, Any, Any]:
    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "bench_user"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(254), unique=True)
        is_active: Mapped[bool] = mapped_column(default=True)
        is_admin: Mapped[bool] = mapped_column(default=False)
        may_use_api: Mapped[bool] = mapped_column(default=True)
        account: Mapped[str] = mapped_column(String(32), default="acme", index=True)

    class Key(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "bench_key"
        id: Mapped[str] = mapped_column(String(12), primary_key=True)
        digest: Mapped[bytes] = mapped_column(LargeBinary(32))
        name: Mapped[str] = mapped_column(String(80))
        user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
        user: Mapped[Any] = relationship(User)

    return db, User, Key


def host_by_hand(database_url: str, **config: Any) -> Host:
    """Return a host without the plugin: the yardstick, and Flask-HTTPAuth."""
    host = _bare_host(database_url, config)
    install_yardstick(host)
    _install_httpauth(host)
    return host


def install_yardstick(host: Host) -> None:
    """Add the yardstick: one Core SELECT, one SHA-256, one comparison."""
    engine, key, user = host.engine, host.Key.__table__, host.User.__table__
    by_id = (
        select(key.c.id, key.c.digest, user.c.id, user.c.email, user.c.is_active)
        .join_from(key, user)
        .where(key.c.id == bindparam("id"))
    )

    @host.app.get("/yardstick")
    def yardstick() -> str:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        with engine.connect() as connection:
            row = connection.execute(by_id, {"id": token[ID]}).one_or_none()
        digest = hashlib.sha256(token.encode()).digest()
        if row is None or not hmac.compare_digest(row.digest, digest):
            abort(401)
        return ANSWER


def _install_httpauth(host: Host) -> None:
    """Add a route with Flask-HTTPAuth, as its documentation shows it."""
    auth = HTTPTokenAuth(scheme="Bearer")

    @auth.verify_token  # type: ignore[untyped-decorator]
    def verify(token: str) -> Any:
        query = select(host.Key).filter_by(id=token[ID])
        key = host.db.session.scalars(query).one_or_none()
        digest = hashlib.sha256(token.encode()).digest()
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        return key.user

    @host.app.get("/httpauth")
    @auth.login_required  # type: ignore[untyped-decorator]
    def httpauth() -> str:
        return ANSWER


def host_with_plugin(database_url: str, **config: Any) -> Host:
    """Return the same host with the plugin and two services."""
    from flask_apitokens import APITokens
    from flask_apitokens import token_required

    host = _bare_host(database_url, config)
    apitokens = APITokens(
        host.db,
        host.User,
        is_admin=host.User.is_admin,
        can_use_api=host.User.may_use_api,
        account_of=host.User.account,
    )
    apitokens.service("tmy", "TMY data", scopes={"read": "Download TMY files"})
    apitokens.service("timeseries", "Time series", scopes={"read": "Download series"})
    apitokens.init_app(host.app)

    @host.app.get("/guarded")
    @token_required(service="tmy", scopes="read")
    def guarded() -> str:
        return ANSWER

    return Host(host.app, host.db, host.User, host.Key, apitokens)
