"""The guard beside Flask's session and Flask-Login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask import Response
from flask import flash
from flask import session
from flask.testing import FlaskClient
from flask_login import current_user
from flask_login import login_required
from flask_login import login_user
from flask_login import logout_user
from flask_wtf.csrf import generate_csrf

from flask_apitokens import APITokens
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp


def add(app: Flask, path: str, view: Callable[..., Any], **options: Any) -> None:
    """A guarded route."""
    app.add_url_rule(path, path, token_required(view), **options)


def name_of_user() -> str:
    """Who Flask-Login says it is."""
    return getattr(current_user, "email", "no user")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A host with routes that say who it is, guarded and not."""
    app = make_app()
    _say_who(app)
    return app


def _say_who(app: Flask) -> None:
    app.add_url_rule("/cookie", "cookie", lambda: name_of_user())
    guard = token_required(optional=True)
    app.add_url_rule("/optional", "optional", guard(name_of_user))
    add(app, "/who", name_of_user)
    add(app, "/session", lambda: dict(session))


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    """A browser in which Alice is signed in."""
    client = app.test_client()
    hosts.login(client, hosts.create_user(app, "alice@example.com"))
    return client


@pytest.fixture
def bob(app: Flask) -> dict[str, str]:
    """The header of a token of Bob's."""
    user = hosts.create_user(app, "bob@example.com")
    return bearer(bearing.generate(app, user)[1])


# -- who it is ----------------------------------------------------------------


def test_cookie_alone_is_refused(alice: FlaskClient) -> None:
    """AUZ-06."""
    for path in ("/api/plain", "/api/ping", "/api/tmy"):
        assert code(alice.get(path)) == "missing_token"


def test_two_headers_with_a_cookie_are_refused(
    alice: FlaskClient, bob: dict[str, str]
) -> None:
    """HTTP-04."""
    both = {"Authorization": f"Basic dTpw, {bob['Authorization']}"}
    assert code(alice.get("/api/plain", headers=both)) == "malformed_request"


def test_token_overrides_the_cookie_as_identity(
    alice: FlaskClient, bob: dict[str, str]
) -> None:
    """AUZ-07."""
    assert alice.get("/who", headers=bob).text == "bob@example.com"
    # The cookie is still Alice's, before and after.
    assert alice.get("/cookie").text == "alice@example.com"
    assert alice.get("/cookie", headers=bob).text == "alice@example.com"


def test_userless_token_with_a_cookie_is_anonymous(
    app: Flask, alice: FlaskClient
) -> None:
    """AUZ-07."""
    userless = bearer(bearing.generate(app, None)[1])
    assert alice.get("/who", headers=userless).text == "no user"
    assert alice.get("/session", headers=userless).json == {}


def test_current_user_read_before_the_guard_is_replaced(
    make_app: MakeApp,
) -> None:
    app = make_app()
    seen: list[str] = []

    @app.before_request
    def look() -> None:
        seen.append(name_of_user())

    @app.after_request
    def look_again(response: Response) -> Response:
        seen.append(name_of_user())
        return response

    add(app, "/who", name_of_user)
    bob, alice = (hosts.create_user(app, f"{n}@example.com") for n in ("bob", "alice"))
    headers = bearer(bearing.generate(app, bob)[1])
    client = app.test_client()
    hosts.login(client, alice)
    seen.clear()
    assert client.get("/who", headers=headers).text == "bob@example.com"
    assert seen == ["alice@example.com", "bob@example.com"]


def test_identity_does_not_outlive_its_request_in_a_pushed_context(
    app: Flask, bob: dict[str, str]
) -> None:
    """The tests of a host often push one application context around all requests."""
    with app.app_context():
        client = app.test_client()
        assert client.get("/who", headers=bob, buffered=True).text == "bob@example.com"
        assert client.get("/cookie", buffered=True).text == "no user"


def test_login_required_below_the_guard_accepts_the_token(
    app: Flask, client: FlaskClient, bob: dict[str, str]
) -> None:
    add(app, "/both", login_required(lambda: "in"))
    assert client.get("/both", headers=bob).text == "in"
    assert code(client.get("/both")) == "missing_token"


def test_request_loader_of_the_host_does_not_set_the_identity(
    app: Flask, client: FlaskClient, bob: dict[str, str]
) -> None:
    eve = hosts.create_user(app, "eve@example.com")
    manager: Any = app.login_manager  # type: ignore[attr-defined]
    manager.request_loader(lambda request: eve)
    assert client.get("/who", headers=bob).text == "bob@example.com"
    assert code(client.get("/who")) == "missing_token"


