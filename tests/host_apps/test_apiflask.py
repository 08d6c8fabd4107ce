"""A host on APIFlask, whose specification is made of all its routes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint
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

apiflask = machine.framework("apiflask")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The host: a function, a class, and a blueprint of plain Flask."""
    host = make_app(app_class=apiflask.APIFlask)
    app: Any = host
    sites = apiflask.Schema.from_dict({"token": apiflask.fields.String()})

    @app.get("/sites")
    @app.output(sites)
    @token_required
    def all_sites() -> dict[str, Any]:
        return {"token": current_token.id, "hidden": True}

    class Site(MethodView):
        decorators = [token_required]

        @app.output(sites)
        def get(self, number: int) -> dict[str, Any]:
            return {"token": current_token.id, "number": number}

    app.add_url_rule("/sites/<int:number>", view_func=Site.as_view("site"))
    plain = Blueprint("plain", __name__, url_prefix="/plain")
    plain.add_url_rule("/", "start", lambda: {"token": current_token.id})
    hosts.host_of(app).apitokens.protect(plain)
    app.register_blueprint(plain)
    return host


def test_specification_lists_the_routes_of_the_host_alone(app: Flask) -> None:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    own = {"/sites", "/sites/{number}"}
    assert own <= set(answer.json["paths"])
    assert not [path for path in answer.json["paths"] if "tokens" in path]
    assert not [path for path in answer.json["paths"] if path.startswith("/admin")]
    tags = [tag["name"] for tag in answer.json["tags"]]
    assert tags == []


def test_guard_and_pages_work(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, ada)
    client = app.test_client()
    for path in ("/sites", "/sites/1", "/plain/"):
        answer = client.get(path, headers=bearer(plaintext))
        assert answer.json == {"token": token_id}
        assert client.get(path).status_code == 401
    # The guard is the outermost decorator here, so the refusal is its own.
    assert bearing.code(client.get("/sites/1")) == "missing_token"
    assert_pages_work(app, ada)
