"""A fresh log-in, networks and a changed address, in Chromium with each htmx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests import bearing
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import COPIES
from tests.browser.test_pages import Visit
from tests.browser.test_pages import build
from tests.browser.test_pages import settled
from tests.conftest import MakeApp
from tests.pages import U

LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 360, "height": 740}},
]
NETWORKS = "192.0.2.5/24\n2001:db8::/32"


def host(make_app: MakeApp, copy: str, database_url: str) -> Flask:
    """A host that wants log-ins fresh and ties tokens to addresses."""
    app = build(
        make_app,
        copy=copy,
        database_url=database_url,
        APITOKENS_FRESH_LOGIN=True,
        APITOKENS_BIND_TO_EMAIL=True,
    )
    app.login_manager.refresh_view = "login"  # type: ignore[attr-defined]

    @app.get("/grow-stale")
    def grow_stale() -> str:
        from flask import session

        session["_fresh"] = False
        return "stale"

    return app


def test_input_survives_a_stale_log_in_with_each_htmx(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    console_guard: Any,
    axe: Axe,
    tmp_path: Path,
) -> None:
    console_guard.expect("status of 422")
    for copy, look in zip(COPIES, LOOKS, strict=True):
        app = host(make_app, copy, f"sqlite:///{tmp_path}/{copy}.sqlite")
        page = new_page(**look)
        visit = Visit(app, live_server(app), page)
        visit.open()
        fill_in_wrong(page)
        axe(page)
        page.request.get(f"{visit.base}/grow-stale")
        page.get_by_label("Networks").fill(NETWORKS.replace("5/24", "0/24"))
        page.get_by_role("button", name="Generate token", exact=True).click()
        log_in_again(visit)
        axe(page)
        page.get_by_role("button", name="Generate token", exact=True).click()
        expect(page.locator("#at-secret")).to_be_visible()
        expect(page.locator(".at-facts")).to_contain_text("192.0.2.0/24")
        page.get_by_role("button", name="Copy token", exact=True).click()
        bearing.change_user(app, visit.user, email="new@example.com")
        visit.open()
        note = "1 token stopped working because your email address has changed."
        expect(page.locator(".at-note")).to_contain_text(note)
        axe(page)
        page.get_by_role("link", name="Night run", exact=True).click()
        expect(page.get_by_role("link", name="Generate a new one")).to_be_visible()
        axe(page)


def fill_in_wrong(page: Page) -> None:
    """A form with networks that cannot be, which are opened and said to be wrong."""
    page.locator("#at-generate").click()
    page.get_by_label("Name", exact=True).fill("Night run")
    page.get_by_text("Limit to networks").click()
    page.get_by_label("Networks").fill(NETWORKS)
    settled(page)
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-errsum")).to_be_focused()
    page.locator("#at-errsum a").click()
    expect(page.get_by_label("Networks")).to_be_focused()
    settled(page)


def log_in_again(visit: Visit) -> None:
    """Go through the host's log-in, which leads to the form as it was filled in."""
    page = visit.page
    page.wait_for_url(f"{visit.base}/login?next=*")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button").click()
    page.wait_for_url(f"{visit.base}{U}new")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Night run")
    networks = page.get_by_label("Networks")
    expect(networks).to_have_value(NETWORKS.replace("5/24", "0/24"))
    expect(networks).to_be_visible()


def test_networks_can_be_entered_without_script(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    app = build(make_app)
    page = new_page(java_script_enabled=False)
    visit = Visit(app, live_server(app), page)
    page.goto(f"{visit.base}{U}new")
    page.get_by_label("Name", exact=True).fill("Night run")
    page.get_by_text("Limit to networks").click()
    page.get_by_label("Networks").fill("127.0.0.1")
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator(".at-facts")).to_contain_text("127.0.0.1/32")
