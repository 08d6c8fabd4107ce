"""The guard in real servers: at once in every worker, under hostile bytes, in outages.

The servers run the host that :func:`create_app` makes, in this very module.
"""

from __future__ import annotations

import base64
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bcrypt
import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from flask import Response
from sqlalchemy import create_engine
from sqlalchemy import delete
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from flask_apitokens import token_required
from flask_apitokens.crypto import tokens as crypto_tokens
from tests import bearing
from tests import databases
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import hidden_fields
from tests.recording import DEADLINE
from tests.recording import Relay
from tests.recording import until
from tests.usage.test_servers import Server
from tests.usage.test_servers import serving

APP = "tests.guard.test_servers:create_app"
#: kept connections stay with their worker, so that each can be asked on purpose
GTHREAD = [
    *("gunicorn", f"{APP}()", "--bind", "127.0.0.1:0", "--workers", "2"),
    *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "60"),
    "--preload",
]
GEVENT = [
    *("gunicorn", f"{APP}()", "--bind", "127.0.0.1:0", "--workers", "1"),
    *("--worker-class", "gevent"),
]
FLASK = ["flask", "--app", APP, "run", "--port", "0"]

_END = b"\r\n\r\n"

pytestmark = pytest.mark.server


def create_app() -> Flask:
    """The host that the servers of these tests run."""
    app = hosts.create_host(
        os.environ["TEST_DATABASE_URL"],
        SQLALCHEMY_ECHO="TEST_ECHO" in os.environ,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(),
    )
    if "TEST_ECHO" in os.environ:
        logging.basicConfig(level=logging.DEBUG)
        app.config["TESTING"] = False  # as in production, an exception is logged
    if "TEST_BCRYPT" in os.environ:
        _tell_of_bcrypt(Path(os.environ["TEST_BCRYPT"]))
    app.after_request(_say_which_process)
    app.get("/api/stream")(token_required(_stream))
    app.get("/api/fail")(token_required(_fail))
    # As a host does that is loaded before its workers are forked.
    hosts.put_away(app)
    return app


def _engine_options() -> dict[str, Any]:
    if "TEST_RELAY" not in os.environ:
        return {}
    # In these words psycopg and PyMySQL agree.
    return {"connect_args": {"connect_timeout": 2}}


def _say_which_process(response: Response) -> Response:
    response.headers["X-Process"] = str(os.getpid())
    return response


def _stream() -> Response:
    """Never end, unless the client closes the connection."""

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            Path(os.environ["TEST_STREAM"]).touch()

    return Response(chunks(), content_type="application/octet-stream")


def _fail() -> str:
    raise RuntimeError("the view fails")


def _tell_of_bcrypt(directory: Path) -> None:
    """Make files at the beginning and at the end of each check that bcrypt makes."""
    check = bcrypt.checkpw

    def told(password: bytes, hashed_password: bytes) -> bool:
        cost = hashed_password.split(b"$")[2].decode()
        (directory / f"begun-{cost}").touch()
        try:
            return check(password, hashed_password)
        finally:
            (directory / f"ended-{cost}").touch()

    bcrypt.checkpw = told


# -- VER-07, VER-08: at once, and everywhere -----------------------------------


class Workers:
    """Every worker of a server, and this process as a second host, asked in turn."""

    def __init__(self, server: Server, app: Flask, stack: ExitStack) -> None:
        self._server = server
        self._here = app.test_client()
        self._sessions: dict[str, requests.Session] = {}
        # A new connection goes to whichever worker takes it first.
        until(lambda: self._meet_another(stack) == 2)

    def _meet_another(self, stack: ExitStack) -> int:
        session = stack.enter_context(requests.Session())
        process = self._get(session, "/favicon.ico").headers["X-Process"]
        self._sessions.setdefault(process, session)
        return len(self._sessions)

    def _get(
        self, session: requests.Session, path: str, **headers: str
    ) -> requests.Response:
        url = self._server.url + path
        return session.get(url, headers=headers, timeout=DEADLINE)

    def answers(self, path: str, plaintext: str) -> list[str]:
        """What each of them says: "200", or the machine word of its refusal."""
        found = []
        for process, session in self._sessions.items():
            response = self._get(session, path, **bearer(plaintext))
            assert response.headers["X-Process"] == process
            good = response.status_code == 200
            found.append("200" if good else response.json()["code"])
        here = self._here.get(path, headers=bearer(plaintext))
        return [*found, "200" if here.status_code == 200 else bearing.code(here)]


