"""The life of a token in Chromium: rotating it, on its own page."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests import hosts
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import COPIES
from tests.browser.test_pages import Visit
from tests.browser.test_pages import build
from tests.browser.test_pages import settled
from tests.browser.test_pages import sign_in
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import add_token
from tests.pages import stored
from tests.pages import subscribe

#: how a page is looked at: schemes, and a telephone
LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}},
]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def looks_sound(page: Page, axe: Axe) -> None:
    """Nothing for axe to find, nothing wider than the screen."""
    axe(page)
    assert page.evaluate(WIDER) == 0


def test_token_is_rotated_with_each_htmx(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, console_guard: Any
) -> None:
    console_guard.expect("status of 422")
    for copy in COPIES:
        app = build(make_app, copy=copy)
        visit = Visit(app, live_server(app), new_page(clipboard=True))
        token_id = add_token(app, visit.user, "Deploy", service="tmy", scopes=["read"])
        rotate(visit, token_id)
        hosts.put_away(app)
        _forget(app)


def _forget(app: Flask) -> None:
    """Take the users and tokens out, for the next copy: the database is one file."""
    host = hosts.host_of(app)
    with app.app_context():
        host.db.drop_all()
        host.db.create_all()


def rotate(visit: Visit, token_id: str) -> None:
    """By the button, with an error on the way, to the end."""
    page = visit.open(token_id)
    settled(page)
    page.get_by_role("link", name="Rotate").click()
    dialog = page.get_by_role("dialog", name="Rotate “Deploy”")
    expect(dialog).to_be_visible()
    grace = dialog.get_by_label("Keep it for 1 day")
    expect(grace).to_be_checked()
    # Enter on a choice sends nothing; if it did, the token would be rotated here.
    grace.press("Enter")
    dialog.get_by_text("On a date", exact=True).click()
    settled(page)
    dialog.get_by_role("button", name="Rotate token").click()
    expect(page.locator("#at-errsum")).to_be_focused()
    dialog.get_by_text("90 days").click()
    settled(page)
    dialog.get_by_role("button", name="Rotate token").click()
    expect(page.get_by_role("heading", name="Token generated")).to_be_focused()
    expect(page.locator("dialog")).to_contain_text("The old token works until")
    page.get_by_role("button", name="I have stored it").click()
    page.get_by_role("button", name="Copy token", exact=True).last.click()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#at-toasts")).to_contain_text("Token “Deploy” rotated")
    expect(page.locator("#at-title")).to_be_focused()
    expect(page.locator("#at-token")).to_contain_text("Replaced by")
    assert len(stored(visit.app, visit.user)) == 2
    page.locator("#at-token dd a").click()
    expect(page.locator("#at-token")).to_contain_text("Replaces")


def reveal_without_script(page: Page, *, link: str, button: str) -> None:
    """Follow a link to a form, send it and leave the page with the new token."""
    page.get_by_role("link", name=link).click()
    page.get_by_role("button", name=button).click()
    expect(page.locator("#at-secret")).to_be_visible()
    page.get_by_role("link", name="I have stored it").click()


def test_rotate_form_is_accessible_with_and_without_script(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    axe: Axe,
) -> None:
    app = build(make_app)
    base = live_server(app)
    user = hosts.create_user(app, "ada@example.com")
    token_id = add_token(app, user, "Deploy")
    for look in LOOKS:
        page = new_page(reduced_motion="reduce", **look)
        sign_in(page, base)
        page.goto(f"{base}{U}{token_id}")
        looks_sound(page, axe)
        settled(page)
        page.get_by_role("link", name="Rotate").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        looks_sound(page, axe)
    page = new_page(java_script_enabled=False)
    sign_in(page, base)
    page.goto(f"{base}{U}{token_id}")
    reveal_without_script(page, link="Rotate", button="Rotate token")
    expect(page.locator("#at-token")).to_contain_text("Replaces")


# -- single-token mode -----------------------------------------------------------


def test_only_token_is_replaced_with_each_htmx(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    for copy in COPIES:
        app = build(make_app, copy=copy, APITOKENS_MAX_PER_OWNER=1)
        visit = Visit(app, live_server(app), new_page(clipboard=True))
        page = visit.open()
        first = _new(page)
        page.get_by_role("link", name="Generate a new token").click()
        question = page.get_by_role("alertdialog")
        expect(question).to_contain_text("Your current token stops working at once.")
        expect(question.get_by_role("link", name="Keep current token")).to_be_focused()
        settled(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        page.get_by_role("link", name="Generate a new token").click()
        settled(page)
        page.get_by_role("button", name="Generate and overwrite").click()
        expect(page.get_by_role("heading", name="Token generated")).to_be_focused()
        second = page.locator("#at-secret").inner_text()
        assert second != first
        _close(page)
        expect(page.locator("#at-generate")).to_be_focused()
        expect(page.locator("#at-list")).to_contain_text(second.split("_")[1])
        hosts.put_away(app)
        _forget(app)


def _new(page: Page) -> str:
    page.get_by_role("link", name="Generate a new token").click()
    settled(page)
    page.get_by_role("button", name="Generate token").click()
    expect(page.locator("#at-secret")).to_be_visible()
    plaintext = page.locator("#at-secret").inner_text()
    _close(page)
    return plaintext


def _close(page: Page) -> None:
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)
    settled(page)


def test_single_token_page_is_accessible_with_and_without_script(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, axe: Axe
) -> None:
    app = build(make_app, APITOKENS_MAX_PER_OWNER=1)
    base = live_server(app)
    user = hosts.create_user(app, "ada@example.com")
    for path in (U, "/panel"):
        for look in LOOKS:
            page = new_page(reduced_motion="reduce", **look)
            sign_in(page, base)
            page.goto(f"{base}{path}")
            looks_sound(page, axe)
            if stored(app, user):
                settled(page)
                page.get_by_role("link", name="Generate a new token").click()
                expect(page.get_by_role("alertdialog")).to_be_visible()
                looks_sound(page, axe)
        if not stored(app, user):
            subscribe(app, user, "tmy")
            add_token(app, user, "Deploy", service="tmy", scopes=["read"])
    page = new_page(java_script_enabled=False)
    sign_in(page, base)
    page.goto(f"{base}{U}")
    reveal_without_script(
        page, link="Generate a new token", button="Generate and overwrite"
    )
    expect(page.locator("#at-list")).to_contain_text("Active")


# -- time zones -------------------------------------------------------------------


def test_page_shows_times_in_one_time_zone_and_that_of_the_browser_in_titles(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, axe: Axe
) -> None:
    """DBS-06: stored in UTC, shown in UTC, and with the browser's time beside it."""
    app = build(make_app)
    base = live_server(app)
    user = hosts.create_user(app, "ada@example.com")
    end = datetime(2040, 2, 19, 23, 59, 59, tzinfo=UTC)
    token_id = add_token(app, user, "Deploy", expires_at=end)
    here = "20 Feb 2040, 08:59 (Asia/Tokyo)"
    page = new_page(timezone_id="Asia/Tokyo")
    sign_in(page, base)
    page.goto(f"{base}{U}{token_id}")
    ends = page.locator("#at-token .at-facts [data-apitokens-zoned]").last
    expect(ends).to_have_text("19 Feb 2040")
    expect(ends).to_have_attribute("title", f"{here}, 19 Feb 2040, 23:59 UTC")
    expect(page.locator("#at-token")).to_contain_text("23:59 UTC")
    settled(page)
    page.get_by_role("link", name="Rotate").click()
    page.get_by_text("On a date", exact=True).click()
    page.get_by_label("Expiry date").fill("2040-02-19")
    hint = page.get_by_text("Works until the end of that day, UTC.")
    expect(hint).to_be_visible()
    assert "Tokyo" not in page.locator("[data-apitokens]").inner_text()
    axe(page)
    page.goto(f"{base}{U}")
    expect(page.get_by_text("Times are UTC.")).to_be_visible()
    for options in ({"timezone_id": "Etc/UTC"}, {"java_script_enabled": False}):
        page = new_page(**options)
        sign_in(page, base)
        page.goto(f"{base}{U}{token_id}")
        expect(page.locator("#at-token")).to_contain_text("23:59 UTC")


def test_rotate_form_is_one_column(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    app = build(make_app)
    visit = Visit(app, live_server(app), new_page(reduced_motion="reduce"))
    page = visit.open(add_token(app, visit.user, "Deploy"))
    settled(page)
    page.get_by_role("link", name="Rotate").click()
    choices = page.locator(".at-choice")
    expect(choices).to_have_count(3)
    boxes = [choices.nth(index).bounding_box() for index in range(3)]
    assert len({(box["x"], box["width"]) for box in boxes if box}) == 1
