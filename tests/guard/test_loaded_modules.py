"""What a process loads that does nothing but guard calls."""

from __future__ import annotations

import subprocess
import sys

from flask import Flask

from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

#: rooms that a process does without that only guards calls, but for the modules that
#: register their addresses and commands: what those name is loaded when it is called
IDLE_ROOMS = {"web", "api", "cli", "importing", "audit", "testing"}
TABLES = {
    "web.blueprint",
    "web.lazy_views",
    "web.templating",
    "api.blueprint",
    "cli.group",
}
CALLS = """
import sys
from tests import hosts

url, *tokens = sys.argv[1:]
app = hosts.create_host(url, create_tables=False)
client = app.test_client()
for token in tokens:
    answer = client.get("/api/plain", headers={"Authorization": f"Bearer {token}"})
    print(answer.status_code)
hosts.put_away(app)
print(*(name for name in sys.modules if name.startswith("flask_apitokens.")))
"""


def calling(app: Flask, *tokens: str) -> list[str]:
    """What a fresh process prints that makes these calls."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CALLS, url, *tokens],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_guarding_process_loads_no_page_endpoint_command_or_import(
    make_app: MakeApp,
) -> None:
    app = make_app()
    ada = hosts.create_user(app, "ada@example.com")
    _, good = bearing.generate(app, ada)
    ended, revoked = bearing.generate(app, ada)
    bearing.change(app, ended, revoked_at=bearing.models_of(app).Token.created_at)
    bad = [bearing.another_secret(good), "nonsense", revoked]
    *answers, loaded = calling(app, good, *bad, good)
    assert answers == ["200", "401", "401", "401", "200"]
    modules = {name.removeprefix("flask_apitokens.") for name in loaded.split()}
    packages = {name for name in modules if "." not in name}
    idle = {name for name in modules if name.partition(".")[0] in IDLE_ROOMS}
    assert idle - packages == TABLES
    assert not {name for name in modules if name.startswith("lookup.imported")}
