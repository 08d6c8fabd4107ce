"""Pages and batches of rows."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime

import pytest
from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import create_engine
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_apitokens.db import pagination
from flask_apitokens.db.pagination import KeysetPage
from flask_apitokens.db.pagination import Page
from flask_apitokens.db.pagination import Position

NUMBERS = Table("number", MetaData(), Column("id", Integer, primary_key=True))
AT = datetime(2026, 11, 21, 9, 14, 2, 500, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[Session]:
    """Return a session on a table with the numbers from 1 to 25."""
    engine = create_engine("sqlite://")
    NUMBERS.metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(insert(NUMBERS), [{"id": number} for number in range(1, 26)])
        yield session
    engine.dispose()


@pytest.mark.parametrize(
    ("number", "limit", "text"),
    [(10_000, 10_000, "10,000"), (10_001, 10_000, "10,000+"), (10_001, None, "10,001")],
)
def test_format_count_stops_at_the_limit(
    number: int, limit: int | None, text: str
) -> None:
    assert pagination.format_count(number, limit) == text


@pytest.mark.parametrize(
    ("asked", "number", "first", "last", "more"),
    [(-1, 1, 1, 10, True), (2, 2, 11, 20, True), (9, 3, 21, 25, False)],
)
def test_numbered_page_past_the_end_is_the_last(
    session: Session, asked: int, number: int, first: int, last: int, more: bool
) -> None:
    query = select(NUMBERS.c.id).order_by(NUMBERS.c.id)
    page = pagination.numbered_page(session, query, total=25, number=asked, size=10)
    assert (page.number, page.first, page.last, page.more) == (
        number,
        first,
        last,
        more,
    )


def search(session: Session, number: int) -> Page[int]:
    """Return a page of a search that finds every number."""
    keys = select(NUMBERS.c.id).order_by(NUMBERS.c.id)
    return pagination.search_page(
        session, keys, load=lambda found: {n: n for n in found}, number=number, size=5
    )


def test_search_page_at_the_count_limit_has_no_next_page(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "COUNT_LIMIT", 20)
    monkeypatch.setattr(pagination, "SEARCH_COUNT_LIMIT", 10)
    second = search(session, 2)
    assert (second.counted, second.more) == ("10+", True)
    last = search(session, 5)
    assert (last.number, list(last.items), last.more) == (4, [*range(16, 21)], False)


def test_search_page_leaves_out_rows_deleted_meanwhile(session: Session) -> None:
    keys = select(NUMBERS.c.id).order_by(NUMBERS.c.id)
    page = pagination.search_page(
        session, keys, load=lambda found: {2: "two"}, number=1, size=5
    )
    assert (list(page.items), page.total) == (["two"], 25)


def read(*, before: int | None, after: int | None, limit: int) -> Sequence[int]:
    """Read the numbers from 1 to 25, the largest as the newest."""
    if after is not None:
        return range(after + 1, 26)[:limit]
    return range((before or 26) - 1, 0, -1)[:limit]


def keyset(before: int | None = None, after: int | None = None) -> KeysetPage[int]:
    """Return a keyset page of ten numbers."""
    return pagination.keyset_page(read, size=10, before=before, after=after)


def test_keyset_page_leads_to_its_neighbours() -> None:
    first = keyset()
    assert (list(first.items), first.has_newer) == ([*range(25, 15, -1)], False)
    second = keyset(before=16)
    assert (second.items[0], second.has_newer, second.has_older) == (15, True, True)
    last = keyset(before=6)
    assert (list(last.items), last.has_older) == ([5, 4, 3, 2, 1], False)
    assert list(keyset(after=5).items) == list(second.items)


def test_keyset_page_near_the_newest_row_is_the_first_page() -> None:
    assert keyset(after=20) == keyset()


def test_position_survives_an_address() -> None:
    assert Position.from_text(Position(AT, 7).to_text()) == Position(AT, 7)


@pytest.mark.parametrize(
    "text", ["", "-", "1", "1-0", "x-1", "1-x", "²-1", f"1-{2**63}", f"{10**16}-1"]
)
def test_position_from_other_text_is_none(text: str) -> None:
    assert Position.from_text(text) is None


def test_batches_read_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "BATCH_SIZE", 10)
    batches = pagination.batches(
        lambda last, limit: read(before=last, after=None, limit=limit), lambda row: row
    )
    assert [len(batch) for batch in batches] == [10, 10, 5]
