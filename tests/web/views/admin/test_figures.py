"""The figures of each page lead to lists of as many rows as they say."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from bs4 import Tag
from flask import Flask
from werkzeug.test import TestResponse

from tests import administration
from tests import bearing
from tests.administration import OTHER
from tests.administration import A
from tests.calling import call
from tests.calling import note
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import add_token
from tests.pages import soup
from tests.pages import visible_text
from tests.pages import visitor

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
NEAR: dict[str, Any] = {"created_at": NOW - 99 * DAY, "expires_at": NOW + 2 * DAY}
#: figures, bars and days of a page
LINKS = ".at-kpis a, .at-chart a, #at-days a, .at-num a, .at-facts a, .at-note a"


def fill(app: Flask, ada: Any) -> str:
    """Give the account tokens in every state and calls; return a token of *ada*."""
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "used": {"last_used_at": NOW - DAY},
        "used, revoked": {"last_used_at": NOW - DAY, "revoked_at": NOW},
        "used long ago": {"last_used_at": NOW - 80 * DAY},
        "unused": {"created_at": NOW - 400 * DAY},
        "unused, revoked": {"created_at": NOW - 400 * DAY, "revoked_at": NOW},
        "near": NEAR,
        "near, used": {**NEAR, "last_used_at": NOW},
        "near, deactivated": {**NEAR, "deactivated_at": NOW},
        "near, revoked": {**NEAR, "revoked_at": NOW},
        "expired": {**NEAR, "expires_at": NOW - DAY},
    }
    held: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
    ids = {name: add_token(app, ada, name, **held, **ways[name]) for name in ways}
    rotated = add_token(app, ada, "near, rotated", **held, **NEAR)
    bearing.change(app, rotated, successor_id=ids["plain"])
    off = administration.create_user(app, "off")
    bearing.subscribe(app, off, "tmy")
    for name, values in ways.items():
        add_token(app, off, name, **held, **values)
    bearing.unsubscribe(app, off, "tmy")
    for account in ("acme", OTHER):
        administration.generate_userless(app, account, **held)
    mine = {"token_id": ids["used"], "owner_key": str(ada.id)}
    statuses = (200, 200, 200, 403, 429, 500)
    note(
        app,
        *(call(NOW - n * DAY / 2, status=s, **mine) for n, s in enumerate(statuses)),
        call(NOW, service="timeseries", **mine),
    )
    return ids["used"]


def counted(link: Tag) -> int:
    """Return the number that a link says: its first, or that of calls in a title."""
    told = str(link.get("aria-label") or "")
    sentence = link.find_parent("p")
    row = link.find_parent("tr")
    if link.find_parent("svg"):
        return int(re.findall(r"Calls: (\d+)", told)[0])
    if row is not None and row.find_parent(id="at-days"):
        return int(visible_text(row).split()[-1])
    if "%" in told:
        # A share has the number beside it.
        assert link.parent is not None
        return int(visible_text(link.parent).split()[-1])
    numbers = re.findall(r"\d+", visible_text(sentence or link))
    # The tokens of users and those without are counted apart.
    parts = numbers if "userless" in visible_text(link) else numbers[:1]
    return sum(map(int, parts))


def found(page: TestResponse) -> int:
    """Return how many rows a list has, on all its pages."""
    rows = soup(page).select("#at-list tbody tr")
    foot = soup(page).select_one("#at-list .at-card__foot .at-num")
    if foot is None:
        return len(rows)
    return int(visible_text(foot).split()[-1])


def test_figure_leads_to_as_many_rows_as_it_says(
    make_app: MakeApp, database_url: str
) -> None:
    app = administration.administered(make_app, database_url)
    boss = administration.administrator(app).without_script()
    ada = administration.create_user(app, "ada")
    bearing.subscribe(app, ada, "tmy")
    token_id = fill(app, ada)
    owner = visitor(app, ada).without_script()
    seen = {}
    for by, path in (
        (boss, f"{A}services"),
        (boss, f"{A}services/tmy"),
        (boss, f"{A}tokens"),
        (boss, f"{A}usage"),
        (boss, f"{A}services/tmy/usage"),
        (boss, f"{A}tokens/{token_id}"),
        (owner, f"{U}{token_id}"),
        (owner, U),
    ):
        links = soup(by.client.get(path)).select(LINKS)
        for link in links:
            to = urlsplit(str(link["href"]))
            listed = by.client.get(f"{to.path}?{to.query}")
            assert found(listed) == counted(link) > 0, (path, link)
        seen[path.replace(token_id, "ID")] = len(links)
    # Bars and days are links, besides the figures above them.
    days = len({(NOW - n * DAY / 2).date() for n in range(6)})
    assert seen == {
        f"{A}services": 4,
        f"{A}services/tmy": 2,
        f"{A}tokens": 4,
        f"{A}usage": 5 + 2 * days,
        f"{A}services/tmy/usage": 5 + 2 * days,
        f"{A}tokens/ID": 4 + 2 * days,
        f"{U}ID": 4 + 2 * days,
        U: 1,
    }


@pytest.mark.parametrize("path", ["tokens", "usage", "services/tmy/usage", "services"])
def test_figure_of_nothing_is_not_a_link(app: Flask, path: str) -> None:
    boss = administration.administrator(app).without_script()
    page = boss.get(path)
    figures = soup(page).select(".at-kpis dd, .at-num")
    assert figures
    assert not [figure for figure in figures if figure.find("a")]
