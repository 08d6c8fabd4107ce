"""The menu of a row and the selection of rows in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_pages import Visit
from tests.browser.test_pages import build
from tests.browser.test_pages import settled
from tests.conftest import MakeApp
from tests.pages import add_token
from tests.pages import stored


@pytest.fixture
def app(make_app: MakeApp, copy: str) -> Flask:
    """A host with the htmx of the test."""
    return build(make_app, copy=copy)


@pytest.fixture
def visit(app: Flask, live_server: LiveServer, new_page: NewPage) -> Visit:
    """The list of a user with three tokens, loaded with its script."""
    visit = Visit(app, live_server(app), new_page(clipboard=True))
    for name in ("One", "Two", "Three"):
        add_token(app, visit.user, name)
    visit.open()
    settled(visit.page)
    return visit


def menu_of(page: Page, name: str) -> tuple[Locator, Locator]:
    """The button of the menu of a row, and the link in it that revokes."""
    button = page.get_by_role("button", name=f"More token {name}")
    return button, page.get_by_role("link", name=f"Revoke token {name}")


def test_menu_closes_on_escape_and_on_a_click_elsewhere(visit: Visit) -> None:
    page = visit.page
    button, revoke = menu_of(page, "One")
    other, revoke_other = menu_of(page, "Two")
    expect(revoke).to_be_hidden()
    button.click()
    expect(revoke).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(revoke).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    page.locator("#at-title").click()
    expect(revoke).to_be_hidden()
    button.click()
    other.click()
    expect(revoke).to_be_hidden()
    expect(revoke_other).to_be_visible()
    other.click()
    expect(revoke_other).to_be_hidden()


def test_open_menu_is_beside_its_button_and_moves_nothing(
    visit: Visit, axe: Axe
) -> None:
    page = visit.page
    for width in (1280, 700, 320):
        page.set_viewport_size({"width": width, "height": 500})
        for name in ("One", "Three"):
            button, revoke = menu_of(page, name)
            button.scroll_into_view_if_needed()
            before = button.bounding_box()
            button.click()
            menu, at = revoke.bounding_box(), button.bounding_box()
            assert menu is not None
            assert at is not None
            assert before == at
            assert 0 <= menu["x"] <= width - menu["width"]
            assert abs(menu["y"] - at["y"]) < 150
            assert abs(menu["x"] - at["x"]) < 180
            axe(page)
            page.keyboard.press("Escape")


@WITH_EACH_HTMX
def test_leaked_token_is_revoked_with_three_clicks(visit: Visit) -> None:
    page = visit.page
    button, revoke = menu_of(page, "Two")
    button.click()
    revoke.click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator("#at-toasts")).to_contain_text("Token “Two” revoked")
    expect(page.locator("#at-title")).to_be_focused()
    ended = [row["name"] for row in stored(visit.app, visit.user) if row["revoked_at"]]
    assert ended == ["Two"]


@WITH_EACH_HTMX
def test_dialogs_offer_each_other_and_the_focus_returns(visit: Visit) -> None:
    page = visit.page
    button, revoke = menu_of(page, "Two")
    button.click()
    revoke.click()
    expect(page.get_by_role("link", name="Keep token")).to_be_focused()
    settled(page)
    page.get_by_role("link", name="Delete instead").click()
    expect(page.get_by_role("alertdialog", name="Delete “Two”?")).to_be_visible()
    expect(page.get_by_role("link", name="Keep token")).to_be_focused()
    settled(page)
    page.get_by_role("link", name="Revoke instead").click()
    expect(page.get_by_role("alertdialog", name="Revoke “Two”?")).to_be_visible()
    settled(page)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(button).to_be_focused()


@WITH_EACH_HTMX
def test_token_is_rotated_from_the_menu(visit: Visit) -> None:
    page = visit.page
    menu_of(page, "Two")[0].click()
    page.get_by_role("link", name="Rotate token Two").click()
    expect(page.get_by_role("dialog", name="Rotate “Two”")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Rotate token").click()
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("#at-toasts")).to_contain_text("Token “Two” rotated")
    expect(page.locator("tbody tr")).to_have_count(4)


def test_rows_are_revoked_without_script(
    app: Flask, live_server: LiveServer, new_page: NewPage
) -> None:
    page = new_page(java_script_enabled=False)
    visit = Visit(app, live_server(app), page)
    for name in ("One", "Two", "Three"):
        add_token(app, visit.user, name)
    page.goto(f"{visit.base}/account/api-tokens/")
    expect(page.get_by_role("button", name="Revoke selected")).to_be_visible()
    button, revoke = menu_of(page, "One")
    button.click()
    revoke.click()
    page.get_by_role("link", name="Delete instead").click()
    page.get_by_role("link", name="Revoke instead").click()
    page.get_by_role("button", name="Revoke token").click()
    for name in ("Two", "Three"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Revoke selected").click()
    page.get_by_role("button", name="Revoke tokens").click()
    expect(page.get_by_text("2 tokens revoked")).to_be_visible()
    ended: list[Any] = [row["revoked_at"] for row in stored(app, visit.user)]
    assert all(ended)


def test_enter_on_a_box_selects_and_asks_nothing(visit: Visit) -> None:
    page, box = visit.page, visit.page.get_by_role("checkbox", name="Select Two")
    box.check()
    box.press("Enter")
    every = page.get_by_role("checkbox", name="Select all on this page")
    every.press("Enter")
    every.press("Space")
    expect(page.get_by_role("button", name="Revoke 3 selected")).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)
