"""The administrators' pages in Chromium: unsaved switches, dialogs, each htmx."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Dialog
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests import administration
from tests import hosts
from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import AllGuises
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.test_pages import build
from tests.browser.test_pages import has_htmx
from tests.browser.test_pages import settled
from tests.browser.test_pages import sign_in
from tests.calling import note
from tests.calling import some
from tests.conftest import MakeApp
from tests.pages import add_token
from tests.pages import subscribe

A = "/admin/api"
#: how many lines the text of an element takes
LINES = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return new Set(Array.from(range.getClientRects(), rect => rect.top)).size;
}"""
ADMIN = {"is_admin": lambda user: user.email == "ada@example.com"}


def account(make_app: MakeApp, users: int = 3, **config: Any) -> Flask:
    """A host with an administrator, ada, and users named user00 and so on."""
    app = build(make_app, plugin=ADMIN, **config)
    hosts.create_user(app, "ada@example.com")
    for number in range(users):
        hosts.create_user(app, f"user{number:02}@example.com")
    return app


def member(app: Flask, email: str) -> Any:
    """A user of the host, by address."""
    host = hosts.host_of(app)
    with app.app_context():
        user = host.db.session.query(host.user_model).filter_by(email=email).one()
        host.db.session.expunge(user)
        return user


def holder(app: Flask, email: str, *names: str) -> Any:
    """Let a user of the host use tmy and hold tokens of these names."""
    user = member(app, email)
    subscribe(app, user, "tmy")
    for name in names:
        add_token(app, user, name, service="tmy", scopes=["read"])
    return user


def opened(app: Flask, base: str, page: Page, path: str) -> Page:
    """An administrators' page with its script."""
    sign_in(page, base)
    page.goto(base + A + path)
    expect(page.locator("[data-apitokens-ready]")).to_have_count(1)
    has_htmx(page)
    return page


@pytest.fixture
def users_page(make_app: MakeApp, live_server: LiveServer, page: Page) -> Page:
    """Return the page of the users of TMY data, when its script is ready."""
    app = account(make_app)
    return opened(app, live_server(app), page, "/services/tmy/users")


def calls(app: Flask, plaintext: str) -> tuple[int, str | None]:
    """What a guarded route answers to a token."""
    bearer = {"Authorization": f"Bearer {plaintext}"}
    answer = app.test_client().get("/api/tmy", headers=bearer)
    return answer.status_code, (answer.json or {}).get("code")


@WITH_EACH_HTMX
def test_administrator_turns_users_on_and_generates_a_token(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    """Switch a user on, save, generate, call; switch off, refused; on, works."""
    app = account(make_app, copy=copy)
    opened(app, live_server(app), page, "/services")
    page.get_by_role("link", name="Manage TMY data").click()
    page.get_by_role("link", name="Users and user tokens").click()
    has_htmx(page)
    switch = page.get_by_role("switch", name="API subscription for user00@example.com")
    generate = "Generate token for user00@example.com"
    expect(page.get_by_role("button", name=generate)).to_have_attribute(
        "aria-disabled", "true"
    )
    switch.check()
    expect(page.locator("#at-save-hint")).to_contain_text("1 unsaved change.")
    save(page)
    expect(page.locator("#at-toasts strong")).to_have_text("Saved.")
    expect(page.locator("#at-save-hint")).to_be_focused()
    page.get_by_role("link", name=generate).click()
    expect(page.get_by_role("heading", name=generate)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Generate token", exact=True).click()
    plaintext = page.locator("#at-secret").inner_text()
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    assert calls(app, plaintext) == (200, None)
    switch.uncheck()
    expect(page.get_by_text("Will be turned off, 1 token stops")).to_be_visible()
    save(page)
    expect(page.get_by_role("alertdialog")).to_contain_text(
        "1 token stops working when you save."
    )
    expect(page.get_by_role("link", name="Back to editing")).to_be_focused()
    assert calls(app, plaintext) == (200, None)
    settled(page)
    page.get_by_role("button", name="Save and turn off").click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(switch).not_to_be_checked()
    assert calls(app, plaintext) == (403, "service_inactive")
    switch.check()
    save(page)
    expect(page.locator("#at-save-hint")).to_be_focused()
    assert calls(app, plaintext) == (200, None)


def save(page: Page) -> None:
    """Save what is unsaved."""
    settled(page)
    page.get_by_role("button", name="Save changes").click()


@WITH_EACH_HTMX
def test_unsaved_switches_survive_search_and_paging(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    app = account(make_app, 30, copy=copy)
    subscribe(app, member(app, "user01@example.com"), "tmy")
    opened(app, live_server(app), page, "/services/tmy/users")
    page.get_by_role("switch", name="for user00").check()
    page.get_by_role("switch", name="for user01").uncheck()
    page.get_by_role("searchbox").fill("user2")
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page.locator("#at-save-hint")).to_contain_text("2 unsaved changes.")
    page.get_by_role("switch", name="for user25").check()
    page.get_by_role("searchbox").fill("")
    expect(page.locator("tbody tr")).to_have_count(25)
    expect(page.get_by_role("switch", name="for user00")).to_be_checked()
    settled(page)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("caption")).to_be_focused()
    expect(page.get_by_role("switch", name="for user25")).to_be_checked()
    save(page)
    settled(page)
    page.get_by_role("button", name="Save and turn off").click()
    expect(page.locator("#at-toasts")).to_contain_text(
        "2 users turned on. 1 user turned off."
    )
    expect(page.get_by_role("button", name="Save changes")).to_be_disabled()
    page.get_by_role("searchbox").fill("user0")
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page.get_by_role("switch", name="for user00")).to_be_checked()
    expect(page.get_by_role("switch", name="for user01")).not_to_be_checked()


