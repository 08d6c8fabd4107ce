"""``flask apitokens token generate``."""

from __future__ import annotations

import logging
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from click import BadParameter
from flask import Flask

from flask_apitokens.cli import session as cli_session
from flask_apitokens.cli.options import parse_expiry
from tests import hosts
from tests.commandline import ADA
from tests.commandline import answer
from tests.commandline import call
from tests.commandline import generate
from tests.commandline import run
from tests.commandline import stored_values
from tests.conftest import MakeApp


def test_generate_prints_only_the_plaintext_on_stdout(anywhere: Flask) -> None:
    result = run(anywhere, "token", "generate", *ADA, "--name", "CI")
    plaintext = result.stdout.removesuffix("\n")
    token_id = plaintext.split("_")[1]
    assert call(anywhere, plaintext).json == {"token": token_id}
    assert token_id in result.stderr
    assert plaintext not in result.stderr


def test_generate_json_has_the_plaintext(anywhere: Flask) -> None:
    run(anywhere, "subscription", "activate", *ADA, "tmy")
    scope = ("--service", "tmy", "--scope", "read")
    made = generate(anywhere, "CI", *scope, "--expires", "90d")
    assert call(anywhere, made["token"], "/api/tmy").status_code == 200
    assert made["owner"] == "ada@example.com"
    assert (made["service"], made["scopes"]) == ("tmy", ["read"])
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert made["created_by"] == cli_session.current_actor().label


def test_plaintext_is_not_stored_logged_or_listed(
    anywhere: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plaintext = generate(anywhere, "CI")["token"]
    secret = plaintext.split("_")[2]
    token_id = plaintext.split("_")[1]
    shown = run(anywhere, "token", "show", token_id, "--json").output
    listed = run(anywhere, "token", "list", "--json").output
    assert token_id in stored_values(anywhere)
    for text in (stored_values(anywhere), caplog.text, shown, listed):
        assert secret not in text


@pytest.mark.usefixtures("ada")
def test_token_is_marked_as_shown_after_it_was_printed(app: Flask) -> None:
    made = generate(app, "CI")
    assert "shown_at" not in made
    assert answer(app, "token", "show", made["id"])["shown_at"]


def test_userless_token_belongs_to_the_named_account(anywhere: Flask) -> None:
    scope = ("--service", "tmy", "--scope", "read")
    made = generate(anywhere, "bot", "--account", "acme", *scope, owner=None)
    assert (made["owner"], made["userless"]) == (None, True)
    assert made["account_id"] == "acme"
    assert call(anywhere, made["token"], "/api/tmy").status_code == 200


@pytest.mark.parametrize(
    "args",
    [
        ("--name", "CI"),
        (*ADA, "--userless", "--name", "CI"),
        (*ADA, "--account", "acme", "--name", "CI"),
        ("--userless", "--account", "", "--name", "CI"),
        ("--userless", "--account", "a" * 65, "--name", "CI"),
        ("--userless", "--account", "a\0", "--name", "CI"),
        (*ADA,),
        (*ADA, "--name", "CI", "--kind", "session"),
        (*ADA, "--name", "CI", "--expires", "tomorrow"),
        (*ADA, "--name", "CI", "--service", "nothing"),
        (*ADA, "--name", "CI", "--scope", "read"),
        (*ADA, "--name", "CI", "--service", "tmy"),
        (*ADA, "--name", "CI", "--service", "tmy", "--scope", "write"),
    ],
)
@pytest.mark.usefixtures("ada")
def test_generate_with_wrong_options_creates_no_token(
    app: Flask, args: tuple[str, ...]
) -> None:
    result = run(app, "token", "generate", *args, code=2)
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert answer(app, "token", "list") == []


def test_generate_prints_the_message_of_a_domain_error(anywhere: Flask) -> None:
    generate(anywhere, "CI")
    for args, sentence in [
        (("--name", "CI"), "The owner already has a token called “CI”"),
        (("--name", " "), "Enter a name."),
        (("--name", "\udcff"), "signs and spaces only"),
        (("--name", "A", "--kind", "access"), "need an expiry date"),
        (("--name", "A", "--expires", "2001-01-31"), "after today"),
    ]:
        result = run(anywhere, "token", "generate", *ADA, *args, code=1)
        assert result.stdout == ""
        assert sentence in result.stderr
    assert len(answer(anywhere, "token", "list")) == 1


@pytest.mark.usefixtures("ada")
def test_generate_without_subscription_names_the_command_for_one(app: Flask) -> None:
    scope = ("--service", "tmy", "--scope", "read")
    args = ("token", "generate", *ADA, "--name", "CI", *scope)
    refused = run(app, *args, code=1)
    command = refused.stderr.partition("flask apitokens ")[2].split()
    run(app, *command)
    run(app, *args)


def test_generate_refuses_a_kind_that_is_not_offered(make_app: MakeApp) -> None:
    app = make_app(APITOKENS_KINDS=("access",), APITOKENS_EXPIRY_DEFAULT=30)
    hosts.create_user(app, "ada@example.com")
    made = generate(app, "CI")
    assert made["kind"] == "access"
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    args = ("token", "generate", *ADA, "--name", "B", "--kind", "api")
    assert "offers access only" in run(app, *args, code=2).stderr
    args = ("token", "generate", *ADA, "--name", "B", "--expires", "never")
    assert "need an expiry date" in run(app, *args, code=1).stderr


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T12:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00+05:45", datetime(2027, 1, 31, 6, 15, tzinfo=UTC)),
        ("never", "never"),
    ],
)
def test_parse_expiry_returns_a_time_in_utc(text: str, moment: object) -> None:
    assert parse_expiry(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "90", "-1d", "d", "999999999d", "٣d", "2027-02-30", "2027-01-31T12:00"),
        *("9999-12-31T23:00-05:00", "12:00Z", "soon", "Never", "\u202e"),
    ],
)
def test_parse_expiry_refuses_other_forms(text: str) -> None:
    with pytest.raises(BadParameter, match="90d, 2027-01-31"):
        parse_expiry(text)
