"""The users' pages in Chromium: by keyboard, without script, with each htmx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask import Response
from flask import send_file
from jinja2 import DictLoader
from playwright.sync_api import Dialog
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import expect

from flask_apitokens.web import templating
from tests import hosts
from tests.browser.chromium import INSECURE_HOST
from tests.browser.conftest import AllGuises
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.expiry import follows_the_kind
from tests.browser.htmx import HOST_COPIES
from tests.browser.htmx import WITH_EACH_HTMX
from tests.conftest import MakeApp
from tests.pages import U
from tests.pages import add_token
from tests.pages import add_tokens
from tests.pages import stored
from tests.pages import subscribe

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
CONFIG = (
    '{"includeIndicatorStyles":false,"includeIndicatorCSS":false,"historyCacheSize":9}'
)
LAYOUT = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="htmx-config" content='{CONFIG}'>
<title>{{% block title %}}Account{{% endblock %}}</title>
{{% block styles %}}{{% endblock %}}
{{% if host_htmx %}}<script src="/host-htmx.js"></script>{{% endif %}}</head>
<body hx-boost="true" hx-target="#elsewhere" hx-push-url="true">
<main>{{% block content %}}{{% endblock %}}</main>
{{% block scripts %}}{{% endblock %}}</body></html>"""
ACCOUNT = """{% extends "host.html" %}{% block content %}<h1>Account</h1>
{{ apitokens_panel() }}{% endblock %}"""


def build(
    make_app: MakeApp,
    *,
    copy: str = "ours",
    layout: str = LAYOUT,
    policy: str = STRICT,
    plugin: Mapping[str, Any] | None = None,
    **config: Any,
) -> Flask:
    """A host under a strict policy, with its own layout and maybe its own htmx."""
    app = make_app(
        plugin=plugin or {"account_of": lambda user: "acc_1"},
        APITOKENS_BASE_TEMPLATE="host.html",
        **config,
    )
    app.jinja_loader = DictLoader({"host.html": layout, "account.html": ACCOUNT})
    app.context_processor(lambda: {"host_htmx": copy != "ours"})

    @app.after_request
    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        return response

    @app.get("/host-htmx.js")
    def host_htmx() -> Response:
        return send_file(HOST_COPIES[copy], "text/javascript")

    @app.get("/panel")
    def panel() -> str:
        from flask import render_template

        return render_template("account.html")

    return app


#: notes what the live regions of the page say, as a screen reader would
LISTEN = """() => {
    window.heard = [];
    new MutationObserver(records => {
        for (const {target, addedNodes} of records) {
            const text = [...addedNodes].map(node => node.textContent).join('');
            const live = (target.parentElement ? target : target.parentNode)
                .closest('[role=status], [role=alert], [aria-live]');
            const said = text.trim().replace(/\\s+/g, ' ');
            if (live && said) window.heard.push(said);
        }
    }).observe(document.body, {childList: true, subtree: true});
}"""


class Visit:
    """A signed-in user's browser on the list."""

    def __init__(self, app: Flask, base: str, page: Page) -> None:
        self.app = app
        self.base = base
        self.page = page
        self.user = hosts.create_user(app, "ada@example.com")
        subscribe(app, self.user, "tmy", "timeseries")
        sign_in(page, base)

    def open(self, path: str = "") -> Page:
        """Go to an address below U and wait until the script is there."""
        self.page.goto(self.base + U + path)
        expect(self.page.locator("[data-apitokens-ready]")).to_have_count(1)
        has_htmx(self.page)
        return self.page

    def open_panel(self) -> Page:
        """Go to the page of the host with the panel and wait for htmx."""
        self.page.goto(f"{self.base}/panel")
        has_htmx(self.page)
        return self.page

    def generate(self, name: str = "Deploy") -> str:
        """Generate a token in the dialog and read its plaintext."""
        self.page.locator("#at-generate").click()
        self.page.get_by_label("Name", exact=True).fill(name)
        settled(self.page)
        self.page.get_by_role("button", name="Generate token", exact=True).click()
        secret = self.page.locator("#at-secret")
        expect(secret).to_be_visible()
        return secret.inner_text()


