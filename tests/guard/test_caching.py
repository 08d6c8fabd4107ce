"""What caches may do with the answers of guarded views (RFC 9111)."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from flask import Flask
from flask import abort
from flask import make_response
from flask import request
from flask import send_file
from flask import session
from flask.testing import FlaskClient
from flask.wrappers import Response

from flask_apitokens import current_token
from flask_apitokens import token_required

PRIVATE = "private, no-cache"


def _install(app: Flask) -> None:
    """Add views that answer in each way there is."""
    optional = token_required(optional=True)

    @app.get("/etag")
    @token_required
    def etag() -> Any:
        response = make_response("x" * 9)
        response.add_etag()
        return response.make_conditional(request)

    @app.get("/stream")
    @token_required
    def stream() -> Any:
        return (piece for piece in ("a", "b"))

    @app.get("/file")
    @token_required
    def file() -> Response:
        return send_file(io.BytesIO(b"a,b"), mimetype="text/csv", max_age=60)

    @app.get("/sent")
    @token_required
    def sent() -> Response:
        return send_file(io.BytesIO(b"a,b"), mimetype="text/csv")

    @app.get("/missing")
    @token_required
    def missing() -> Any:
        abort(404)

    @app.get("/failing")
    @token_required
    def failing() -> Any:
        raise ZeroDivisionError

    @app.get("/own")
    @token_required
    def own() -> Any:
        return "x", {"Cache-Control": "max-age=5", "Vary": "Accept, authorization"}

    @app.get("/several")
    @token_required
    def several() -> Any:
        response = make_response("x")
        for name, value in (("Vary", "Origin"), ("Vary", "Accept")):
            response.headers.add(name, value)
        for value in ("max-age=5", "public"):
            response.headers.add("Cache-Control", value)
        return response

    @app.get("/empty")
    @token_required
    def empty() -> Any:
        return "x", {"Cache-Control": "", "Vary": ""}

    @app.get("/any")
    @token_required
    def anything() -> Any:
        return "x", {"Vary": "*"}

    @app.get("/public")
    @optional
    def public() -> Any:
        return "x", {"Cache-Control": "public, max-age=60"}

    @app.get("/optional")
    @optional
    def maybe() -> str:
        return current_token.id if current_token else "anonymous"

    @app.get("/cookie")
    @optional
    def cookie() -> str:
        session["x"] = 1
        return "x"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a client of a host with those views."""
    _install(app)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "control"),
    [
        ("/api/plain", 200, PRIVATE),
        ("/optional", 200, PRIVATE),
        ("/etag", 200, PRIVATE),
        ("/stream", 200, PRIVATE),
        ("/sent", 200, PRIVATE),
        ("/missing", 404, PRIVATE),
        ("/failing", 500, PRIVATE),
        ("/api/tmy", 403, "no-store"),
        ("/own", 200, "max-age=5"),
        ("/public", 200, "public, max-age=60"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answer_to_a_token_is_private_and_varies(
    method: str,
    path: str,
    status: int,
    control: str,
    client: FlaskClient,
    headers: dict[str, str],
) -> None:
    response = client.open(path, method=method, headers=headers)
    assert response.status_code == status
    assert response.headers.getlist("Cache-Control") == [control]
    assert "authorization" in response.vary


@pytest.mark.parametrize("path", ["/optional", "/api/plain", "/cookie", "/etag"])
def test_answer_without_a_token_varies_too(path: str, client: FlaskClient) -> None:
    response = client.get(path)
    assert "authorization" in response.vary
    assert response.cache_control.no_store or response.cache_control.private


def test_other_headers_are_kept(client: FlaskClient, headers: dict[str, str]) -> None:
    own = client.get("/own", headers=headers)
    assert own.headers.getlist("Vary") == ["Accept, authorization"]
    assert client.get("/any", headers=headers).headers.getlist("Vary") == ["*"]
    cookie = client.get("/cookie")
    assert cookie.vary.to_header().lower() == "authorization, cookie"
    file = client.get("/file", headers=headers)
    assert file.headers["Cache-Control"] == "public, max-age=60"


def test_unchanged_answer_is_private(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    tag = client.get("/etag", headers=headers).headers["ETag"]
    response = client.get("/etag", headers={**headers, "If-None-Match": tag})
    assert response.status_code == 304
    assert response.headers["Cache-Control"] == PRIVATE
    assert "authorization" in response.vary


def test_unguarded_answer_is_left_alone(client: FlaskClient) -> None:
    for path in ("/login", "/nowhere"):
        response = client.get(path)
        assert "authorization" not in response.vary


def test_public_answer_to_a_token_is_logged_once(
    client: FlaskClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "flask_apitokens"):
        client.get("/public")
        assert not caplog.records
        for _ in range(3):
            client.get("/public", headers=headers)
        client.get("/file", headers=headers)
    assert [r.args for r in caplog.records] == [("public",), ("file",)]


def test_host_function_after_the_request_decides(
    client: FlaskClient, app: Flask, headers: dict[str, str]
) -> None:
    @app.after_request
    def forbid(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    response = client.get("/api/plain", headers=headers)
    assert response.headers.getlist("Cache-Control") == ["no-store"]


def test_all_headers_of_a_name_are_read_and_kept(
    client: FlaskClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    several = client.get("/several", headers=headers).headers
    assert several.getlist("Vary") == ["Origin, Accept, Authorization"]
    assert several.getlist("Cache-Control") == ["max-age=5", "public"]
    assert "Cache-Control: public" in caplog.text
    empty = client.get("/empty", headers=headers).headers
    assert empty.getlist("Vary") == ["", "Authorization"]
    assert empty.getlist("Cache-Control") == ["", PRIVATE]
