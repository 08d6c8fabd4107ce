"""What a guarded call leaves in the usage history, seen from the routes."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint
from flask import Flask
from flask import Response
from flask import abort
from flask import request_tearing_down
from flask import send_file
from flask import stream_with_context
from sqlalchemy import select
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_apitokens import ANY_SERVICE
from flask_apitokens import token_required
from flask_apitokens.usage.rows import Call
from tests import hosts
from tests.commandline import answer
from tests.commandline import run
from tests.conftest import MakeApp

MakeHistory = Callable[..., "History"]
AGENT = "tests/1.0"


class History:
    """A host, a token of its user's, and what was recorded of their calls."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.host = hosts.host_of(app)
        self.user = hosts.create_user(app, "ada@example.com")
        self.token, self.plaintext = self.generate("Deploy", service="tmy")
        _install_routes(app)

    def generate(self, name: str, **values: Any) -> tuple[str, str]:
        """A token of the user's: its id and its plaintext."""
        values = {"owner": self.user.id, "service": None, "scopes": ()} | values
        with self.app.app_context():
            session = self.host.db.session
            owner = session.get(self.host.user_model, values.pop("owner"))
            if values["service"]:
                values["scopes"] = ["read"]
                self.host.apitokens.subscribe(owner, values["service"])
            made = self.host.apitokens.generate(owner=owner, name=name, **values)
            session.commit()
            return made[0].id, made[1]

    def call(self, path: str, *, token: str | None = None, **options: Any) -> Any:
        """A call from one address, with the token unless another is given."""
        headers = {
            "Authorization": f"Bearer {token or self.plaintext}",
            "User-Agent": AGENT,
        } | options.pop("headers", {})
        environ = {"REMOTE_ADDR": "192.0.2.7"} | options.pop("environ", {})
        client = Client(options.pop("wsgi", self.app), Response)
        return client.open(path, headers=headers, environ_base=environ, **options)

    def rows(self) -> list[Any]:
        """The recorded calls, in the order they were written."""
        state = self.app.extensions["apitokens"]
        assert state.recorder.flush()
        with self.app.app_context():
            model = state.models.Call
            return list(self.host.db.session.scalars(select(model).order_by(model.id)))

    def hours(self) -> set[tuple[Any, ...]]:
        """The calls of each hour: token, owner and the counts."""
        state = self.app.extensions["apitokens"]
        with self.app.app_context():
            rows = self.host.db.session.scalars(select(state.models.CallHour))
            return {
                (
                    row.service,
                    row.token_id,
                    row.owner_key,
                    row.succeeded,
                    row.rejected,
                    row.failed,
                )
                for row in rows
            }


def _install_routes(app: Flask) -> None:
    api = Blueprint("usage", __name__)

    @api.get("/usage/<int:number>")
    @token_required(service="tmy")
    def number(number: int) -> Response:
        if number > 500:
            raise RuntimeError("a fault of the host")
        if number >= 400:
            abort(number)
        return Response("ok", status=number)

    @api.get("/usage/stream")
    @token_required(service="tmy")
    def stream() -> Response:
        return Response(stream_with_context(_chunks()), status=207)

    @api.post("/usage/any")
    @token_required(service=ANY_SERVICE)
    def anything() -> str:
        return "ok"

    app.register_blueprint(api)


def _chunks() -> Iterator[str]:
    yield "one"
    yield "two"


@pytest.fixture
def make_history(make_app: MakeApp) -> MakeHistory:
    """Makes a host whose calls are written when the test wants it."""

    def make(*arguments: Any, **config: Any) -> History:
        quiet = {"APITOKENS_USAGE_FLUSH_SECONDS": 60.0}
        return History(make_app(*arguments, **(quiet | config)))

    return make


@pytest.fixture
def history(make_history: MakeHistory, sqlite_url: str) -> History:
    """A host on SQLite, where the database makes no difference."""
    return make_history(sqlite_url)


