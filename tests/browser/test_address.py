"""The address follows the list: Back and a reload show the search and the filters."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from typing import Any

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_admin import account
from tests.browser.test_admin import member
from tests.browser.test_admin import opened
from tests.browser.test_pages import has_htmx
from tests.browser.test_pages import settled
from tests.browser.test_pages import sign_in
from tests.calling import note
from tests.calling import some
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import add_token

USED = datetime.now(UTC)


def asks(page: Page, query: str) -> None:
    """Expect the address to end with these arguments, and no others."""
    expect(page).to_have_url(re.compile(rf"^[^?#]+{re.escape(query)}(#.*)?$"))


@WITH_EACH_HTMX
def test_own_list_is_as_it_was_after_back_and_reload(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    app = account(make_app, copy=copy)
    ada = member(app, "ada@example.com")
    for number in range(24):
        add_token(app, ada, f"Token {number:02}", last_used_at=USED if number else None)
    base = live_server(app)
    sign_in(page, base)
    page.goto(base + U)
    has_htmx(page)
    length = page.evaluate("history.length")
    rows, use = page.locator("#at-table tbody tr"), page.get_by_label("Use", exact=True)

    # What was never used comes first among the longest unused.
    for query in ("?sort=-last_used", "?sort=last_used"):
        settled(page)
        page.get_by_role("link", name="Last used").click()
        asks(page, query)
    expect(rows.first).to_contain_text("Token 00")
    settled(page)
    page.get_by_role("link", name="Next").click()
    asks(page, "?sort=last_used&page=2")
    page.reload()
    expect(page.get_by_text("11–20 of 24")).to_be_visible()
    has_htmx(page)

    use.select_option("never")
    asks(page, "?use=never&sort=last_used")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Token 00", exact=True).click()
    expect(page.get_by_role("heading", name="Token 00")).to_be_visible()
    page.go_back()
    asks(page, "?use=never&sort=last_used")
    expect(rows).to_have_count(1)
    expect(use).to_have_value("never")
    has_htmx(page)
    use.select_option("")
    page.get_by_label("Search tokens by name or ID").fill("token 1")
    asks(page, "?q=token+1&sort=last_used")
    page.reload()
    expect(page.get_by_label("Search tokens")).to_have_value("token 1")
    expect(rows).to_have_count(10)
    # No search is a step back; only the page of the token was one.
    assert page.evaluate("history.length") == length + 1


@WITH_EACH_HTMX
def test_every_list_of_administrators_keeps_its_address(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    app = account(make_app, users=30, copy=copy)
    ada = member(app, "ada@example.com")
    token_id = add_token(app, ada, "Deploy")
    mine: dict[str, Any] = {
        "owner_key": str(ada.id),
        "account_id": "",
        "token_id": token_id,
    }
    note(app, *some(60, **mine), *some(12, **mine, status=503))
    opened(app, live_server(app), page, "/services/tmy/users?nonsense=1#at-list")

    page.get_by_role("link", name="Next").click()
    asks(page, "?page=2")
    page.get_by_label("Subscription", exact=True).select_option("inactive")
    asks(page, "?state=inactive")
    goto(page, "/admin/api/audit")
    page.get_by_label("From (UTC)").fill("2020-01-31")
    page.get_by_label("Event", exact=True).select_option("generated")
    asks(page, "?event=generated&from=2020-01-31")
    goto(page, "/admin/api/tokens")
    page.get_by_label("Kind").select_option("access")
    asks(page, "?kind=access")
    goto(page, "/admin/api/usage")
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile(r"\?before=[\w.-]+&from=51$"))
    page.reload()
    expect(page.get_by_text("51–72 of 72")).to_be_visible()
    # The list of a token's calls has an address of its own, its page another.
    goto(page, f"{U}{token_id}")
    page.get_by_label("Result").select_option("failed")
    asks(page, f"{U}{token_id}?result=failed".removeprefix(U + token_id))
    page.reload()
    expect(page.get_by_text("1–10 of 12")).to_be_visible()


def goto(page: Page, path: str) -> None:
    """Open a page of this host, when its script is ready."""
    page.goto(path if path.startswith("http") else origin(page) + path)
    has_htmx(page)


def origin(page: Page) -> str:
    """Return the address of the host."""
    return "/".join(page.url.split("/")[:3])


def test_address_of_the_hosts_own_page_stays(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    app = account(make_app)
    ada = member(app, "ada@example.com")
    for number in range(12):
        add_token(app, ada, f"Token {number:02}")
    base = live_server(app)
    sign_in(page, base)
    page.goto(f"{base}/panel?tab=2")
    has_htmx(page)
    page.get_by_label("Search tokens by name or ID").fill("Token 07")
    expect(page.locator("#at-table tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{base}/panel?tab=2")


def test_search_and_filters_are_a_plain_form_without_script(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    app = account(make_app)
    ada = member(app, "ada@example.com")
    for number in range(12):
        add_token(app, ada, f"Token {number:02}", last_used_at=USED if number else None)
    base = live_server(app)
    page = new_page(java_script_enabled=False)
    sign_in(page, base)
    page.goto(base + U)
    page.get_by_label("Use", exact=True).select_option("never")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#at-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Token 00", exact=True).click()
    page.go_back()
    expect(page.locator("#at-table tbody tr")).to_have_count(1)
