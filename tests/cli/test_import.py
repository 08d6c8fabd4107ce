"""``flask apitokens token import``, from files and tables."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Column
from sqlalchemy import Date
from sqlalchemy import DateTime
from sqlalchemy import ForeignKey
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens.core.context import Context
from flask_apitokens.core.context import utcnow
from flask_apitokens.errors import Conflict
from flask_apitokens.importing import service as import_service
from tests import bearing
from tests import commandline
from tests import hosts
from tests.bearing import code
from tests.commandline import stored_values
from tests.conftest import MakeApp
from tests.importing.test_service import CONFIG
from tests.importing.test_service import LONG
from tests.importing.test_service import NEW
from tests.importing.test_service import OLD
from tests.importing.test_service import SHORT
from tests.importing.test_service import UUID
from tests.importing.test_service import call
from tests.importing.test_service import take_in


def run(app: Flask, *args: str, code: int = 0, **options: Any) -> Result:
    """Run ``flask apitokens token import``."""
    return commandline.run(app, "token", "import", *args, code=code, **options)


def summary(app: Flask, *args: str, code: int = 0, **options: Any) -> dict[str, Any]:
    """Return the numbers of the summary that are not zero."""
    result = run(app, *args, "--json", code=code, **options)
    found = json.loads(result.stdout)
    return {name: value for name, value in found.items() if value}


def names_of(app: Flask, user: Any) -> list[str]:
    """Return the names of a user's tokens."""
    with app.app_context():
        found = hosts.host_of(app).apitokens.tokens_of(user)
        return sorted(token.name for token in found)