def test_disabled_login_check_leaves_the_guard_on(make_app: MakeApp) -> None:
    """AUZ-12."""
    app = make_app(LOGIN_DISABLED=True)
    client = app.test_client()
    assert code(client.get("/api/plain")) == "missing_token"
    hosts.login(client, hosts.create_user(app, "alice@example.com"))
    assert code(client.get("/api/plain")) == "missing_token"


def test_optional_guard_keeps_the_user_of_the_cookie(
    alice: FlaskClient, bob: dict[str, str]
) -> None:
    assert alice.get("/optional").text == "alice@example.com"
    assert alice.get("/optional", headers=bob).text == "bob@example.com"


def test_current_token_has_its_owner_without_flask_login() -> None:
    from flask_apitokens import current_token

    app = Flask("tests.bare")
    app.config.update(
        SQLALCHEMY_DATABASE_URI="sqlite://", APITOKENS_BCRYPT_ROUNDS=4, SECRET_KEY="x"
    )
    db, user_model = hosts._schema("int")
    db.init_app(app)
    apitokens = APITokens(db, user_model)
    apitokens.init_app(app)
    add(app, "/who", lambda: current_token.owner.email)
    _, plaintext = bearing.first_token(app, apitokens)
    response = app.test_client().get("/who", headers=bearer(plaintext))
    assert response.text == "ada@example.com"
    with app.app_context():
        db.engine.dispose()


# -- the session --------------------------------------------------------------


def _write(app: Flask) -> Callable[[], str]:
    """A view that does all that would set a cookie."""
    eve = hosts.create_user(app, "eve@example.com")

    def view() -> str:
        session["x"] = 1
        session.permanent = True
        session.setdefault("y", []).append(2)
        session.update(z=3)
        session.modified = True
        flash("hello")
        generate_csrf()
        login_user(eve, remember=True)
        assert session["x"] == 1
        assert session.pop("z") == 3
        return name_of_user()

    return view


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"SESSION_REFRESH_EACH_REQUEST": True},
        {"REMEMBER_COOKIE_REFRESH_EACH_REQUEST": True},
    ],
    ids=str,
)
def test_bearer_request_sets_no_cookie(
    config: dict[str, Any], make_app: MakeApp
) -> None:
    """HTTP-12."""
    app = make_app(**config)
    _say_who(app)
    add(app, "/write", _write(app))
    add(app, "/out", lambda: str(logout_user()))
    bob = hosts.create_user(app, "bob@example.com")
    headers = bearer(bearing.generate(app, bob)[1])
    client, browser = app.test_client(), app.test_client()
    hosts.login(browser, hosts.create_user(app, "alice@example.com"))
    browser.set_cookie("remember_token", "x")
    for each in (client, browser):
        for path in ("/write", "/out"):
            response = each.get(path, headers=headers)
            assert response.status_code == 200
            assert response.headers.getlist("Set-Cookie") == []
    assert client.get("/cookie").text == "no user"


def test_bearer_request_with_permanent_sessions_sets_no_cookie(
    make_app: MakeApp,
) -> None:
    """HTTP-12, accepted and refused."""
    app = make_app()

    @app.before_request
    def last() -> None:
        session.permanent = True
        session["visits"] = session.get("visits", 0) + 1

    bob, alice = (hosts.create_user(app, f"{n}@example.com") for n in ("bob", "alice"))
    headers = bearer(bearing.generate(app, bob)[1])
    client, browser = app.test_client(), app.test_client()
    hosts.login(browser, alice)
    for each in (client, browser):
        for path in ("/api/plain", "/api/tmy"):
            response = each.get(path, headers=headers)
            assert response.status_code in {200, 403}
            assert response.headers.getlist("Set-Cookie") == []
        refused = each.get("/api/plain", headers=bearer("x"))
        assert code(refused) == "invalid_token"
        refused = each.get("/api/plain", headers={"Authorization": "Bearer"})
        assert code(refused) == "malformed_request"


def test_accepted_answer_does_not_vary_on_cookie(
    alice: FlaskClient, bob: dict[str, str]
) -> None:
    response = alice.get("/session", headers=bob)
    assert response.json == {}
    assert "Cookie" not in response.headers.get("Vary", "")
