"""A host with SeaSurf, which wants a token of its own in each form."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask import request

from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import assert_pages_work
from tests.pages import stored
from tests.pages import visitor

flask_seasurf = machine.framework("flask_seasurf")


@pytest.fixture(params=["before", "after"])
def app(make_app: MakeApp, request: pytest.FixtureRequest) -> Flask:
    """The host, with SeaSurf set up before the plugin or after it."""
    made: list[Any] = []

    def begin(name: str) -> Flask:
        app = Flask(name)
        app.config["CSRF_DISABLE"] = False  # it would be off under TESTING
        if request.param == "before":
            made.append(flask_seasurf.SeaSurf(app))
        return app

    app = make_app(app_class=begin)
    if not made:
        made.append(flask_seasurf.SeaSurf(app))
    made[0].exempt(app.view_functions["login"])
    made[0].skip_validation(_is_hook)

    @app.post("/own")
    @app.post("/hook", endpoint="hook")
    def own() -> str:
        return "done"

    return app


def _is_hook(_request: object) -> bool:
    return request.path == "/hook"


def test_pages_and_guarded_calls_need_no_token_of_seasurf(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, ada, "timeseries")
    wish: dict[str, Any] = {"service": "timeseries", "scopes": ["write"]}
    head = bearer(bearing.generate(app, ada, **wish)[1])
    client = app.test_client()
    answer = client.post("/api/timeseries/jobs", headers=head)
    assert answer.status_code == 202
    assert "Set-Cookie" not in answer.headers
    assert bearing.code(client.post("/api/timeseries/jobs")) == "missing_token"
    assert client.post("/api-tokens/login", headers=head).status_code in {200, 403}
    assert_pages_work(app, ada)


def test_pages_check_their_own_token_and_the_host_keeps_its_check(app: Flask) -> None:
    ada = visitor(app, hosts.create_user(app, "ada@example.com"), "tmy")
    ada.generate(service="tmy", scope="read")
    [row] = stored(app, ada.user)
    revoke = f"/account/api-tokens/{row['id']}/revoke"
    assert ada.client.post(revoke, data={"confirm": "1"}).status_code == 400
    assert ada.client.post("/own").status_code == 403
    assert ada.client.post("/hook").text == "done"
