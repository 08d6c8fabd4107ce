"""An owner's tokens as a list: searched, filtered, sorted, paged, counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.db.models import Token
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import ListQuery
from tests import bearing
from tests.bearing import ACTOR
from tests.conftest import MakeApp

NOW = datetime(2026, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn."""
    return make_app(database_url)


@pytest.fixture
def ctx(ctx: Context) -> Context:
    """Return the context at a known moment."""
    return replace(ctx, now=lambda: NOW)


def make(ctx: Context, owner: Any, name: str, **columns: Any) -> str:
    """A token with columns of the test's choice; its id."""
    kind = {key: columns.pop(key) for key in ("service", "scopes") if key in columns}
    token, _ = tokens.generate(ctx, owner, name=name, actor=ACTOR, **kind)
    for column, value in columns.items():
        setattr(token, column, value)
    ctx.session.commit()
    return token.id


def names(ctx: Context, owner: Any, **query: Any) -> list[str]:
    """The names a query shows, in its order."""
    page = token_list.page_of(ctx, owner, ListQuery(**query))
    return [token.name for token in page.items]


# -- search -------------------------------------------------------------------

SHELF = [
    "Solar farm",
    "solar roof",
    "100% wind",
    "under_score",
    "back\\slash",
    "sl/ash",
    'it\'s "quoted"',
    "Zoë",
    "\U0001f511 key",
    "a\u202eb",
]


SEARCHES: list[tuple[str, set[str]]] = [
    ("solar", {"Solar farm", "solar roof"}),
    ("SOLAR", {"Solar farm", "solar roof"}),
    ("  roof ", {"solar roof"}),
    ("%", {"100% wind"}),
    ("_", {"under_score"}),
    ("\\", {"back\\slash"}),
    ("/", {"sl/ash"}),
    ("'", {'it\'s "quoted"'}),
    ("Zoë", {"Zoë"}),
    ("Zoe\u0308", {"Zoë"}),
    ("\U0001f511", {"\U0001f511 key"}),
    ("a\u202eb", {"a\u202eb"}),
    ("%%", set()),
    ("o_r", set()),
    ("' or '1'='1", set()),
    ("nothing like it", set()),
    ("x" * 10_000, set()),
    ("é\U0001f511ü", set()),
    ("so\0lar", {"Solar farm", "solar roof"}),
    ("\ud800roof", {"solar roof"}),
    ("", set(SHELF)),
    ("   ", set(SHELF)),
]


def test_search_finds_the_expected_names(ctx: Context, user: Any) -> None:
    for name in SHELF:
        make(ctx, user, name)
    for search, found in SEARCHES:
        query = ListQuery(q=search)
        shown = {token.name for token in token_list.page_of(ctx, user, query).items}
        assert shown == found, search
        assert query.narrows == bool(search)


def test_search_finds_tokens_by_id(ctx: Context, user: Any, other_user: Any) -> None:
    public = make(ctx, user, "mine")
    foreign = make(ctx, other_user, "theirs")
    for part in (public, public.upper(), public[3:9]):
        assert names(ctx, user, q=part) == ["mine"]
    assert names(ctx, user, q=foreign) == []


# -- filters ------------------------------------------------------------------