def act(page: Page, action: str, name: str) -> None:
    """Choose an action in the menu of the row of a token."""
    page.get_by_role("button", name=f"More token {name}").click()
    page.get_by_role("link", name=f"{action} token {name}").click()


def sign_in(page: Page, base: str) -> None:
    """Sign in as the first user."""
    page.goto(f"{base}/login")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button").click()
    page.wait_for_url(f"{base}/account")


@pytest.fixture
def visit(make_app: MakeApp, live_server: LiveServer, page: Page, copy: str) -> Visit:
    """Return the browser of a signed-in user."""
    app = build(make_app, copy=copy)
    return Visit(app, live_server(app), page)


def settled(page: Page) -> None:
    """Wait until htmx has taken in what it swapped: links are only links till then."""
    waiting = page.locator(".htmx-settling, .htmx-swapping, .htmx-added")
    expect(waiting).to_have_count(0)


def has_htmx(page: Page) -> None:
    """Wait until the page has a copy of htmx, its own or ours."""
    # Playwright's own way to wait for a condition evaluates strings, which the
    # policy of these hosts forbids.
    page.evaluate(
        """() => new Promise(done => {
            const look = () => (window.htmx ? done() : setTimeout(look, 20));
            look();
        })"""
    )


# -- the whole way, with each htmx -------------------------------------------


@WITH_EACH_HTMX
def test_token_is_generated_renamed_and_revoked_with_each_htmx(
    visit: Visit, console_guard: Any, copy: str
) -> None:
    console_guard.expect("status of (422|404|409)")
    page, app = visit.page, visit.app
    add_tokens(app, visit.user, 11)
    visit.open()
    version = page.evaluate("window.htmx.version")
    assert version.startswith({"ours": "2.0.11"}.get(copy, copy))
    assert page.locator("script[src*=htmx]").count() == 1
    search(page)
    errors_then_reveal(visit)
    rename(page)
    revoke(visit)
    revoke_selected(page)
    gone(visit)


def search(page: Page) -> None:
    """Type into the search field, page and sort."""
    page.get_by_role("searchbox").fill("token 11")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.locator("[data-apitokens-status]")).to_have_text("1 token found")
    page.get_by_role("searchbox").fill("")
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("caption")).to_be_focused()
    page.get_by_role("columnheader", name="Token").get_by_role("link").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Token")
    expect(page.locator("tbody .at-name a").first).to_have_text("Token 1")


def errors_then_reveal(visit: Visit) -> None:
    """Send a form with errors, put them right, see the token."""
    page = visit.page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.locator("#at-generate").click()
    dialog = page.get_by_role("dialog", name="Generate new token")
    expect(dialog.get_by_label("Name", exact=True)).to_be_focused()
    dialog.get_by_label("Service").select_option("timeseries")
    expect(dialog.get_by_label("write")).to_be_visible()
    assert not any("csrf_token" in url for url in sent)
    dialog.get_by_label("Name", exact=True).fill("Token 1")
    dialog.get_by_label("read").uncheck()
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator("#at-errsum")).to_be_focused()
    expect(page.locator("#at-errsum li")).to_have_count(2)
    follows_the_kind(page)
    page.locator("#at-errsum a").first.click()
    expect(page.locator("#at-field-name")).to_be_focused()
    page.locator("#at-field-name").fill("Nightly export")
    dialog.get_by_label("write").check()
    settled(page)
    sent.clear()
    dialog.get_by_role("button", name="Generate token").click()
    expect(page.get_by_role("heading", name="Token generated")).to_be_focused()
    assert [line.split()[0] for line in sent] == ["POST"], "one request, one token"
    expect(page.locator("tr.at-row--new")).to_have_count(1)
    page.get_by_role("button", name="Copy token", exact=True).click()
    assert page.evaluate("navigator.clipboard.readText()") == (
        page.locator("#at-secret").inner_text()
    )
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#at-generate")).to_be_focused()
    toast = page.locator("#at-toasts")
    expect(toast).to_contain_text("Token “Nightly export” generated")


