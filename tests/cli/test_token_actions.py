"""``token rename``, ``revoke`` and ``delete``."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_apitokens.cli import session as cli_session
from flask_apitokens.cli.output import printable
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run


@pytest.mark.parametrize("owner", ["ada@example.com", None])
def test_tokens_are_renamed_revoked_and_deleted_by_id(
    anywhere: Flask, owner: str | None
) -> None:
    made = generate(anywhere, "CI", owner=owner)
    renamed = answer(anywhere, "token", "rename", made["id"], "nightly")
    assert renamed["name"] == "nightly"
    assert call(anywhere, made["token"]).status_code == 200
    [revoked] = answer(anywhere, "token", "revoke", made["id"])
    assert revoked["status"] == "revoked"
    assert call(anywhere, made["token"]).json["code"] == "token_revoked"
    again = run(anywhere, "token", "revoke", made["id"])
    assert "Was revoked before" in again.stderr
    late = run(anywhere, "token", "rename", made["id"], "late", code=1)
    assert "is revoked" in late.stderr
    [deleted] = answer(anywhere, "token", "delete", made["id"], "--yes")
    assert (deleted["id"], deleted["status"]) == (made["id"], "deleted")
    assert call(anywhere, made["token"]).json["code"] == "invalid_token"
    assert answer(anywhere, "token", "list") == []


def test_revoke_and_delete_affect_all_tokens_or_none(anywhere: Flask) -> None:
    ids = [generate(anywhere, name)["id"] for name in ("A", "B", "C")]
    for verb in (["revoke"], ["delete", "--yes"]):
        refused = run(anywhere, "token", *verb, *ids, "000000000000", "x", code=1)
        assert "000000000000, x" in refused.stderr
        assert not any(token_id in refused.stderr for token_id in ids)
    listed = answer(anywhere, "token", "list")
    assert [token["status"] for token in listed] == ["active"] * 3
    run(anywhere, "token", "revoke", *ids, ids[0])
    assert len(answer(anywhere, "token", "delete", "--yes", *ids[:2], ids[0])) == 2
    [left] = answer(anywhere, "token", "list")
    assert (left["id"], left["status"]) == (ids[2], "revoked")


@pytest.mark.parametrize(
    "args",
    [("show",), ("rename", "name"), ("revoke",), ("delete", "--yes")],
    ids=lambda args: str(args[0]),
)
def test_unknown_token_id_is_named_in_the_error(
    anywhere: Flask, args: tuple[str, ...]
) -> None:
    verb, *rest = args
    for token_id in ("000000000000", "🦉", "\udcff", "' OR 1=1", "A" * 999):
        result = run(anywhere, "token", verb, token_id, *rest, code=1)
        assert f"No token has the id {printable(token_id)[:80]}." in result.stderr
        assert result.stdout == ""


@pytest.mark.usefixtures("ada")
def test_plaintext_given_as_id_is_not_repeated(app: Flask) -> None:
    plaintext = generate(app, "CI")["token"]
    for pasted in (
        plaintext,
        f" {plaintext}",
        f"\ufeff{plaintext}",
        f"Bearer {plaintext}",
    ):
        result = run(app, "token", "revoke", pasted, code=2)
        assert "whole token" in result.stderr
        assert plaintext.split("_")[2] not in result.output
    run(app, "token", "revoke", f"\ufeff {plaintext.split('_')[1]}\n")


def test_rename_refuses_a_name_that_is_taken(anywhere: Flask) -> None:
    generate(anywhere, "A")
    token_id = generate(anywhere, "B")["id"]
    result = run(anywhere, "token", "rename", token_id, "A", code=1)
    assert "already has a token called “A”" in result.stderr
    assert answer(anywhere, "token", "show", token_id)["name"] == "B"


@pytest.mark.usefixtures("ada")
def test_delete_without_terminal_is_refused(app: Flask) -> None:
    token_id = generate(app, "CI")["id"]
    result = run(app, "token", "delete", token_id, code=2, input="y\n")
    assert "--yes" in result.stderr
    assert len(answer(app, "token", "list")) == 1


@pytest.mark.parametrize(
    ("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), ("", 1, 1)]
)
@pytest.mark.usefixtures("ada")
def test_delete_asks_for_confirmation(
    app: Flask, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, left: int
) -> None:
    monkeypatch.setattr(cli_session, "is_interactive", lambda: True)
    token_id = generate(app, "CI")["id"]
    args = ("token", "delete", token_id)
    result = run(app, *args, code=code, input=typed)
    assert f"{token_id} “CI” of ada@example.com" in result.stderr
    assert len(answer(app, "token", "list")) == left


@pytest.mark.usefixtures("ada")
def test_delete_of_an_unknown_id_fails_before_the_question(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_session, "is_interactive", lambda: True)
    result = run(app, "token", "delete", "000000000000", code=1, input="y\n")
    assert "000000000000" in result.stderr
    assert "Delete?" not in result.stderr
