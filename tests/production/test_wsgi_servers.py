"""The guard and the recorder under the servers that applications run in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from flask import Flask

from tests import bearing
from tests import hosts
from tests.bearing import another_secret
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.machine import free_port
from tests.machine import missing
from tests.usage.test_servers import ROOT
from tests.usage.test_servers import serving

pytestmark = [pytest.mark.server, pytest.mark.database]

APP = "tests.server_app:app"
#: returns the command of a server that listens on a port
Command = Callable[[Path, int], list[str]]


def _gunicorn(*options: str) -> Command:
    return lambda folder, port: [
        *(sys.executable, "-m", "gunicorn", APP, "--workers", "2"),
        *("--bind", f"127.0.0.1:{port}", *options),
    ]


def _waitress(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", APP]


def _hypercorn(folder: Path, port: int) -> list[str]:
    bind = f"127.0.0.1:{port}"
    return [sys.executable, "-m", "hypercorn", "--workers", "2", "--bind", bind, APP]


def _uwsgi(*options: str) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        program = shutil.which("uwsgi") or missing("uwsgi, on the path")
        _require_python_of_debian("/usr/lib/uwsgi/plugins/python3_plugin.so")
        return [
            *(program, "--plugin", "python3", "--need-app", "--die-on-term"),
            *("--master", "--processes", "2", *options, "--module", APP),
            *("--http-socket", f"127.0.0.1:{port}"),
            *("--pythonpath", str(ROOT)),
            *("--pythonpath", sysconfig.get_path("purelib")),
        ]

    return command


APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
ErrorLog /dev/stderr
DefaultRuntimeDir {folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule rewrite_module {modules}/mod_rewrite.so
LoadModule wsgi_module {modules}/mod_wsgi.so
{user}
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess host processes=2 threads=4 python-path={code}
WSGIProcessGroup host
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {folder}/host.wsgi
RewriteEngine On
{header}
<Directory {folder}>
  Require all granted
</Directory>
"""
#: mod_wsgi hides the header unless it is told not to. The second form is the usual one
#: where only .htaccess can be written; it makes an empty header of none.
PASSING = {
    "passing": "WSGIPassAuthorization On",
    "rewriting": "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
}


def _apache(header: str) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        program = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
        modules = Path("/usr/lib/apache2/modules")
        if program is None:
            missing("apache2, on the path or in /usr/sbin")
        _require_python_of_debian(str(modules / "mod_wsgi.so"))
        script = "from tests.server_app import app as application\n"
        (folder / "host.wsgi").write_text(script)
        settings = folder / "apache.conf"
        settings.write_text(
            APACHE.format(
                folder=folder,
                port=port,
                modules=modules,
                code=":".join(map(str, _readable_code(folder))),
                # mod_wsgi refuses to run as root.
                user="User daemon\nGroup daemon" if os.geteuid() == 0 else "",
                header=PASSING[header],
            )
        )
        return [program, "-f", str(settings), "-D", "FOREGROUND"]

    return command


def _readable_code(folder: Path) -> list[Path]:
    """Return where Apache's user finds the tests and their packages.

    It may not be let into the folders above them; then they are copied.
    """
    code = [ROOT, Path(sysconfig.get_path("purelib"))]
    if os.geteuid() != 0:
        return code
    found = []
    for path in code:
        if all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents)):
            found.append(path)
            continue
        copy = folder / f"code{len(found)}"
        shutil.copytree(path, copy, ignore=shutil.ignore_patterns(".*"))
        found.append(copy)
    return found


def _require_python_of_debian(module: str) -> None:
    """End the test unless Debian built *module* for the Python of the tests."""
    version = sysconfig.get_python_version()
    if not Path(module).exists():
        missing(f"{module}, for Python {version}")
    asked = "import sysconfig; print(sysconfig.get_python_version())"
    command = ["/usr/bin/python3", "-c", asked]
    debian = subprocess.check_output(command, text=True)  # noqa: S603 - our own text
    if debian.strip() != version:
        missing(f"{module} for Python {version}; the one here is for {debian.strip()}")


SERVERS: dict[str, Command] = {
    "gunicorn sync": _gunicorn(),
    "gunicorn gthread": _gunicorn("--worker-class", "gthread", "--threads", "4"),
    "gunicorn gevent": _gunicorn("--worker-class", "gevent"),
    "waitress": _waitress,
    "hypercorn": _hypercorn,
    "uwsgi": _uwsgi("--enable-threads"),
    "uwsgi without threads": _uwsgi(),
    "apache": _apache("passing"),
    "apache rewriting": _apache("rewriting"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that servers may read which do not run as root."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", SERVERS)
def test_server_passes_tokens_on_and_loses_no_call(
    name: str, make_app: MakeApp, postgresql_url: str, folder: Path
) -> None:
    port = free_port()
    command = SERVERS[name](folder, port)
    app = make_app(postgresql_url, services=False)
    token_id, plaintext = bearing.generate(
        app, hosts.create_user(app, "ada@example.com")
    )
    hosts.put_away(app)
    with serving(folder, postgresql_url, command, port=port) as server:

        def call(method: str = "GET", **headers: str) -> requests.Response:
            url = f"{server.url}/api/plain"
            return requests.request(method, url, headers=headers, timeout=60)

        for _ in range(8):
            answer = call(**bearer(plaintext))
            assert answer.json() == {"token": token_id}
        assert answer.headers["Vary"] == "Authorization"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        # Hypercorn's adapter for WSGI answers 500 to any response without a body.
        asked_head = name != "hypercorn"
        if asked_head:
            assert call("HEAD", **bearer(plaintext)).status_code == 200
        for word, header in (
            ("missing_token", None),
            ("missing_token", ""),
            ("missing_token", "Basic dTpw"),
            ("malformed_request", f"Bearer {plaintext} x"),
            ("invalid_token", f"Bearer {another_secret(plaintext)}"),
        ):
            refused = call(**({} if header is None else {"Authorization": header}))
            assert refused.json()["code"] == word
            assert refused.headers["WWW-Authenticate"].startswith("Bearer realm=")
        if name == "uwsgi without threads":
            # There is no thread that could write later.
            assert recorded(app, token_id)[0] == 9
            assert "start it with --enable-threads" in server.log
        server.end()
    assert recorded(app, token_id) == (8 + asked_head, "127.0.0.1")


def recorded(app: Flask, token_id: str) -> tuple[int, Any]:
    """Return how many calls were recorded, and the address of the last use."""
    models = bearing.models_of(app)
    with app.app_context():
        session = hosts.host_of(app).db.session
        calls = session.query(models.Call).filter_by(token_id=token_id).count()
        return calls, session.get_one(models.Token, token_id).last_used_ip
