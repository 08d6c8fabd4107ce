"""A host with Flask-Principal: permissions that the user's roles give."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import g
from flask_login import current_user

from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.bearing import listening
from tests.conftest import MakeApp

flask_principal = machine.framework("flask_principal")
ADMIN = flask_principal.RoleNeed("admin")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The host; its log-in tells Flask-Principal who it is."""
    app = make_app()
    flask_principal.Principal(app)
    administrators = flask_principal.Permission(ADMIN)

    @flask_principal.identity_loaded.connect_via(app)
    def provide(_sender: Flask, identity: Any) -> None:
        identity.user = current_user
        if getattr(current_user, "is_admin", False):
            identity.provides.add(ADMIN)
        app.extensions["tests.asked"].append(identity.id)

    def told() -> dict[str, Any]:
        return {"admin": administrators.can(), "who": str(g.identity.id)}

    app.extensions["tests.asked"] = []
    app.add_url_rule("/session", "session", told)
    guard = token_required
    permitted = administrators.require(403)(lambda: "done")
    app.add_url_rule("/token", "token", guard(told))
    app.add_url_rule("/admin-only", "admin_only", guard(permitted))
    app.add_url_rule("/not-asked", "not_asked", guard(lambda: "done"))
    app.add_url_rule("/user", "user", guard(lambda: g.identity.user.email))
    for_tmy = token_required(service="tmy")
    app.add_url_rule("/of-tmy", "of_tmy", for_tmy(lambda: str(g.identity.id)))
    optional = token_required(optional=True)
    app.add_url_rule("/optional", "optional", optional(told))

    @app.get("/sign-in/<int:key>")
    def sign_in(key: int) -> str:
        flask_principal.identity_changed.send(
            app, identity=flask_principal.Identity(key)
        )
        return "done"

    app.extensions["tests.users"] = tuple(
        hosts.create_user(app, f"{name}@example.com", is_admin=name == "admin")
        for name in ("admin", "ada")
    )
    return app


@pytest.fixture
def users(app: Flask) -> tuple[Any, Any]:
    """An administrator and another user."""
    found: tuple[Any, Any] = app.extensions["tests.users"]
    return found


def test_identity_is_the_owner_of_the_token(app: Flask, users: tuple[Any, Any]) -> None:
    boss, ada = users
    client = app.test_client()
    head, hers = (bearer(bearing.generate(app, user)[1]) for user in users)
    assert client.get("/token", headers=head).json == {
        "admin": True,
        "who": str(boss.id),
    }
    assert client.get("/admin-only", headers=head).text == "done"
    assert client.get("/admin-only", headers=hers).status_code == 403
    assert client.get("/user", headers=hers).text == ada.email
    assert client.get("/optional", headers=head).json == {
        "admin": True,
        "who": str(boss.id),
    }


def test_cookie_of_an_administrator_gives_a_token_no_rights(
    app: Flask, users: tuple[Any, Any]
) -> None:
    boss, ada = users
    hers = bearer(bearing.generate(app, ada)[1])
    userless = bearer(bearing.generate(app, None, service="tmy", scopes=["read"])[1])
    browser = app.test_client()
    hosts.login(browser, boss)
    browser.get(f"/sign-in/{boss.id}")
    signed_in = {"admin": True, "who": str(boss.id)}
    assert browser.get("/session").json == signed_in
    assert browser.get("/optional").json == signed_in
    told = browser.get("/token", headers=hers).json
    assert told == {"admin": False, "who": str(ada.id)}
    assert browser.get("/admin-only", headers=hers).status_code == 403
    assert browser.get("/of-tmy", headers=userless).text == "None"
    # Nothing of the token is left for the next request.
    assert browser.get("/session").json == signed_in


def test_owner_is_loaded_only_if_a_right_is_asked_for(
    app: Flask, users: tuple[Any, Any]
) -> None:
    head = bearer(bearing.generate(app, users[0])[1])
    client, asked = app.test_client(), app.extensions["tests.asked"]
    client.get("/not-asked", headers=head)
    with listening(app) as wire:
        client.get("/not-asked", headers=head)
        wire.forget()
        asked.clear()
        assert client.get("/not-asked", headers=head).text == "done"
        assert len([verb for verb in wire.verbs if verb == "SELECT"]) == 1
        assert asked == []
        client.get("/admin-only", headers=head)
    assert asked == [users[0].id]


def test_identity_is_restored_in_a_context_that_outlives_the_request(
    app: Flask, users: tuple[Any, Any]
) -> None:
    head = bearer(bearing.generate(app, users[0])[1])
    with app.app_context():
        client = app.test_client()
        client.get("/token", headers=head).close()
        assert g.identity.id is None
        assert client.get("/session").json == {"admin": False, "who": "None"}
