"""Rights in real servers: what is lost or given counts at once, in every worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask import Response

from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import OTHER
from tests.administration import A
from tests.conftest import MakeApp
from tests.guard.test_servers import GTHREAD
from tests.guard.test_servers import Browser
from tests.guard.test_servers import Workers
from tests.usage.test_servers import serving

APP = "tests.guard.test_rights_servers:create_app"
SERVER = [part.replace("tests.guard.test_servers:create_app", APP) for part in GTHREAD]

pytestmark = pytest.mark.server


def create_app() -> Flask:
    """The host that the servers of these tests run, with columns for callables."""
    app = administration.administered(_make_app, os.environ["TEST_DATABASE_URL"])
    app.after_request(_say_which_process)
    # As a host does that is loaded before its workers are forked.
    hosts.put_away(app)
    return app


def _make_app(url: str | None, **options: Any) -> Flask:
    assert url
    return hosts.create_host(url, **options)


def _say_which_process(response: Response) -> Response:
    response.headers["X-Process"] = str(os.getpid())
    return response


def test_change_by_an_administrator_counts_at_the_next_call_in_every_worker(
    database_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    app = administration.administered(make_app, database_url)
    boss = administration.create_user(app, "boss", is_admin=True)
    ada = administration.create_user(app, "ada")
    bearing.subscribe(app, ada, "tmy")
    token_id, plaintext = bearing.generate(app, ada, service="tmy", scopes=["read"])
    key, users = str(ada.id), f"{A}services/tmy/users"
    one = f"{A}tokens/{token_id}"
    with ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path, database_url, SERVER))
        workers = Workers(server, app, stack)
        browser = Browser(server, boss)
        steps: list[tuple[Callable[[], object], str]] = [
            (lambda: None, "200"),
            (
                lambda: browser.send(users, row=key, was=key, confirm="1"),
                "service_inactive",
            ),
            (lambda: browser.send(users, row=key, active=key), "200"),
            (
                lambda: browser.send(f"{one}/deactivate", reason="Leaked"),
                "token_deactivated",
            ),
            (lambda: browser.send(f"{one}/activate"), "200"),
            (
                lambda: bearing.change_user(app, ada, may_use_api=False),
                "api_access_denied",
            ),
            (lambda: bearing.change_user(app, ada, may_use_api=True), "200"),
            (lambda: bearing.change_user(app, ada, account=OTHER), "owner_inactive"),
            (lambda: bearing.change_user(app, ada, account=ACME), "200"),
            (
                lambda: browser.send(
                    f"{A}services/tmy/switch", active="0", confirm="1"
                ),
                "service_inactive",
            ),
            (lambda: browser.send(f"{A}services/tmy/switch", active="1"), "200"),
        ]
        for number, (act, expected) in enumerate(steps):
            act()
            # Twice, so that the caches of every worker are warm at the next step.
            for _ in range(2):
                found = workers.answers("/api/tmy", plaintext)
                assert found == [expected] * 3, number
        browser.close()
        bearing.change_user(app, boss, is_admin=False)
        late = Browser(server, boss)
        assert "not allowed" in late.get(f"{A}services")
        late.close()
        assert server.end() == 0
