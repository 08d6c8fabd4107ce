"""The contrast of every control in each of its states, not the resting one alone."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.test_pages import Visit
from tests.browser.test_pages import build
from tests.conftest import MakeApp
from tests.pages import add_tokens

#: the least contrast of an element's text, and of the icon in it, to what is behind
CONTRAST = """element => {
    const brush = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true})
    const painted = colours => {
        brush.clearRect(0, 0, 1, 1)
        for (const colour of colours) {
            brush.fillStyle = colour
            brush.fillRect(0, 0, 1, 1)
        }
        const [red, green, blue] = Array.from(
            brush.getImageData(0, 0, 1, 1).data.slice(0, 3),
            (part, _, all, share = part / 255) =>
                share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4)
        return .2126 * red + .7152 * green + .0722 * blue
    }
    const behind = ['#fff']
    for (let at = element; at; at = at.parentElement)
        behind.splice(1, 0, getComputedStyle(at).backgroundColor)
    const drawn = [element, ...element.querySelectorAll('.at-icon')]
    return Math.min(...drawn.map(part => {
        const front = painted([...behind, getComputedStyle(part).color])
        const [low, high] = [front, painted(behind)].sort((one, two) => one - two)
        const needed = part === element ? 4.5 : 3
        return (high + .05) / (low + .05) / needed
    }))
}"""
BUTTONS = ".at-btn:visible:not([disabled], [aria-disabled=true])"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_of_a_control_is_seen(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    scheme: Literal["light", "dark"],
) -> None:
    app = build(make_app)
    page = new_page(clipboard=True, color_scheme=scheme, reduced_motion="reduce")
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 12)
    visit.open()
    found = faint(page, BUTTONS)
    visit.generate()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("#at-guard")).to_be_visible()
    found += faint(page, f"dialog {BUTTONS}")
    page.locator("#at-foot").get_by_role("button", name="Copy token").click()
    copied = page.locator(".at-copied")
    expect(copied).to_have_count(1)
    found += faint(page, ".at-copied")
    assert found == []


def faint(page: Page, selector: str) -> list[str]:
    """What has too little contrast: at rest, under the pointer and with the focus."""
    found, tried = [], set()
    for control in page.locator(selector).all():
        looks = control.get_attribute("class")
        if looks in tried:
            continue
        tried.add(looks)
        states = {"resting": control.blur, "hovered": control.hover}
        for state, enter in {**states, "focused": control.focus}.items():
            enter()
            share = control.evaluate(CONTRAST)
            if share < 1:
                found.append(f"{looks}, {state}: {share:.2f} of what is needed")
    return found
