"""A host without Flask-Login: only its API is guarded, and it has no pages."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask import render_template_string
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from werkzeug.exceptions import HTTPException

from flask_apitokens import APITokens
from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import commandline
from tests import hosts
from tests.bearing import bearer
from tests.host_apps.conftest import NewApp
from tests.host_apps.conftest import finish

#: addresses of pages, those with nothing behind them included
PAGES = [
    *("/account/api-tokens/", "/account/api-tokens/new", "/account/api-tokens/nowhere"),
    *("/account/api-tokens/static/1/apitokens.js", "/admin/api/", "/admin/api/tokens"),
    *("/account/api-tokens/000000000000", "/admin/api/nowhere"),
]


def api_only(new_app: NewApp, url: str | None = None, **config: object) -> Flask:
    """Return the host. Its users can not log in, and its errors are JSON."""
    app = new_app(url, **config)

    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(app, model_class=Base)

    class User(db.Model):  # type: ignore[name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(254), unique=True)

    apitokens = APITokens(db, User)
    apitokens.init_app(app)

    @app.get("/api/plain")
    @token_required
    def plain() -> ResponseReturnValue:
        return {"owner": current_token.owner.email}

    @app.get("/")
    def start() -> str:
        return render_template_string(
            "[{{ apitokens_panel() }}{{ apitokens_admin_links()|length }}]"
        )

    @app.errorhandler(HTTPException)
    def as_json(error: HTTPException) -> ResponseReturnValue:
        return {"host says": error.name}, error.code or 500

    finish(app, db, User, apitokens)
    return app


def test_guard_commands_and_endpoints_work(new_app: NewApp, database_url: str) -> None:
    app = api_only(new_app, database_url)
    hosts.create_user(app, "ada@example.com")
    made = commandline.generate(app, "Deploy")
    client, head = app.test_client(), bearer(made["token"])
    assert client.get("/api/plain", headers=head).json == {"owner": "ada@example.com"}
    assert bearing.code(client.get("/api/plain")) == "missing_token"
    own = client.get("/api-tokens/self", headers=head)
    assert own.json is not None
    assert own.json["name"] == "Deploy"
    access = commandline.generate(app, "Log-in", "--kind", "access", "--expires", "30d")
    session = client.post("/api-tokens/login", headers=bearer(access["token"])).json
    assert session is not None
    told = client.get("/api/plain", headers=bearer(session["access_token"]))
    assert told.status_code == 200
    assert client.get("/").text == "[0]"
    done = client.post(
        "/api-tokens/revoke", data={"token": made["token"]}, headers=head
    )
    assert done.status_code == 200
    assert client.get("/api/plain", headers=head).status_code == 401


def test_pages_are_not_there_and_that_is_said_once(
    new_app: NewApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = api_only(new_app)
    client = app.test_client()
    with caplog.at_level(logging.INFO, "flask_apitokens"):
        for path in PAGES:
            for method in ("GET", "POST", "DELETE"):
                for headers in ({}, {"HX-Request": "true"}):
                    answer = client.open(path, method=method, headers=headers)
                    assert answer.status_code == 404
                    assert answer.json == {"host says": "Not Found"}
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "Flask-Login" in said[0]
    assert "APITOKENS_PAGES" in said[0]


def test_log_in_that_is_added_later_brings_the_pages(new_app: NewApp) -> None:
    app = api_only(new_app)
    LoginManager(app).user_loader(lambda key: None)
    answer = app.test_client().get("/account/api-tokens/")
    assert answer.status_code == 401


def test_pages_can_be_left_out_on_purpose(
    new_app: NewApp, caplog: pytest.LogCaptureFixture
) -> None:
    """With Flask-Login too. The addresses are free for the application."""
    app = api_only(new_app, APITOKENS_PAGES=False, APITOKENS_BASE_TEMPLATE="gone.html")
    LoginManager(app).user_loader(lambda key: None)
    app.add_url_rule("/account/api-tokens/", view_func=lambda: "the host's own")
    client = app.test_client()
    with caplog.at_level(logging.INFO, "flask_apitokens"):
        assert client.get("/account/api-tokens/").text == "the host's own"
        assert client.get("/admin/api/tokens").status_code == 404
        assert client.get("/").text == "[0]"
    assert caplog.records == []
    rules = [rule.endpoint for rule in app.url_map.iter_rules()]
    ours = {name.partition(".")[0] for name in rules if name.startswith("apitokens")}
    assert ours == {"apitokens_endpoints"}
    hosts.create_user(app, "ada@example.com")
    made = commandline.generate(app, "Deploy")
    head = bearer(made["token"])
    assert client.get("/api/plain", headers=head).status_code == 200
    assert client.get("/api-tokens/self", headers=head).status_code == 200
