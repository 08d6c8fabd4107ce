"""Real servers, stopped as operators stop them: no call they answered is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import func
from sqlalchemy import select

from flask_apitokens.db.models import FAILED
from flask_apitokens.db.models import SUCCEEDED
from tests import hosts
from tests import recording
from tests.conftest import MakeApp
from tests.machine import is_listening
from tests.recording import until

ROOT = Path(__file__).parents[2]
GUNICORN = ["gunicorn", "tests.server_app:app", "--bind", "127.0.0.1:0"]
FLASK = ["flask", "--app", "tests.server_app", "run", "--port", "0"]

pytestmark = pytest.mark.server


class Server:
    """A running server and what it says."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, *, port: int | None
    ) -> None:
        self.process = process
        self._log = log
        self._port = port
        until(lambda: self._address() or process.poll() is not None)
        address = self._address()
        assert address, self.log
        self.url = address[0]

    @property
    def log(self) -> str:
        """All it has said."""
        return self._log.read_text()

    def _address(self) -> list[str]:
        if self._port is not None:
            listens = is_listening(self._port)
            return [f"http://127.0.0.1:{self._port}"] if listens else []
        return re.findall(r"http://127\.0\.0\.1:\d+", self.log)

    def get(self, path: str, token: str) -> requests.Response:
        """The answer of a guarded route."""
        headers = {"Authorization": f"Bearer {token}"}
        url = self.url + path
        return requests.get(url, headers=headers, timeout=recording.DEADLINE)

    def who_is_there(self) -> int:
        """Ask for what is not guarded; the answer is the process that answered."""
        response = requests.get(f"{self.url}/favicon.ico", timeout=recording.DEADLINE)
        return int(response.headers["X-Process"])

    def call(self, token: str) -> int:
        """Call a guarded route; the answer is the process that answered."""
        response = self.get("/api/plain", token)
        assert response.status_code == 200, response.text
        return int(response.headers["X-Process"])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and wait; nothing may have gone wrong until then."""
        self.process.send_signal(number)
        status = self.process.wait(recording.DEADLINE)
        assert "Traceback" not in self.log, self.log
        assert "ecorded calls" not in self.log, self.log
        return status


@contextmanager
def serving(
    directory: Path,
    url: str,
    command: Sequence[str],
    *,
    port: int | None = None,
    **environment: str,
) -> Iterator[Server]:
    """Run a server of ``tests.server_app``; it is killed unless the test ends it.

    :param command: a whole command if *port* is given, else a module with arguments.
    :param port: where it listens, if it does not print its address.
    """
    if port is None:
        command = [sys.executable, "-m", *command]
    log = directory / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - our own modules
            command,
            cwd=ROOT,
            env={**os.environ, "TEST_DATABASE_URL": url, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Server(process, log, port=port)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Client:
    """Tokens, called again and again, and when each was called for the last time."""

    def __init__(self, app: Flask, number: int = 8) -> None:
        self._app = app
        user = hosts.create_user(app, "ada@example.com")
        self.tokens = dict(_generate(app, user, f"t{each}") for each in range(number))
        self._last: dict[str, tuple[datetime, datetime]] = {}
        #: how many calls were answered
        self.answered = 0

    def call_each(self, server: Server) -> set[int]:
        """Call with all the tokens at once; the answer is who answered."""
        with ThreadPoolExecutor(len(self.tokens)) as callers:
            seen = set(callers.map(lambda each: self._call(server, each), self.tokens))
        self.answered += len(self.tokens)
        return seen

    def _call(self, server: Server, token_id: str) -> int:
        before = datetime.now(UTC)
        process = server.call(self.tokens[token_id])
        self._last[token_id] = (before, datetime.now(UTC))
        return process

    def call_until_seen(self, server: Server, processes: int) -> set[int]:
        """Call with all the tokens until so many processes have answered."""
        # The calls that one can answer while another still loads might be enough for
        # them to be written before the end.
        _until_so_many(lambda: {server.who_is_there()}, processes)
        return _until_so_many(lambda: self.call_each(server), processes)

    def last_used(self) -> dict[str, datetime | None]:
        """What the database says of the tokens."""
        host = hosts.host_of(self._app)
        model: Any = self._app.extensions["apitokens"].models.Token
        with self._app.app_context():
            rows = host.db.session.query(model.id, model.last_used_at).all()
        return dict(tuple(row) for row in rows)

    def recorded(self) -> tuple[int, int]:
        """The calls that succeeded in the history: one by one, and by the hour."""
        host = hosts.host_of(self._app)
        models: Any = self._app.extensions["apitokens"].models
        hour = models.CallHour
        with self._app.app_context():
            session = host.db.session
            rows = select(func.count()).where(models.Call.result == SUCCEEDED)
            total = func.coalesce(func.sum(hour.succeeded), 0)
            hours = select(total).where(hour.token_id != "")
            return int(session.scalar(rows) or 0), int(session.scalar(hours) or 0)

    def failed(self) -> int:
        """The calls in the history that came to no good end."""
        host = hosts.host_of(self._app)
        call: Any = self._app.extensions["apitokens"].models.Call
        with self._app.app_context():
            rows = select(func.count()).where(call.result == FAILED)
            return int(host.db.session.scalar(rows) or 0)

    def all_is_written(self) -> bool:
        """Whether the history has every answered call, and each token its last use."""
        stored = self.last_used()
        return self.recorded() == (self.answered, self.answered) and all(
            used is not None and before <= used <= after
            for token_id, (before, after) in self._last.items()
            for used in [stored[token_id]]
        )


def _until_so_many(asked: Callable[[], set[int]], processes: int) -> set[int]:
    """Ask until so many processes have answered."""
    seen: set[int] = set()

    def enough() -> bool:
        seen.update(asked())
        return len(seen) >= processes

    until(enough)
    return seen


def _generate(app: Flask, user: Any, name: str) -> tuple[str, str]:
    host = hosts.host_of(app)
    with app.app_context():
        owner = host.db.session.get(host.user_model, user.id)
        token, plaintext = host.apitokens.generate(owner=owner, name=name)
        host.db.session.commit()
        return token.id, plaintext


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)]
)
def url(request: pytest.FixtureRequest) -> str:
    """An empty database, of the kinds that differ in how they survive a fork."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def client(url: str, make_app: MakeApp) -> Client:
    """Eight tokens of a user."""
    return Client(make_app(url, services=False))