def test_switches_work_by_keyboard(users_page: Page) -> None:
    page = users_page
    switch = page.get_by_role("switch", name="for user00")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    # Enter does not submit from a switch.
    page.keyboard.press("Enter")
    expect(page.locator("#at-save-hint")).to_contain_text("1 unsaved change.")
    page.get_by_role("button", name="Discard").press("Enter")
    expect(switch).not_to_be_checked()
    expect(page.locator("#at-save-hint")).to_be_focused()
    expect(page.get_by_role("button", name="Discard")).to_be_hidden()


def test_leaving_with_unsaved_switches_asks(users_page: Page) -> None:
    page = users_page
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("switch", name="for user00").check()
    page.get_by_role("link", name="General").click(no_wait_after=True)
    expect(page.get_by_role("switch", name="for user00")).to_be_checked()
    page.get_by_role("switch", name="for user00").uncheck()
    page.get_by_role("link", name="General").click()
    expect(page.get_by_role("heading", name="Token rules")).to_be_visible()
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("width", [360, 1280])
def test_notification_does_not_cover_the_save_button(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    console_guard: ConsoleGuard,
    width: int,
) -> None:
    """It stays until it is closed, and to save again is what one wants then."""
    app = account(make_app, 30)
    page = new_page(viewport={"width": width, "height": 720})
    opened(app, live_server(app), page, "/services/tmy/users")
    page.get_by_role("switch", name="for user00").check()
    console_guard.expect("ERR_FAILED|htmx:(afterRequest|sendError)")
    page.route("**/services/tmy/users", lambda route: route.abort(), times=1)
    save(page)
    expect(page.locator("#at-toasts")).to_contain_text("Could not reach the server")
    save(page)
    expect(page.locator("#at-toasts")).to_contain_text("1 user turned on.")


def test_whole_form_is_saved_without_script(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    app = account(make_app)
    holder(app, "user01@example.com", "Deploy")
    page, base = new_page(java_script_enabled=False), live_server(app)
    sign_in(page, base)
    page.goto(f"{base}{A}/services/tmy/users")
    page.get_by_role("switch", name="for user00").check()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status").first).to_contain_text("1 user turned on.")
    page.get_by_role("switch", name="for user01").uncheck()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Turn off API access for 1 user?"
    )
    page.get_by_role("button", name="Save and turn off").click()
    expect(page.get_by_role("switch", name="for user01")).not_to_be_checked()


def stopped(app: Flask) -> list[str]:
    """The reasons of the tokens that are deactivated."""
    reasons = administration.column(app, "Token", "deactivated_reason")
    return [reason for reason in reasons if reason]


@WITH_EACH_HTMX
def test_tokens_are_deactivated_with_a_reason(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    console_guard: Any,
    copy: str,
) -> None:
    console_guard.expect("status of 422")
    app = account(make_app, copy=copy)
    holder(app, "user00@example.com", "One", "Two", "Three")
    opened(app, live_server(app), page, "/tokens")
    page.get_by_role("link", name="Deactivate token One").click()
    leaked = page.get_by_role("radio", name="Leaked")
    expect(leaked).to_be_focused()
    settled(page)
    page.get_by_role("button", name="Deactivate token").click()
    expect(page.get_by_text("Choose a reason or enter one.")).to_be_visible()
    settled(page)
    reason = page.get_by_label("Reason in your own words")
    reason.fill("In a <b>log</b>")
    leaked.check()
    page.get_by_role("button", name="Deactivate token").click()
    expect(page.locator("#at-toasts strong")).to_have_text("Token “One” deactivated")
    settled(page)
    page.get_by_label("Select Two").check()
    page.get_by_label("Select Three").check()
    page.get_by_role("button", name="Deactivate 2 selected").click()
    settled(page)
    page.get_by_role("radio", name="Unused").check()
    page.get_by_role("button", name="Deactivate tokens").click()
    expect(page.locator("#at-toasts strong")).to_have_text("2 tokens deactivated")
    settled(page)
    page.get_by_role("link", name="Activate token One").click()
    expect(page.get_by_role("alertdialog")).to_contain_text(
        "It has leaked: In a <b>log</b>"
    )
    settled(page)
    page.get_by_role("button", name="Activate token").click()
    expect(page.locator("#at-toasts strong")).to_have_text("Token “One” activated")


