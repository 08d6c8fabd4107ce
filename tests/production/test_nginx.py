"""A shared cache in front of the application: nginx with ``proxy_cache``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.machine import free_port
from tests.machine import is_listening
from tests.machine import missing
from tests.recording import until

pytestmark = pytest.mark.server

# nginx keeps any answer for ten seconds if the application does not object.
SETTINGS = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_temp_path {folder}/proxy;
  proxy_cache_path {folder}/cache keys_zone=answers:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_cache answers;
      proxy_cache_valid any 10s;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""


@pytest.fixture
def cached(app: Flask, tmp_path: Path) -> Iterator[str]:
    """The address of nginx in front of the host, with views of each kind."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        missing("nginx, on the path or in /usr/sbin")

    @app.get("/optional")
    @token_required(optional=True)
    def optional() -> str:
        return current_token.id if current_token else "anonymous"

    @app.get("/open")
    def unguarded() -> Any:
        return "open"

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = free_port()
    settings = tmp_path / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    settings.write_text(
        SETTINGS.format(
            folder=tmp_path, port=port, behind=server.server_port, user=user
        )
    )
    command = [program, "-p", str(tmp_path), "-e", "stderr", "-c", str(settings)]
    with subprocess.Popen(command) as process:  # noqa: S603 - found above
        try:
            until(lambda: is_listening(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            server.shutdown()
            thread.join()
            server.server_close()


def test_shared_cache_gives_no_answer_to_another_caller(
    cached: str, app: Flask, make_app: MakeApp
) -> None:
    tokens = [
        bearing.generate(app, hosts.create_user(app, f"{name}@example.com"))
        for name in ("ada", "grace")
    ]

    def get(path: str, plaintext: str | None = None) -> requests.Response:
        headers = {} if plaintext is None else bearer(plaintext)
        return requests.get(f"{cached}{path}", headers=headers, timeout=30)

    # The cache works: this route has no guard, and nothing says who may see it.
    get("/open")
    assert get("/open").headers["X-Cache"] == "HIT"
    for _ in range(2):
        for token_id, plaintext in tokens:
            assert get("/api/plain", plaintext).json() == {"token": token_id}
            assert get("/optional", plaintext).text == token_id
        wrong = get("/api/plain", bearing.another_secret(tokens[0][1]))
        assert wrong.json()["code"] == "invalid_token"
        assert get("/api/plain").json()["code"] == "missing_token"
        assert get("/optional").text == "anonymous"
    with app.app_context():
        host = hosts.host_of(app)
        model = bearing.models_of(app).Token
        host.apitokens.revoke(host.db.session.get_one(model, tokens[0][0]))
        host.db.session.commit()
    assert get("/api/plain", tokens[0][1]).json()["code"] == "token_revoked"
    assert get("/optional", tokens[0][1]).json()["code"] == "token_revoked"
