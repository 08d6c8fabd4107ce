"""figures.py: a number that was not counted to its end is not told as if it were."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apitokens.catalog import Service
from flask_apitokens.db import pagination
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain.token_list import ListQuery
from flask_apitokens.domain.users import UserQuery
from flask_apitokens.web.presenters import access_confirmations
from flask_apitokens.web.presenters import token_list as list_presenter
from flask_apitokens.web.presenters.users import member_list
from flask_apitokens.web.service_tabs import ServiceFigures
from tests.conftest import MakeApp

UNCOUNTED = pagination.COUNT_LIMIT + 1


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


def test_search_announces_more_tokens_than_the_limit(app: Flask) -> None:
    with app.test_request_context():
        shown = list_presenter.list_of(
            Page([], UNCOUNTED, 1, 10, more=True, limit=pagination.COUNT_LIMIT),
            [],
            query=ListQuery(q="a"),
            owned=1,
            services_shown=False,
            may_generate=False,
        )
        assert (
            list_presenter.search_announcement(shown) == "More than 10,000 tokens found"
        )
        assert shown.page.counted == "10,000+"


def test_confirmation_names_more_tokens_than_the_limit(app: Flask) -> None:
    with app.test_request_context():
        asked = access_confirmations.service_off_question(
            "TMY", UNCOUNTED, action="/do", back="/back"
        )
        assert asked.strong == "More than 10,000 tokens stop working at once."
        asked = access_confirmations.service_off_question(
            "TMY", pagination.COUNT_LIMIT, action="/do", back="/back"
        )
        assert asked.strong == "10,000 tokens stop working at once."


def test_service_total_is_limited_like_its_parts() -> None:
    made = ServiceFigures(Service("tmy", "TMY"), True, 5, 2, 3, UNCOUNTED)
    told = made.user_counted, made.userless_counted, made.tokens_counted
    assert told == ("3", "10,000+", "10,000+")


def test_list_names_the_search_limit(app: Flask) -> None:
    with app.test_request_context():
        found: Page[Any] = Page(
            [],
            pagination.SEARCH_COUNT_LIMIT + 1,
            1,
            10,
            more=True,
            limit=pagination.SEARCH_COUNT_LIMIT,
        )
        shown = list_presenter.list_of(
            found,
            [],
            query=ListQuery(q="a"),
            owned=1,
            services_shown=False,
            may_generate=False,
        )
        assert (
            list_presenter.search_announcement(shown) == "More than 1,000 tokens found"
        )
        assert shown.page.counted == "1,000+"


@pytest.mark.parametrize(
    ("total", "most", "counted", "spoken"),
    [
        (1001, 1000, "1,000+", "More than 1,000 users found"),
        (1000, 1000, "1,000", "1,000 users found"),
        (100_000, None, "100,000", "100,000 users found"),
    ],
)
def test_user_search_announces_more_users_than_the_limit(
    app: Flask, total: int, most: int | None, counted: str, spoken: str
) -> None:
    with app.test_request_context():
        found: Page[Any] = Page([], total, 1, 25, limit=most)
        query = UserQuery(q="a")
        shown = member_list(found, [], query=query, slug="tmy", focus=False)
        assert (shown.page.counted, shown.announce) == (counted, spoken)
        paged = member_list(found, [], query=query, slug="tmy", focus=True)
        assert paged.announce.endswith(f"of {counted}")