@pytest.fixture
def one_of_each(app: Flask, ctx: Context, user: Any) -> dict[str, str]:
    """A token of each status: status by name."""
    bearing.subscribe(app, user, "tmy", "timeseries")
    tmy: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
    make(ctx, user, "plain")
    old: dict[str, Any] = {"created_at": NOW - 7 * DAY}
    far = NOW + 7 * DAY + timedelta(seconds=1)
    make(ctx, user, "far", **old, expires_at=far)
    make(ctx, user, "soon", **old, expires_at=NOW + 7 * DAY)
    make(ctx, user, "very soon", **old, expires_at=NOW + timedelta(microseconds=1))
    make(ctx, user, "just over", expires_at=NOW)
    make(ctx, user, "over", expires_at=NOW - DAY)
    make(ctx, user, "revoked", revoked_at=NOW, expires_at=NOW - DAY)
    make(ctx, user, "off", deactivated_at=NOW, expires_at=NOW - DAY)
    make(ctx, user, "paused", **old, **tmy, expires_at=NOW + DAY)
    make(ctx, user, "paused and over", **tmy, expires_at=NOW - DAY)
    make(ctx, user, "dropped", service="timeseries", scopes=["read"])
    make(ctx, user, "served", service="timeseries", scopes=["read"])
    dropped = ctx.session.query(ctx.models.Token).filter_by(name="dropped").one()
    dropped.service = "gone"
    ctx.session.commit()
    bearing.unsubscribe(app, user, "tmy")
    return {
        "plain": "active",
        "far": "active",
        "served": "active",
        "soon": "expiring",
        "very soon": "expiring",
        "just over": "expired",
        "over": "expired",
        "paused and over": "expired",
        "revoked": "revoked",
        "off": "deactivated",
        "paused": "paused",
        "dropped": "paused",
    }


def test_status_filter_matches_the_status_shown(
    app: Flask, ctx: Context, user: Any, one_of_each: dict[str, str]
) -> None:
    everything = tokens.all_of(ctx, user)
    assert token_status.statuses_of(ctx, everything) == {
        token.id: one_of_each[token.name] for token in everything
    }
    for status in token_status.STATUSES:
        wanted = {name for name, each in one_of_each.items() if each == status}
        assert set(names(ctx, user, status=status)) == wanted
        of_all = token_list.page_of_all(ctx, ListQuery(status=status), size=50)
        assert {token.name for token in of_all.items} == wanted
    for token in everything:
        paused = one_of_each[token.name] == "paused" or "paused" in token.name
        shown = token_status.status_of(ctx, token, paused=paused)
        assert shown == one_of_each[token.name]


def test_counts_match_the_list(
    ctx: Context, user: Any, other_user: Any, one_of_each: dict[str, str]
) -> None:
    counts = token_counts.count_list(ctx, token_list.owned_by(ctx, user))
    assert counts.total == len(one_of_each)
    assert counts.expiring == len({"soon", "very soon", "paused"})
    none = token_counts.count_list(ctx, token_list.owned_by(ctx, other_user))
    assert none == token_counts.ListCounts(0, 0)


def test_counting_stops_at_the_limit(ctx: Context, user: Any) -> None:
    for number in range(5):
        make(ctx, user, f"t{number}")
    owned = token_list.owned_by(ctx, user)
    told = [token_counts.count_up_to(ctx, owned, most) for most in (9, 5, 4, 1)]
    assert told == [5, 5, 5, 2]


def test_search_results_are_counted_up_to_a_lower_limit(
    ctx: Context, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "SEARCH_COUNT_LIMIT", 3)
    monkeypatch.setattr(pagination, "COUNT_LIMIT", 20)
    for number in range(25):
        make(ctx, user, f"no{number:02}")  # part of no id: those lack an "o"

    def page(number: int, q: str = "no") -> Page[Token]:
        return token_list.page_of(ctx, user, ListQuery(q=q, page=number))

    first, last = page(1), page(9)
    assert (first.total, first.limit, first.number, first.more) == (11, 10, 1, True)
    # No link leads where no page is.
    assert (last.total, last.limit, last.number, last.more) == (21, 20, 2, False)
    few = page(1, "no2")
    assert (few.total, few.number, few.more) == (5, 1, False)


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"service": "tmy"}, {"paused", "paused and over"}),
    ({"service": "tmy", "status": "paused"}, {"paused"}),
    ({"service": "timeseries", "q": "serv"}, {"served"}),
    ({"service": "gone"}, set()),
    ({"service": "\0"}, set()),
    ({"service": "é\U0001f511"}, set()),
    ({"service": "' or 1"}, set()),
    ({"status": "lost"}, set()),
    ({"status": "\0"}, set()),
    ({"status": "\ud800"}, set()),
    ({"status": "é\U0001f511"}, set()),
]


@pytest.mark.usefixtures("one_of_each")
def test_filters_combine_and_an_unknown_value_finds_nothing(
    ctx: Context, user: Any
) -> None:
    for query, found in FILTERS:
        assert set(names(ctx, user, **query)) == found, query


