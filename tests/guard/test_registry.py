"""Which views are guarded: CSRFProtect passes those, and blind guards are named."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask.testing import FlaskClient
from flask.views import MethodView
from flask_wtf import CSRFProtect

from flask_apitokens import ANY_SERVICE
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

# -- CSRFProtect --------------------------------------------------------------


def _host_with_csrf(make_app: MakeApp, order: str) -> Flask:
    app = make_app(csrf_protect=order == "before")
    if order == "after":
        CSRFProtect(app)
    return app


class _Method(MethodView):
    decorators = [token_required]  # noqa: RUF012 - as Flask documents it

    def post(self) -> str:
        return "in"

    put = delete = post


class _OneMethod(MethodView):
    @token_required
    def post(self) -> str:
        return "in"

    def put(self) -> str:
        return "on the cookie"


def _twin(app: Flask, path: str, *, guarded: bool) -> None:
    def view() -> str:
        return "in"

    endpoint = path.strip("/")
    run = token_required(view) if guarded else view
    app.add_url_rule(path, endpoint, run, methods=["POST", "PUT", "DELETE"])


@pytest.mark.parametrize("order", ["before", "after"])
def test_csrf_protection_exempts_only_guarded_views(
    order: str, make_app: MakeApp
) -> None:
    """HTTP-16, CSR-14."""
    app = _host_with_csrf(make_app, order)
    # Both views are called "view" and stand in this module.
    _twin(app, "/guarded", guarded=True)
    _twin(app, "/unguarded", guarded=False)
    app.add_url_rule("/method", view_func=_Method.as_view("method"))
    app.add_url_rule("/one", view_func=_OneMethod.as_view("one"))
    guard = token_required(optional=True)
    app.post("/optional", endpoint="optional")(guard(lambda: "in"))
    by_key = token_required(optional=True, query_parameter="key")
    app.post("/by-key", endpoint="by-key")(by_key(lambda: "in"))
    user = hosts.create_user(app, "ada@example.com")
    plaintext = bearing.generate(app, user)[1]
    client, headers = app.test_client(), bearer(plaintext)

    for path in ("/guarded", "/method"):
        for method in ("POST", "PUT", "DELETE"):
            assert client.open(path, method=method, headers=headers).text == "in"
            refused = client.open(path, method=method)
            assert code(refused) == "missing_token"
            basic = {"Authorization": "Basic dTpw"}
            refused = client.open(path, method=method, headers=basic)
            assert code(refused) == "missing_token"
    assert client.post("/one", headers=headers).text == "in"
    assert client.post("/optional", headers=headers).text == "in"
    assert client.post("/by-key", query_string={"key": plaintext}).text == "in"
    assert code(client.post("/optional", headers=bearer("x"))) == "invalid_token"

    for sent in (
        {},
        headers,
        bearer("x"),
        {"Authorization": "Basic dTpw"},
        {"Authorization": "Digest x"},
        {"Authorization": ""},
    ):
        _is_csrf_error(client.post("/unguarded", headers=sent))
        _is_csrf_error(client.put("/one", headers=sent))
    for sent in ({}, {"Authorization": "Basic dTpw"}, {"Authorization": "Digest x"}):
        # Nothing in these is a token: the view would run on the cookie.
        _is_csrf_error(client.post("/optional", headers=sent))
        _is_csrf_error(client.post("/by-key", headers=sent))


def _is_csrf_error(response: Any) -> None:
    assert response.status_code == 400
    assert "CSRF" in response.get_data(as_text=True), response.get_data()


@pytest.mark.parametrize("order", ["before", "after"])
def test_csrf_protection_exempts_protected_nested_blueprints(
    order: str, make_app: MakeApp
) -> None:
    """HTTP-16 with blueprints nested in one another."""
    app = _host_with_csrf(make_app, order)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    hosts.host_of(app).apitokens.protect(outer, exempt=["hook"])
    for blueprint, path in ((outer, "/outer"), (inner, "/inner"), (outer, "/hook")):
        blueprint.add_url_rule(path, path[1:], lambda: "in", methods=["POST"])
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    user = hosts.create_user(app, "ada@example.com")
    client, headers = app.test_client(), bearer(bearing.generate(app, user)[1])
    for path in ("/outer", "/inner"):
        assert client.post(path, headers=headers).text == "in"
        assert code(client.post(path)) == "missing_token"
    _is_csrf_error(client.post("/hook", headers=headers))


def test_csrf_object_of_two_applications_exempts_views_of_each(
    make_app: MakeApp, tmp_path: Any
) -> None:
    """The same endpoint is guarded in one application and not in the other."""
    csrf = CSRFProtect()
    apps = []
    for number, guarded in enumerate((True, False)):
        app = make_app(f"sqlite:///{tmp_path}/{number}.sqlite")
        csrf.init_app(app)
        _twin(app, "/twin", guarded=guarded)
        apps.append(app)
    shut, open_to_cookies = apps
    user = hosts.create_user(shut, "ada@example.com")
    headers = bearer(bearing.generate(shut, user)[1])
    assert shut.test_client().post("/twin", headers=headers).text == "in"
    _is_csrf_error(open_to_cookies.test_client().post("/twin", headers=headers))
    assert shut.test_client().post("/twin", headers=headers).text == "in"


def test_csrf_object_still_protects_an_application_without_the_plugin(
    make_app: MakeApp,
) -> None:
    csrf = CSRFProtect()
    app, bare = make_app(), Flask("tests.bare")
    bare.secret_key = "x"
    csrf.init_app(app)
    csrf.init_app(bare)
    bare.post("/plain")(lambda: "in")
    assert code(app.test_client().post("/api/timeseries/jobs")) == "missing_token"
    _is_csrf_error(bare.test_client().post("/plain"))


def test_csrf_protection_covers_the_plugins_pages(make_app: MakeApp) -> None:
    """HTTP-16, CSR-14."""
    for csrf in (True, False):
        app = make_app(csrf_protect=csrf)
        user = hosts.create_user(app, f"ada{csrf}@example.com")
        client = app.test_client()
        hosts.login(client, user)
        public, plaintext = bearing.generate(app, user)
        revoke = f"/account/api-tokens/{public}/revoke"
        assert client.post(revoke).status_code in {400, 422}
        # A token opens none of our pages: AUZ-05.
        stranger = app.test_client()
        assert stranger.post(revoke, headers=bearer(plaintext)).status_code != 200
        assert client.get("/api/plain", headers=bearer(plaintext)).status_code == 200


# -- a guard in the wrong place -----------------------------------------------


def test_guard_above_the_route_warns_at_the_first_request(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """HTTP-19."""

    @token_required
    @app.get("/blind")
    def blind() -> str:
        return "open"

    blueprint = Blueprint("blue", __name__)

    @token_required(service="tmy")
    @blueprint.get("/blue")
    async def also() -> str:
        return "open"

    app.register_blueprint(blueprint)
    with caplog.at_level(logging.WARNING):
        client.get("/account")
        client.get("/account")
    warnings = [r.getMessage() for r in caplog.records if "is open" in r.getMessage()]
    assert len(warnings) == 2
    assert "'blind'" in warnings[0]
    assert "'blue.also'" in warnings[1]


def test_guard_below_the_route_does_not_warn(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/method", view_func=_Method.as_view("method"))
    with caplog.at_level(logging.WARNING):
        client.get("/api/plain")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"service": "nope"}, "the service 'nope' is not declared"),
        (
            {"service": "tmy", "scopes": "wrte"},
            "no such scope is declared: wrte",
        ),
        (
            {"service": ANY_SERVICE, "scopes": ["read", "fly"]},
            "no such scope is declared: fly",
        ),
        ({"scopes": "read"}, "it asks for scopes, but for no service"),
        ({"kinds": "apo"}, "the kinds are access, api, session"),
    ],
)
def test_guard_that_no_token_can_pass_warns(
    app: Flask,
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    asked: dict[str, Any],
    why: str,
) -> None:
    app.add_url_rule("/x", "closed", token_required(**asked)(lambda: "in"))
    with caplog.at_level(logging.WARNING):
        client.get("/account")
        client.get("/account")
    assert [record.getMessage() for record in caplog.records] == [
        f"no token can pass the guard of 'closed': {why}"
    ]