class Browser:
    """A signed-in user, over the wire."""

    def __init__(self, server: Server, user: Any) -> None:
        self._url = server.url
        self._session = requests.Session()
        self.send("/login", email=user.email)

    def get(self, path: str) -> str:
        """A page."""
        return self._session.get(self._url + path, timeout=DEADLINE).text

    def send(self, path: str, **fields: str) -> requests.Response:
        """A form; it has to be accepted."""
        data = {"csrf_token": self.get("/csrf-token"), **fields}
        url = self._url + path
        response = self._session.post(
            url, data=data, timeout=DEADLINE, allow_redirects=False
        )
        assert response.status_code in {201, 302, 303}, response.text
        return response

    def cookies(self) -> str:
        """All that the server has left with it, also what is encoded."""
        told = []
        for value in self._session.cookies.values():
            told.append(str(value))
            head = str(value).lstrip(".").split(".")[0]
            told.append(repr(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))))
        return "\n".join(told)

    def close(self) -> None:
        """Put its connections away."""
        self._session.close()


Act = Callable[[Flask, Any, str, Browser], object]


def _delete_user(app: Flask, user: Any) -> None:
    model = hosts.host_of(app).user_model
    with bearing.engine_of(app).begin() as connection:
        connection.execute(delete(model).where(model.id == user.id))


def _delete_user_through_the_session(app: Flask, user: Any) -> None:
    host = hosts.host_of(app)
    with app.app_context():
        host.db.session.delete(host.db.session.get(host.user_model, user.id))
        host.db.session.commit()


#: what is done, to whom the route belongs, and what everybody must say at once
ENDS: dict[str, tuple[Act, str]] = {
    "revoked on the page": (
        lambda _app, _user, token, browser: browser.send(f"{U}{token}/revoke"),
        "token_revoked",
    ),
    "deleted on the page": (
        lambda _app, _user, token, browser: browser.send(f"{U}{token}/delete"),
        "invalid_token",
    ),
    "deactivated": (
        lambda app, _user, token, _browser: bearing.change(
            app, token, deactivated_at=datetime.now(UTC)
        ),
        "token_deactivated",
    ),
    "owner disabled": (
        lambda app, user, _token, _browser: bearing.change_user(
            app, user, is_active=False
        ),
        "owner_inactive",
    ),
    "subscription off": (
        lambda app, user, _token, _browser: bearing.unsubscribe(app, user, "tmy"),
        "service_inactive",
    ),
    "owner deleted": (
        lambda app, user, _token, _browser: _delete_user(app, user),
        # If the database does not follow, the token is the only text there.
        "owner_inactive or invalid_token",
    ),
    "owner deleted through the session": (
        lambda app, user, _token, _browser: _delete_user_through_the_session(app, user),
        "invalid_token",
    ),
}


def test_end_of_a_token_counts_at_the_next_call_in_every_worker(
    database_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """VER-07, VER-08"""
    app = make_app(database_url)
    made = {}
    for number, name in enumerate([*ENDS, "expires", "service off"]):
        user = hosts.create_user(app, f"user{number}@example.com")
        bearing.subscribe(app, user, "tmy")
        service = {"service": "tmy", "scopes": ["read"]}
        made[name] = user, *bearing.generate(app, user, **service)
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path, database_url, GTHREAD))
        workers = Workers(server, app, stack)
        for name, (user, token_id, plaintext) in made.items():
            for _ in range(2):
                assert workers.answers("/api/tmy", plaintext) == ["200"] * 3, name
            if name not in ENDS:
                continue
            act, expected = ENDS[name]
            browser = Browser(server, user)
            act(app, user, token_id, browser)
            browser.close()
            found = workers.answers("/api/tmy", plaintext)
            assert len(found) == 3
            assert set(found) <= set(expected.split(" or ")), name
        _user, token_id, plaintext = made["expires"]
        soon = datetime.now(UTC) + timedelta(seconds=0.3)
        bearing.change(app, token_id, expires_at=soon)
        # One after the other: who is asked later must not be the more lenient.
        until(lambda: "200" not in workers.answers("/api/tmy", plaintext))
        assert workers.answers("/api/tmy", plaintext) == ["token_expired"] * 3
        bearing.switch_service(app, "tmy", active=False)
        _user, _token_id, plaintext = made["service off"]
        assert workers.answers("/api/tmy", plaintext) == ["service_inactive"] * 3
        bearing.switch_service(app, "tmy", active=True)
        assert workers.answers("/api/tmy", plaintext) == ["200"] * 3
        assert server.end() == 0


