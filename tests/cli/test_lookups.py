"""Look-up of owners on the command line."""

from __future__ import annotations

import pytest

from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import generate
from tests.commandline import run
from tests.conftest import MakeApp


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_owner_is_found_by_key_and_by_email(
    make_app: MakeApp, database_url: str, user_key: hosts.UserKey
) -> None:
    app = make_app(database_url, user_key=user_key)
    ada = hosts.create_user(app, "ada@example.com")
    hosts.create_user(app, "grace@example.com")
    by_key = generate(app, "one", owner=str(ada.id))
    by_email = generate(app, "two")
    key = ada.id if user_key == "int" else str(ada.id)
    assert by_key["owner_id"] == by_email["owner_id"] == key
    assert by_key["owner"] == "ada@example.com"


@pytest.mark.parametrize("user_key", ["int", "uuid", "str"])
def test_unknown_owner_is_an_error(
    make_app: MakeApp, database_url: str, user_key: hosts.UserKey
) -> None:
    app = make_app(database_url, user_key=user_key)
    hosts.create_user(app, "ada@example.com")
    odd = ("", " ", "%", "ada", "-1", "9" * 17, "9" * 99, "١", "\0", "\udcff", "🦉")
    for text in (*odd, "00000000-0000-0000-0000-000000000000", "\u202eada"):
        result = run(app, "token", "list", "--owner", text, code=2)
        assert "no user has the key, email, username or name" in result.stderr
        assert result.stdout == ""
        assert "\u202e" not in result.stderr


def test_ambiguous_owner_is_an_error(make_app: MakeApp) -> None:
    app = make_app(user_key="str")
    hosts.create_user(app, "ada@example.com", id="a")
    hosts.create_user(app, "grace@example.com", id="ada@example.com")
    args = ("token", "generate", *ADA, "--name", "CI")
    result = run(app, *args, code=2)
    assert "more than one user" in result.stderr
    assert "a (ada@example.com)" in result.stderr
    assert answer(app, "token", "list") == []
