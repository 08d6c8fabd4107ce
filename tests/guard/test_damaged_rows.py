"""A value in a token's row that cannot be read ends that token, and nothing else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.pool import StaticPool

from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp

#: no text of UTF-8, as another program may have written it
BROKEN_TEXT = "CAST(x'ff41' AS TEXT)"
#: how the row is read: by the driver, by SQLAlchemy Core in two ways
WAYS: dict[str, dict[str, Any]] = {
    "driver": {},
    "shared connection": {
        "SQLALCHEMY_ENGINE_OPTIONS": {"poolclass": StaticPool},
    },
    "session": {"APITOKENS_LOOKUP": "session"},
}


def store(app: Flask, public: str, column: str, value: str) -> None:
    """Set a column of a token to an SQL expression."""
    change = f"UPDATE apitokens_token SET {column} = {value} WHERE id = '{public}'"  # noqa: S608
    with bearing.engine_of(app).begin() as connection:
        connection.execute(text(change))


def answer(app: Flask, plaintext: str) -> str:
    """Return the code of a refused call, empty for an accepted one."""
    response = app.test_client().get("/api/plain", headers=bearer(plaintext))
    return "" if response.status_code == 200 else code(response)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("expires_at", "'soon'"),
        ("expires_at", "''"),
        ("expires_at", "1924990000"),
        ("expires_at", "1924990000.5"),
        ("expires_at", "x'323033312d30312d3031'"),
        ("expires_at", "'0000-00-00 00:00:00'"),
        ("expires_at", "'9999-12-31 23:59:59-14:00'"),
        ("expires_at", BROKEN_TEXT),
        ("networks", "x'7f000001'"),
        ("scopes", "x'72656164'"),
        ("name", BROKEN_TEXT),
        ("kind", BROKEN_TEXT),
    ],
)
def test_damaged_row_is_an_invalid_token_and_no_outage(
    column: str,
    value: str,
    way: str,
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_app(APITOKENS_USAGE="off", **WAYS[way])
    user = hosts.create_user(app, "ada@example.com")
    (public, plaintext), (_, other) = [bearing.generate(app, user) for _ in range(2)]
    store(app, public, column, value)
    with caplog.at_level(logging.WARNING, "flask_apitokens"):
        for _ in range(2):
            assert answer(app, plaintext) == "invalid_token"
            assert answer(app, other) == ""
    # Once, naming the token and no value.
    [line] = caplog.messages
    assert f"the row of token {public} is stored damaged" in line
    assert way == "session" or value == BROKEN_TEXT or column in line
    assert value.strip("'") == "" or value.strip("'") not in line
    assert not app.extensions["apitokens"].outage.is_on


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        # Nothing reads it, or nothing is allowed by it.
        ("created_at", "'soon'", ""),
        ("last_used_at", "5", ""),
        ("kind", "5", "wrong_kind"),
        ("kind", "''", "wrong_kind"),
        ("service", "5", "wrong_service"),
        ("revoked_at", "'soon'", "token_revoked"),
        ("deactivated_at", "0", "token_deactivated"),
        ("networks", "'[\"127.0.0.1\"]'", "network_not_allowed"),
        ("networks", "5", "network_not_allowed"),
        ("scopes", "5", ""),
        ("secret_hash", "5", "invalid_token"),
        ("secret_hash", BROKEN_TEXT, "invalid_token"),
        ("check_digest", "0.5", "invalid_token"),
    ],
)
def test_odd_value_is_refused_as_what_it_says(
    column: str, value: str, expected: str, app: Flask, token: tuple[str, str]
) -> None:
    public, plaintext = token
    store(app, public, column, value)
    assert answer(app, plaintext) == expected
    assert not app.extensions["apitokens"].outage.is_on


def test_database_that_finds_a_damaged_row_has_answered(
    app: Flask, token: tuple[str, str]
) -> None:
    public, plaintext = token
    store(app, public, "expires_at", "'soon'")
    outage = app.extensions["apitokens"].outage
    outage.add(OSError("the server is away"))
    assert answer(app, plaintext) == "invalid_token"
    assert not outage.is_on


@pytest.mark.parametrize("way", ["driver", "session"])
def test_moment_that_python_does_not_have_is_refused_on_each_database(
    way: str, make_app: MakeApp, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(database_url, APITOKENS_USAGE="off", **WAYS[way])
    is_postgresql = bearing.engine_of(app).dialect.name == "postgresql"
    user = hosts.create_user(app, "ada@example.com")
    public, plaintext = bearing.generate(app, user)
    assert answer(app, plaintext) == ""
    store(
        app,
        public,
        "expires_at",
        "'infinity'" if is_postgresql else "'0000-00-00 00:00:00'",
    )
    for _ in range(2):
        assert answer(app, plaintext) == "invalid_token"
    [line] = caplog.messages
    assert f"the row of token {public} is stored damaged" in line