def test_call_is_recorded_with_every_column(
    make_history: MakeHistory, database_url: str
) -> None:
    history = make_history(database_url)
    before = datetime.now(UTC)
    assert history.call("/usage/200?secret=1").status_code == 200
    after = datetime.now(UTC)
    (row,) = history.rows()
    assert before <= row.at <= after
    assert (row.token_id, row.token_name, row.owner_key) == (
        history.token,
        "Deploy",
        str(history.user.id),
    )
    assert (row.account_id, row.service) == ("", "tmy")
    assert (row.method, row.rule, row.path) == (
        "GET",
        "/usage/<int:number>",
        "/usage/200",
    )
    assert (row.status, row.result, row.code) == (200, 0, None)
    assert (row.ip, row.user_agent) == ("192.0.2.7", AGENT)
    assert 0 <= row.duration <= (after - before) / timedelta(milliseconds=1) + 1


def test_call_is_counted_once_in_its_hour(
    make_history: MakeHistory, database_url: str
) -> None:
    history = make_history(database_url)
    key = str(history.user.id)
    for status in (200, 204, 404, 500):
        history.call(f"/usage/{status}")
    assert [row.status for row in history.rows()] == [200, 204, 404, 500]
    assert [row.result for row in history.rows()] == [0, 0, 1, 2]
    history.call("/usage/200")
    assert len(history.rows()) == 5
    counts = _without_the_turn_of_the_hour(history.hours())
    assert counts == {
        ("tmy", history.token, key): [3, 1, 1],
        ("tmy", "", ""): [3, 1, 1],
    }


def _without_the_turn_of_the_hour(
    hours: set[tuple[Any, ...]],
) -> dict[tuple[str, ...], list[int]]:
    counts: dict[tuple[str, ...], list[int]] = {}
    for service, token, owner, *numbers in hours:
        known = counts.setdefault((service, token, owner), [0, 0, 0])
        counts[service, token, owner] = [
            one + more for one, more in zip(known, numbers, strict=True)
        ]
    return counts


def test_only_refusals_of_genuine_tokens_are_recorded(
    history: History,
) -> None:
    assert history.call("/api/plain").status_code == 403
    other, plaintext = history.generate("Old")
    with history.app.app_context():
        session = history.host.db.session
        model = history.app.extensions["apitokens"].models.Token
        history.host.apitokens.revoke(session.get_one(model, other))
        session.commit()
    assert history.call("/usage/200", token=plaintext).status_code == 401
    damaged = plaintext[:-1] + ("0" if plaintext[-1] != "0" else "1")
    for token in (damaged, "nonsense", "x" * 600):
        assert history.call("/usage/200", token=token).status_code in {400, 401}
    bad = {"Authorization": "Bearer"}
    assert history.call("/usage/200", headers=bad).status_code == 400
    seen = [
        (row.token_name, row.status, row.code, row.result) for row in history.rows()
    ]
    assert seen == [
        ("Deploy", 403, "wrong_service", 1),
        ("Old", 401, "token_revoked", 1),
    ]
    with history.app.app_context():
        used = history.host.db.session.scalars(select(model.last_used_at)).all()
    assert used == [None, None]  # what was refused was no use


@pytest.mark.parametrize("propagate", [False, True])
def test_exception_of_the_view_is_recorded_as_500(
    propagate: bool, history: History
) -> None:
    history.app.testing = propagate
    if propagate:
        with pytest.raises(RuntimeError, match="a fault of the host"):
            history.call("/usage/999")
    else:
        assert history.call("/usage/999").status_code == 500
    (row,) = history.rows()
    assert (row.status, row.result, row.code) == (500, 2, None)


def test_stream_is_recorded_once_at_its_end(history: History) -> None:
    response = history.call("/usage/stream")
    assert history.rows() == []
    assert response.get_data() == b"onetwo"
    response.close()
    response.close()
    (row,) = history.rows()
    assert (row.status, row.path) == (207, "/usage/stream")


def test_stream_closed_by_the_client_is_recorded(history: History) -> None:
    response = history.call("/usage/stream")
    assert next(iter(response.response)) == b"one"
    response.close()
    assert [row.status for row in history.rows()] == [207]


