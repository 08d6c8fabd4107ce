"""A host on flask-openapi3: an application class that documents its own routes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work

flask_openapi3 = machine.framework("flask_openapi3")
pydantic = machine.framework("pydantic")


class Site(pydantic.BaseModel):  # type: ignore[name-defined]
    """The path of a site."""

    number: int


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The host, with a route on the application and one in a blueprint."""
    host = make_app(app_class=flask_openapi3.OpenAPI)
    app: Any = host

    # Its decorator reads the annotations, so it is next to the function.
    def site(path: Site) -> dict[str, Any]:
        return {"token": current_token.id, "number": path.number}

    app.get("/sites/<int:number>")(token_required(site))
    blueprint = flask_openapi3.APIBlueprint("api", __name__, url_prefix="/api/v1")

    @blueprint.get("/self")
    def own() -> dict[str, Any]:
        return {"token": current_token.id}

    hosts.host_of(app).apitokens.protect(blueprint)
    app.register_api(blueprint)
    return host


def test_specification_lists_the_routes_of_the_host_alone(app: Flask) -> None:
    answer = app.test_client().get("/openapi/openapi.json")
    assert answer.json is not None
    assert {"/sites/{number}", "/api/v1/self"} <= set(answer.json["paths"])
    assert not [path for path in answer.json["paths"] if "tokens" in path]
    assert not [path for path in answer.json["paths"] if path.startswith("/admin")]


def test_guard_and_pages_work(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, ada)
    client, head = app.test_client(), bearer(plaintext)
    answer = client.get("/sites/7", headers=head)
    assert answer.json == {"token": token_id, "number": 7}
    assert client.get("/api/v1/self", headers=head).json == {"token": token_id}
    for path in ("/sites/7", "/api/v1/self"):
        assert bearing.code(client.get(path)) == "missing_token"
    assert_pages_work(app, ada)
