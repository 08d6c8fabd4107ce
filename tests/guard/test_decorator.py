"""``@token_required`` and ``protect`` on every kind of view a host can write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import abort
from flask import stream_with_context
from flask.testing import FlaskClient
from flask.views import MethodView
from flask.views import View

from flask_apitokens import ANY_SERVICE
from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.core.context import utcnow
from flask_apitokens.errors import ConfigurationError
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code

# -- kinds of views -----------------------------------------------------------


def test_guarded_view_keeps_its_name_and_docstring() -> None:
    """HTTP-18."""

    def bare() -> str:
        """What it does."""
        return ""

    for guarded in (token_required(bare), token_required(service="tmy")(bare)):
        assert guarded.__name__ == "bare"
        assert guarded.__doc__ == "What it does."
        assert guarded.__module__ == __name__


def test_decorator_given_a_service_as_view_raises_at_once() -> None:
    """``@token_required("tmy")`` would take the slug for the view."""
    with pytest.raises(ConfigurationError, match=r"token_required\(service='tmy'\)"):
        token_required("tmy")  # type: ignore[call-overload]


def test_async_view_is_guarded_and_runs(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    """HTTP-18."""

    @app.get("/async/<int:number>")
    @token_required
    async def view(number: int) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"token": current_token.id, "number": number}

    assert code(client.get("/async/7")) == "missing_token"
    response = client.get("/async/7", headers=headers)
    assert response.json == {"token": token[0], "number": 7}


class _Things(MethodView):
    def get(self) -> dict[str, str]:
        return {"get": current_token.id}

    def post(self) -> dict[str, str]:
        return {"post": current_token.id}


class _Guarded(_Things):
    decorators = [token_required]  # noqa: RUF012 - as Flask documents it


class _GuardedPost(MethodView):
    def get(self) -> dict[str, str]:
        return {"open": "to all"}

    @token_required
    def post(self) -> dict[str, str]:
        return {"post": current_token.id}


class _Classic(View):
    methods = ("GET",)
    decorators = [token_required(service=ANY_SERVICE)]  # noqa: RUF012

    def dispatch_request(self) -> dict[str, str]:
        return {"classic": current_token.id}


def test_class_based_view_is_guarded_by_its_decorators(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    """HTTP-18."""
    app.add_url_rule("/things", view_func=_Guarded.as_view("things"))
    app.add_url_rule("/classic", view_func=_Classic.as_view("classic"))
    app.add_url_rule("/half", view_func=_GuardedPost.as_view("half"))
    for path, method in (
        ("/things", "get"),
        ("/things", "post"),
        ("/classic", "get"),
        ("/half", "post"),
    ):
        assert code(client.open(path, method=method)) == "missing_token"
        answer = client.open(path, method=method, headers=headers)
        assert answer.json == {method if path != "/classic" else "classic": token[0]}
    assert client.get("/half").json == {"open": "to all"}


def test_stream_has_its_current_token_until_the_end(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    """HTTP-20: the token is checked when a stream starts; a running one continues."""

    @app.get("/stream")
    @token_required
    def stream() -> Response:
        def chunks() -> Iterator[str]:
            for number in range(3):
                if number == 1:
                    bearing.change(app, token[0], revoked_at=utcnow())
                yield f"{number} {current_token.id}\n"

        return Response(stream_with_context(chunks()), mimetype="text/plain")

    response = client.get("/stream", headers=headers)
    assert response.text == "".join(f"{n} {token[0]}\n" for n in range(3))
    assert code(client.get("/stream", headers=headers)) == "token_revoked"


def test_head_is_answered_like_get_without_a_body(
    app: Flask, client: FlaskClient, token: tuple[str, str], headers: dict[str, str]
) -> None:
    """HTTP-09."""
    response = client.head("/api/plain", headers=headers)
    assert (response.status_code, response.get_data()) == (200, b"")
    recorder = app.extensions["apitokens"].recorder
    assert recorder.flush()
    with app.app_context():
        row = hosts.host_of(app).db.session.get(bearing.models_of(app).Token, token[0])
        assert row is not None
        assert row.last_used_ip == "127.0.0.1"
    refused = client.head("/api/plain")
    assert (refused.status_code, refused.get_data()) == (401, b"")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}


def test_preflight_needs_no_token_and_skips_the_view(
    app: Flask, client: FlaskClient
) -> None:
    """HTTP-10, HTTP-11."""
    protected = Blueprint("protected", __name__, url_prefix="/protected")
    hosts.host_of(app).apitokens.protect(protected)

    @protected.get("/")
    def view() -> str:
        raise AssertionError("the view ran")

    app.register_blueprint(protected)
    for path in ("/api/plain", "/protected/"):
        response = client.options(path, headers=PREFLIGHT)
        assert response.status_code == 200
        assert "GET" in response.headers["Allow"]
        assert not [
            name for name, _ in response.headers if "access-control" in name.lower()
        ]


def test_options_view_of_the_host_needs_the_token(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    """HTTP-10."""
    protected = Blueprint("protected", __name__, url_prefix="/protected")
    hosts.host_of(app).apitokens.protect(protected)
    protected.add_url_rule("/", "own", lambda: "own", methods=["OPTIONS"])
    app.register_blueprint(protected)
    guarded = token_required(lambda: "own")
    app.add_url_rule("/own", "own", guarded, methods=["OPTIONS", "GET"])
    for path in ("/own", "/protected/"):
        assert code(client.options(path, headers=PREFLIGHT)) == "missing_token"
        assert client.options(path, headers=headers).text == "own"


def test_exception_of_the_view_reaches_the_host(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    @app.get("/gone")
    @token_required
    def gone() -> str:
        abort(404)

    app.errorhandler(404)(lambda error: ("the host's 404", 404))
    response = client.get("/gone", headers=headers)
    assert (response.status_code, response.text) == (404, "the host's 404")


# -- protect ------------------------------------------------------------------


@pytest.fixture
def nested(app: Flask) -> Flask:
    """/v1 is protected but for two views; /v1/deep is nested in it."""
    outer = Blueprint("v1", __name__, url_prefix="/v1")
    inner = Blueprint("deep", __name__, url_prefix="/deep")
    hosts.host_of(app).apitokens.protect(
        outer, service="tmy", scopes="read", exempt=["health", "deep.about"]
    )
    for blueprint in (outer, inner):
        for name in ("data", "health", "about"):
            blueprint.add_url_rule(f"/{name}", name, lambda: "in")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(outer, name="again", url_prefix="/again")
    return app


@pytest.mark.parametrize("prefix", ["/v1", "/again"])
@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/data", False),
        ("/health", True),
        ("/about", False),
        ("/deep/data", False),
        # exempt is the view called "health" of this blueprint, not of another
        ("/deep/health", False),
        ("/deep/about", True),
    ],
)
def test_protected_blueprint_guards_all_but_exempt_views(
    prefix: str, path: str, is_open: bool, nested: Flask, user: Any
) -> None:
    client = nested.test_client()
    answer = client.get(prefix + path)
    if is_open:
        assert answer.text == "in"
        return
    assert code(answer) == "missing_token"
    _, plain = bearing.generate(nested, user)
    assert code(client.get(prefix + path, headers=bearer(plain))) == "wrong_service"
    bearing.subscribe(nested, user, "tmy")
    _, fitting = bearing.generate(nested, user, service="tmy", scopes=["read"])
    assert client.get(prefix + path, headers=bearer(fitting)).text == "in"


def test_protected_child_blueprint_leaves_its_parent_open(
    app: Flask, client: FlaskClient
) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    hosts.host_of(app).apitokens.protect(inner)
    outer.add_url_rule("/outer", "view", lambda: "in")
    inner.add_url_rule("/inner", "view", lambda: "in")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert client.get("/outer").text == "in"
    assert code(client.get("/inner")) == "missing_token"


def test_call_through_two_guards_must_pass_both(
    app: Flask, client: FlaskClient, user: Any, headers: dict[str, str]
) -> None:
    blueprint = Blueprint("both", __name__)
    hosts.host_of(app).apitokens.protect(blueprint, service=ANY_SERVICE)
    blueprint.get("/both")(token_required(service="tmy")(lambda: "in"))
    app.register_blueprint(blueprint)
    assert code(client.get("/both")) == "missing_token"
    assert code(client.get("/both", headers=headers)) == "wrong_service"
    bearing.subscribe(app, user, "tmy")
    _, fitting = bearing.generate(app, user, service="tmy", scopes=["read"])
    assert client.get("/both", headers=bearer(fitting)).text == "in"
