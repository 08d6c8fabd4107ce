"""Mappings of a framework's variables to ours: pages with the colours of the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import expect

from example_app import create_app
from example_app.models import db
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.frameworks import ROOT
from tests.browser.frameworks import dress
from tests.browser.frameworks import put_on
from tests.browser.test_layout import DATA
from tests.browser.test_layout import U
from tests.browser.test_layout import fill
from tests.browser.test_layout import sign_in

#: framework → its mapping, its attribute for the colour scheme, and for each part its
#: own element or the variable of its theme in light and dark
MAPPINGS = {
    "bootstrap5": ("apitokens-bootstrap5.css", "data-bs-theme", {}),
    "pico": ("apitokens-pico2.css", "data-theme", {}),
    "tailwind4": (
        "apitokens-tailwind4.css",
        "data-theme",
        {
            "light": ("indigo-600", "indigo-700", "gray-900", "white"),
            "dark": ("indigo-600", "indigo-300", "gray-100", "gray-900"),
        },
    ),
}
#: the colours of the host: of its button, link and page, or of the named variables
HOST = """names => {
    const room = document.createElement('div')
    room.innerHTML = `<button class="btn btn-primary">B</button><a href="#">A</a>
        <p>T</p><i>S</i>`
    document.body.prepend(room)
    const [button, link, text, page] = room.children
    if (names) {
        const set = [[button, 'backgroundColor'], [link, 'color'], [text, 'color'],
            [page, 'backgroundColor']]
        set.forEach(([el, property], i) =>
            { el.style[property] = `var(--color-${names[i]})` })
    } else {
        const root = getComputedStyle(document.documentElement)
        const body = getComputedStyle(document.body)
        page.style.backgroundColor = body.backgroundColor == 'rgba(0, 0, 0, 0)'
            ? root.backgroundColor : body.backgroundColor
    }
    const found = {
        accent: getComputedStyle(button).backgroundColor,
        link: getComputedStyle(link).color,
        text: getComputedStyle(text).color,
        background: getComputedStyle(page).backgroundColor,
    }
    room.remove()
    return found
}"""
#: the same colours of our page
OURS = """() => {
    const link = document.createElement('a')
    link.href = '#'
    document.querySelector('.at-main').append(link)
    const found = {
        accent: getComputedStyle(document.querySelector('#at-generate'))
            .backgroundColor,
        link: getComputedStyle(link).color,
        text: getComputedStyle(document.querySelector('.at')).color,
        background: getComputedStyle(document.querySelector('.at-card'))
            .backgroundColor,
    }
    link.remove()
    return found
}"""
#: the width of our content and of the room that the host gives it
WIDTHS = """() => ['.at-main', '#room'].map(selector =>
    document.querySelector(selector).clientWidth)"""


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Flask]:
    """The example host with a layout that has a framework's stylesheet alone."""
    app = create_app({"APITOKENS_BCRYPT_ROUNDS": 4}, instance_path=tmp_path)
    dress(app)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_page_with_a_mapping_has_the_colours_and_width_of_the_host(
    new_page: NewPage, live_server: LiveServer, example: Flask
) -> None:
    page = new_page(reduced_motion="reduce")
    fill(example, DATA["plain"])
    address = live_server(example)
    sign_in(page, address, "ada@example.com")
    page.route(
        "**/templates/*.css",
        lambda route: route.fulfill(path=ROOT / urlsplit(route.request.url).path[1:]),
    )
    for framework, (name, attribute, variables) in MAPPINGS.items():
        page.goto(address + U)
        expect(page.locator("[data-apitokens-ready]")).to_be_attached()
        put_on(page, framework)
        page.add_style_tag(url=f"/templates/{name}")
        seen = []
        for scheme in ("light", "dark"):
            page.evaluate(
                "pair => document.documentElement.setAttribute(...pair)",
                [attribute, scheme],
            )
            host = page.evaluate(HOST, variables.get(scheme))
            assert page.evaluate(OURS) == host, (framework, scheme)
            seen.append(host["background"])
        assert seen[0] != seen[1], framework
        page.set_viewport_size({"width": 1900, "height": 800})
        ours, room = page.evaluate(WIDTHS)
        assert ours == room, framework