# -- HTTP-04, HTTP-05: bytes on a socket ---------------------------------------


def _despite_resets() -> AbstractContextManager[None]:
    return suppress(ConnectionResetError, BrokenPipeError)


class Wire:
    """Raw requests to a server."""

    def __init__(self, server: Server, plaintext: str, marker: Path) -> None:
        parts = urlsplit(server.url)
        self._address = (str(parts.hostname), int(parts.port or 0))
        #: made when a stream of the server is closed
        self.marker = marker
        self.good = b"Authorization: Bearer " + plaintext.encode()
        self.token = plaintext.encode()

    def ask(self, *lines: bytes, request: bytes = b"GET /api/plain") -> bytes:
        """The whole answer to one request on a connection of its own."""
        head = [request + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
        with self.connect(*head, *lines) as connection:
            parts = []
            # A server that has read enough may reset what is still on its way.
            with _despite_resets():
                while part := connection.recv(65536):
                    parts.append(part)
        return b"".join(parts)

    def connect(self, *lines: bytes) -> socket.socket:
        """A connection on which a request was sent."""
        connection = socket.create_connection(self._address, DEADLINE)
        with _despite_resets():
            connection.sendall(b"\r\n".join([*lines, b"", b""]))
        return connection

    def status(self, *lines: bytes, request: bytes = b"GET /api/plain") -> int:
        """The status of that answer; 0 where the server just hung up."""
        answer = self.ask(*lines, request=request)
        return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.fixture(scope="module", params=["gunicorn", "development server"])
def wire(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wire]:
    """One of the servers with a good token; it must not have stumbled in the end."""
    directory = tmp_path_factory.mktemp("wire")
    url = databases.sqlite_url(directory)
    app = hosts.create_host(url)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    hosts.put_away(app)
    command = GTHREAD if request.param == "gunicorn" else FLASK
    marker = directory / "stream-closed"
    with serving(directory, url, command, TEST_STREAM=str(marker)) as server:
        wire = Wire(server, plaintext, marker)
        yield wire
        assert wire.status(wire.good) == 200
        assert server.end() in {0, -15}
        assert plaintext not in server.log


def _odd_places(wire: Wire) -> list[tuple[bytes, ...]]:
    """A good token where it cannot be accepted."""
    good, token, name = wire.good, wire.token, b"Authorization: "
    basic = name + b"Basic " + base64.b64encode(b"ada:" + token)
    return [
        (good, good),
        (good, basic),
        (basic, good),
        (good + b", Bearer " + token,),
        (basic + b", Bearer " + token,),
        (good + b", x",),
        (name + b"Bearer," + token,),
        (name + b"Bearer\t" + token,),
        (name + b"Bearer:" + token,),
        (name + b"Bearer: " + token,),
        (name + b'Bearer "' + token + b'"',),
        (name + b"Bearer token=" + token,),
        (good + b" " + token,),
        (name + token,),
        (name + b"Token " + token,),
        (basic,),
        (b"Authorization_: Bearer " + token,),
        (b"Proxy-Authorization: Bearer " + token,),
        (b"X-Api-Key: " + token, b"Cookie: session=" + token),
    ]


def _odd_bytes(wire: Wire) -> list[tuple[bytes, ...]]:
    """A good token with something about it, or nothing of it at all."""
    good, name = wire.good, b"Authorization: "
    return [
        (name + b"Bearer",),
        (name + b"Bearer ",),
        (name,),
        (b"Authorization:",),
        (name + b"\x00",),
        (name + b"B\xe9arer " + wire.token,),
        (name + b"Bearer \xff\xfe" + wire.token,),
        (name + b"Bearer apt_\x00" + wire.token,),
        (name + b"Bearer \r" + wire.token,),
        (good[:-1] + b"\xe9",),
        *((good + bytes([code]),) for code in (0, 1, 8, 11, 27, 31, 127, 160, 255)),
        (good + "ü€🚀".encode(),),
        (name + b"Bearer " + b"A" * 513,),
    ]


def _floods(wire: Wire) -> list[tuple[bytes, ...]]:
    """More than anybody needs to say."""
    name = b"Authorization: "
    return [
        (wire.good + b"A" * 65_000,),
        (name + b"Bearer " + b"\xff" * 65_000,),
        (name + b"Bearer" + b" " * 65_000 + b"?",),
        (name + b"," * 65_000,),
        tuple([wire.good] * 90),
    ]


def test_hostile_bytes_in_the_header_are_refused_without_server_error(
    wire: Wire,
) -> None:
    """HTTP-04, HTTP-05"""
    for lines in [*_odd_places(wire), *_odd_bytes(wire)]:
        assert wire.status(*lines) in {400, 401}, lines
    for lines in _floods(wire):
        # A server that hangs up without reading it all has refused as well.
        assert wire.status(*lines) in {400, 401, 431, 0}, lines[0][:40]


def test_well_formed_header_is_accepted_by_every_server(wire: Wire) -> None:
    """HTTP-05"""
    token = wire.token
    for line in (
        b"Authorization: bearer " + token,
        b"AUTHORIZATION: BEARER " + token,
        b"authorization:Bearer    " + token,
        b"Authorization:   Bearer " + token + b"   ",
    ):
        assert wire.status(line) == 200, line
    # A proxy may add a header and leave it empty; servers join the two by a comma.
    empty = b"Authorization: "
    for lines in ((wire.good, empty), (empty, wire.good), (wire.good + b",",)):
        assert wire.status(*lines) == 200, lines


def test_head_is_answered_without_a_body_by_the_server(wire: Wire) -> None:
    """HTTP-09"""
    head, _, body = wire.ask(wire.good, request=b"HEAD /api/plain").partition(_END)
    assert (head.split()[1], body) == (b"200", b"")
    head, _, body = wire.ask(request=b"HEAD /api/plain").partition(_END)
    assert (head.split()[1], body) == (b"401", b"")
    assert b"WWW-Authenticate: Bearer realm=" in head


def test_preflight_is_answered_without_a_token(wire: Wire) -> None:
    """HTTP-10, HTTP-11"""
    asked = b"Origin: https://elsewhere.example", b"Access-Control-Request-Method: GET"
    head, _, body = wire.ask(*asked, request=b"OPTIONS /api/plain").partition(_END)
    assert head.split()[1] == b"200"
    assert b"Access-Control-" not in head
    assert body == b""


def test_aborted_stream_is_closed_and_the_server_continues(wire: Wire) -> None:
    """HTTP-20: the stream is closed and the server goes on."""
    for _ in range(3):
        _hang_up_in_the_middle(wire)
        until(wire.marker.exists)
        wire.marker.unlink()
    # Nor does half a request do any harm.
    wire.connect(b"GET /api/plain HTTP/1.1", wire.good[:40]).close()
    assert wire.status(wire.good) == 200


def _hang_up_in_the_middle(wire: Wire) -> None:
    with wire.connect(
        b"GET /api/stream HTTP/1.1", b"Host: localhost", wire.good
    ) as connection:
        assert connection.recv(4096).split()[1] == b"200"
        # Not a farewell but a reset.
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


# -- DBS-01, DBS-02: the database behind a server ------------------------------


def _ask_each(sessions: list[requests.Session], url: str, plaintext: str) -> set[int]:
    """The statuses; a 503 has to be one that a script can rely on."""
    found = set()
    for session in sessions:
        response = session.get(url, headers=bearer(plaintext), timeout=DEADLINE)
        found.add(response.status_code)
        if response.status_code == 503:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["code"] == "temporarily_unavailable"
            assert int(response.headers["Retry-After"]) > 0
            assert response.headers["Cache-Control"] == "no-store"
            assert "sql" not in response.text.lower()
            assert "WWW-Authenticate" not in response.headers
    return found


def _relayed(url: str, *, listen: int = 0, **parts: Any) -> tuple[Relay, str]:
    """Return a relay to a database server, and the database's address behind it.

    :param listen: the port of the relay, or 0 for a free one.
    :param parts: what else changes in the address.
    """
    real = make_url(url)
    default = 5432 if real.get_backend_name() == "postgresql" else 3306
    relay = Relay(str(real.host), int(real.port or default), listen=listen)
    behind = real.set(host="127.0.0.1", port=relay.port, **parts)
    return relay, behind.render_as_string(hide_password=False)


def _kill_all_connections(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )


@pytest.mark.database
def test_database_outage_behind_a_server_is_a_503_until_it_returns(
    postgresql_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """DBS-01, DBS-02: never 401, never 500, and no restart."""
    app = make_app(postgresql_url)
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    relay, behind = _relayed(postgresql_url)
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path, behind, GTHREAD, TEST_RELAY="1"))
        sessions = [stack.enter_context(requests.Session()) for _ in range(8)]
        plain = server.url + "/api/plain"
        assert _ask_each(sessions, plain, plaintext) == {200}
        browser = Browser(server, user)
        for _ in range(3):
            _kill_all_connections(postgresql_url)
            assert _ask_each(sessions, plain, plaintext) <= {200, 503}
            assert _ask_each(sessions, plain, plaintext) == {200}
        relay.close()
        assert _ask_each(sessions, plain, plaintext) == {503}
        relay, _ = _relayed(postgresql_url, listen=relay.port)
        stack.callback(relay.close)
        until(lambda: _ask_each(sessions, plain, plaintext) == {200})
        browser.close()
        server.process.terminate()
        server.process.wait(DEADLINE)
        assert "Traceback" not in server.log


