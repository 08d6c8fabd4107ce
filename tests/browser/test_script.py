"""The script, on pages that say exactly what it is given, in three versions of htmx."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect

from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import LiveServer
from tests.browser.static_site import BUNDLED
from tests.browser.static_site import READY
from tests.browser.static_site import ask_to_revoke
from tests.browser.static_site import create_site
from tests.browser.static_site import generate
from tests.browser.static_site import submit
from tests.browser.static_site import visit

# -- which htmx


def test_script_loads_htmx_if_the_page_has_none(
    page: Page, live_server: LiveServer
) -> None:
    visit(page, live_server(create_site(BUNDLED)))
    assert page.evaluate("htmx.version") == BUNDLED
    assert page.evaluate("htmx.config.allowEval") is False
    assert page.locator("style").count() == 0


@pytest.mark.parametrize("mode", ["auto", "bundled"])
def test_script_never_loads_a_second_htmx(
    page: Page, live_server: LiveServer, mode: str
) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    visit(page, live_server(create_site("4.0.1", mode)))
    generate(page)
    assert [url for url in loaded if "/htmx" in url] == [f"{page.url}htmx/4.0.1.js"]
    assert len([url for url in loaded if url.endswith("/new")]) == 2


@pytest.mark.parametrize("mode", ["host", "off"])
def test_links_work_without_htmx(
    page: Page, live_server: LiveServer, console_guard: ConsoleGuard, mode: str
) -> None:
    console_guard.expect("favicon.ico")  # the fragment, as a page, names no icon
    page.goto(live_server(create_site(BUNDLED, mode)))
    expect(page.locator(READY)).to_be_attached()
    page.get_by_role("link", name="Generate new token").click()
    page.wait_for_url("**/new")


def test_nonce_of_the_page_is_passed_to_htmx(
    page: Page, live_server: LiveServer
) -> None:
    policy = "script-src 'nonce-abc'; style-src 'self'; default-src 'self'"
    visit(page, live_server(create_site(BUNDLED, policy=policy)))
    generate(page)


def test_script_loaded_twice_acts_once(page: Page, live_server: LiveServer) -> None:
    visit(page, live_server(create_site()))
    page.evaluate(
        """() => Promise.all(['', '-requests'].map(name => new Promise(done => {
            const script = document.createElement('script')
            document.body.append(Object.assign(script,
                {src: `/static/apitokens${name}.js`, onload: done}))
        })))"""
    )
    generate(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text("Not copied yet.")).to_be_visible()


def test_section_inserted_later_works(page: Page, live_server: LiveServer) -> None:
    """A host's Turbo or a boosted link of the host inserts the section."""
    visit(page, live_server(create_site()))
    page.evaluate(
        """async () => {
            const text = await (await fetch('/')).text()
            const doc = new DOMParser().parseFromString(text, 'text/html')
            document.body.replaceWith(doc.body)
        }"""
    )
    expect(page.locator(READY)).to_be_attached()
    generate(page)


# -- dialogs and focus


def test_dialog_takes_the_focus_and_returns_it(site: Page) -> None:
    site.get_by_role("link", name="Generate new token").click()
    expect(site.locator("dialog:modal")).to_be_visible()
    expect(site.get_by_label("Name")).to_be_focused()
    site.get_by_role("link", name="Cancel").click()
    expect(site.locator("dialog")).to_have_count(0)
    expect(site.locator("#at-generate")).to_be_focused()


def test_escape_key_closes_and_removes_a_dialog(site: Page) -> None:
    ask_to_revoke(site)
    expect(site.get_by_role("link", name="Keep token")).to_be_focused()
    site.keyboard.press("Escape")
    expect(site.locator("dialog")).to_have_count(0)
    expect(site.locator("#at-row-1").get_by_role("link", name="Revoke")).to_be_focused()


def test_dialog_rendered_open_becomes_modal(site: Page) -> None:
    site.evaluate(
        """() => {
            const dialog = document.createElement('dialog')
            dialog.open = true
            document.querySelector('#at-dialog').replaceChildren(dialog)
        }"""
    )
    expect(site.locator("dialog:modal")).to_be_attached()


def test_error_summary_gets_the_focus(site: Page, console_guard: ConsoleGuard) -> None:
    console_guard.expect("status of 422")
    submit(site, "")
    expect(site.locator("#at-errsum")).to_be_focused()
    expect(site.locator("dialog:modal")).to_have_count(1)


def test_confirmed_revocation_moves_the_focus_to_the_title(site: Page) -> None:
    ask_to_revoke(site)
    site.get_by_role("button", name="Revoke token").click()
    expect(site.locator("dialog")).to_have_count(0)
    expect(site.locator("#at-toasts")).to_contain_text("Token revoked")
    expect(site.locator("#at-title")).to_be_focused()


def test_generate_form_follows_the_date(site: Page) -> None:
    site.get_by_role("link", name="Generate new token").click()
    expect(site.locator("#at-field-date")).to_be_hidden()
    site.get_by_label("custom").check()
    expect(site.locator("#at-field-date")).to_be_visible()


# -- lists


def test_search_result_is_announced_and_the_field_keeps_the_focus(
    site: Page, console_guard: ConsoleGuard
) -> None:
    console_guard.expect("htmx:(afterRequest|sendAbort)")  # typed on: as it should
    site.get_by_label("Search").press_sequentially("ab")
    status = site.locator("[data-apitokens-status]")
    expect(status).to_have_text("3 found for ab")
    expect(site.get_by_label("Search")).to_be_focused()


