"""Async views in hypercorn: as WSGI, and as ASGI through asgiref."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.usage.test_servers import Server
from tests.usage.test_servers import serving

pytestmark = pytest.mark.server
MODULE = "tests.host_apps.async_app"


@pytest.mark.parametrize("target", [f"wsgi:{MODULE}:app", f"asgi:{MODULE}:asgi"])
def test_async_views_know_their_token_and_are_recorded(
    make_app: MakeApp, sqlite_url: str, tmp_path: Path, target: str
) -> None:
    app = make_app(sqlite_url)
    known = {}
    for number in range(6):
        user = hosts.create_user(app, f"user{number}@example.com")
        token_id, plaintext = bearing.generate(app, user)
        known[plaintext] = [token_id, user.email]
    command = ["hypercorn", "--bind", "127.0.0.1:0", target]
    with serving(tmp_path, sqlite_url, command) as server:
        wanted = [
            (server, path, plaintext)
            for path in ("/view", "/class", "/outer/inner/")
            for plaintext in known
        ]
        with ThreadPoolExecutor(6) as callers:
            answers = list(callers.map(lambda each: _call(*each), wanted * 2))
        for (_server, path, plaintext), answer in zip(wanted * 2, answers, strict=True):
            told = known[plaintext]
            assert answer == {"before": told, "after": told}, path
            refused = requests.get(server.url + path, timeout=60)
            assert refused.json()["code"] == "missing_token"
        server.end()
    with app.app_context():
        model = bearing.models_of(app).Token
        rows = hosts.host_of(app).db.session.query(model.last_used_at).all()
    assert len(rows) == 6
    assert all(row[0] is not None for row in rows)


def _call(server: Server, path: str, plaintext: str) -> Any:
    return server.get(path, plaintext).json()
