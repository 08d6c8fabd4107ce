"""The usage history in Chromium: filters and pages with each htmx, looks, reading."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import AllGuises
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_admin import account
from tests.browser.test_admin import member
from tests.browser.test_admin import opened
from tests.browser.test_pages import has_htmx
from tests.browser.test_pages import settled
from tests.calling import note
from tests.calling import some
from tests.conftest import MakeApp
from tests.pages import add_token
from tests.pages import subscribe

LONG = "/api/" + "x" * 400


def recorded(make_app: MakeApp, **config: Any) -> tuple[Flask, str]:
    """A host with calls of a token of ada's, and of one that is gone."""
    app = account(make_app, **config)
    ada = member(app, "ada@example.com")
    subscribe(app, ada, "tmy")
    token_id = add_token(app, ada, "Deploy", service="tmy", scopes=["read"])
    mine: dict[str, Any] = {"owner_key": str(ada.id), "account_id": ""}
    note(
        app,
        *some(58, token_id=token_id, **mine),
        *some(2, token_id=token_id, **mine, status=503, path=LONG, user_agent=LONG),
        *some(1, token_id="z" * 12, **mine, status=429, code="rate_limited"),
    )
    return app, token_id


@WITH_EACH_HTMX
def test_calls_are_filtered_and_paged(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    app, token_id = recorded(make_app, copy=copy)
    opened(app, live_server(app), page, "/services/tmy/usage")
    rows = page.locator("#at-calls-table tbody tr")
    foot = page.locator("#at-list .at-num").last
    link = page.get_by_role("link", name="Download CSV")
    expect(rows).to_have_count(50)
    settled(page)
    page.get_by_role("link", name="Next").click()
    expect(rows).to_have_count(11)
    expect(page.locator("#at-calls-table caption")).to_be_focused()
    expect(page.get_by_text("51–61 of 61")).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Previous").click()
    expect(rows).to_have_count(50)
    page.get_by_label("Result").focus()
    page.get_by_label("Result").select_option("failed")
    expect(rows).to_have_count(2)
    expect(page.get_by_label("Result")).to_be_focused()
    expect(page.locator("[data-apitokens-status]")).to_have_text("2 calls found")
    expect(link).to_have_attribute(
        "href", "/admin/api/services/tmy/usage.csv?result=failed"
    )
    page.get_by_label("Token").select_option("z" * 12)
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    page.get_by_label("Result").select_option("")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("429 Too many calls")
    expect(foot).to_be_visible()
    # The figures above are of all calls, whatever is chosen below.
    expect(page.locator(".at-kpis dd").first).to_have_text("61")

    page.goto(
        page.url.replace(
            "/admin/api/services/tmy/usage", f"/account/api-tokens/{token_id}"
        )
    )
    has_htmx(page)
    page.get_by_label("Result").select_option("failed")
    expect(rows).to_have_count(2)
    page.get_by_text("Calls per day as a table").click()
    expect(page.locator("#at-days tbody tr")).to_have_count(8)


@pytest.mark.parametrize("rtl", [False, True])
def test_history_is_accessible_and_fits(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    all_guises: AllGuises,
    axe: Axe,
    *,
    rtl: bool,
) -> None:
    app, token_id = recorded(make_app)
    if rtl:
        Babel(app, default_locale="ar")
    page = new_page(reduced_motion="reduce")
    opened(app, live_server(app), page, "/services/tmy/usage")
    base = page.url.removesuffix("/admin/api/services/tmy/usage")
    for path in (
        "/admin/api/services/tmy/usage",
        "/admin/api/usage?result=failed",
        f"/account/api-tokens/{token_id}",
        f"/account/api-tokens/{token_id}/revoke",
    ):
        page.goto(base + path)
        has_htmx(page)
        page.evaluate("rtl => rtl && (document.dir = 'rtl')", rtl)
        for summary in page.locator("details > summary").all():
            summary.click()
        all_guises(page)
    page.goto(f"{base}/admin/api/usage")
    page.emulate_media(forced_colors="active")
    axe(page)
    page.emulate_media(forced_colors="none")
    bar = page.locator("svg[role=group] rect.at-s1").first.bounding_box()
    label = page.locator("svg[role=group] text").first.bounding_box()
    assert bar is not None
    assert label is not None
    # The axis is on the side where reading begins.
    assert (label["x"] > bar["x"]) == rtl