@pytest.mark.parametrize("place", [0, 99], ids=["before us", "after us"])
def test_answer_changed_by_the_host_is_recorded_as_sent(
    place: int, history: History
) -> None:
    def teapot(response: Response) -> Response:
        response.status_code = 418
        return response

    # its place tells when the host registered it
    history.app.after_request_funcs[None].insert(place, teapot)
    assert history.call("/usage/200").status_code == 418
    assert [row.status for row in history.rows()] == [418]


def test_head_and_post_are_recorded_under_their_methods(history: History) -> None:
    assert history.call("/usage/200", method="HEAD").status_code == 200
    assert history.call("/usage/any", method="POST").status_code == 200
    assert [row.method for row in history.rows()] == ["HEAD", "POST"]


def test_recorded_address_comes_from_proxyfix_only(history: History) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.8"}
    history.call("/usage/200", headers=forwarded)
    history.call("/usage/200", headers=forwarded, wsgi=ProxyFix(history.app.wsgi_app))
    assert [row.ip for row in history.rows()] == ["192.0.2.7", "203.0.113.9"]


def test_invalid_bytes_are_recorded_as_text(
    make_history: MakeHistory, database_url: str
) -> None:
    history = make_history(database_url)
    mounted = DispatcherMiddleware(Flask("outer"), {"/x": history.app.wsgi_app})

    @history.app.get("/odd/<path:rest>")
    @token_required(service="tmy")
    def odd(rest: str) -> str:
        return "ok"

    agent = "a\x01\x7f\x85é😀".encode().decode("latin-1") + "x" * 1000
    history.call(
        "/x/odd/%00%ff/😀" + "y" * 2000,
        wsgi=mounted,
        environ={"REMOTE_ADDR": "no address"},
        headers={"User-Agent": agent},
    )
    (row,) = history.rows()
    assert row.path.startswith("/x/odd/\ufffd\ufffd/😀yyy")
    assert (len(row.path), row.ip) == (500, None)
    assert row.user_agent.startswith("a\ufffd\ufffd\ufffdé😀xxx")
    assert len(row.user_agent) == 255


def test_call_through_two_guards_is_recorded_once(history: History) -> None:
    inner = Blueprint("inner", __name__)

    @inner.get("/twice")
    @token_required(service="timeseries")
    def twice() -> str:
        return "never"

    history.host.apitokens.protect(inner, service="tmy")
    history.app.register_blueprint(inner)
    assert history.call("/twice").status_code == 403
    (row,) = history.rows()
    assert (row.status, row.code) == (403, "wrong_service")


def test_call_of_a_userless_token_is_recorded_without_owner(history: History) -> None:
    with history.app.app_context():
        made = history.host.apitokens.generate(
            owner=None, name="Dashboard", service="tmy", scopes=["read"]
        )
        history.host.db.session.commit()
        plaintext = made[1]
    assert history.call("/usage/200", token=plaintext).status_code == 200
    (row,) = history.rows()
    assert (row.token_name, row.owner_key) == ("Dashboard", "")


def test_sync_mode_writes_before_the_first_chunk(
    make_history: MakeHistory, sqlite_url: str
) -> None:
    history = make_history(sqlite_url, APITOKENS_USAGE="sync")
    recorder = history.app.extensions["apitokens"].recorder
    history.call("/usage/200")
    response = history.call("/usage/stream")
    assert recorder.pending == 0
    assert [row.status for row in history.rows()] == [200, 207]
    response.close()
    assert len(history.rows()) == 2


def test_off_mode_records_nothing(make_history: MakeHistory, sqlite_url: str) -> None:
    history = make_history(sqlite_url, APITOKENS_USAGE="off")
    assert history.call("/usage/200").status_code == 200
    assert history.rows() == []


def test_calls_are_recorded_in_an_in_memory_database(make_history: MakeHistory) -> None:
    history = make_history("sqlite://")
    assert history.call("/usage/200").status_code == 200
    history.call("/usage/stream").close()
    assert [row.status for row in history.rows()] == [200, 207]