@pytest.mark.database
def test_unresponsive_database_is_a_503_after_the_drivers_timeout(
    mariadb_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """DBS-01 with lost packets; the host configured the read timeout of its driver."""
    app = make_app(mariadb_url)
    _, plaintext = bearing.generate(app, hosts.create_user(app, "ada@example.com"))
    relay, behind = _relayed(mariadb_url, query={"read_timeout": "1"})
    with ExitStack() as stack:
        stack.callback(relay.close)
        server = stack.enter_context(serving(tmp_path, behind, GTHREAD, TEST_RELAY="1"))
        sessions = [stack.enter_context(requests.Session())]
        plain = server.url + "/api/plain"
        assert _ask_each(sessions, plain, plaintext) == {200}
        relay.freeze()
        assert _ask_each(sessions, plain, plaintext) == {503}
        relay.thaw()
        assert _ask_each(sessions, plain, plaintext) == {200}
        assert "Traceback" not in server.log


# -- VER-20: a cold check delays no other ---------------------------------------


def test_bcrypt_does_not_block_other_requests_under_gevent(
    sqlite_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """VER-20: the other answers arrive before the bcrypt check ends."""
    app = make_app(sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    _, warm = bearing.generate(app, user)
    cold_id, cold = bearing.generate(app, user)
    slow = crypto_tokens.hash_token(cold.encode(), 13)
    bearing.change(app, cold_id, secret_hash=slow)
    begun, ended = tmp_path / "begun-13", tmp_path / "ended-13"
    with serving(tmp_path, sqlite_url, GEVENT, TEST_BCRYPT=str(tmp_path)) as server:
        server.call(warm)
        answers: list[int] = []
        caller = threading.Thread(target=lambda: answers.append(server.call(cold)))
        caller.start()
        until(begun.exists)
        meanwhile = 0
        while not ended.exists():
            server.call(warm)
            meanwhile += not ended.exists()
        caller.join(DEADLINE)
        assert len(answers) == 1
        assert meanwhile >= 3
        assert server.end() == 0


# -- VER-01: the plaintext is nowhere ------------------------------------------


def test_plaintext_appears_in_the_one_answer_that_reveals_it_only(
    sqlite_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """VER-01, LOG-04: with every log at its most verbose level."""
    app = make_app(sqlite_url)
    user = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, user, "tmy")
    loud = [*GTHREAD, "--log-level", "debug", "--access-logfile", "-"]
    with serving(tmp_path, sqlite_url, loud, TEST_ECHO="1") as server:
        browser = Browser(server, user)
        form = hidden_fields(browser.get(f"{U}new"))
        wish = {"name": "Deploy", "kind": "api", "expiry": "never", "scope": "read"}
        shown = browser.send(U, **{**form, **wish, "service": "tmy"}).text
        found = BeautifulSoup(shown, "html.parser").select_one("#at-secret")
        assert found is not None
        plaintext = found.get_text()
        assert server.get("/api/tmy", plaintext).status_code == 200
        assert server.get("/api/plain", plaintext).status_code == 403
        wrong = bearing.another_secret(plaintext)
        assert server.get("/api/tmy", wrong).status_code == 401
        _, other = bearing.generate(app, user)
        assert server.get("/api/fail", other).status_code == 500
        pages = [browser.get(U), browser.get(f"{U}new"), browser.cookies()]
        browser.close()
        log = server.log
        assert "Traceback" in log
        assert "INSERT INTO apitokens_token" in log
        files = [path for path in tmp_path.iterdir() if "sqlite" in path.name]
        assert {path.suffix for path in files} >= {".sqlite", ".sqlite-wal"}
        stored = b"".join(path.read_bytes() for path in files)
    assert plaintext.split("_")[1].encode() in stored
    for each in (plaintext, other):
        tail = each.split("_")[2]
        for piece in (tail[:20], tail[-20:]):
            assert piece not in log
            assert piece.encode() not in stored
            assert not any(piece in page for page in pages)
