"""A host with Flask-Security: its log-in, its roles, and its own kind of token."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask
from flask_login import current_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select

from flask_apitokens import APITokens
from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import machine
from tests.bearing import bearer
from tests.host_apps.conftest import NewApp
from tests.host_apps.conftest import finish
from tests.pages import HTMX
from tests.pages import hidden_fields
from tests.pages import one
from tests.pages import plaintext_in

machine.framework("flask_security")

PAGES = "/account/api-tokens/"


@pytest.fixture
def app(new_app: NewApp) -> Flask:
    """The host with its routes."""
    app = begin(new_app)
    _add_routes(app)
    return app


def begin(new_app: NewApp) -> Flask:
    """Return the host: Ada is an administrator, Grace has no role."""
    import flask_security as fs
    from flask_security.models import fsqla_v3 as fsqla

    app = new_app(
        SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_SEND_REGISTER_EMAIL=False,
        WTF_CSRF_ENABLED=True,
    )
    db = SQLAlchemy(app)
    models: Any = fsqla
    models.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined]
        pass

    class User(db.Model, fsqla.FsUserMixin):  # type: ignore[name-defined]
        pass

    store = fs.SQLAlchemyUserDatastore(db, User, Role)
    fs.Security(app, store)
    apitokens = APITokens(db, User, is_admin=lambda user: user.has_role("admin"))
    apitokens.init_app(app)
    finish(app, db, User, apitokens)
    with app.app_context():
        admin = store.create_role(name="admin", permissions={"sites:write"})
        for name, roles in (("ada", [admin]), ("grace", [])):
            store.create_user(
                email=f"{name}@example.com",
                password="correct-horse",
                roles=roles,
                fs_uniquifier=uuid.uuid4().hex,
            )
        db.session.commit()
    return app


def _add_routes(app: Flask) -> None:
    import flask_security as fs

    def told() -> dict[str, Any]:
        user: Any = current_user
        return {"who": user.email, "ours": bool(current_token)}

    either = fs.auth_required("session", "token")(told)

    for name, inner in (
        ("who", told),
        ("role", fs.roles_accepted("admin", "editor")(told)),
        ("all-roles", fs.roles_required("admin")(told)),
        ("permission", fs.permissions_accepted("sites:write")(told)),
        ("theirs-too", fs.auth_required("token")(told)),
        ("session-too", fs.auth_required("session")(told)),
    ):
        app.add_url_rule(f"/{name}", name, token_required(inner))

    @token_required(optional=True)
    def any_of_three() -> Any:
        return told() if bool(current_token) else either()

    app.add_url_rule("/either", "either", any_of_three, methods=["GET", "POST"])


@pytest.fixture
def tokens(app: Flask) -> dict[str, dict[str, str]]:
    """A header with a token of each user."""
    model = app.extensions["tests.host"].user_model
    with app.app_context():
        users = app.extensions["sqlalchemy"].session.scalars(select(model)).all()
        return {
            user.email.partition("@")[0]: bearer(bearing.generate(app, user)[1])
            for user in users
        }


def sign_in(app: Flask, name: str) -> Any:
    """Return a browser in which *name* has signed in at the page of Flask-Security."""
    browser = app.test_client()
    form = hidden_fields(browser.get("/login").text)
    wish = {"email": f"{name}@example.com", "password": "correct-horse", **form}
    assert browser.post("/login", data=wish).status_code == 302
    return browser


def test_roles_below_the_guard_are_those_of_the_owner(
    app: Flask, tokens: dict[str, dict[str, str]]
) -> None:
    client = app.test_client()
    for path in ("/role", "/all-roles", "/permission"):
        answer = client.get(path, headers=tokens["ada"])
        assert answer.json is not None
        assert answer.json["who"] == "ada@example.com"
        assert client.get(path, headers=tokens["grace"]).status_code in {302, 403}
        assert bearing.code(client.get(path)) == "missing_token"


def test_cookie_beside_a_token_counts_for_nothing(
    app: Flask, tokens: dict[str, dict[str, str]]
) -> None:
    browser = sign_in(app, "ada")
    hers = tokens["grace"]
    for path in ("/role", "/all-roles", "/permission", "/session-too"):
        answer = browser.get(path, headers=hers)
        assert answer.status_code in {302, 401, 403}
    said = browser.get("/who", headers=hers).json
    assert said["who"] == "grace@example.com"
    assert browser.get("/who").status_code == 401


def test_either_way_in(app: Flask, tokens: dict[str, dict[str, str]]) -> None:
    """A session, a token of Flask-Security, or one of ours."""
    browser, client = sign_in(app, "ada"), app.test_client()
    assert browser.get("/either").json == {"who": "ada@example.com", "ours": False}
    said = client.get("/either", headers=tokens["grace"]).json
    assert said is not None
    assert said["who"] == "grace@example.com"
    with app.app_context():
        model = app.extensions["tests.host"].user_model
        session = app.extensions["sqlalchemy"].session
        ada = session.scalar(select(model).filter_by(email="ada@example.com"))
        theirs = {"Authentication-Token": ada.get_auth_token()}
    assert client.get("/either", headers=theirs).json == {
        "who": "ada@example.com",
        "ours": False,
    }
    # Their token is no token of ours, and ours none of theirs.
    assert bearing.code(client.get("/who", headers=theirs)) == "missing_token"
    only_ours = client.get("/theirs-too", headers=tokens["ada"])
    assert only_ours.status_code in {302, 401}
    both = client.get("/theirs-too", headers={**theirs, **tokens["ada"]}).json
    assert both is not None
    assert both["who"] == "ada@example.com"
    assert client.get("/either").status_code in {302, 401}


def test_pages_use_the_log_in_of_flask_security(app: Flask) -> None:
    away = app.test_client().get(PAGES)
    assert away.headers["Location"].startswith("/login?next=")
    browser = sign_in(app, "ada")
    form = hidden_fields(browser.get(f"{PAGES}new", headers=HTMX).text)
    wish = {"kind": "api", "name": "Deploy", "expiry": "never", **form}
    made = browser.post(PAGES, data=wish, headers=HTMX)
    head = bearer(plaintext_in(made))
    said = app.test_client().get("/role", headers=head).json
    assert said is not None
    assert said["who"] == "ada@example.com"
    assert browser.get("/admin/api/tokens").status_code == 200
    assert sign_in(app, "grace").get("/admin/api/tokens").status_code == 403
    assert "Deploy" in one(browser.get(PAGES), "#at-list").get_text()
