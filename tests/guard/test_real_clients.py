"""Clients that send a token in their own way, unmodified, over a socket."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Blueprint
from flask import Flask
from flask import request
from flask.wrappers import Response
from requests.auth import AuthBase
from werkzeug.serving import make_server

from flask_apitokens import current_token
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.importing.test_service import CONFIG as IMPORTS
from tests.importing.test_service import UUID
from tests.importing.test_service import take_in
from tests.machine import missing

PROJECT = "sample"
FILE = f"{PROJECT}-1.0-py3-none-any.whl"


@dataclass(frozen=True)
class Served:
    """A host on a socket, and a token for it."""

    host: str
    token_id: str
    plaintext: str
    #: path and scheme of each request
    seen: list[tuple[str, str]]

    def url(self, path: str, credentials: str = "") -> str:
        """Return the address of a path, with user name and password before the host."""
        return f"http://{credentials}{'@' if credentials else ''}{self.host}{path}"


def _archive() -> bytes:
    """Return a wheel of a project without modules."""
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"{PROJECT}-1.0.dist-info/{name}", text)
    return file.getvalue()


def _repository(folder: Path) -> Path:
    """Make a bare repository that git can clone over HTTP as plain files."""
    if shutil.which("git") is None:
        missing("git, on the path")
    work, bare = folder / "work", folder / "bare.git"
    for command in (
        ["git", "init", "-q", str(work)],
        ["git", "-C", str(work), "commit", "-q", "--allow-empty", "-m", "First"],
        ["git", "clone", "-q", "--bare", str(work), str(bare)],
        ["git", "-C", str(bare), "update-server-info"],
    ):
        subprocess.run(command, check=True, env=_environment(folder))  # noqa: S603
    return bare


def _environment(home: Path) -> dict[str, str]:
    """Return the environment of a client that asks no user and reads no settings."""
    who = {
        f"GIT_{who}_{what}": "a@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return {
        **{"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "*"},
        **{"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"},
        **{"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        **who,
    }


def _install(app: Flask, folder: Path) -> list[tuple[str, str]]:
    """Add a guarded index of packages and a guarded repository; return what is seen."""
    guarded = Blueprint("files", __name__)
    seen: list[tuple[str, str]] = []
    bare = _repository(folder)

    @app.before_request
    def note() -> None:
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        seen.append((request.path, scheme))

    @guarded.get(f"/simple/{PROJECT}/")
    def index() -> str:
        return f'<!doctype html><a href="/files/{FILE}">{FILE}</a>'

    @guarded.get(f"/files/{FILE}")
    def file() -> Response:
        return Response(_archive(), content_type="application/zip")

    @guarded.get("/repository.git/<path:name>")
    def git(name: str) -> Any:
        place = bare / name
        return place.read_bytes() if place.is_file() else ("", 404)

    @guarded.get("/whoami")
    def whoami() -> dict[str, str]:
        return {"token": current_token.id}

    hosts.host_of(app).apitokens.protect(
        guarded, schemes=("Bearer", "Token", "Api-Key", "Basic"), headers="X-API-Key"
    )
    app.register_blueprint(guarded)
    return seen


@pytest.fixture
def served(make_app: MakeApp, tmp_path: Path, sqlite_url: str) -> Iterator[Served]:
    """Serve a host with guarded files to clients on this machine."""
    app = make_app(sqlite_url, services=False, **IMPORTS)
    seen = _install(app, tmp_path)
    ada = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, ada)
    take_in(app, UUID, ada)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(f"127.0.0.1:{server.server_port}", public, plaintext, seen)
    server.shutdown()
    thread.join()
    server.server_close()


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a client until it ends."""
    if shutil.which(command[0]) is None:
        missing(f"{command[0]}, on the path")
    return subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=_environment(home),
        cwd=home,
    )


@pytest.mark.parametrize("credentials", ["oauth2:{}", "{}:x-oauth-basic", "{}:"])
@pytest.mark.parametrize("imported", [False, True])
def test_git_clones_with_the_token_as_user_name_or_password(
    credentials: str, imported: bool, served: Served, tmp_path: Path
) -> None:
    """git sends no credentials before a challenge asks for Basic."""
    text = credentials.format(UUID if imported else served.plaintext)
    url = served.url("/repository.git", text)
    cloned = run("git", "clone", "-q", url, "cloned", home=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    first, second = served.seen[:2]
    assert first == ("/repository.git/info/refs", "")
    assert second == ("/repository.git/info/refs", "Basic")
    told = run("git", "-C", "cloned", "log", "--format=%s", home=tmp_path)
    assert told.stdout == "First\n"


def test_git_says_that_a_wrong_password_failed(served: Served, tmp_path: Path) -> None:
    url = served.url("/repository.git", "ada:password")
    cloned = run("git", "clone", "-q", url, "cloned", home=tmp_path)
    assert cloned.returncode != 0
    assert "Authentication failed" in cloned.stderr
    assert "401" not in cloned.stderr


@pytest.mark.parametrize("credentials", ["__token__:{}", "{}:", "{}"])
def test_pip_downloads_from_a_guarded_index(
    credentials: str, served: Served, tmp_path: Path
) -> None:
    index = served.url("/simple/", credentials.format(served.plaintext))
    options = ("--no-deps", "--no-cache-dir", "--index-url")
    ran = run(
        *(sys.executable, "-m", "pip", "download", "-v", *options, index, PROJECT),
        home=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (f"/files/{FILE}", "Basic") in served.seen
    assert (tmp_path / FILE).is_file()
    # pip hides the password, and the user name if there is no password.
    hidden = credentials != "{}:"
    assert (served.plaintext not in ran.stdout + ran.stderr) is hidden


@pytest.mark.parametrize(
    "options",
    [
        *(("-u", "ada@example.com:{}"), ("-u", "{}:"), ("-u", "__token__:{}")),
        *(("--anyauth", "-u", "x:{}"), ("--oauth2-bearer", "{}")),
        ("-H", "Authorization: Token {}"),
        ("-H", "Authorization: Api-Key {}"),
        ("-H", "X-API-Key: {}"),
    ],
)
def test_curl_sends_the_token_in_each_way(
    options: tuple[str, ...], served: Served, tmp_path: Path
) -> None:
    words = [word.format(served.plaintext) for word in options]
    told = run("curl", "-sS", *words, served.url("/whoami"), home=tmp_path)
    assert told.stdout.strip() == f'{{"token":"{served.token_id}"}}', told.stderr


class Knox(AuthBase):
    """The header of django-rest-knox's clients."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, sent: requests.PreparedRequest) -> requests.PreparedRequest:
        sent.headers["Authorization"] = f"Token {self.token}"
        return sent


def test_requests_sends_the_token_as_auth(served: Served) -> None:
    for auth in (
        *(("ada", served.plaintext), (served.plaintext, ""), ("é", served.plaintext)),
        Knox(served.plaintext),
    ):
        answer = requests.get(served.url("/whoami"), auth=auth, timeout=30)
        assert answer.json() == {"token": served.token_id}
