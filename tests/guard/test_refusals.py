"""Refusals are raised, and answered alike whatever the application does with errors."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import jsonify
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from flask_apitokens import current_token
from flask_apitokens import errors
from flask_apitokens import signals
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

#: headers that are refused with each status
REFUSED = {
    400: {"Authorization": "Bearer a b"},
    401: {},
    403: None,  # the genuine token, which the route does not accept
}


def shaped(view: Callable[..., Any]) -> Callable[..., Any]:
    """Read an attribute of what the view returns, as ``marshal_with`` does."""

    @functools.wraps(view)
    def shape(**values: Any) -> Any:
        return jsonify(name=getattr(view(**values), "name", None))

    return shape


def comparable(response: TestResponse) -> tuple[Any, ...]:
    """Return the parts of a refusal that are the same each time."""
    body: Any = response.get_json(force=True)
    body.pop("instance")
    headers = {k: v for k, v in response.headers if k != "Content-Length"}
    return response.status_code, headers, body


def routes_of(app: Flask) -> Blueprint:
    """Add a guarded view in a blueprint, behind a decorator that shapes its answer."""
    api = Blueprint("shaping", __name__)

    @api.get("/shaped")
    @shaped
    @token_required(service="tmy")
    def view() -> Any:
        raise AssertionError("the view ran")

    return api


# -- fails closed --------------------------------------------------------------


@pytest.mark.parametrize("status", REFUSED)
def test_decorator_that_shapes_return_values_does_not_hide_a_refusal(
    status: int, app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    app.register_blueprint(routes_of(app))
    sent = REFUSED[status]
    response = client.get("/shaped", headers=headers if sent is None else sent)
    assert response.status_code == status
    assert "WWW-Authenticate" in response.headers
    assert response.content_type == "application/problem+json"


def test_function_called_by_something_else_raises(
    app: Flask, token: tuple[str, str], headers: dict[str, str]
) -> None:
    ran = []

    @token_required
    def task(number: int) -> int:
        ran.append(current_token.id)
        return number

    with app.test_request_context(), pytest.raises(errors.MissingToken):
        task(1)
    bad = bearer(bearing.another_secret(headers["Authorization"].split()[1]))
    with app.test_request_context(headers=bad), pytest.raises(errors.InvalidToken):
        task(1)
    with app.app_context(), pytest.raises(RuntimeError):
        task(1)
    with pytest.raises(RuntimeError):
        task(1)
    assert ran == []
    with app.test_request_context(headers=headers):
        assert task(2) == 2
    assert ran == [token[0]]


def test_cached_function_does_not_keep_a_refusal(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    @token_required
    def guarded() -> str:
        return "in"

    app.add_url_rule("/cached", view_func=functools.cache(guarded))
    assert code(client.get("/cached")) == "missing_token"
    assert client.get("/cached", headers=headers).text == "in"


# -- answered alike ------------------------------------------------------------


def _for_everything(app: Flask, api: Blueprint) -> None:
    @app.errorhandler(Exception)
    def anything(error: Exception) -> Any:
        return "anything", 500


def _for_http(app: Flask, api: Blueprint) -> None:
    @app.errorhandler(HTTPException)
    @api.errorhandler(HTTPException)
    @api.errorhandler(Exception)
    def http(error: Exception) -> Any:
        return jsonify(message="ours"), 418


def _for_codes(app: Flask, api: Blueprint) -> None:
    for status in REFUSED:
        app.register_error_handler(status, lambda error: ("page", 200))
        api.register_error_handler(status, lambda error: ("page", 200))


def _trapping(app: Flask, api: Blueprint) -> None:
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, TRAP_BAD_REQUEST_ERRORS=True)


def _propagating(app: Flask, api: Blueprint) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.debug = True


def _replaced(app: Flask, api: Blueprint) -> None:
    # As Flask-RESTX and Flask-RESTful do.
    before = app.handle_user_exception

    def route(error: Exception) -> Any:
        if isinstance(error, HTTPException):
            return app.make_response((jsonify(message=error.description), 500))
        return before(error)

    app.handle_user_exception = route  # type: ignore[assignment, method-assign]


HOSTS = [_for_everything, _for_http, _for_codes, _trapping, _propagating, _replaced]


@pytest.mark.parametrize("change", HOSTS)
def test_refusal_is_the_same_whatever_handles_errors(
    change: Callable[[Flask, Blueprint], None],
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: list[Any] = []
    heard: list[str] = []

    def note(sender: Flask, refusal: errors.Refusal, **_: object) -> None:
        heard.append(refusal.problem)

    for changed in (False, True):
        app = make_app()
        api = routes_of(app)
        if changed:
            change(app, api)
        app.register_blueprint(api)
        user = hosts.create_user(app, f"{changed}@example.com")
        _id, plaintext = bearing.generate(app, user)
        client = app.test_client()
        with signals.token_rejected.connected_to(note, app):
            for status, sent in REFUSED.items():
                caplog.clear()
                with caplog.at_level(logging.INFO, "flask_apitokens"):
                    headers = bearer(plaintext) if sent is None else sent
                    response = client.get("/shaped", headers=headers)
                assert response.status_code == status
                answers.append(comparable(response))
                assert caplog.text.count("refused:") == 1
    assert heard == ["malformed_request", "missing_token", "wrong_service"] * 2
    half = len(answers) // 2
    assert answers[:half] == answers[half:]


@pytest.mark.parametrize("change", HOSTS)
def test_guard_of_the_whole_application_is_answered_at_its_first_request(
    change: Callable[[Flask, Blueprint], None], app: Flask
) -> None:
    """It is registered before the plugin, and what handles errors after it."""

    @token_required
    def guard() -> None:
        pass

    app.before_request_funcs.setdefault(None, []).insert(0, guard)
    change(app, routes_of(app))
    for _ in range(2):
        refused = app.test_client().get("/open")
        assert (refused.status_code, code(refused)) == (401, "missing_token")
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("kind", [errors.Refusal, errors.MissingToken])
def test_handler_of_the_host_for_refusals_replaces_no_answer(
    kind: type[errors.Refusal], app: Flask
) -> None:
    app.errorhandler(kind)(lambda error: ("all is well", 200))
    response = app.test_client().get("/api/plain")
    assert (response.status_code, code(response)) == (401, "missing_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def _fail(refusal: errors.Refusal) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize("own", [_fail, lambda refusal: None, lambda refusal: 5])
def test_failing_error_handler_leaves_the_plugins_answer(
    own: Callable[..., Any], app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    hosts.host_of(app).apitokens.error_handler(own)
    response = app.test_client().get("/api/plain")
    assert (response.status_code, code(response)) == (401, "missing_token")
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert "error_handler failed" in caplog.text


def test_error_handler_may_be_a_coroutine_function(app: Flask) -> None:
    @hosts.host_of(app).apitokens.error_handler
    async def own(refusal: errors.Refusal) -> Any:
        return {"oh": refusal.problem}

    response = app.test_client().get("/api/plain")
    assert (response.status_code, response.json) == (401, {"oh": "missing_token"})


def test_caught_refusal_names_the_configured_realm(make_app: MakeApp) -> None:
    request = make_app(APITOKENS_REALM="mine").test_request_context()
    with request, pytest.raises(errors.MissingToken) as raised:
        token_required(print)()
    assert raised.value.challenge == 'Bearer realm="mine"'


def test_each_event_of_a_socket_is_checked(app: Flask, user: Any) -> None:
    """Flask-SocketIO runs all of them in contexts of the handshake's environment."""
    token_id, plaintext = bearing.generate(app, user)
    host = hosts.host_of(app)

    @token_required
    def on_event() -> str:
        return current_token.id

    environ = app.test_request_context(headers=bearer(plaintext)).request.environ
    with app.request_context(environ):
        assert on_event() == token_id
    with app.app_context():
        model = bearing.models_of(app).Token
        host.apitokens.revoke(host.db.session.get_one(model, token_id))
        host.db.session.commit()
    with app.request_context(environ):
        assert getattr(current_token, "id", None) is None
        with pytest.raises(errors.TokenRevoked):
            on_event()
