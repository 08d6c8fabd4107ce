"""A host on flask-smorest: classes with schemas, in blueprints that document them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work

flask_smorest = machine.framework("flask_smorest")
marshmallow = machine.framework("marshmallow")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The host, with a route in the shape of its documentation."""
    app = make_app(
        API_TITLE="Sites",
        API_VERSION="1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/docs",
    )
    api = flask_smorest.Api(app)
    site = marshmallow.Schema.from_dict({"token": marshmallow.fields.String()})
    blueprint = flask_smorest.Blueprint("sites", "sites", url_prefix="/sites")

    @blueprint.route("/<int:number>")
    class Site(MethodView):
        @token_required
        @blueprint.response(200, site)
        def get(self, number: int) -> dict[str, Any]:
            return {"token": current_token.id, "number": number}

    api.register_blueprint(blueprint)
    return app


def test_specification_lists_the_routes_of_the_host_alone(app: Flask) -> None:
    answer = app.test_client().get("/docs/openapi.json")
    assert answer.json is not None
    assert list(answer.json["paths"]) == ["/sites/{number}"]
    assert [tag["name"] for tag in answer.json["tags"]] == ["sites"]


def test_guard_and_pages_work(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, ada)
    client = app.test_client()
    answer = client.get("/sites/1", headers=bearer(plaintext))
    assert answer.json == {"token": token_id}
    assert bearing.code(client.get("/sites/1")) == "missing_token"
    assert_pages_work(app, ada)
