"""``flask apitokens token import`` of values that are no token, key or moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_apitokens.errors import ImportRefused
from tests import bearing
from tests import hosts
from tests.cli.test_import import run
from tests.cli.test_import import summary
from tests.conftest import MakeApp
from tests.importing.test_service import CONFIG
from tests.importing.test_service import UUID
from tests.importing.test_service import call
from tests.importing.test_service import take_in

#: texts of a column of characters, and of SQLite's columns; None: never
TEXTS: dict[str, str | None] = {
    "'2099-01-31 12:30:00'": "2099-01-31T12:30:00Z",
    "'2099-01-31T12:30:00.5+02:00'": "2099-01-31T10:30:00Z",
    "'2099-01-31'": "2099-01-31T23:59:59Z",
    "'9999-12-31 23:59:59-12:00'": None,
    "'10000-01-01 00:00:00'": None,
    "'Infinity'": None,
    "'never'": None,
    "NULL": None,
    "'-infinity'": "bad",
    "''": "bad",
    "' '": "bad",
    "'0000-00-00 00:00:00'": "bad",
    "'2099-02-30'": "bad",
    "'9001-19-39'": "bad",
    "'20000-02-30'": "bad",
    "'9999-12-31'": None,
    "'0001-01-01T00:00:00+12:00'": "bad",
    "'0044-03-15 00:00:00 BC'": "bad",
    "'31.1.2099'": "bad",
    "'tomorrow'": "bad",
    "'90d'": "bad",
    "'12:30'": "bad",
    "'4102444800'": "bad",
}
NUMBERS: dict[str, str | None] = {"4102444800": "bad", "0": "bad", "NULL": None}
FLOATS: dict[str, str | None] = {"46053.5": "bad", "NULL": None}
#: by database and type of column, what its values are as an expiry
TIMES: dict[str, dict[str, dict[str, str | None]]] = {
    "sqlite": {
        "TIMESTAMP": {
            **TEXTS,
            **NUMBERS,
            **FLOATS,
            "X'FF00'": "bad",
            "CAST(X'FF00' AS TEXT)": "bad",
        }
    },
    "postgresql": {
        "TIMESTAMP": {
            "'2099-01-31 12:30:00'": "2099-01-31T12:30:00Z",
            "'infinity'": None,
            "'294276-12-31 23:59:59'": None,
            "NULL": None,
            "'-infinity'": "bad",
            "'0044-03-15 00:00:00 BC'": "bad",
        },
        "TIMESTAMPTZ": {
            "'2099-01-31 12:30:00+02'": "2099-01-31T10:30:00Z",
            "'infinity'": None,
            "'-infinity'": "bad",
            "'0044-03-15 00:00:00+00 BC'": "bad",
        },
        "DATE": {
            "'2099-01-31'": "2099-01-31T23:59:59Z",
            "'infinity'": None,
            "'5874897-12-31'": None,
            "'-infinity'": "bad",
            "'4713-01-01 BC'": "bad",
        },
        "VARCHAR(60)": TEXTS,
        "BIGINT": NUMBERS,
        "DOUBLE PRECISION": {**FLOATS, "'NaN'": "bad", "'infinity'": None},
        "INTERVAL": {"'1000000 years'": "bad", "NULL": None},
    },
    "mysql": {
        "DATETIME(6) NULL": {
            "'2099-01-31 12:30:00'": "2099-01-31T12:30:00Z",
            "'9999-12-31 23:59:59'": None,
            "NULL": None,
            "'0000-00-00 00:00:00'": "bad",
            "'2099-00-00 00:00:00'": "bad",
        },
        # The value is in the time zone of the session that inserts it.
        "TIMESTAMP NULL": {
            "'2035-01-31 12:30:00'": "2035-01-31T07:30:00Z",
            "NULL": None,
            "'0000-00-00 00:00:00'": "bad",
        },
        "DATE": {"'2099-01-31'": "2099-01-31T23:59:59Z", "'0000-00-00'": "bad"},
        "VARCHAR(60)": TEXTS,
        "BIGINT": NUMBERS,
        "DOUBLE": FLOATS,
        "YEAR": {"2099": "bad", "NULL": None},
        "TIME": {"'838:59:59'": "bad"},
    },
}
NUMBERS_OF_SPREADSHEETS = (
    *("1.23457E+15", "1,23457E+15", "1.23457e+15", "1E+15", "-1.23457E+15"),
    *("1.2345678E15", "1.23457E-07", "1.234567890123456E+15"),
    *("1234567890123456.0", "12345678,0", "+1.234567E+15", "12345678.00"),
)
TOKENS_OF_DIGITS = (
    *("1234567812345e78", "12345678", "12.34567.89", "1.2345678", "1e45678901234567"),
    *("1234E56789012345", "0b0c5c8e+4e59", "12345678.5", "1.23457E+15a"),
)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """Return a host with a pepper, on each database in turn."""
    return make_app(database_url, **CONFIG)


@pytest.fixture
def sqlite_app(make_app: MakeApp) -> Flask:
    """Return a host with a pepper, on SQLite."""
    return make_app(**CONFIG)


@contextmanager
def table(app: Flask, columns: str, *rows: str) -> Iterator[tuple[str, ...]]:
    """Create the table odd_keys with some rows, and yield the options that name it."""
    with bearing.engine_of(app).begin() as connection:
        tell = connection.exec_driver_sql
        if connection.dialect.name == "mysql":
            tell("SET sql_mode = '', time_zone = '+05:00'")
        tell(f"CREATE TABLE odd_keys ({columns})")
        for row in rows:
            tell(f"INSERT INTO odd_keys VALUES ({row})")  # noqa: S608 - of this module
        if connection.dialect.name == "mysql":
            tell("SET sql_mode = DEFAULT, time_zone = DEFAULT")
    try:
        yield "--table", "odd_keys", "--column", "k", "--owner-column", "who"
    finally:
        with bearing.engine_of(app).begin() as connection:
            connection.exec_driver_sql("DROP TABLE odd_keys")


def bad_rows(told: dict[str, Any]) -> list[int]:
    """Return the numbers of the wrong rows in a summary."""
    return [row["line"] for row in told.get("bad", [])]


# -- expiry times --------------------------------------------------------------


def test_expiry_that_is_no_moment_is_the_fault_of_its_row(app: Flask) -> None:
    """The other rows of the table are imported, each with the end that it has."""
    ada = hosts.create_user(app, "ada@example.com")
    dialect = bearing.engine_of(app).dialect.name
    for place, (kind, values) in enumerate(TIMES[dialect].items()):
        tokens = [f"{place:02}-{number:02}-{UUID}" for number in range(len(values))]
        rows = [
            f"{number}, {ada.id}, '{token}', {value}"
            for number, (token, value) in enumerate(zip(tokens, values, strict=True))
        ]
        columns = f"n INTEGER PRIMARY KEY, who INTEGER, k VARCHAR(60), ends {kind}"
        with table(app, columns, *rows) as where:
            args = (*where, "--expires-column", "ends", "--skip-bad")
            told = summary(app, *args)
        expected = [n for n, end in enumerate(values.values(), 1) if end == "bad"]
        assert bad_rows(told) == expected, (kind, told, list(values))
        for token, end in zip(tokens, values.values(), strict=True):
            answer = call(app, token)
            assert answer.status_code == (401 if end == "bad" else 200), (kind, token)
            if end != "bad":
                assert answer.headers.get("Apitokens-Expires") == end, (kind, token)


def test_time_of_postgresql_is_read_in_any_time_zone(
    make_app: MakeApp, postgresql_url: str
) -> None:
    options = {"connect_args": {"options": "-c timezone=Asia/Tokyo"}}
    app = make_app(postgresql_url, SQLALCHEMY_ENGINE_OPTIONS=options, **CONFIG)
    ada = hosts.create_user(app, "ada@example.com")
    columns = "n INTEGER PRIMARY KEY, who INTEGER, k TEXT, ends TIMESTAMPTZ"
    row = f"1, {ada.id}, '{UUID}', '2099-02-01 01:30:00+09'"
    with table(app, columns, row) as where:
        summary(app, *where, "--expires-column", "ends")
    assert call(app, UUID).headers["Apitokens-Expires"] == "2099-01-31T16:30:00Z"


def test_infinity_in_a_file_is_never(sqlite_app: Flask) -> None:
    """psql writes it so; each other odd value is reported by its line."""
    app = sqlite_app
    hosts.create_user(app, "ada@example.com")
    ends = ("infinity", "-infinity", "10000-01-01 00:00:00+00", "0000-00-00", "90d")
    lines = [f"ada@example.com,{UUID}-{n},{end}" for n, end in enumerate(ends)]
    text = "\n".join(("owner,token,expires", *lines))
    told = summary(app, "-", "--skip-bad", input=text)
    assert bad_rows(told) == [3, 5, 6]
    assert told["imported"] == 2
    assert "Apitokens-Expires" not in call(app, f"{UUID}-0").headers
    assert "Apitokens-Expires" not in call(app, f"{UUID}-2").headers


def test_naive_expiry_is_refused_in_python(sqlite_app: Flask) -> None:
    ada = hosts.create_user(sqlite_app, "ada@example.com")
    naive = datetime(2099, 1, 31)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="naive"):
        take_in(sqlite_app, UUID, ada, expires_at=naive)


# -- numbers that were tokens --------------------------------------------------


@pytest.mark.parametrize("text", NUMBERS_OF_SPREADSHEETS)
def test_number_of_a_spreadsheet_is_no_token(sqlite_app: Flask, text: str) -> None:
    """The digits that it left out are lost, and anyone can guess what is left."""
    app = sqlite_app
    ada = hosts.create_user(app, "ada@example.com")
    lines = f'ada@example.com,"{text}"\nada@example.com,{UUID}\n'
    told = summary(app, "-", "--skip-bad", input=lines)
    assert (bad_rows(told), told["imported"]) == ([1], 1)
    assert text not in repr(told)
    with pytest.raises(ImportRefused):
        take_in(app, text, ada)


@pytest.mark.parametrize("text", TOKENS_OF_DIGITS)
def test_token_of_digits_is_a_token(sqlite_app: Flask, text: str) -> None:
    """A hexadecimal token may have one letter E among its digits."""
    take_in(sqlite_app, text, hosts.create_user(sqlite_app, "ada@example.com"))
    assert call(sqlite_app, text).status_code == 200


def test_number_in_the_column_of_tokens_is_the_fault_of_its_row(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    columns = "n INTEGER PRIMARY KEY, who INTEGER, k {}"
    for kind, value in (
        ("DOUBLE PRECISION", "1234567890123456"),
        ("NUMERIC(20, 4)", "1234567890123456"),
        ("BIGINT", "1234567890123456"),
    ):
        with table(app, columns.format(kind), f"1, {ada.id}, {value}") as where:
            assert bad_rows(summary(app, *where, "--skip-bad")) == [1], kind
    with table(app, columns.format("VARCHAR(40)"), f"1, {ada.id}, '1.2E+15'") as where:
        assert bad_rows(summary(app, *where, "--skip-bad")) == [1]


def test_text_that_sqlite_cannot_decode_is_the_fault_of_its_row(
    sqlite_app: Flask,
) -> None:
    app = sqlite_app
    ada = hosts.create_user(app, "ada@example.com")
    columns, broken = "n INTEGER PRIMARY KEY, who TEXT, k TEXT", "CAST(X'FF41' AS TEXT)"
    rows = (
        f"1, {ada.id}, {broken}",
        f"2, {broken}, '{UUID}-2'",
        f"3, {ada.id}, '{UUID}'",
    )
    with table(app, columns, *rows) as where:
        told = summary(app, *where, "--skip-bad")
    assert bad_rows(told) == [1, 2]
    assert call(app, UUID).status_code == 200


# -- a table whose key is the token --------------------------------------------


@pytest.mark.parametrize("kind", ["VARCHAR(60)", "CHAR(60)"])
def test_token_that_is_the_key_is_in_no_statement(
    app: Flask, kind: str, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    """Databases log the values of statements, and so does ``echo=True``."""
    ada, engine = hosts.create_user(app, "ada@example.com"), bearing.engine_of(app)
    rows = [f"'{n:03}-{UUID}', {ada.id}" for n in range(230)]
    seen: list[str] = []

    def listen(_c: Any, _u: Any, sql: str, values: Any, *_more: Any) -> None:
        seen.append(f"{sql} {values!r}")

    with table(app, f"k {kind} PRIMARY KEY, who INTEGER", *rows) as where:
        event.listen(engine, "before_cursor_execute", listen)
        engine.echo = True
        try:
            assert summary(app, *where) == {"read": 230, "imported": 230}
            assert summary(app, *where) == {"read": 230, "known": 230}
            refused = run(app, *where, "--clear", code=2)
        finally:
            engine.echo = False
            event.remove(engine, "before_cursor_execute", listen)
    assert "cannot be cleared" in refused.output
    logged = "".join((*seen, caplog.text, *capfd.readouterr()))
    assert "FROM odd_keys" in caplog.text
    assert UUID not in logged
    assert call(app, f"229-{UUID}").status_code == 200


# -- the database counts, not the model ----------------------------------------


def test_column_that_the_model_no_longer_has_is_imported(app: Flask) -> None:
    """It left the model with the old system, and stays until a migration drops it."""
    host, engine = hosts.host_of(app), bearing.engine_of(app)
    ada = hosts.create_user(app, "ada@example.com")
    quoted = engine.dialect.identifier_preparer.quote("user")
    with engine.begin() as connection:
        tell = connection.exec_driver_sql
        tell(f"ALTER TABLE {quoted} ADD COLUMN old_token VARCHAR(60)")
        tell(f"ALTER TABLE {quoted} ADD COLUMN ends TIMESTAMP NULL")
        tell(
            f"UPDATE {quoted} SET old_token = '{UUID}', "  # noqa: S608
            "ends = '2035-01-31 12:30:00'"
        )
    try:
        assert "old_token" not in host.user_model.__table__.c
        where = ("--table", "user", "--column", "old_token")
        told = summary(app, *where, "--expires-column", "ends", "--clear")
        assert told == {"read": 1, "imported": 1, "cleared": 1}
        run(app, "--table", "user", "--column", "nothing", code=2)
    finally:
        with engine.begin() as connection:
            for name in ("old_token", "ends"):
                sql = f"ALTER TABLE {quoted} DROP COLUMN {name}"
                connection.exec_driver_sql(sql)
    assert call(app, UUID).headers["Apitokens-Expires"].startswith("2035-01-31T")
    assert call(app, UUID).status_code == 200
    with app.app_context():
        [token] = host.apitokens.tokens_of(ada)
        assert token.owner_id == ada.id


@pytest.mark.parametrize("user_key", ["uuid", "str"])
def test_owner_is_the_row_itself_whatever_its_key(
    make_app: MakeApp, database_url: str, user_key: str
) -> None:
    """SQLite stores a UUID without its dashes, which the model knows."""
    app = make_app(database_url, user_key=user_key, **CONFIG)
    users = [
        hosts.create_user(app, f"u{n}@example.com", name=f"{n:03}-{UUID}")
        for n in range(3)
    ]
    told = summary(app, "--table", "user", "--column", "name", "--clear")
    assert told == {"read": 3, "imported": 3, "cleared": 3}
    for user, number in zip(users, range(3), strict=True):
        with app.app_context():
            [token] = hosts.host_of(app).apitokens.tokens_of(user)
        answer = call(app, f"{number:03}-{UUID}")
        assert answer.get_json() == {"token": token.id}
