"""A host on Flask-RESTful: resources whose answers are shaped."""

from __future__ import annotations

from typing import Any

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work

flask_restful = machine.framework("flask_restful")
SHAPE = {"token": machine.framework("flask_restful.fields").String}


def test_guard_and_pages_work(make_app: MakeApp) -> None:
    app = make_app()
    api = flask_restful.Api(app, catch_all_404s=True)

    class Site(flask_restful.Resource):  # type: ignore[name-defined]
        @flask_restful.marshal_with(SHAPE)
        @token_required
        def get(self) -> dict[str, Any]:
            return {"token": current_token.id, "hidden": True}

    class Sites(flask_restful.Resource):  # type: ignore[name-defined]
        method_decorators = [flask_restful.marshal_with(SHAPE), token_required]

        def get(self) -> dict[str, Any]:
            return {"token": current_token.id, "hidden": True}

    api.add_resource(Site, "/site")
    api.add_resource(Sites, "/sites")
    ada = hosts.create_user(app, "ada@example.com")
    token_id, plaintext = bearing.generate(app, ada)
    client = app.test_client()
    for path in ("/site", "/sites"):
        answer = client.get(path, headers=bearer(plaintext))
        assert answer.json == {"token": token_id}
        assert bearing.code(client.get(path)) == "missing_token"
    assert_pages_work(app, ada)
