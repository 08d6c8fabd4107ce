"""All tokens as a file: of what the list shows, whole, and of one account."""

from __future__ import annotations

import csv
import io
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_apitokens.db import pagination
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import OTHER
from tests.administration import A
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import Visitor
from tests.pages import names
from tests.pages import one

#: to the second, a moment that all three databases keep
THEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HEADER = (
    "token_id,name,kind,service,scopes,owner,owner_id,created,created_by,"
    "expires,last_used,last_used_ip,status,reason\r\n"
)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host of two accounts, on each database."""
    return administration.administered(make_app, database_url)


@pytest.fixture
def boss(app: Flask) -> Visitor:
    """An administrator of the first."""
    return administration.administrator(app)


def lines_of(response: TestResponse) -> list[dict[str, str]]:
    """The file as a spreadsheet reads it."""
    assert response.status_code == 200, response.text
    assert response.text.startswith(HEADER)
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def file_of(boss: Visitor, query: str = "") -> list[dict[str, str]]:
    """The lines of the file of a search."""
    return lines_of(boss.client.get(f"{A}tokens.csv{query}"))


def many(app: Flask, token_id: str, number: int) -> None:
    """Copies of a token with other ids, all of one moment."""
    model: Any = bearing.models_of(app).Token
    copied = [c for c in model.__table__.columns if c.name not in {"id", "live_name"}]
    columns = [c.name for c in copied]
    with bearing.engine_of(app).begin() as connection:
        row = connection.execute(select(*copied).where(model.id == token_id)).one()
        values = dict(zip(columns, row, strict=True))
        rows = [{**values, "id": f"{n:012}"} for n in range(number)]
        connection.execute(insert(model.__table__), rows)


def test_csv_line_has_all_that_the_list_shows(app: Flask, boss: Visitor) -> None:
    ada = administration.create_user(app, "ada", name="Ada")
    bearing.subscribe(app, ada, "tmy", "timeseries")
    used, plaintext = bearing.generate(
        app, ada, name="Über, „so“", service="tmy", scopes=["read"]
    )
    bearing.change(
        app,
        used,
        created_at=THEN,
        last_used_at=THEN,
        last_used_ip="203.0.113.7",
        expires_at=THEN + timedelta(days=36_500),
    )
    stopped, _ = administration.generate_userless(app, name="=HYPERLINK(1)")
    administration.deactivate(app, stopped, "@leaked")
    waiting, _ = bearing.generate(
        app, ada, name="Waits", service="timeseries", scopes=["read"]
    )
    bearing.unsubscribe(app, ada, "timeseries")
    eve = administration.create_user(app, "eve", OTHER)
    bearing.generate(app, eve, name="Eve's")
    answer = boss.client.get(f"{A}tokens.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    named = f'attachment; filename="tokens-{datetime.now(UTC).date()}.csv"'
    assert answer.headers["Content-Disposition"] == named
    assert answer.headers["Cache-Control"] == "no-store"
    assert plaintext not in answer.text
    found = {line["token_id"]: line for line in lines_of(answer)}
    assert set(found) == {used, stopped, waiting}
    assert list(found[used].values())[1:] == [
        *("Über, „so“", "api", "tmy", "read", "ada@acme.example", str(ada.id)),
        *("2026-03-04T05:06:07Z", "system", "2126-02-08T05:06:07Z"),
        *("2026-03-04T05:06:07Z", "203.0.113.7", "active", ""),
    ]
    # No cell is a formula.
    line = found[stopped]
    assert (line["name"], line["reason"]) == ("'=HYPERLINK(1)", "'@leaked")
    assert (line["owner"], line["owner_id"], line["status"]) == ("", "", "deactivated")
    line = found[waiting]
    assert (line["status"], line["reason"]) == ("paused", "Subscription is off")


def test_csv_file_follows_search_and_filters(app: Flask, boss: Visitor) -> None:
    ada = administration.create_user(app, "ada")
    for number in range(30):
        bearing.generate(app, ada, name=f"Deploy {number:02}")
    stopped, _ = bearing.generate(app, ada, name="Old")
    administration.deactivate(app, stopped)

    def linked(response: TestResponse) -> list[str]:
        href = str(one(response, "#at-actions a")["href"])
        return [line["name"] for line in lines_of(boss.client.get(href))]

    plain = boss.without_script()
    for query, number in (("?page=2", 31), ("?q=deploy&page=2", 30), ("?q=no+such", 0)):
        page = plain.get(f"tokens{query}")
        assert len(linked(page)) == number, query
        # What a search swaps in brings the address along.
        assert len(linked(boss.get(f"tokens{query}"))) == number, query
    page = plain.get("tokens?status=deactivated&use=never&kind=api")
    assert linked(page) == names(page) == ["Old"]
    done = boss.post(f"tokens/{stopped}/activate")
    assert len(linked(done)) == 31
    assert "Download CSV" not in boss.get("services/tmy/userless").text


def test_long_file_is_read_by_key(
    app: Flask, boss: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 10)
    ada = administration.create_user(app, "ada")
    first, _ = bearing.generate(app, ada, name="same moment")
    many(app, first, 25)
    oldest, _ = bearing.generate(app, ada, name="oldest")
    bearing.change(app, oldest, created_at=THEN)
    model = bearing.models_of(app).Token
    with administration.counting(app) as told:
        answer = boss.client.get(f"{A}tokens.csv", buffered=False)
        pieces = answer.iter_encoded()
        text = next(iter(pieces)).decode()
        assert text.count("\r\n") == 11
        before = len(told)
        # What comes meanwhile is left out, and what goes ends nothing.
        bearing.generate(app, ada, name="late")
        text += b"".join(pieces).decode()
    ids = [line["token_id"] for line in csv.DictReader(io.StringIO(text))]
    with bearing.engine_of(app).connect() as connection:
        number = connection.scalar(select(func.count()).select_from(model))
    assert (len(ids), len(set(ids)), number) == (27, 27, 28)
    assert ids[-1] == oldest
    # Two more batches, each with whose and what its tokens are.
    assert len([s for s in told[before:] if "FROM apitokens_token" in s]) >= 4
    assert before < 12


def test_only_administrators_get_the_file(app: Flask, boss: Visitor) -> None:
    ada = administration.create_user(app, "ada")
    bearing.generate(app, ada, name="Mine")
    client = app.test_client()
    for headers in ({}, HTMX):
        answer: Any = client.get(f"{A}tokens.csv", headers=headers)
        assert answer.status_code in {302, 401}
    hosts.login(client, ada)
    for headers in ({}, HTMX):
        answer = client.get(f"{A}tokens.csv", headers=headers)
        assert answer.status_code in {403, 404}
        assert "Mine" not in answer.text
    assert boss.client.post(f"{A}tokens.csv").status_code == 405
