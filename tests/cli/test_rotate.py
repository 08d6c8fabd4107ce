"""``token rotate``: the command line's side of a token's life."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta

import pytest
from flask import Flask

from tests import hosts
from tests.cli.test_commands import ADA
from tests.cli.test_commands import answer
from tests.cli.test_commands import call
from tests.cli.test_commands import make
from tests.cli.test_commands import run
from tests.conftest import MakeApp


@pytest.fixture
def ada(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn, with ada in it."""
    app = make_app(database_url)
    hosts.create_user(app, "ada@example.com")
    return app


def test_a_token_is_rotated_and_its_plaintext_stands_alone(ada: Flask) -> None:
    old = make(ada, "CI", "--expires", "90d")
    result = run(ada, "token", "rotate", old["id"])
    plaintext = result.stdout.removesuffix("\n")
    new_id = plaintext.split("_")[1]
    assert call(ada, plaintext).json == {"token": new_id}
    assert call(ada, old["token"]).json == {"token": old["id"]}
    assert plaintext not in result.stderr
    assert f"{old['id']} “CI” of ada@example.com works until 20" in result.stderr
    new, before = (answer(ada, "token", "show", each) for each in (new_id, old["id"]))
    assert (new["predecessor_id"], before["successor_id"]) == (old["id"], new_id)
    assert (new["name"], new["shown_at"] is None) == ("CI", False)
    life = datetime.fromisoformat(new["expires_at"]) - datetime.fromisoformat(
        new["created_at"]
    )
    assert timedelta(days=89, hours=23) < life < timedelta(days=90, hours=1)
    said = run(ada, "token", "rotate", old["id"], code=1).stderr
    assert f"{old['id']} was rotated before; {new_id} took its place." in said
    now = answer(ada, "token", "rotate", new_id, "--grace", "0", "--expires", "never")
    assert now["expires_at"] is None
    assert call(ada, plaintext).json["code"] == "token_revoked"
    assert call(ada, now["token"]).status_code == 200
    said = run(ada, "token", "rotate", now["id"], "--grace", "3", code=2).stderr
    assert "the application offers 0, 1, 7 only" in said
    run(ada, "token", "revoke", now["id"])
    said = run(ada, "token", "rotate", now["id"], code=1).stderr
    assert f"{now['id']} does not work any more" in said
    listed = answer(ada, "audit", "list", "--action", "rotated", *ADA)
    assert [line["actor"].startswith("cli:") for line in listed] == [True, True]
