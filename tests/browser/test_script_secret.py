"""The script where it must not fail anybody: the secret, and what toasts say of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.static_site import TOKEN
from tests.browser.static_site import ask_to_revoke
from tests.browser.static_site import create_site
from tests.browser.static_site import generate
from tests.browser.static_site import visit


def test_reveal_focuses_its_heading_and_copies_exactly(site: Page) -> None:
    generate(site)
    expect(site.get_by_role("heading", name="Token generated")).to_be_focused()
    site.get_by_role("button", name="Copy token").click()
    expect(site.get_by_role("button", name="Copied")).to_be_visible()
    expect(site.locator("[data-apitokens-say]")).to_have_text("Token copied")
    assert site.evaluate("navigator.clipboard.readText()") == TOKEN
    site.get_by_role("button", name="Stored").click()
    expect(site.locator("dialog")).to_have_count(0)
    expect(site.locator("#at-generate")).to_be_focused()
    expect(site.locator("#at-toasts")).to_contain_text("Token “x” generated")
    assert TOKEN not in site.content()


def test_reveal_dialog_asks_before_it_closes(site: Page) -> None:
    generate(site)
    site.get_by_role("button", name="Stored").click()
    expect(site.get_by_text("Not copied yet.")).to_be_visible()
    copies = site.get_by_role("button", name="Copy token")
    expect(copies.last).to_be_focused()
    for _ in range(3):
        site.keyboard.press("Escape")
    expect(site.locator("#at-secret")).to_be_visible()
    site.keyboard.press("Enter")
    expect(site.get_by_text("Shown only once.")).to_be_visible()
    expect(site.get_by_role("button", name="Copied")).to_be_focused()
    site.keyboard.press("Escape")
    expect(site.get_by_text("Not copied yet.")).to_have_count(0)
    site.get_by_role("button", name="Stored").click()
    expect(site.locator("dialog")).to_have_count(0)


def test_close_anyway_closes_the_reveal_dialog(site: Page) -> None:
    generate(site)
    site.keyboard.press("Escape")
    site.get_by_role("button", name="Close anyway").click()
    expect(site.locator("dialog")).to_have_count(0)
    assert TOKEN not in site.content()


def test_back_gesture_asks_before_the_reveal_closes(site: Page) -> None:
    generate(site)
    closed = site.locator("dialog").evaluate(
        "it => it.dispatchEvent(new Event('cancel', {cancelable: true}))"
    )
    assert closed is False
    expect(site.get_by_text("Not copied yet.")).to_be_visible()


def test_download_counts_as_stored(site: Page) -> None:
    generate(site)
    with site.expect_download() as download:
        site.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "t.txt"
    expect(site.locator("[data-apitokens-say]")).to_have_text("Download started")
    site.get_by_role("button", name="Stored").click()
    expect(site.locator("dialog")).to_have_count(0)


def test_copying_the_id_does_not_count(site: Page) -> None:
    generate(site)
    dialog = site.locator("dialog")
    dialog.get_by_role("button", name="Copy ID").click()
    expect(site.locator("[data-apitokens-say]")).to_have_text("ID copied")
    assert site.evaluate("navigator.clipboard.readText()") == "tok_1"
    site.get_by_role("button", name="Stored").click()
    expect(site.get_by_text("Not copied yet.")).to_be_visible()


def test_without_a_clipboard_the_secret_is_selected(
    new_page: NewPage, live_server: LiveServer, version: str
) -> None:
    address = live_server(create_site(version)).replace("127.0.0.1", "plain.test")
    site = visit(new_page(), address)
    site.get_by_role("button", name="Copy ID").click()
    expect(site.locator("#at-toasts")).to_contain_text("ID selected")
    assert site.evaluate("`${getSelection()}`") == "tok_1"
    generate(site)
    site.get_by_role("button", name="Copy token").click()
    expect(site.locator("dialog > [role=alert]")).to_contain_text("Token selected")
    assert site.evaluate("`${getSelection()}`") == TOKEN
    expect(site.get_by_role("button", name="Copied")).to_have_count(0)
    site.get_by_role("button", name="Stored").click()
    expect(site.get_by_text("Not copied yet.")).to_be_visible()
    site.locator("#at-secret").press("Control+a")
    assert site.evaluate("`${getSelection()}`") == TOKEN
    site.keyboard.press("Control+c")
    expect(site.get_by_text("Shown only once.")).to_be_visible()


@pytest.mark.parametrize("event", ["pagehide", "turbo:before-cache"])
def test_secret_is_removed_when_the_page_is_left(site: Page, event: str) -> None:
    generate(site)
    site.evaluate("event => dispatchEvent(new Event(event))", event)
    assert TOKEN not in site.content()


# -- toasts


def test_success_toast_disappears_unless_it_is_hovered(site: Page) -> None:
    site.clock.install()
    ask_to_revoke(site)
    site.get_by_role("button", name="Revoke token").click()
    toast = site.locator(".at-toast")
    expect(toast).to_be_visible()
    toast.hover()
    site.clock.run_for(12_000)
    expect(toast).to_be_visible()
    site.mouse.move(0, 0)
    site.clock.run_for(12_000)
    expect(toast).to_have_count(0)


def test_copied_label_is_shown_for_three_seconds(site: Page) -> None:
    site.clock.install()
    generate(site)
    site.get_by_role("button", name="Copy token").click()
    expect(site.get_by_role("button", name="Copied")).to_be_visible()
    site.clock.run_for(3_100)
    expect(site.get_by_role("button", name="Copy token")).to_be_visible()