def rename(page: Page) -> None:
    """Rename by keyboard, with an error on the way."""
    row = page.get_by_role("row", name="Nightly export")
    row.get_by_role("link", name="Rename").click()
    field = page.get_by_label("New name for Nightly export")
    expect(field).to_be_focused()
    field.fill("Token 1")
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator("#at-rename-e")).to_contain_text(
        "You already have a token called"
    )
    expect(page.locator("#at-rename")).to_be_focused()
    settled(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Rename token Nightly export")).to_be_focused()
    settled(page)
    page.keyboard.press("Enter")
    page.locator("#at-rename").fill("Export")
    settled(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Rename token Export")).to_be_focused()
    expect(page.locator("#at-toasts")).to_contain_text("Renamed to “Export”")


def revoke(visit: Visit) -> None:
    """Revoke by keyboard; the safe button has the focus."""
    page = visit.page
    act(page, "Revoke", "Export")
    dialog = page.get_by_role("alertdialog", name="Revoke “Export”?")
    expect(dialog.get_by_role("link", name="Keep token")).to_be_focused()
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="More token Export")).to_be_focused()
    for key in ("Enter", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(dialog.get_by_role("link", name="Keep token")).to_be_focused()
    settled(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#at-toasts")).to_contain_text("Token “Export” revoked")
    expect(page.locator("#at-title")).to_be_focused()
    expect(page.get_by_role("row", name="Export")).to_contain_text("Revoked")


def revoke_selected(page: Page) -> None:
    """Select two and revoke them."""
    page.get_by_role("button", name="Dismiss notification").click()
    page.get_by_role("checkbox", name="Select Token 8", exact=True).check()
    page.get_by_role("checkbox", name="Select Token 9", exact=True).check()
    page.get_by_role("button", name="Revoke 2 selected").click()
    dialog = page.get_by_role("alertdialog", name="Revoke 2 tokens?")
    expect(dialog.get_by_role("link", name="Keep tokens")).to_be_focused()
    settled(page)
    dialog.get_by_role("button", name="Revoke tokens").click()
    expect(page.locator("#at-toasts")).to_contain_text("2 tokens revoked")
    expect(page.locator("dialog")).to_have_count(0)


def delete_elsewhere(app: Flask, name: str) -> None:
    """Delete a token as another tab of the browser does."""
    with app.app_context():
        host = hosts.host_of(app)
        model = app.extensions["apitokens"].models.Token
        row = host.db.session.query(model).filter_by(name=name).one()
        host.db.session.delete(row)
        host.db.session.commit()


def gone(visit: Visit) -> None:
    """Ask for what another tab has deleted."""
    page, app = visit.page, visit.app
    delete_elsewhere(app, "Token 4")
    act(page, "Delete", "Token 4")
    expect(page.locator("#at-toasts .at-toast--bad")).to_contain_text(
        "This token no longer exists."
    )
    expect(page.locator("tbody tr")).not_to_have_count(0)


@WITH_EACH_HTMX
def test_signed_out_user_gets_a_dialog(visit: Visit, console_guard: Any) -> None:
    """CSR-06"""
    console_guard.expect("status of 401")
    page, app = visit.page, visit.app
    add_token(app, visit.user)
    visit.open()
    page.context.clear_cookies()
    page.locator("#at-generate").click()
    dialog = page.get_by_role("alertdialog", name="You have been signed out")
    link = dialog.get_by_role("link", name="Sign in")
    expect(link).to_be_focused()
    assert link.get_attribute("href") == f"/login?next={U.replace('/', '%2F')}"
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Enter")
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button").click()
    page.wait_for_url(visit.base + U)


# -- the secret --------------------------------------------------------------


def test_closed_dialog_leaves_no_secret_in_the_page(visit: Visit) -> None:
    """WEB-05, WEB-06"""
    page = visit.open()
    secret = visit.generate()
    assert page.evaluate("document.activeElement.id") == "at-dlg-t"
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("#at-guard")).to_contain_text("You have not copied")
    page.get_by_role("button", name="Close without storing").click()
    expect(page.locator("dialog")).to_have_count(0)
    state = page.evaluate(
        """() => [document.documentElement.outerHTML, location.href, document.cookie,
        JSON.stringify(history.state), JSON.stringify(localStorage),
        JSON.stringify(sessionStorage)].join()"""
    )
    assert secret not in state
    assert page.evaluate("(async () => (await caches.keys()).length)()") == 0
    assert page.evaluate("(async () => (await indexedDB.databases()).length)()") == 0
    assert secret not in str(page.context.cookies())


@pytest.mark.parametrize("start", [U, "/panel"])
def test_back_button_shows_no_secret(visit: Visit, start: str) -> None:
    """WEB-04, CSR-09"""
    page = visit.page
    page.goto(visit.base + start)
    has_htmx(page)
    secret = visit.generate()
    page.goto(f"{visit.base}/login")
    page.go_back()
    expect(page.locator("#at-title")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert secret not in page.content()
    assert page.locator("html").count() == 1


def test_back_button_after_sign_out_shows_nothing(visit: Visit) -> None:
    """WEB-04"""
    page = visit.open()
    visit.generate("Very own")
    page.goto(f"{visit.base}/login")
    page.context.clear_cookies()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "Very own" not in page.content()


def test_escape_key_does_not_lose_the_secret(visit: Visit) -> None:
    """WEB-11"""
    page = visit.open()
    secret = visit.generate()
    page.set_viewport_size({"width": 1280, "height": 480})
    page.get_by_text("How to use it").click()
    page.locator(".at-dialog__body").evaluate("it => it.scrollTo(0, it.scrollHeight)")
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(page.locator("#at-guard")).to_be_in_viewport(ratio=1)
    expect(page.locator("#at-secret")).to_have_text(secret)
    expect(page.locator("#at-guard")).to_contain_text("You have not copied")
    copy = page.locator("#at-foot").get_by_role("button", name="Copy token")
    expect(copy).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-apitokens-say]")).to_have_text("Token copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_one_button_copies_the_token_with_its_ids(visit: Visit) -> None:
    page = visit.open()
    secret = visit.generate()
    button = page.get_by_role("button", name="Copy as .env")
    button.click()
    copied = page.locator(".at-copied")
    expect(copied).to_have_count(1)
    expect(copied).to_be_focused()
    expect(copied).to_have_text("Copied")
    said = page.get_by_role("dialog").get_by_role("status")
    expect(said).to_have_text("Token, account ID and token ID copied")
    token_id = secret.split("_")[1]
    assert page.evaluate("navigator.clipboard.readText()") == (
        f"API_ACCOUNT_ID=acc_1\nAPI_TOKEN_ID={token_id}\nAPI_TOKEN={secret}"
    )
    assert page.content().count(secret.split("_")[2]) == 2, "shown, and in the file"
    expect(button).to_be_visible()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_download_contains_the_token(visit: Visit) -> None:
    page = visit.open()
    secret = visit.generate()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    download = waiting.value
    token_id = secret.split("_")[1]
    assert download.suggested_filename == f"api-token-{token_id}.txt"
    assert download.path().read_text() == (
        f"API_ACCOUNT_ID=acc_1\nAPI_TOKEN_ID={token_id}\nAPI_TOKEN={secret}\n"
    )
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_without_a_clipboard_the_token_is_selected(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage
) -> None:
    """WEB-07"""
    app = build(make_app)
    port = urlsplit(live_server(app)).port
    visit = Visit(app, f"http://{INSECURE_HOST}:{port}", new_page())
    page = visit.open()
    secret = visit.generate()
    page.get_by_role("button", name="Copy token", exact=True).click()
    expect(page.get_by_text("Copying was blocked.")).to_be_visible()
    assert page.evaluate("String(getSelection())").strip() == secret
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("#at-guard")).to_contain_text("You have not copied")