@pytest.mark.parametrize("script", [True, False])
def test_leaked_token_is_deactivated_with_three_clicks_and_never_by_enter(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, *, script: bool
) -> None:
    app, page = account(make_app), new_page(java_script_enabled=script)
    holder(app, "user00@example.com", "One")
    base = live_server(app)
    sign_in(page, base)
    page.goto(f"{base}{A}/tokens")
    if script:
        has_htmx(page)
    page.get_by_role("link", name="Deactivate token One").click()
    leaked = page.get_by_role("radio", name="Leaked")
    expect(leaked).to_be_visible()
    if script:
        settled(page)
    expect(leaked).to_be_focused()
    for key in ("Enter", "Space", "Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("radio", name="Left")).to_be_checked()
    assert stopped(app) == []
    leaked.click()
    page.get_by_role("button", name="Deactivate token").click()
    expect(page.get_by_text("Token “One” deactivated").first).to_be_visible()
    assert stopped(app) == ["It has leaked"]


def test_small_screen_shows_the_section_and_whole_addresses(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    app = account(make_app)
    holder(app, "user00@example.com", "Deploy")
    page.set_viewport_size({"width": 360, "height": 800})
    opened(app, live_server(app), page, "/services/tmy/usage")
    sections = page.get_by_role("navigation", name="TMY data")
    here = sections.get_by_role("link", name="Usage history")
    expect(here).to_be_in_viewport(ratio=0.95)
    page.get_by_role("link", name="Users and user tokens").click()
    has_htmx(page)
    page.get_by_role("switch", name="for user00").uncheck()
    save(page)
    label = page.get_by_role("alertdialog").locator("dt")
    expect(label).to_have_text("user00@example.com")
    assert label.evaluate(LINES) == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_long_name_does_not_widen_a_page(
    make_app: MakeApp, live_server: LiveServer, page: Page, width: int
) -> None:
    app = account(make_app)
    long = hosts.create_user(app, "w" * 60 + "@example.com")
    token_id = add_token(app, long, "W" * 80)
    note(app, *some(1, token_id=token_id, token_name="W" * 80, account_id=""))
    page.set_viewport_size({"width": width, "height": 800})
    opened(app, live_server(app), page, "/services")
    base = page.url.removesuffix("/services")
    for path in ("/tokens", "/audit", "/usage", f"/tokens/{token_id}"):
        page.goto(base + path)
        shown = page.locator("tbody, h1").get_by_text("W" * 80)
        expect(shown.first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


def test_pages_are_accessible_and_fit(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    all_guises: AllGuises,
) -> None:
    app = account(make_app, 30)
    user = holder(app, "user00@example.com", "Deploy")
    page = new_page(reduced_motion="reduce")
    opened(app, live_server(app), page, "/services")
    base = page.url.removesuffix("/services")
    for path in (
        *("/services", "/services/tmy", "/services/tmy/users"),
        *(f"/services/tmy/users/{user.id}", "/services/tmy/userless", "/tokens"),
    ):
        page.goto(base + path)
        has_htmx(page)
        all_guises(page)
    page.goto(f"{base}/services/tmy/users")
    has_htmx(page)
    page.get_by_role("switch", name="for user00").uncheck()
    all_guises(page)
    save(page)
    expect(page.get_by_role("alertdialog")).to_be_visible()
    all_guises(page)


@pytest.mark.parametrize("width", [360, 1280])
def test_long_labels_do_not_widen_a_page(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, width: int
) -> None:
    """Names may be long and without a space, and everybody gives their own."""
    app = account(make_app)
    user = hosts.create_user(app, f"{'w' * 90}@example.com")
    other = hosts.create_user(app, f"{'m' * 90}@example.com")
    subscribe(app, user, "tmy")
    token_id = add_token(app, user, "W" * 80, service="tmy", scopes=["read"])
    host = hosts.host_of(app)
    with app.app_context():
        for mine in (user, other):
            asking = host.db.session.get(host.user_model, mine.id)
            host.apitokens.request_access(asking, "timeseries", reason="M" * 300)
        host.db.session.commit()
    page = new_page(viewport={"width": width, "height": 800})
    opened(app, live_server(app), page, "/services/tmy/users")
    base = page.url.removesuffix("/services/tmy/users")
    page.goto(f"{base}/tokens/{token_id}/deactivate")
    page.get_by_label("Reason").fill("R" * 300)
    page.get_by_role("button", name="Deactivate token").click()
    expect(page).to_have_url(f"{base}/tokens")
    page.goto(f"{base}/requests")
    has_htmx(page)
    page.get_by_role("button", name="Approve").first.click()
    expect(page.locator("#at-toasts strong")).to_be_visible()
    for path in (
        *("/services/tmy/users", f"/services/tmy/users/{user.id}", "/tokens"),
        *(f"/tokens/{token_id}", f"/tokens/{token_id}/revoke", "/requests", "/audit"),
    ):
        page.goto(base + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide == width, path
