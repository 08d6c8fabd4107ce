"""Every page at every width, with short and with long data: what a layout must hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from example_app import create_app
from example_app import demo
from example_app.models import User
from example_app.models import db
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.calling import note
from tests.calling import some

U = "/account/api-tokens/"
WIDTHS = (1280, 1100, 1024, 768, 640, 360, 320)
#: finds what a layout must not do; a word of ordinary length stays in one piece
MEASURE = """() => {
    const found = [], root = document.documentElement
    const seen = el => el.checkVisibility({visibilityProperty: true})
    const name_of = el => [...el.textContent.trim()].slice(0, 40).join('')
    if (root.scrollWidth > root.clientWidth) found.push('scrolls sideways')
    for (const box of document.querySelectorAll('.table-responsive:has(> table)'))
        if (innerWidth >= 1280 && box.scrollWidth > box.clientWidth)
            found.push('cut off by ' + (box.scrollWidth - box.clientWidth))
    const last = [...document.querySelectorAll('svg[role=group] > :is(a, g)')].at(-1)
    if (last) {
        const shown = last.closest('[role=region]').getBoundingClientRect()
        if (last.getBoundingClientRect().right > shown.right + 1)
            found.push('the last day of the chart is out of sight')
    }
    for (const box of document.querySelectorAll('[data-apitokens-select]')) {
        const name = box.closest('tr').querySelector('td a')
        if (!name || !seen(box)) continue
        const [at, beside] = [box, name].map(el => el.getClientRects()[0])
        const middle = at.top + at.height / 2
        if (at.right > beside.left || middle < beside.top || middle > beside.top + 26)
            found.push('not beside its check box: ' + name_of(name))
        if (name.offsetHeight > 48) found.push('tall: ' + name_of(name))
    }
    const ours = document.querySelector('[data-apitokens]')
    const texts = document.createTreeWalker(ours, NodeFilter.SHOW_TEXT)
    const range = document.createRange()
    while (texts.nextNode()) {
        const node = texts.currentNode
        if (!seen(node.parentElement)) continue
        const words = /\\p{L}[\\p{L}\\p{N}@._]{3,}/gu
        for (const {0: word, index} of node.data.matchAll(words)) {
            if (word.length > 20) continue
            range.setStart(node, index)
            range.setEnd(node, index + word.length)
            const lines = [...range.getClientRects()].filter(line => line.width > 1)
            if (new Set(lines.map(line => Math.round(line.top))).size > 1)
                found.push('broken word: ' + word)
        }
    }
    return [...new Set(found)]
}"""
#: the place of each cell and control of the list
PLACES = """() => Array.from(
    document.querySelectorAll('tbody td, [role=switch], tbody div > a'),
    el => { const {x, y, width, height} = el.getBoundingClientRect(),
                table = el.closest('table').getBoundingClientRect()
            return [x - table.x, y - table.y, width, height].map(Math.round).join() }
)"""


@dataclass(frozen=True)
class Names:
    """What people call themselves and their tokens."""

    person: str
    address: str
    tokens: tuple[str, ...]


DATA = {
    "plain": Names("Mary Dahl", "mary@example.com", ("Deploy", "Nightly export")),
    "long": Names(
        "Dr. Wilhelmina Featherstonehaugh-Cholmondeley of Ebbinghausen",
        "wilhelmina.featherstonehaugh-cholmondeley@laboratories.example.com",
        (
            "Nightly download of every station in the northern hemisphere, retried",
            "x" * 80,
            "رمز النسخ الاحتياطي اليومي (backup) ☀️🚀",
        ),
    ),
}


def fill(app: Flask, names: Names) -> dict[str, Any]:
    """Give the host people and tokens; return what addresses of pages need."""
    apitokens = app.extensions["apitokens"].extension
    with app.app_context():
        demo.seed()
        users = {user.email: user for user in db.session.query(User)}
        ada = users["ada@example.com"]
        person = User(
            email=names.address,
            name=names.person,
            password_hash="",
            account_id=ada.account_id,
        )
        db.session.add(person)
        db.session.flush()
        apitokens.subscribe(person, "tmy")
        apitokens.request_access(person, "timeseries", reason="An export of all of it")
        for owner in (person, ada):
            for number in range(12):
                name = names.tokens[number % len(names.tokens)]
                token, _plaintext = apitokens.generate(
                    owner=owner,
                    name=f"{number}{name}"[:80],
                    service="tmy",
                    scopes=["read"],
                )
                if number % 3:
                    token.last_used_at = datetime.now(UTC) - timedelta(minutes=number)
                    token.last_used_ip = "2001:db8:85a3:8d3:1319:8a2e:370:7348"
        db.session.commit()
        known = {"key": person.id, "token": token.id}
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    path = f"/api/{names.tokens[0]}"
    with_it: dict[str, Any] = {"token_id": known["token"], "user_agent": agent}
    note(app, *some(12, path=path, **with_it), *some(5, status=429, **with_it))
    return known


@pytest.fixture(params=["ours", "bootstrap5"])
def templates(request: pytest.FixtureRequest) -> str:
    """Return each set of templates."""
    return str(request.param)


@pytest.fixture(params=list(DATA))
def names(request: pytest.FixtureRequest) -> Names:
    """Return each kind of data."""
    return DATA[request.param]


@pytest.fixture
def example(tmp_path: Path, templates: str) -> Iterator[Flask]:
    """The example host in either look."""
    config: dict[str, Any] = {"APITOKENS_BCRYPT_ROUNDS": 4}
    if templates != "ours":
        config["EXAMPLE_TEMPLATES"] = templates
    app = create_app(config, instance_path=tmp_path)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_every_page_holds_at_every_width(
    new_page: NewPage, live_server: LiveServer, example: Flask, names: Names
) -> None:
    known = fill(example, names)
    service = "/admin/api/services/tmy"
    own = (U, f"{U}new", U + known["token"])
    administration = (
        "/admin/api/services",
        service,
        f"{service}/users",
        f"{service}/users/{known['key']}",
        f"{service}/userless",
        f"{service}/usage",
        *(f"/admin/api/{page}" for page in ("tokens", "requests", "usage", "audit")),
    )
    address = live_server(example)
    page = new_page(reduced_motion="reduce")
    found = []
    for email, paths in (
        ("ada@example.com", own),
        ("admin@example.com", administration),
    ):
        sign_in(page, address, email)
        for path in paths:
            found += measured(page, address, path)
    assert found == []


def measured(page: Page, address: str, path: str) -> list[str]:
    """What is wrong with a page, at each width, and whether it opens at the top."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 600})
        if width in (WIDTHS[0], 360):
            page.goto(address + path)
            expect(page.locator("[data-apitokens-ready]")).to_be_attached()
            # A form without a dialog begins at its first field.
            if page.evaluate("scrollY") and not path.endswith("/new"):
                found.append(f"{path} at {width}: not at the top")
        found += [f"{path} at {width}: {each}" for each in page.evaluate(MEASURE)]
    return found


