"""Flask-RESTX and Flask-RESTful shape what views return, and handle errors."""

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
from tests.bearing import code
from tests.conftest import MakeApp


def _restx(app: Flask, *, on_error: str) -> None:
    restx = machine.framework("flask_restx")
    api = restx.Api(app, doc=False)
    model = api.model("Site", {"name": restx.fields.String})
    if on_error:

        @api.errorhandler(Exception)
        @api.errorhandler
        def failed(error: Exception) -> Any:
            return {"message": on_error}, 500

    @api.route("/site")
    class Site(restx.Resource):  # type: ignore[name-defined]
        @api.marshal_with(model)
        @token_required
        def get(self) -> Any:
            return {"name": current_token.name}

    @api.route("/sites")
    class Sites(restx.Resource):  # type: ignore[name-defined]
        @api.marshal_list_with(model)
        @token_required
        def get(self) -> Any:
            return [{"name": current_token.name}]


def _restful(app: Flask, *, on_error: str) -> None:
    restful = machine.framework("flask_restful")
    errors = {"InvalidToken": {"message": on_error, "status": 500}} if on_error else {}
    api = restful.Api(app, errors=errors)
    fields = {"name": machine.framework("flask_restful.fields").String}

    class Site(restful.Resource):  # type: ignore[name-defined]
        @restful.marshal_with(fields)
        @token_required
        def get(self) -> Any:
            return {"name": current_token.name}

    class Sites(restful.Resource):  # type: ignore[name-defined]
        method_decorators = [token_required, restful.marshal_with(fields)]

        def get(self) -> Any:
            return [{"name": current_token.name}]

    api.add_resource(Site, "/site")
    api.add_resource(Sites, "/sites")


@pytest.mark.parametrize("on_error", ["", "ours"])
@pytest.mark.parametrize("install", [_restx, _restful])
def test_refusal_below_marshal_with_is_the_same_as_anywhere(
    install: Any, on_error: str, make_app: MakeApp
) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=True)
    install(app, on_error=on_error)
    ada = hosts.create_user(app, "ada@example.com")
    _id, plaintext = bearing.generate(app, ada, name="Deploy")
    client = app.test_client()
    for path in ("/site", "/sites"):
        assert "Deploy" in client.get(path, headers=bearer(plaintext)).text
        for sent, word in (
            ({}, "missing_token"),
            (bearer("a b"), "malformed_request"),
            (bearer(bearing.another_secret(plaintext)), "invalid_token"),
        ):
            response = client.get(path, headers=sent)
            plain = client.get("/api/plain", headers=sent)
            assert code(response) == word
            assert dict(response.headers) == dict(plain.headers)
            assert response.status_code == plain.status_code