def test_leaving_the_page_with_the_secret_asks_first(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    """As the dialog does: a host without htmx has scripts all the same."""
    app = build(make_app, APITOKENS_HTMX="off")
    visit = Visit(app, live_server(app), page)
    page.goto(f"{visit.base}{U}new")
    page.get_by_label("Name", exact=True).fill("Deploy")
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-secret")).to_be_visible()
    stored_it = page.get_by_role("link", name="I have stored it")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    stored_it.click(no_wait_after=True)
    expect(page.locator("#at-secret")).to_be_visible()
    page.wait_for_timeout(200)
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Copy token", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    stored_it.click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert asked == ["beforeunload"]


@WITH_EACH_HTMX
def test_each_change_is_announced_once(visit: Visit) -> None:
    page, app = visit.page, visit.app
    add_tokens(app, visit.user, 12)
    visit.open()
    page.evaluate(LISTEN)
    page.get_by_role("searchbox").fill("token 1")
    expect(page.locator("tbody tr")).to_have_count(4)
    settled(page)
    assert page.evaluate("window.heard") == ["4 tokens found"]
    act(page, "Revoke", "Token 12")
    dialog = page.get_by_role("alertdialog")
    expect(dialog.get_by_role("link", name="Keep token")).to_be_focused()
    settled(page)
    dialog.get_by_role("button", name="Revoke token").click()
    expect(page.locator("#at-toasts")).to_contain_text("revoked")
    expect(page.locator("dialog")).to_have_count(0)
    settled(page)
    assert page.evaluate("window.heard") == [
        "4 tokens found",
        "Token “Token 12” revoked",
    ]
    # Dismissed, the notification gives the focus back to where it was.
    row = page.get_by_role("button", name="More token Token 11")
    row.focus()
    page.get_by_role("button", name="Dismiss notification").click()
    expect(row).to_be_focused()


@WITH_EACH_HTMX
def test_clearing_a_search_stays_on_the_applications_page(visit: Visit) -> None:
    add_tokens(visit.app, visit.user, 12)
    page = visit.open_panel()
    page.get_by_role("searchbox").fill("nothing")
    clear = page.get_by_role("link", name="Clear search")
    expect(clear).to_be_visible()
    settled(page)
    clear.click()
    expect(page.locator("tbody tr")).to_have_count(10)
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert page.url == f"{visit.base}/panel"
    settled(page)
    page.get_by_role("searchbox").press_sequentially("token 12")
    expect(page.locator("tbody tr")).to_have_count(1)


@WITH_EACH_HTMX
def test_out_of_date_page_is_refreshed(visit: Visit, console_guard: Any) -> None:
    """CSR-01, CSR-05: and a form of an old session comes back, at 400."""
    console_guard.expect("status of (400|404)")
    page, app = visit.page, visit.app
    visit.open()
    add_token(app, visit.user, "Of another tab")
    page.locator("#at-generate").click()
    expect(page.locator("#at-field-name")).to_be_focused()
    settled(page)
    page.locator("#at-field-name").fill("Mine")
    page.locator("dialog [name=csrf_token]").evaluate("it => { it.value = 'old' }")
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-errsum")).to_contain_text("open too long")
    settled(page)
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-secret")).to_be_visible()
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("#at-actions #at-generate")).to_be_focused()
    expect(page.locator("tbody tr")).to_have_count(2)
    delete_elsewhere(app, "Of another tab")
    page.get_by_role("link", name="Rename token Of another tab").click()
    expect(page.locator("#at-toasts")).to_contain_text("This token no longer exists.")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#at-title")).to_be_focused()