def test_paging_moves_the_focus_into_the_list(site: Page) -> None:
    site.get_by_role("link", name="Next").click()
    expect(site.get_by_role("heading", name="Page 2")).to_be_focused()


def test_rename_selects_the_name_and_escape_cancels(site: Page) -> None:
    site.locator("#at-row-1").get_by_role("link", name="Rename").click()
    field = site.locator("#at-rename")
    expect(field).to_be_focused()
    assert field.evaluate("field => field.selectionEnd - field.selectionStart") == 8
    # Chromium sends such a nameless key when it fills a form in.
    field.evaluate(
        "field => field.dispatchEvent(new Event('keydown', {bubbles: true}))"
    )
    field.press("x")
    expect(field).to_have_value("x")
    field.press("Escape")
    expect(field).to_have_count(0)


def test_selection_is_counted_and_can_take_all(site: Page) -> None:
    boxes, every = site.locator("[data-apitokens-select]"), site.get_by_label("All")
    site.get_by_label("Token 1").check()
    expect(site.get_by_role("button", name="Revoke 1 selected")).to_be_visible()
    expect(every).not_to_be_checked()
    site.get_by_label("Token 2").check()
    expect(every).to_be_checked()
    every.uncheck()
    expect(boxes.first).not_to_be_checked()
    expect(site.get_by_role("button", name="Revoke selected")).to_be_visible()


# -- answers of others


@pytest.mark.parametrize("label", ["Rebound", "Signed out", "Log-in page"])
def test_log_in_page_is_never_swapped_into_a_panel(
    site: Page, console_guard: ConsoleGuard, label: str
) -> None:
    console_guard.expect("status of 401")
    site.get_by_role("link", name=label).click()
    expect(site.get_by_role("link", name="Sign in")).to_be_focused()
    expect(site.get_by_role("alertdialog")).to_contain_text("signed out")
    expect(site.locator("#at-row-1")).to_be_attached()
    expect(site.get_by_role("heading", name="Log in")).to_have_count(0)
    site.get_by_role("button", name="Stay").click()
    expect(site.get_by_role("link", name=label)).to_be_focused()


def test_sign_out_keeps_an_open_form(site: Page, console_guard: ConsoleGuard) -> None:
    console_guard.expect("status of 401")
    site.get_by_role("link", name="Generate new token").click()
    site.get_by_label("Name").fill("half done")
    site.route("**/new", lambda route: route.fulfill(status=401, body="no"))
    site.get_by_role("button", name="Generate token").click()
    site.get_by_role("button", name="Stay").click()
    expect(site.get_by_label("Name")).to_have_value("half done")
    expect(site.get_by_role("button", name="Generate token")).to_be_focused()


def test_server_error_becomes_a_persistent_toast(
    site: Page, console_guard: ConsoleGuard
) -> None:
    console_guard.expect("status of 500")
    site.clock.install()
    site.get_by_role("link", name="Crash").click()
    toast = site.get_by_text("Something went wrong")
    expect(toast).to_be_visible()
    site.clock.fast_forward(60_000)
    expect(toast).to_be_visible()
    expect(site.locator("#at-row-1")).to_be_attached()
    site.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)
    expect(site.locator("#at-title, a:focus").first).to_be_attached()


def test_refusal_is_swapped_with_its_error_status(
    site: Page, console_guard: ConsoleGuard
) -> None:
    console_guard.expect("status of 404")
    site.get_by_role("link", name="Gone").click()
    expect(site.locator("#at-toasts")).to_contain_text("no longer exists")
    expect(site.get_by_role("link", name="Gone")).to_be_focused()


def test_network_failure_is_reported(site: Page, console_guard: ConsoleGuard) -> None:
    console_guard.expect("ERR_|htmx:|Failed to fetch")
    site.context.set_offline(True)
    site.get_by_role("link", name="Next").click()
    expect(site.locator("#at-toasts")).to_contain_text("Could not reach the server")
    site.get_by_role("link", name="Next").click()
    expect(site.locator("#at-toasts > *")).to_have_count(1)


def test_error_moves_into_an_open_dialog(
    site: Page, console_guard: ConsoleGuard
) -> None:
    console_guard.expect("ERR_|htmx:|Failed to fetch|status of 404")
    ask_to_revoke(site)
    site.route("**/revoke", lambda route: gone(route))
    site.get_by_role("button", name="Revoke token").click()
    alert = site.locator("dialog > [role=alert]")
    expect(alert).to_contain_text("no longer exists")
    expect(alert).to_be_visible()
    site.unroute_all()
    site.context.set_offline(True)
    site.get_by_role("button", name="Revoke token").click()
    # The server may have got it: nothing here says that nothing was changed.
    expect(alert).to_contain_text("Could not reach the server Saved?")
    expect(alert).to_have_count(1)
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)


def test_unanswered_form_says_that_it_may_be_saved(
    site: Page, console_guard: ConsoleGuard
) -> None:
    console_guard.expect("status of 502")
    ask_to_revoke(site)
    site.route("**/revoke", lambda route: route.fulfill(status=502, body="no"))
    site.get_by_role("button", name="Revoke token").click()
    alert = site.locator("dialog > [role=alert]")
    expect(alert).to_contain_text("Something went wrong Saved?")


def gone(route: Route) -> None:
    """Answer as the server does for a token that is gone."""
    route.fulfill(response=route.fetch(url=route.request.url.replace("revoke", "gone")))
