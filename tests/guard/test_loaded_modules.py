"""What a process loads that does nothing but guard calls."""

from __future__ import annotations

import subprocess
import sys

from flask import Flask

from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

#: What a guarded call needs, and nothing else. A module that is missing here is to be
#: imported where it is used: below :mod:`.views` or :mod:`.cli`, or in a function.
NEEDED = {
    *("i18n", "errors", "signals", "secret", "config", "catalog", "process"),
    *("columns", "models", "hooks", "domain", "lookup", "usage", "usage_rows"),
    *("usage_sql", "usage_writer", "watch", "latecomers"),
    *("binding", "networks", "endpoints"),
    *("state", "bearer", "guard", "neighbours", "templating", "blueprint", "cli"),
    *("hostcode", "extension"),
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


def test_a_process_that_only_guards_loads_what_that_takes(make_app: MakeApp) -> None:
    app = make_app()
    ada = hosts.create_user(app, "ada@example.com")
    _, good = bearing.generate(app, ada)
    ended, revoked = bearing.generate(app, ada)
    bearing.change(app, ended, revoked_at=bearing.models_of(app).Token.created_at)
    bad = [bearing.another_secret(good), "nonsense", revoked]
    *answers, loaded = calling(app, good, *bad, good)
    assert answers == ["200", "401", "401", "401", "200"]
    modules = {name.removeprefix("flask_apitokens.") for name in loaded.split()}
    assert modules == NEEDED
