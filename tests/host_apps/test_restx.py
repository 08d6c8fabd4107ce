"""A host on Flask-RESTX: resources in namespaces, and errors of its own."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint
from flask import Flask

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work

flask_restx = machine.framework("flask_restx")


@pytest.fixture(params=[None, "api"])
def app(make_app: MakeApp, request: pytest.FixtureRequest) -> Flask:
    """The host, with its API on the application or in a blueprint called "api"."""
    app = make_app()
    target: Any = app
    if request.param:
        target = Blueprint(request.param, __name__, url_prefix="/v1")
    api = flask_restx.Api(target, doc="/doc", catch_all_404s=True)
    sites = api.namespace("sites")

    @sites.route("/<int:number>")
    class Site(flask_restx.Resource):  # type: ignore[name-defined]
        @token_required
        def get(self, number: int) -> dict[str, Any]:
            return {"token": current_token.id, "number": number}

    @sites.route("/")
    class Sites(flask_restx.Resource):  # type: ignore[name-defined]
        method_decorators = [token_required]

        def get(self) -> dict[str, Any]:
            return {"token": current_token.id}

    if request.param:
        app.register_blueprint(target)
    app.extensions["tests.prefix"] = "/v1" if request.param else ""
    return app


def test_specification_lists_the_routes_of_the_host_alone(app: Flask) -> None:
    prefix = app.extensions["tests.prefix"]
    answer = app.test_client().get(f"{prefix}/swagger.json")
    assert answer.json is not None
    assert set(answer.json["paths"]) == {"/sites/", "/sites/{number}"}


def test_guard_and_pages_work(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, ada)
    client, prefix = app.test_client(), app.extensions["tests.prefix"]
    for path in ("/sites/", "/sites/7"):
        answer = client.get(prefix + path, headers=bearer(plaintext))
        assert answer.json is not None
        assert answer.json["token"] == token_id
        assert bearing.code(client.get(prefix + path)) == "missing_token"
    assert_pages_work(app, ada)