def test_double_click_generates_one_token(visit: Visit) -> None:
    """LIF-04"""
    page = visit.open()
    page.locator("#at-generate").click()
    page.get_by_label("Name", exact=True).fill("Deploy")
    settled(page)
    page.get_by_role("button", name="Generate token", exact=True).dblclick()
    expect(page.locator("#at-secret")).to_be_visible()
    assert len(stored(visit.app, visit.user)) == 1


@WITH_EACH_HTMX
def test_leaving_the_search_field_sends_no_request(visit: Visit) -> None:
    """Else the box that was ticked on the way out would be gone again."""
    page, app = visit.page, visit.app
    add_tokens(app, visit.user, 11)
    visit.open()
    page.get_by_role("searchbox").press_sequentially("token 1")
    expect(page.locator("tbody tr")).to_have_count(3)
    settled(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box = page.get_by_role("checkbox", name="Select Token 10", exact=True)
    box.click()
    expect(page.get_by_role("button", name="Revoke 1 selected")).to_be_visible()
    page.wait_for_timeout(400)
    expect(box).to_be_checked()
    assert asked == []
    page.get_by_label("Status").select_option("revoked")
    expect(page.locator("tbody tr")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1200])
def test_long_name_hides_no_control(
    visit: Visit, console_guard: Any, width: int
) -> None:
    console_guard.expect("status of 422")
    page = visit.page
    page.set_viewport_size({"width": width, "height": 800})
    visit.open()
    visit.generate("W" * 80)
    within(page, "dialog", "[download], #at-copy, .at-secret")
    page.get_by_role("button", name="I have stored it").click()
    page.get_by_role("button", name="Close without storing").click()
    within(page, "body", ".at-toast, .at-toast button")
    page.locator("#at-generate").click()
    page.get_by_label("Name", exact=True).fill("W" * 80)
    settled(page)
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-errsum")).to_be_focused()
    within(page, "dialog", "#at-errsum li a, #at-field-name")