def _workers(kind: str, *options: str) -> list[str]:
    threads = ["--threads", "4"] if kind == "gthread" else []
    return [*GUNICORN, "--workers", "2", "--worker-class", kind, *threads, *options]


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_sigterm_to_the_master_loses_no_call_of_any_worker(
    kind: str, preload: list[str], url: str, client: Client, tmp_path: Path
) -> None:
    with serving(tmp_path, url, _workers(kind, *preload)) as server:
        client.call_until_seen(server, 2)
        assert set(client.last_used().values()) == {None}
        assert server.end() == 0
    assert client.all_is_written()


def test_sigterm_to_the_workers_loses_no_call(
    url: str, client: Client, tmp_path: Path
) -> None:
    with serving(tmp_path, url, _workers("sync")) as server:
        for worker in client.call_until_seen(server, 2):
            os.kill(worker, signal.SIGTERM)
        until(client.all_is_written)
        assert server.end() == 0


def test_worker_at_its_request_limit_loses_no_call(
    url: str, client: Client, tmp_path: Path
) -> None:
    command = [*GUNICORN, "--workers", "1", "--max-requests", "8"]
    with serving(tmp_path, url, command) as server:
        client.call_each(server)
        until(client.all_is_written)
        assert server.end() == 0


def test_worker_killed_by_the_timeout_loses_no_call(
    url: str, client: Client, tmp_path: Path
) -> None:
    hangs = tmp_path / "hangs"
    command = [*GUNICORN, "--workers", "1", "--preload", "--timeout", "2"]
    with serving(tmp_path, url, command, TEST_HANGS=str(hangs)) as server:
        client.call_each(server)
        some = next(iter(client.tokens.values()))

        def hang() -> None:
            with suppress(requests.ConnectionError):
                server.get("/api/hang", some)

        caller = threading.Thread(target=hang)
        caller.start()
        until(hangs.exists)
        until(lambda: client.recorded() == (client.answered, client.answered))
        caller.join(recording.DEADLINE)
        assert "WORKER TIMEOUT" in server.log
        until(lambda: client.failed() == 1)  # the one it was stopped in
        server.process.terminate()
        assert server.process.wait(recording.DEADLINE) == 0


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT ends what is started now: a shell's background jobs would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_development_server_loses_no_call(
    number: signal.Signals, heard: None, url: str, client: Client, tmp_path: Path
) -> None:
    with serving(tmp_path, url, FLASK) as server:
        client.call_each(server)
        assert set(client.last_used().values()) == {None}
        assert server.end(number) == {signal.SIGTERM: -15, signal.SIGINT: 0}[number]
    assert client.all_is_written()


def test_killed_worker_loses_only_calls_since_the_last_flush(
    url: str, client: Client, tmp_path: Path
) -> None:
    soon: dict[str, Any] = {"TEST_FLUSH_SECONDS": "0.05"}
    with serving(tmp_path, url, _workers("gthread"), **soon) as server:
        workers = client.call_until_seen(server, 2)
        until(client.all_is_written)  # the periodic flush writes
        written = client.answered
        client.call_each(server)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        server.process.terminate()
        server.process.wait(recording.DEADLINE)
    assert written <= client.recorded()[0] <= client.answered


def test_sync_mode_writes_a_call_before_its_answer_arrives(
    url: str, client: Client, tmp_path: Path
) -> None:
    with serving(tmp_path, url, _workers("gthread"), TEST_USAGE="sync") as server:
        client.call_each(server)
        assert client.all_is_written()
        assert server.end() == 0