# -- order and pages ----------------------------------------------------------


@pytest.fixture
def shelf(ctx: Context, user: Any) -> None:
    """Five tokens whose columns sort in different ways."""
    for number, (name, used, ends) in enumerate(
        [
            ("delta", 3, None),
            ("Alpha", None, 30),
            ("echo", 1, 20),
            ("bravo", None, None),
            ("Charlie", 2, 10),
        ]
    ):
        make(
            ctx,
            user,
            name,
            created_at=NOW - 100 * DAY + number * DAY,
            last_used_at=None if used is None else NOW - used * DAY,
            expires_at=None if ends is None else NOW + ends * DAY,
        )


ORDERS = [
    ("-created", "Charlie bravo echo Alpha delta"),
    ("created", "delta Alpha echo bravo Charlie"),
    ("name", "Alpha bravo Charlie delta echo"),
    ("-name", "echo delta Charlie bravo Alpha"),
    # what was never used is the longest unused; never ending comes last
    ("last_used", "bravo Alpha delta Charlie echo"),
    ("-last_used", "echo Charlie delta bravo Alpha"),
    ("expires", "Charlie echo Alpha bravo delta"),
    ("-expires", "Alpha echo Charlie bravo delta"),
    ("", "delta Alpha echo bravo Charlie"),
    ("-", "Charlie bravo echo Alpha delta"),
    ("-nonsense; drop table", "Charlie bravo echo Alpha delta"),
]


@pytest.mark.usefixtures("shelf")
def test_list_has_the_requested_order(ctx: Context, user: Any) -> None:
    for sort, order in ORDERS:
        assert names(ctx, user, sort=sort) == order.split(), sort


def test_pages_hold_ten_tokens_and_lose_none(
    ctx: Context, user: Any, other_user: Any
) -> None:
    for number in range(23):
        # all at the same moment: the id decides
        make(ctx, user, f"t{number:02}", created_at=NOW)
    make(ctx, other_user, "not mine")
    pages = [
        token_list.page_of(ctx, user, ListQuery(page=number)) for number in (1, 2, 3)
    ]
    assert [(p.first, p.last, p.total, p.more) for p in pages] == [
        (1, 10, 23, True),
        (11, 20, 23, True),
        (21, 23, 23, False),
    ]
    shown = [token.name for page in pages for token in page.items]
    assert sorted(shown) == [f"t{number:02}" for number in range(23)]


def test_page_out_of_range_shows_the_nearest_page(ctx: Context, user: Any) -> None:
    for number in range(11):
        make(ctx, user, f"t{number}")
    for asked, page in ((0, 1), (-7, 1), (2, 2), (3, 2), (10**30, 2)):
        assert token_list.page_of(ctx, user, ListQuery(page=asked)).number == page


def test_empty_list_is_one_empty_page(ctx: Context, user: Any) -> None:
    page = token_list.page_of(ctx, user, ListQuery(page=5))
    assert (list(page.items), page.total, page.number, page.more) == ([], 0, 1, False)
    assert (page.first, page.last) == (0, 0)
    assert not ListQuery(sort="name", page=4).narrows


def test_administrator_lists_the_tokens_of_all_users(
    ctx: Context, user: Any, other_user: Any
) -> None:
    make(ctx, user, "one")
    make(ctx, other_user, "two")
    make(ctx, None, "userless")

    def shown(**options: Any) -> set[str]:
        page = token_list.page_of_all(ctx, ListQuery(), size=50, **options)
        return {token.name for token in page.items}

    assert shown() == {"one", "two", "userless"}
    assert shown(owner=user) == {"one"}
    assert shown(userless=True) == {"userless"}
    everything = token_list.page_of_all(ctx, ListQuery(), size=50).items
    owners = token_list.owners_of(ctx, everything)
    assert {key: owner.email for key, owner in owners.items()} == {
        each.id: each.email for each in (user, other_user)
    }
    assert token_list.owners_of(ctx, []) == {}