def width(element: Locator) -> float:
    """How wide an element is, in CSS pixels."""
    box = element.bounding_box()
    assert box
    return box["width"]


def within(page: Page, outer: str, inner: str) -> None:
    """Fail if the inner element exceeds the outer one."""
    expect(page.locator(inner).first).to_be_visible()
    edge = page.locator(outer).bounding_box()
    assert edge
    for element in page.locator(inner).all():
        box = element.bounding_box()
        assert box
        assert box["x"] + box["width"] <= edge["x"] + edge["width"]


# -- without script ----------------------------------------------------------


def test_token_is_generated_renamed_and_revoked_without_script(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, console_guard: Any
) -> None:
    """CSR-10"""
    console_guard.expect("status of 422")
    app = build(make_app)
    visit = Visit(app, live_server(app), new_page(java_script_enabled=False))
    add_tokens(app, visit.user, 11)
    page = visit.page
    page.goto(visit.base + U)
    page.get_by_role("searchbox").fill("token 11")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("#at-generate").click()
    page.get_by_label("Service").select_option("timeseries")
    page.get_by_role("button", name="Show access for this service").click()
    page.get_by_label("write").check()
    follows_the_kind(page)
    page.get_by_role("radio", name="Access token").check()
    page.get_by_label("Name", exact=True).fill("Token 1")
    page.keyboard.press("Enter")
    expect(page.locator("#at-errsum")).to_contain_text("You already have a token")
    follows_the_kind(page)
    page.get_by_role("radio", name="Access token").check()
    page.get_by_label("Name", exact=True).fill("Nightly")
    page.get_by_role("button", name="Generate token").click()
    expect(page.get_by_role("heading", name="Token generated")).to_be_visible()
    expect(page.locator("#at-secret")).to_contain_text("apt_")
    expect(page.locator("#at-copy")).to_be_hidden()
    download, row = page.locator("[download]"), page.locator(".at-secret__row")
    assert width(download) < width(row) / 2, "no wider than its words"
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("link", name="Rename token Nightly").click()
    page.locator("#at-rename").fill("Export")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".at-note--ok")).to_contain_text("Renamed to “Export”")
    act(page, "Revoke", "Export")
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator(".at-note--ok")).to_contain_text("Token “Export” revoked")
    page.get_by_role("link", name="Delete token Export").click()
    page.get_by_role("button", name="Delete token").click()
    expect(page.get_by_role("link", name="Export", exact=True)).to_have_count(0)
    page.get_by_role("checkbox", name="Select Token 2", exact=True).check()
    page.get_by_role("button", name="Revoke selected").click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator(".at-note--ok")).to_contain_text("1 token revoked")


