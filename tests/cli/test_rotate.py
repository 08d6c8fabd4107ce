"""``token rotate``: the command line's side of a token's life."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta

from flask import Flask

from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run


def test_rotate_prints_only_the_plaintext_on_stdout(anywhere: Flask) -> None:
    old = generate(anywhere, "CI", "--expires", "90d")
    result = run(anywhere, "token", "rotate", old["id"])
    plaintext = result.stdout.removesuffix("\n")
    new_id = plaintext.split("_")[1]
    assert call(anywhere, plaintext).json == {"token": new_id}
    assert call(anywhere, old["token"]).json == {"token": old["id"]}
    assert plaintext not in result.stderr
    assert f"{old['id']} “CI” of ada@example.com works until 20" in result.stderr
    new, before = (
        answer(anywhere, "token", "show", each) for each in (new_id, old["id"])
    )
    assert (new["predecessor_id"], before["successor_id"]) == (old["id"], new_id)
    assert (new["name"], new["shown_at"] is None) == ("CI", False)
    life = datetime.fromisoformat(new["expires_at"]) - datetime.fromisoformat(
        new["created_at"]
    )
    assert timedelta(days=89, hours=23) < life < timedelta(days=90, hours=1)
    said = run(anywhere, "token", "rotate", old["id"], code=1).stderr
    assert f"{old['id']} was rotated before; {new_id} took its place." in said
    now = answer(
        anywhere, "token", "rotate", new_id, "--grace", "0", "--expires", "never"
    )
    assert now["expires_at"] is None
    assert call(anywhere, plaintext).json["code"] == "token_revoked"
    assert call(anywhere, now["token"]).status_code == 200
    said = run(anywhere, "token", "rotate", now["id"], "--grace", "3", code=2).stderr
    assert "the application offers 0, 1, 7 only" in said
    run(anywhere, "token", "revoke", now["id"])
    said = run(anywhere, "token", "rotate", now["id"], code=1).stderr
    assert f"{now['id']} does not work any more" in said
    listed = answer(anywhere, "audit", "list", "--action", "rotated", *ADA)
    assert [line["actor"].startswith("cli:") for line in listed] == [True, True]
