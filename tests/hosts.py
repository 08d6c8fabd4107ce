"""Small hosts of the plugin, for tests: a database, users, log-in, guarded routes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from typing import Literal

from flask import Flask
from flask import current_app
from flask import redirect
from flask import render_template_string
from flask import request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_login import UserMixin
from flask_login import login_user
from flask_login import logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Uuid
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import ANY_SERVICE
from flask_apitokens import APITokens
from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import databases

UserKey = Literal["int", "uuid", "str"]

LOGIN_PAGE = """<!doctype html>
<html lang="en"><title>Sign in</title><h1>Sign in</h1>
<form method="post"><label>Email <input name="email"></label>
<button>Sign in</button></form></html>"""
ACCOUNT_PAGE = """<!doctype html>
<html lang="en"><head><title>Account</title></head>
<body><main><h1>Account</h1>{{ apitokens_panel() }}</main></body></html>"""


@dataclass(frozen=True)
class Host:
    """The parts of a host, for tests that do more than call its pages."""

    db: Any
    user_model: Any
    apitokens: APITokens


def host_of(app: Flask) -> Host:
    """Return the parts of *app*."""
    host: Host = app.extensions["tests.host"]
    return host


def create_host(
    database_url: str,
    *,
    user_key: UserKey = "int",
    services: bool = True,
    csrf_protect: bool = False,
    create_tables: bool = True,
    app_class: Callable[[str], Flask] = Flask,
    plugin: Mapping[str, Any] | None = None,
    **config: Any,
) -> Flask:
    """Return a new host with tables and no users.

    :param user_key: the type of its users' primary key.
    :param services: whether it declares tmy (read) and timeseries (read, write).
    :param csrf_protect: whether it guards all its views with CSRFProtect.
    :param create_tables: whether its tables are made, or left to migrations.
    :param app_class: makes the application, for frameworks with a class of their own.
    :param plugin: keywords for :class:`APITokens`.
    :param config: settings of Flask, Flask-SQLAlchemy and the plugin.
    """
    app = app_class("tests.host")
    app.config.update(
        TESTING=True,  # an exception reaches the test instead of becoming a 500
        SECRET_KEY="not-a-secret",
        SQLALCHEMY_DATABASE_URI=database_url,
        # the cheapest bcrypt there is: tests generate many tokens
        APITOKENS_BCRYPT_ROUNDS=4,
    )
    app.config.update(config)
    db, user_model = _schema(user_key)
    db.init_app(app)
    if csrf_protect:
        CSRFProtect(app)
    furnish(
        app,
        db,
        user_model,
        parse=_KEYS[user_key].parse,
        services=services,
        plugin=plugin or {},
    )
    if create_tables:
        with app.app_context():
            databases.create_tables(db)
    return app


def furnish(
    app: Flask,
    db: Any,
    user_model: Any,
    *,
    parse: Callable[[str], Any] = int,
    services: bool = True,
    plugin: Mapping[str, Any] | None = None,
) -> None:
    """Give *app* the log-in, the plugin and the routes that all hosts have.

    :param db: what the application gives ``APITokens``.
    :param parse: makes a primary key of the text that Flask-Login keeps.
    """
    _install_login(app, db, user_model, parse)
    apitokens = APITokens(db, user_model, **(plugin or {}))
    if services:
        _declare_services(apitokens)
    apitokens.init_app(app)
    _install_pages(app)
    _install_api(app, services=services)
    app.extensions["tests.host"] = Host(db, user_model, apitokens)


def tables_of(user_key: UserKey = "int") -> MetaData:
    """Return the tables of all hosts with this kind of user key."""
    return _schema(user_key)[0].metadata


def user_model_of(user_key: UserKey = "int") -> Any:
    """Return the user class of all hosts with such keys."""
    return _schema(user_key)[1]


@dataclass(frozen=True)
class _Key:
    column: Any
    default: Callable[[], Any] | None
    parse: Callable[[str], Any]


_KEYS: dict[UserKey, _Key] = {
    "int": _Key(Integer, None, int),
    "uuid": _Key(Uuid, uuid.uuid4, uuid.UUID),
    "str": _Key(String(36), lambda: f"user-{uuid.uuid4().hex[:12]}", str),
}


@cache
def _schema(user_key: UserKey) -> tuple[SQLAlchemy, Any]:
    """Return the mapped classes that all hosts of a test process share.

    Mapping takes longer than most tests; each host has an engine of its own.
    """

    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)
    key = _KEYS[user_key]

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[Any] = mapped_column(
            key.column, primary_key=True, default=key.default
        )
        email: Mapped[str] = mapped_column(String(254), unique=True)
        is_active: Mapped[bool] = mapped_column(default=True)
        # What a host may keep of its users besides; nothing reads it unless told.
        name: Mapped[str | None] = mapped_column(String(80))
        account: Mapped[str | None] = mapped_column(String(80))
        is_admin: Mapped[bool] = mapped_column(default=False)
        may_use_api: Mapped[bool] = mapped_column(default=True)

    return db, User


def _install_login(
    app: Flask, db: Any, user_model: Any, parse: Callable[[str], Any]
) -> None:
    manager = LoginManager(app)
    manager.login_view = "login"
    manager.user_loader(lambda key: db.session.get(user_model, parse(key)))

    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return LOGIN_PAGE
        email = request.form["email"]
        user = db.session.scalar(select(user_model).filter_by(email=email))
        if user is None or not login_user(user):
            return "no such active user", 403
        return redirect(request.args.get("next") or "/account")

    def logout() -> ResponseReturnValue:
        logout_user()
        return redirect("/login")

    app.add_url_rule("/login", view_func=login, methods=["GET", "POST"])
    app.add_url_rule("/logout", view_func=logout, methods=["POST"])
    if "csrf" in app.extensions:
        # The tests' own way in; what is tested lies behind it.
        app.extensions["csrf"].exempt(login)


def _declare_services(apitokens: APITokens) -> None:
    apitokens.service("tmy", "TMY data", scopes={"read": "Download TMY files"})
    apitokens.service(
        "timeseries",
        "Time series",
        scopes={"read": "Download time series", "write": "Start jobs"},
    )


def _install_pages(app: Flask) -> None:
    @app.get("/account")
    def account() -> str:
        return render_template_string(ACCOUNT_PAGE)

    @app.get("/favicon.ico")
    def icon() -> tuple[str, int]:
        return "", 204

    @app.get("/csrf-token")
    def csrf() -> str:
        return str(generate_csrf())


def _install_api(app: Flask, *, services: bool) -> None:
    @app.get("/api/ping")
    @token_required(service=ANY_SERVICE)
    def ping() -> dict[str, Any]:
        return {"token": current_token.id, "service": current_token.service}

    @app.get("/api/plain")
    @token_required
    def plain() -> dict[str, Any]:
        return {"token": current_token.id}

    if not services:
        return

    @app.get("/api/tmy")
    @token_required(service="tmy", scopes="read")
    def tmy() -> dict[str, Any]:
        return {"token": current_token.id}

    @app.post("/api/timeseries/jobs")
    @token_required(service="timeseries", scopes="write")
    def start_job() -> tuple[dict[str, Any], int]:
        return {"token": current_token.id}, 202


def create_user(app: Flask, email: str, **values: Any) -> Any:
    """Create a user of the host; return it detached, with its columns loaded."""
    host = host_of(app)
    with app.app_context():
        user = host.user_model(email=email, **values)
        host.db.session.add(user)
        host.db.session.commit()
        host.db.session.refresh(user)
        host.db.session.expunge(user)
    return user


def put_away(app: Flask) -> None:
    """Close what a host still holds open, as far as it came."""
    state, db = (app.extensions.get(name) for name in ("apitokens", "sqlalchemy"))
    if state is not None:
        state.recorder.close()
    if db is not None:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def login(client: FlaskClient, user: Any) -> None:
    """Sign *user* in, over the host's own log-in page."""
    response = client.post("/login", data={"email": user.email})
    assert response.status_code == 302, response.get_data(as_text=True)


def csrf_token(client: FlaskClient) -> str:
    """Return a CSRF token that the forms of this client's session accept."""
    return client.get("/csrf-token").get_data(as_text=True)


class Directory:
    """A directory of email addresses, which a test can make unreachable."""

    is_away = False

    def email_of(self, user: Any) -> str:
        """Return the email address of *user*, for ``APITokens(email_of=…)``."""
        if self.is_away:
            raise RuntimeError("the directory is away")
        return str(user.email)


def accounts(**more: Any) -> dict[str, Any]:
    """Keywords for :class:`APITokens`: accounts told apart by the email's domain.

    Who is called "admin…" administers one, who is called "no…" may not use the API.
    """
    return {
        "account_of": lambda user: user.email.partition("@")[2],
        "users_of": _users_at,
        "is_admin": lambda user: user.email.startswith("admin"),
        "can_use_api": lambda user: not user.email.startswith("no"),
        **more,
    }


def _users_at(account_id: str) -> Any:
    model = host_of(current_app).user_model
    return select(model).where(model.email.endswith(f"@{account_id}"))