# -- within a host's page ----------------------------------------------------


@WITH_EACH_HTMX
def test_panel_stays_in_the_applications_page(visit: Visit) -> None:
    """WEB-14"""
    add_tokens(visit.app, visit.user, 12)
    page = visit.open_panel()
    page.get_by_role("searchbox").fill("token 3")
    expect(page.locator("tbody tr")).to_have_count(1)
    visit.generate("From the panel")
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    expect(page.locator("tr.at-row--new")).to_have_count(1)
    assert page.url == f"{visit.base}/panel"
    page.get_by_role("link", name="From the panel", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("From the panel Active")
    assert re.search(rf"{U}\w{{12}}$", page.url)


# -- looks and access --------------------------------------------------------


def test_every_state_is_accessible(
    make_app: MakeApp,
    live_server: LiveServer,
    new_page: NewPage,
    all_guises: AllGuises,
    console_guard: Any,
) -> None:
    """UI.md 7.12; no sideways scrolling at 360px"""
    console_guard.expect("status of (422|404)")
    app = build(make_app)
    visit = Visit(app, live_server(app), new_page(reduced_motion="reduce"))
    page = visit.open()
    all_guises(page)
    add_tokens(app, visit.user, 12)
    for path in ("", "?q=nothing", "new"):
        visit.open(path)
        all_guises(page)
    visit.open()
    page.locator("#at-generate").click()
    expect(page.locator("dialog")).to_be_visible()
    settled(page)
    all_guises(page)
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-errsum")).to_be_visible()
    settled(page)
    all_guises(page)
    page.locator("#at-field-name").fill("New")
    page.get_by_role("button", name="Generate token", exact=True).click()
    expect(page.locator("#at-secret")).to_be_visible()
    page.get_by_text("How to use it").click()
    all_guises(page)
    page.keyboard.press("Escape")
    all_guises(page)
    page.get_by_role("button", name="Close without storing").click()
    page.get_by_role("button", name="More token New").click()
    all_guises(page)
    page.keyboard.press("Escape")
    for action in ("Rotate", "Revoke", "Delete"):
        act(page, action, "New")
        expect(page.locator("dialog")).to_be_visible()
        all_guises(page)
        page.locator("dialog .at-dialog__foot [data-apitokens-close]").click()
    page.get_by_role("link", name="Rename token New").click()
    expect(page.locator("#at-rename")).to_be_visible()
    all_guises(page)
    token_id = stored(app, visit.user)[0]["id"]
    for path in (token_id, f"{token_id}/delete", "nowhere"):
        page.goto(visit.base + U + path)
        all_guises(page)


def check(page: Page, axe: Axe) -> None:
    """Nothing for axe to find, nothing wider than the screen."""
    axe(page)
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    ), page.url


def test_built_in_layout_is_accessible(
    make_app: MakeApp, live_server: LiveServer, page: Page, axe: Axe
) -> None:
    app = make_app()
    visit = Visit(app, live_server(app), page)
    visit.open()
    check(page, axe)
    expect(page.get_by_role("main")).to_be_visible()
    assert page.locator(f"link[href*='{templating.static_version()}']").count() == 2