@pytest.mark.parametrize("mode", ["buffered", "off"])
def test_prune_command_removes_calls_past_retention(
    mode: str, make_history: MakeHistory, sqlite_url: str
) -> None:
    history = make_history(
        sqlite_url, APITOKENS_USAGE=mode, APITOKENS_USAGE_RETENTION_DAYS=30
    )
    state = history.app.extensions["apitokens"]
    with history.app.app_context():
        now = datetime.now(UTC)
        for days in (29, 31, 32):
            call = Call(history.token, now - timedelta(days=days))
            state.recorder.prepare()
            state.recorder._writer.write([call], patience=1)
    # two calls, and for each its token's hour and everybody's
    removed = {"removed": 6, "retention_days": 30}
    assert answer(history.app, "usage", "prune") == removed
    assert len(history.rows()) == 1
    assert (
        "Removed 0 rows older than 30 days."
        in run(history.app, "usage", "prune").stderr
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_file_response_is_recorded_without_close(
    method: str, history: History, tmp_path: Path
) -> None:
    (tmp_path / "year.csv").write_text("sun")

    @history.app.get("/file")
    @token_required(service="tmy")
    def file() -> Response:
        return send_file(tmp_path / "year.csv")

    response = history.call("/file", method=method)
    etag = {"If-None-Match": response.headers["ETag"]}
    response.close()
    history.call("/file", method=method, headers=etag).close()
    assert [row.status for row in history.rows()] == [200, 304]


def test_exception_in_after_request_is_recorded_once(
    history: History,
) -> None:
    def fail(response: Response) -> Response:
        raise RuntimeError("a fault of the host")

    history.app.testing = False
    functions = history.app.after_request_funcs[None]
    functions.append(fail)
    assert history.call("/usage/200").status_code == 500
    functions.remove(fail)
    assert history.call("/usage/200").status_code == 200
    assert [row.status for row in history.rows()] == [500, 200]
    assert not request_tearing_down.receivers


def test_streamed_error_response_is_recorded(history: History) -> None:
    @history.app.errorhandler(500)
    def streamed(_error: Exception) -> Response:
        return Response(_chunks(), status=503)

    history.app.testing = False
    response = history.call("/usage/999")
    assert history.rows() == []
    response.close()
    assert [row.status for row in history.rows()] == [503]


def test_call_that_ends_its_worker_is_recorded(
    history: History,
) -> None:
    protected = Blueprint("protected", __name__)

    @protected.get("/slow")
    def slow() -> str:
        raise SystemExit(1)  # as gunicorn does to a worker that takes too long

    @protected.get("/quick")
    def quick() -> Response:
        return Response(_chunks(), status=207)

    history.host.apitokens.protect(protected, service="tmy")
    history.app.register_blueprint(protected)
    with pytest.raises(SystemExit):
        history.call("/slow")
    history.call("/quick").close()
    seen = [(row.status, row.path) for row in history.rows()]
    assert seen == [(500, "/slow"), (207, "/quick")]


def test_token_in_a_path_or_user_agent_is_not_recorded(history: History) -> None:
    @history.app.get("/by/<path:rest>")
    @token_required(service="tmy")
    def by(rest: str) -> str:
        return "ok"

    plaintext = history.plaintext
    history.call(f"/by/{plaintext}/x", headers={"User-Agent": f"t/1 {plaintext}"})
    history.call(f"/by/{'y' * 460}/{plaintext}")
    signed = f"apts_{history.token}.1767225600000000.c2Vzc2lvbg.c2ln-bmF0_dXJl"
    history.call(f"/by/{signed}")
    whole, cut, session = history.rows()
    assert whole.path == f"/by/apt_{history.token}_…/x"
    assert whole.user_agent == f"t/1 apt_{history.token}_…"
    assert cut.path == f"/by/{'y' * 460}/apt_{history.token}_…"
    assert session.path == f"/by/apts_{history.token}_…"