def test_nothing_moves_when_a_user_is_turned_on(
    new_page: NewPage, live_server: LiveServer, example: Flask, names: Names
) -> None:
    fill(example, names)
    address = live_server(example)
    page = new_page(reduced_motion="reduce")
    sign_in(page, address, "admin@example.com")
    page.goto(f"{address}/admin/api/services/tmy/users")
    expect(page.locator("[data-apitokens-ready]")).to_be_attached()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 3000})
        before = page.evaluate(PLACES)
        switches = page.get_by_role("switch")
        for index in range(switches.count()):
            switches.nth(index).click()
        assert page.locator("[data-apitokens-change]").first.is_visible()
        moved = set(before).symmetric_difference(page.evaluate(PLACES))
        assert moved == set(), width
        for index in range(switches.count()):
            switches.nth(index).click()


def test_nothing_moves_when_a_token_is_selected(
    new_page: NewPage, live_server: LiveServer, example: Flask, names: Names
) -> None:
    fill(example, names)
    address = live_server(example)
    page = new_page(reduced_motion="reduce")
    sign_in(page, address, "ada@example.com")
    page.goto(address + U)
    expect(page.locator("[data-apitokens-ready]")).to_be_attached()
    box = page.locator("[data-apitokens-select]").first
    stop = page.locator("#at-bulk button")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 3000})
        expect(stop).to_be_hidden()
        before = page.evaluate(PLACES)
        plain = colour(page)
        box.check()
        expect(stop).to_be_visible()
        assert page.evaluate(PLACES) == before, width
        assert colour(page) != plain, width
        assert page.evaluate(MEASURE) == []
        box.uncheck()


def colour(page: Page) -> str:
    """The colours of the first row and of its cells."""
    return str(
        page.locator("tbody tr").first.evaluate(
            """row => [row, row.cells[1]].map(el => {
                const {backgroundColor, boxShadow} = getComputedStyle(el)
                return backgroundColor + boxShadow
            }).join()"""
        )
    )


def sign_in(page: Page, address: str, email: str) -> None:
    """Sign in to the example host, as another user than before."""
    page.context.clear_cookies()
    page.goto(f"{address}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/**")
