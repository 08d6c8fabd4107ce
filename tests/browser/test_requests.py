"""Asking for access and the answer, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_apitokens import Actor
from flask_apitokens.domain import access_requests
from tests import bearing
from tests import hosts
from tests.browser.conftest import AllGuises
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_pages import build
from tests.browser.test_pages import has_htmx
from tests.browser.test_pages import settled
from tests.conftest import MakeApp
from tests.pages import U

A = "/admin/api/requests"
NOTE = "Nightly export to our data warehouse"


@pytest.fixture
def app(make_app: MakeApp, copy: str) -> Flask:
    """A host with administrators, and with its own htmx maybe."""
    plugin = hosts.accounts(on_notice=lambda notice: None)
    return build(make_app, copy=copy, plugin=plugin)


def enter(page: Page, base: str, app: Flask, name: str) -> Any:
    """Sign a new user in."""
    user = hosts.create_user(app, f"{name}@example.com")
    page.goto(f"{base}/login")
    page.get_by_label("Email").fill(user.email)
    page.get_by_role("button").click()
    page.wait_for_url(f"{base}/account")
    return user


def go(page: Page, address: str) -> None:
    """Open a page and wait for its script and htmx."""
    page.goto(address)
    expect(page.locator("[data-apitokens-ready]")).to_have_count(1)
    has_htmx(page)


def ask(app: Flask, *names: str) -> None:
    """Requests of new users."""
    for name in names:
        user = hosts.create_user(app, f"{name}@example.com")
        with app.app_context():
            ctx = bearing.context_of(app)
            access_requests.request(
                ctx, user, "tmy", reason=NOTE, actor=Actor(user.email)
            )
            ctx.session.commit()


@WITH_EACH_HTMX
@pytest.mark.parametrize("path", [U, "/panel"])
def test_user_requests_access_and_withdraws(
    app: Flask,
    live_server: LiveServer,
    new_page: NewPage,
    all_guises: AllGuises,
    console_guard: Any,
    path: str,
) -> None:
    console_guard.expect("status of 422")
    # While a toast fades in, axe sees it half transparent.
    page, base = new_page(reduced_motion="reduce"), live_server(app)
    enter(page, base, app, "grace")
    go(page, base + path)
    all_guises(page)
    note = page.get_by_label("What will you use it for?")
    note.fill("a\x1bb")
    page.get_by_role("button", name="Request access").click()
    expect(note).to_be_focused()
    expect(note).to_have_attribute("aria-invalid", "true")
    settled(page)
    all_guises(page)
    note.fill(NOTE)
    page.get_by_label("Service").select_option("All services")
    page.get_by_role("button", name="Request access").click()
    expect(page.locator("#at-toasts")).to_contain_text("Request sent")
    expect(page.locator("#at-title")).to_be_focused()
    expect(page.locator("#at-panel form")).to_have_count(2)
    settled(page)
    all_guises(page)
    page.get_by_role("button", name="Withdraw request TMY data").click()
    expect(page.locator("#at-toasts")).to_contain_text("Request withdrawn")
    expect(page.get_by_label("Service")).to_have_value("tmy")
    assert page.url == base + path


@WITH_EACH_HTMX
def test_administrator_decides_a_request(
    app: Flask,
    live_server: LiveServer,
    new_page: NewPage,
    all_guises: AllGuises,
) -> None:
    # While a toast fades in, axe sees it half transparent.
    page, base = new_page(reduced_motion="reduce"), live_server(app)
    enter(page, base, app, "admin")
    go(page, base + A)
    all_guises(page)
    ask(app, "grace", "edsger", "alan")
    go(page, base + A)
    all_guises(page)
    page.get_by_role("button", name="Approve grace@example.com").click()
    expect(page.locator("#at-toasts")).to_contain_text(
        "Access approved for grace@example.com"
    )
    decline = page.get_by_role("link", name="Decline edsger@example.com")
    expect(decline).to_be_focused()
    settled(page)
    decline.click()
    reason = page.get_by_label("Reason")
    expect(reason).to_be_focused()
    settled(page)
    all_guises(page)
    reason.fill("Not part of the trial")
    page.get_by_role("button", name="Decline request").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="Decline alan@example.com")).to_be_focused()
    expect(page.locator("#at-decisions tbody tr")).to_have_count(2)
    settled(page)
    all_guises(page)
    page.get_by_role("button", name="Approve alan@example.com").click()
    expect(page.locator("#at-title")).to_be_focused()
    expect(page.locator(".at-empty")).to_contain_text("No one is waiting for access")
    go(page, base + "/admin/api/services")
    all_guises(page)
