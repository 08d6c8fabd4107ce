"""Several requests for access, answered at once in Chromium, with each htmx."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_apitokens import Actor
from flask_apitokens.domain import access_requests
from tests import bearing
from tests import hosts
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_admin import account
from tests.browser.test_admin import opened
from tests.browser.test_pages import settled
from tests.conftest import MakeApp


def ask(app: Flask, *names: str) -> None:
    """Let users of the host ask for tmy."""
    host = hosts.host_of(app)
    with app.app_context():
        for name in names:
            email = f"{name}@example.com"
            user = host.db.session.query(host.user_model).filter_by(email=email).one()
            access_requests.request(
                bearing.context_of(app), user, "tmy", reason="", actor=Actor(email)
            )
        host.db.session.commit()


@WITH_EACH_HTMX
def test_selected_requests_are_answered_from_the_bar(
    make_app: MakeApp, live_server: LiveServer, page: Page, axe: Axe, copy: str
) -> None:
    app = account(make_app, users=5, copy=copy)
    ask(app, *(f"user0{number}" for number in range(5)))
    opened(app, live_server(app), page, "/requests")
    boxes = page.locator("[data-apitokens-select]")
    expect(boxes).to_have_count(5)
    expect(page.get_by_role("button", name="Approve selected")).to_be_hidden()
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.get_by_role("button", name="Decline 2 selected")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Approve 2 selected").click()
    expect(page.locator("#at-toasts strong")).to_have_text("2 requests approved")
    settled(page)
    expect(boxes).to_have_count(3)
    boxes.nth(0).check()
    boxes.nth(2).check()
    page.get_by_role("button", name="Decline 2 selected").click()
    settled(page)
    expect(page.get_by_role("alertdialog")).to_contain_text("Decline 2 requests?")
    page.get_by_label("Reason").fill("Not now")
    page.get_by_role("button", name="Decline requests").click()
    expect(page.locator("#at-toasts strong")).to_have_text("2 requests declined")
    settled(page)
    # One request alone needs no selection.
    expect(boxes).to_have_count(0)