@pytest.fixture
def anywhere(make_app: MakeApp, database_url: str) -> Flask:
    """Return a host with a pepper, on each database in turn."""
    return make_app(database_url, **CONFIG)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return a host with a pepper, on SQLite."""
    return make_app(**CONFIG)


# -- files ---------------------------------------------------------------------


def test_file_is_imported_once(anywhere: Flask, tmp_path: Path) -> None:
    """Owners are named by key, email and username. A second import changes nothing."""
    app = anywhere
    ada = hosts.create_user(app, "ada@example.com", name="ada")
    grace = hosts.create_user(app, "grace@example.com")
    file = tmp_path / "tokens.csv"
    lines = [
        f"ada@example.com,{UUID},Old script",
        f"{grace.id},{SHORT},,tmy",
        "",
        f'ada,"{LONG}"',
        f"ada,{LONG}",
        "grace@example.com,0123456789abcdef,Old script",
    ]
    file.write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    planned = {"read": 5, "imported": 4, "known": 1, "weak": 2}
    assert summary(app, str(file), "--dry-run") == {**planned, "dry_run": True}
    assert names_of(app, ada) == []
    assert summary(app, str(file)) == planned
    assert names_of(app, ada) == ["Imported token 1", "Old script"]
    assert names_of(app, grace) == ["Imported token 1", "Old script"]
    before = stored_values(app)
    assert summary(app, str(file)) == {"read": 5, "known": 5}
    assert stored_values(app) == before
    assert call(app, UUID).status_code == call(app, LONG).status_code == 200
    assert code(call(app, SHORT, "/api/tmy")) == "service_inactive"
    told = run(app, str(file)).output
    for token in (UUID, SHORT, LONG):
        assert token not in told + before


def test_numbered_name_in_the_file_is_not_generated_again(anywhere: Flask) -> None:
    """All are in one batch, so that a query cannot find the name."""
    ada = hosts.create_user(anywhere, "ada@example.com")
    names = ("CI 2", "CI", "CI", "Imported token 1", "")
    text = "".join(f"{ada.id},{UUID}-{n},{name}\n" for n, name in enumerate(names))
    assert summary(anywhere, "-", input=text)["imported"] == 5
    assert names_of(anywhere, ada) == [
        *("CI", "CI 2", "CI 3", "Imported token 1", "Imported token 2"),
    ]


def test_json_lines_and_csv_header_have_every_column(
    anywhere: Flask, tmp_path: Path
) -> None:
    app = anywhere
    ada = hosts.create_user(app, "ada@example.com")
    bearing.subscribe(app, ada, "timeseries")
    rows = [
        {"owner": ada.id, "token": UUID, "name": "Ünïcode", "scopes": ["write"]},
        {"owner": "ada@example.com", "token": SHORT, "expires": "2099-01-31"},
        {"owner": "ada@example.com", "token": LONG, "expires": "2001-01-31"},
    ]
    text = "\n".join(json.dumps({**row, "service": "timeseries"}) for row in rows)
    told = summary(app, "-", input=text.encode())
    assert told == {"read": 3, "imported": 2, "expired": 1}
    headed = tmp_path / "headed.csv"
    headed.write_text(
        "token,owner,expires,service,scopes\n"
        f"{UUID},ada@example.com,,timeseries,write\n"
        "brand-new-token-1,ada@example.com,never,timeseries,read write\n"
    )
    assert summary(app, str(headed)) == {
        "read": 2,
        "imported": 1,
        "known": 1,
        "weak": 1,
    }
    assert names_of(app, ada) == ["Imported token 1", "Imported token 3", "Ünïcode"]
    post = app.test_client().post
    for token, status in ((UUID, 202), (SHORT, 202), (LONG, 401)):
        headers = bearing.bearer(token)
        assert post("/api/timeseries/jobs", headers=headers).status_code == status
    with_scope = ("--service", "timeseries", "--scope", "read")
    more = summary(app, "-", *with_scope, input=f"{ada.id},read-only-token\n")
    assert more["imported"] == 1
    refused = post("/api/timeseries/jobs", headers=bearing.bearer("read-only-token"))
    assert code(refused) == "insufficient_scope"


def test_userless_tokens_are_imported_into_an_account(anywhere: Flask) -> None:
    text = f"token\n{UUID}\n"
    assert "Line 2: it has no owner" in run(anywhere, "-", input=text, code=1).stderr
    assert summary(anywhere, "-", "--account", "acme", input=text)["imported"] == 1
    assert summary(anywhere, "-", "--userless", input=f",{SHORT}")["imported"] == 1
    model = bearing.models_of(anywhere).Token
    with bearing.engine_of(anywhere).connect() as connection:
        rows = connection.execute(select(model.account_id, model.userless)).all()
    assert sorted(map(tuple, rows)) == [("", True), ("acme", True)]
    assert call(anywhere, UUID).status_code == 200


def test_import_of_userless_tokens_needs_an_account_that_exists(
    make_app: MakeApp,
) -> None:
    """In another account they would work, and no administrator would see them."""
    app = make_app(plugin=hosts.accounts(), **CONFIG)
    hosts.create_user(app, "ada@example.com")
    line = f",{UUID}"
    unnamed = run(app, "-", "--userless", input=line, code=2)
    assert "Say in which account: --account ID." in unnamed.stderr
    mistyped = run(app, "-", "--account", "exmaple.com", input=line, code=1)
    assert "No user and no token belongs to" in mistyped.stderr
    assert call(app, UUID).status_code == 401
    named = ("-", "--account", "example.com")
    assert summary(app, *named, input=line)["imported"] == 1
    assert call(app, UUID).status_code == 200


def test_wrong_lines_are_reported_by_number(anywhere: Flask) -> None:
    """Without --skip-bad, one wrong line prevents the whole import."""
    app = anywhere
    hosts.create_user(app, "ada@example.com")
    hosts.create_user(app, "grace@example.com", name="ada@example.com")
    hosts.create_user(app, "alan@example.com")
    take_in(app, SHORT, hosts.create_user(app, "mary@example.com"))
    lines = {
        f"alan@example.com,{UUID}": "",
        f"grace@example.com,{UUID}": "is there for another owner",
        f"grace@example.com,{SHORT}": "was imported for another owner",
        "alan@example.com,käse-und-brot": "512 characters",
        f"{LONG},otherwise-a-token": "no user, or more than one",
        "ada@example.com,token-of-two-users": "more than one user",
        "alan@example.com,tiny": "less than 8",
        f"alan@example.com,{UUID}x,{'n' * 81}": "80 characters",
        f"alan@example.com,{UUID}x,,nothing": "no such service",
        f"alan@example.com,{UUID}x,,,read": "5 columns",
        "lonely-token-here": "1 columns",
    }
    text = "\n".join(lines)
    result = run(app, "-", input=text, code=1)
    assert "Nothing was imported: 10 of 11 are wrong." in result.stderr
    for number, (line, why) in enumerate(lines.items(), start=1):
        named = f"\nLine {number}: " in "\n" + result.stderr
        assert named == bool(why)
        assert why in result.stderr
        for cell in line.split(","):
            assert len(cell) < 12 or cell not in result.output.replace("@", "")
    assert code(call(app, UUID)) == "invalid_token"
    told = summary(app, "-", input=text, code=1)
    assert (told["read"], len(told["bad"])) == (11, 10)
    assert "imported" not in told
    assert summary(app, "-", "--skip-bad", input=text)["imported"] == 1
    assert call(app, UUID).status_code == 200


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (2, f'ada@example.com,{UUID}\nada@example.com,"never-closed\n'),
        (2, f'ada@example.com,{UUID}\nada@example.com,"closed"-too-soon\n'),
        (1, f'"owner,token\nada@example.com,{UUID}\n'),
        (1, f'owner,token,expires,"name\nada@example.com,{UUID},2001-01-01,\n'),
    ],
)
def test_malformed_csv_imports_nothing(app: Flask, line: int, text: str) -> None:
    """Where its records begin is unknown, so none can be skipped."""
    hosts.create_user(app, "ada@example.com")
    text += f"ada@example.com,{SHORT}\n"
    result = run(app, "-", "--skip-bad", input=text, code=1)
    assert f"Line {line} begins what is no CSV" in result.stderr
    assert UUID not in result.output
    for token in (UUID, SHORT):
        assert code(call(app, token)) == "invalid_token"


@pytest.mark.parametrize("header", ["owner,token,expiry", "Owner,Token,token"])
def test_misspelt_header_is_refused(app: Flask, header: str) -> None:
    """Its columns would be misread: an expired token would become a live one."""
    hosts.create_user(app, "ada@example.com")
    text = f"{header}\nada@example.com,{UUID},2001-01-01\n"
    result = run(app, "-", "--skip-bad", input=text, code=1)
    assert "columns than owner, token, name, service" in result.stderr
    assert code(call(app, UUID)) == "invalid_token"


def test_line_inside_a_quoted_name_is_not_a_record(app: Flask) -> None:
    """A user of the other system may have chosen the name, to act as another user."""
    hosts.create_user(app, "ada@example.com")
    hosts.create_user(app, "mallory@example.com")
    text = f'mallory@example.com,{UUID},"x\nada@example.com,{SHORT},\ny"\n'
    text += f"mallory@example.com,{UUID}-of-her-own\n"
    told = summary(app, "-", "--skip-bad", input=text)
    assert (told["read"], told["imported"], len(told["bad"])) == (2, 1, 1)
    for token in (UUID, SHORT):
        assert code(call(app, token)) == "invalid_token"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON object"),
        pytest.param('{"owner":' + "[" * 99_999, "no JSON object", id="deep"),
        ('"token-in-a-string"', "no JSON object"),
        ('{"owner": "ada@example.com", "tokne": "abcdefgh"}', "other names"),
        ('{"owner": "ada@example.com", "token": 12345678}', "its token is not text"),
        ('{"owner": true, "token": "abcdefgh"}', "its owner is not text"),
        (
            '{"owner": "ada@example.com", "token": "abcdefgh", "expires": "soon"}',
            "its expiry is not in the form",
        ),
    ],
)
def test_wrong_json_line_is_reported(app: Flask, line: str, why: str) -> None:
    hosts.create_user(app, "ada@example.com")
    good = f'{{"owner": "ada@example.com", "token": "{UUID}"}}\n'
    result = run(app, "-", "--format", "jsonl", input=good + line, code=1)
    assert "Line 2: it" in result.stderr
    assert why in result.stderr
    assert "abcdefgh" not in result.output


def test_file_that_is_not_utf8_is_refused(app: Flask) -> None:
    result = run(app, "-", input=b"ada,token-of-ada\n\xff\xfe,abc", code=1)
    assert "Line 2 is not UTF-8" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("-", "--table", "user", "--column", "token"),
        ("--table", "user"),
        ("-", "--column", "token"),
        ("-", "--clear"),
        ("-", "--owner-column", "id"),
        ("-", "--expires-column", "id"),
        ("--table", "user", "--column", "token", "--format", "csv"),
        ("--table", "nothing", "--column", "token"),
        ("--table", "user", "--column", "nothing"),
        ("--table", "user", "--column", "email", "--owner-column", "nothing"),
        ("--table", "user", "--column", "email", "--clear"),
        ("--table", "apitokens_event", "--column", "action"),
        ("-", "--digest", "md5"),
        ("-", "--service", "nothing"),
        ("-", "--scope", "read"),
        ("-", "--account", "a" * 65),
        ("no-such-file.csv",),
    ],
)
def test_import_refuses_wrong_options(app: Flask, args: tuple[str, ...]) -> None:
    assert "Error: " in run(app, *args, code=2, input="").stderr


def test_import_without_needed_peppers_is_refused(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """LEG-05: without any, and LEG-06: without one that tokens here still need."""
    app = make_app(sqlite_url, **{**CONFIG, "APITOKENS_PEPPERS": OLD})
    bare = make_app(sqlite_url)
    empty = bare.test_cli_runner().invoke(args=["apitokens", "pepper", "list"])
    assert "no imported token needs it" in empty.stderr
    user = hosts.create_user(app, "ada@example.com")
    token_id = take_in(app, UUID, user)
    other = make_app(sqlite_url, **CONFIG)
    line = f"ada@example.com,{SHORT}"
    assert "APITOKENS_PEPPERS is not set" in run(bare, "-", input=line, code=1).stderr
    result = run(other, "-", input=line, code=1)
    assert "2025 (1 token)" in result.stderr
    for pepper in (NEW, OLD):
        assert pepper.partition(":")[2] not in result.output
    runner = other.test_cli_runner()
    listed = runner.invoke(args=["apitokens", "pepper", "list", "--json"])
    assert listed.exit_code == 1
    assert json.loads(listed.stdout) == [
        {"id": "2026", "configured": True, "tokens": 0},
        {"id": "2025", "configured": False, "tokens": 1},
    ]
    both = make_app(sqlite_url, **{**CONFIG, "APITOKENS_PEPPERS": (NEW, OLD)})
    assert summary(both, "-", input=line)["imported"] == 1
    listed = both.test_cli_runner().invoke(args=["apitokens", "pepper", "list"])
    assert listed.exit_code == 0
    assert "2025" in listed.stdout
    # What is revoked or over needs no pepper any more.
    for values in ({"revoked_at": utcnow()}, {"expires_at": utcnow()}):
        bearing.change(app, token_id, revoked_at=None)
        bearing.change(app, token_id, **values)
        listed = runner.invoke(args=["apitokens", "pepper", "list", "--json"])
        assert listed.exit_code == 0
        assert [row["id"] for row in json.loads(listed.stdout)] == ["2026"]


def test_digests_are_imported_from_a_file(anywhere: Flask) -> None:
    hosts.create_user(anywhere, "ada@example.com")
    digest = hashlib.sha256(SHORT.encode()).hexdigest()
    text = f"owner,token\nada@example.com,{digest}\n"
    args = ("-", "--digest", "sha256")
    assert summary(anywhere, *args, input=text) == {"read": 1, "imported": 1}
    assert call(anywhere, f"3|{SHORT}").status_code == 200
    assert summary(anywhere, *args, input=text) == {"read": 1, "known": 1}


def test_userless_keys_are_read_as_psql_writes_them(anywhere: Flask) -> None:
    """djangorestframework-api-key: a digest under a name, ends with a short offset."""
    key = "Ab3dEf7h.0123456789abcdefghijABCDEFGHIJxy"
    digest = hashlib.sha512(key.encode()).hexdigest()
    text = (
        "owner,token,name,expires\n"
        f'"",sha512$${digest},"Mill, north",2099-01-31 12:30:00+00\n'
        f'"",sha512$${digest[::-1]},Over,2001-01-31 12:30:00+00\n'
    )
    args = ("-", "--digest", "sha512", "--userless", "--account", "acme")
    told = summary(anywhere, *args, input=text)
    assert told == {"read": 2, "imported": 1, "expired": 1}
    answer = call(anywhere, key)
    assert answer.status_code == 200
    assert answer.headers["Apitokens-Expires"] == "2099-01-31T12:30:00Z"


# -- interrupted, and several at once ------------------------------------------


def test_interrupted_import_continues_when_run_again(
    anywhere: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed tokens stay; the final result is the same as without interruption."""
    app = anywhere
    ada = hosts.create_user(app, "ada@example.com")
    text = "".join(f"ada@example.com,{UUID}-{n}\n" for n in range(250))
    really, batches = import_service.store_items, []

    def interrupted(ctx: Context, several: Any, **values: Any) -> Any:
        batches.append(len(several))
        if len(batches) == 2:
            raise KeyboardInterrupt
        return really(ctx, several, **values)

    with monkeypatch.context() as patch:
        patch.setattr(import_service, "store_items", interrupted)
        result = run(app, "-", input=text, code=1)
    assert "100 of 250 imported" in result.stderr
    assert "Interrupted; 100 tokens were imported" in result.stderr
    told = summary(app, "-", input=text)
    assert told == {"read": 250, "imported": 150, "known": 100}
    numbers = {int(name.split()[-1]) for name in names_of(app, ada)}
    assert numbers == set(range(1, 251))
    assert call(app, f"{UUID}-249").status_code == 200


