"""Our pages inside hosts that set ids, bases, languages and attributes of their own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.test_pages import LAYOUT
from tests.browser.test_pages import STRICT
from tests.browser.test_pages import Visit
from tests.browser.test_pages import build
from tests.browser.test_pages import settled
from tests.conftest import MakeApp

#: the fields of a host's own form, named as ours are
FIELDS = "".join(
    f'<label for="{name}">Host {name}</label><input id="{name}" name="{name}">'
    for name in ("name", "service", "reason", "expiry", "rn", "exp-e", "q", "networks")
)
BASE = LAYOUT.replace("<title>", '<base href="/elsewhere/"><title>')
BASE = BASE.replace("<main>", f"<form>{FIELDS}</form><main>")


@pytest.mark.parametrize("path", ["", "/panel"])
def test_error_link_leads_to_our_field_beside_a_hosts_field_and_base(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    console_guard: ConsoleGuard,
    path: str,
) -> None:
    console_guard.expect("status of 422")
    app = build(make_app, layout=BASE, policy=STRICT.replace("base-uri 'none';", ""))
    visit = Visit(app, live_server(app), page)
    visit.open_panel() if path else visit.open()
    address = page.url
    page.locator("#at-generate").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Name", exact=True)
    expect(field).to_be_focused()
    dialog.get_by_label("read").uncheck()
    field.fill("x" * 80)
    dialog.get_by_text("Limit to networks").click()
    dialog.get_by_label("Networks (optional)").fill("nowhere")
    settled(page)
    dialog.get_by_role("button", name="Generate token").click()
    expect(page.locator("#at-errsum li")).to_have_count(2)
    dialog.get_by_text("Limit to networks").click()
    links = dialog.locator("#at-errsum a")
    links.first.click()
    expect(dialog.get_by_label("read")).to_be_focused()
    links.last.click()
    expect(dialog.get_by_label("Networks (optional)")).to_be_focused()
    assert page.url == address


def test_error_link_keeps_a_form_without_script_on_its_page(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    console_guard: ConsoleGuard,
) -> None:
    console_guard.expect("status of 422")
    app = build(make_app, layout=BASE, policy=STRICT.replace("base-uri 'none';", ""))
    page = new_page(java_script_enabled=False)
    visit = Visit(app, live_server(app), page)
    page.goto(f"{visit.base}/account/api-tokens/new")
    page.get_by_label("Name", exact=True).fill("Kept")
    page.get_by_role("checkbox", name="read").uncheck()
    page.get_by_role("button", name="Generate token").click()
    page.locator("#at-errsum a").first.click()
    expect(page.locator(":target")).to_have_id("at-scopes")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Kept")