def test_concurrent_import_of_the_same_token_is_no_error(
    anywhere: Flask, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process stores the same token, or its name, at the last moment."""
    app = anywhere
    ada = hosts.create_user(app, "ada@example.com")
    twin = make_app(app.config["SQLALCHEMY_DATABASE_URI"], **CONFIG)
    really = import_service.hash_item
    first: list[Any] = []

    def late(ctx: Context, wanted: Any) -> Any:
        if not first:
            first.append(wanted)
            take_in(twin, SHORT, ada)
        return really(ctx, wanted)

    monkeypatch.setattr(import_service, "hash_item", late)
    text = f"ada@example.com,{UUID}\nada@example.com,{SHORT}\n"
    assert summary(app, "-", input=text) == {"read": 2, "imported": 1, "known": 1}
    assert names_of(app, ada) == ["Imported token 1", "Imported token 2"]


def test_conflict_is_retried_a_few_times(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.create_user(app, "ada@example.com")
    really, tries = import_service.store_items, []

    def conflict(*args: Any, **values: Any) -> Any:
        tries.append(args)
        if len(tries) < 3:
            raise Conflict
        return really(*args, **values)

    monkeypatch.setattr(import_service, "store_items", conflict)
    assert summary(app, "-", input=f"ada@example.com,{UUID}")["imported"] == 1

    def always(*args: Any, **values: Any) -> Any:
        raise Conflict

    monkeypatch.setattr(import_service, "store_items", always)
    run(app, "-", input=f"ada@example.com,{SHORT}", code=1)


@pytest.mark.database
def test_import_that_gave_way_to_another_transaction_is_retried(
    make_app: MakeApp, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PostgreSQL asks for, above READ COMMITTED."""
    app = make_app(postgresql_url, **CONFIG)
    hosts.create_user(app, "ada@example.com")
    really, tries = import_service.store_items, []

    def give_way(ctx: Context, *args: Any, **values: Any) -> Any:
        tries.append(args)
        made = really(ctx, *args, **values)
        if len(tries) < 3:
            fail = "DO $$ BEGIN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END $$"
            ctx.session.execute(text(fail))
        return made

    monkeypatch.setattr(import_service, "store_items", give_way)
    assert summary(app, "-", input=f"ada@example.com,{UUID}")["imported"] == 1
    assert len(tries) == 3
    assert call(app, UUID).status_code == 200


# -- tables --------------------------------------------------------------------


def _with_keys(app: Flask) -> Any:
    """Return a table of the host with several keys for each user."""
    host = hosts.host_of(app)
    user_key = host.user_model.__table__.c.id

    class ApiKey(host.db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[Any] = mapped_column(ForeignKey(user_key))
        value: Mapped[str | None] = mapped_column(String(512))

    with app.app_context():
        host.db.create_all()
    return ApiKey


def test_table_is_imported_and_cleared(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The column is cleared after the commit. A second run changes nothing."""
    # Classes of its own: this host has a table that the others lack.
    monkeypatch.setattr(hosts, "_schema", hosts._schema.__wrapped__)
    app = make_app(database_url, user_key="uuid", **CONFIG)
    users = [hosts.create_user(app, f"user{n}@example.com") for n in range(3)]
    model, host = _with_keys(app), hosts.host_of(app)
    with app.app_context():
        for number in range(230):
            owner = users[number % 3].id
            host.db.session.add(model(user_id=owner, value=f"{UUID}-{number}"))
        host.db.session.add(model(user_id=users[0].id, value=""))
        host.db.session.add(model(user_id=users[0].id, value=None))
        host.db.session.commit()
    where = ("--table", "api_key", "--column", "value", "--owner-column", "user_id")
    assert summary(app, *where) == {"read": 230, "imported": 230}
    assert call(app, f"{UUID}-229").status_code == 200
    told = summary(app, *where, "--clear")
    assert told == {"read": 230, "known": 230, "cleared": 230}
    assert UUID not in stored_values(app)
    assert summary(app, *where, "--clear") == {}
    assert {len(names_of(app, user)) for user in users} == {76, 77}


def test_clear_happens_after_the_commit_and_keeps_changed_tokens(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, other = make_app(database_url, **CONFIG), LONG[:60]
    ada = hosts.create_user(app, "ada@example.com", name=UUID)
    hosts.create_user(app, "grace@example.com", name=other)
    hosts.create_user(app, "alan@example.com", name="tiny")
    where = ("--table", "user", "--column", "name", "--clear")
    really = import_service.store_items

    def fails(*args: Any, **values: Any) -> Any:
        really(*args, **values)
        raise Conflict

    with monkeypatch.context() as patch:
        patch.setattr(import_service, "store_items", fails)
        run(app, *where, "--skip-bad", code=1)
    assert UUID in stored_values(app)
    assert code(call(app, UUID)) == "invalid_token"
    result = run(app, *where, code=1)
    assert "Row 3: A token of less than 8" in result.stderr

    def renewed(ctx: Context, wanted: Any) -> Any:
        # The host gives out another token while this one is being hashed.
        bearing.change_user(app, ada, name=SHORT)
        return hashed(ctx, wanted)

    hashed = import_service.hash_item
    with monkeypatch.context() as patch:
        patch.setattr(import_service, "hash_item", renewed)
        told = summary(app, *where, "--skip-bad")
    assert (told["imported"], told["cleared"]) == (2, 1)
    text = stored_values(app)
    assert SHORT in text
    assert "tiny" in text
    assert other not in text
    assert call(app, other).status_code == call(app, UUID).status_code == 200


def test_unmapped_table_is_imported(make_app: MakeApp, sqlite_url: str) -> None:
    """A value that is not text, and a deleted user, are reported."""
    app = make_app(sqlite_url, **CONFIG)
    ada = hosts.create_user(app, "ada@example.com")
    with bearing.engine_of(app).begin() as connection:
        run_sql = connection.exec_driver_sql
        run_sql("CREATE TABLE old_keys (n INTEGER PRIMARY KEY, who INTEGER, k)")
        run_sql("CREATE TABLE two (a INTEGER, b INTEGER, PRIMARY KEY (a, b))")
        for row in ((1, ada.id, UUID), (2, 999, SHORT), (3, ada.id, 12345678)):
            run_sql("INSERT INTO old_keys VALUES (?, ?, ?)", row)
    where = ("--table", "old_keys", "--column", "k", "--owner-column", "who")
    result = run(app, *where, code=1)
    assert "Row 2: no user has the key of its owner" in result.stderr
    assert "Row 3: its token is not text" in result.stderr
    assert summary(app, *where, "--skip-bad")["imported"] == 1
    run(app, "--table", "two", "--column", "a", code=2)
    assert call(app, UUID).status_code == 200


@pytest.mark.parametrize("kind", ["UUID", "CHAR(64)", "VARBINARY(64)"])
def test_token_of_any_column_type_is_accepted_as_text(
    make_app: MakeApp, database_url: str, kind: str
) -> None:
    """A UUID keeps its dashes, padding is removed, and bytes are decoded."""
    app = make_app(database_url, **CONFIG)
    ada, server = hosts.create_user(app, "ada@example.com"), bearing.engine_of(app)
    if server.dialect.name == "postgresql" and kind == "VARBINARY(64)":
        kind = "BYTEA"
    value = UUID.encode() if kind in {"VARBINARY(64)", "BYTEA"} else UUID
    where = ("--table", "odd_keys", "--column", "k", "--owner-column", "who")
    with server.begin() as connection:
        columns = f"n INTEGER PRIMARY KEY, who INTEGER, k {kind}"
        connection.exec_driver_sql(f"CREATE TABLE odd_keys ({columns})")
        for number, k in enumerate((value, None)):
            row = {"n": number, "who": ada.id, "k": k}
            connection.execute(text("INSERT INTO odd_keys VALUES (:n, :who, :k)"), row)
    try:
        assert summary(app, *where) == {"read": 1, "imported": 1}
        assert call(app, UUID).status_code == 200
        told = summary(app, *where, "--clear")
        assert told == {"read": 1, "known": 1, "cleared": 1}
    finally:
        with server.begin() as connection:
            connection.exec_driver_sql("DROP TABLE odd_keys")


def test_table_column_gives_expiry_times(make_app: MakeApp, database_url: str) -> None:
    """Without it, a token that expired in the other system would work again."""
    app = make_app(database_url, **CONFIG)
    ada, server = hosts.create_user(app, "ada@example.com"), bearing.engine_of(app)
    times = Table(
        "aged_keys",
        MetaData(),
        Column("n", Integer, primary_key=True),
        *(Column("who", Integer), Column("k", String(512))),
        *(Column("until", DateTime), Column("day", Date), Column("words", String(40))),
    )
    end = datetime(2099, 1, 31, 12, 30)  # noqa: DTZ001 - as such columns have it
    rows = [
        (1, SHORT, end, end.date(), "2099-01-31T12:30:00+02:00"),
        (2, UUID, datetime(2001, 1, 31), date(2001, 1, 31), "never"),  # noqa: DTZ001
        (3, LONG, None, None, "31.1.2099"),
    ]
    where = ("--table", "aged_keys", "--column", "k", "--owner-column", "who")
    told = {}
    try:
        with server.begin() as connection:
            times.create(connection)
            for n, *values in rows:
                connection.execute(times.insert().values((n, ada.id, *values)))
        for column in ("until", "day"):
            named = (*where, "--expires-column", column)
            told[column] = summary(app, *named, "--dry-run")
        result = run(app, *where, "--expires-column", "words", code=1)
        assert "Row 3: its expiry is not in the form" in result.stderr
        run(app, *where, "--expires-column", "nothing", code=2)
        ended = (*where, "--expires-column", "until", "--clear")
        assert summary(app, *ended)["cleared"] == 2
        with server.connect() as connection:
            kept = connection.execute(select(times.c.k).order_by(times.c.n)).scalars()
            assert list(kept) == [None, UUID, None]
    finally:
        with server.begin() as connection:
            times.drop(connection)
    planned = {"read": 3, "imported": 2, "expired": 1, "weak": 1, "dry_run": True}
    assert told == {"until": planned, "day": planned}
    assert code(call(app, UUID)) == "invalid_token"
    assert call(app, SHORT).headers["Apitokens-Expires"] == "2099-01-31T12:30:00Z"
    assert "Apitokens-Expires" not in call(app, LONG).headers


def test_token_show_says_imported(app: Flask) -> None:
    user = hosts.create_user(app, "ada@example.com")
    token_id = take_in(app, UUID, user)
    runner = app.test_cli_runner()
    shown = runner.invoke(args=["apitokens", "token", "show", token_id, "--json"])
    assert json.loads(shown.stdout)["imported"] is True
