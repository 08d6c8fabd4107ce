"""Our pages inside hosts that set ids, bases, languages and attributes of their own."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask import Response
from flask import send_file
from playwright.sync_api import Dialog
from playwright.sync_api import Page
from playwright.sync_api import Request
from playwright.sync_api import expect

from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.htmx import HOST_COPIES
from tests.browser.htmx import WITH_EACH_HTMX
from tests.browser.static_site import STATIC
from tests.browser.test_pages import CONFIG
from tests.browser.test_pages import LAYOUT
from tests.browser.test_pages import STRICT
from tests.browser.test_pages import Visit
from tests.browser.test_pages import act
from tests.browser.test_pages import build
from tests.browser.test_pages import settled
from tests.conftest import MakeApp
from tests.pages import add_token
from tests.pages import add_tokens
from tests.pages import stored

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


# -- what a host sets for its own htmx -----------------------------------------

#: json-enc as its publisher has it, and one that sends each answer elsewhere
EXTENSIONS = """
if (window.htmx.defineExtension) {
    htmx.defineExtension('json-enc', {
        onEvent(name, event) {
            if (name === 'htmx:configRequest')
                event.detail.headers['Content-Type'] = 'application/json';
        },
        encodeParameters(xhr, parameters) {
            xhr.overrideMimeType('text/json');
            return JSON.stringify(parameters);
        },
    });
    htmx.defineExtension('elsewhere', {
        onEvent(name, event) {
            if (name === 'htmx:beforeSwap')
                event.detail.target = document.querySelector('#elsewhere');
        },
    });
}
"""
INHERITED = {
    "hx-vals": '{"name":"Host"}',
    "hx-headers": '{"X-Host":"1"}',
    "hx-target": "#elsewhere",
    "hx-swap": "outerHTML",
    "hx-select": "#nothing",
    "hx-select-oob": "#nothing",
    "hx-confirm": "Sure?",
    "hx-params": "none",
    "hx-include": "#host-field",
    "hx-encoding": "multipart/form-data",
    "hx-push-url": "true",
    "hx-boost": "true",
    "hx-indicator": "#elsewhere",
    "hx-sync": "body:abort",
    "hx-validate": "true",
    "hx-target-error": "#elsewhere",
}
#: what one of the versions has alone; in htmx 4 "hx-disable" is for other things
OLD = {
    "hx-ext": "json-enc, elsewhere",
    "hx-vars": "name:'Host'",
    "hx-prompt": "Why?",
    "hx-request": '{"noHeaders":true}',
    "hx-disabled-elt": "#host-field",
    "hx-disinherit": "hx-sync",
}
NEW = {
    "hx-disable": "#host-field",
    "hx-config": '{"credentials":"omit"}',
    "hx-status:422": "target:#elsewhere swap:outerHTML",
    "hx-status:2xx": "swap:none",
    "hx-method": "delete",
    "hx-trigger": "mouseover",
}
ROUTED = [
    {"code": "422", "swap": True, "target": "#no-such-place"},
    {"code": "...", "swap": True, "target": "#elsewhere", "swapOverride": "outerHTML"},
]
#: the version, and what marks an attribute of an ancestor as inherited
HOSTS = [
    pytest.param("1.9.12", "", id="1.9.12"),
    pytest.param("2.0.11", "", id="2.0.11"),
    pytest.param("4.0.1", ":inherited", id="4.0.1"),
    pytest.param("4.0.1", "", id="4.0.1-implicit"),
]


def host_with_htmx(make_app: MakeApp, version: str, mark: str, **options: Any) -> Flask:
    """A host that has its own htmx and sets all of its attributes on the body."""
    attributes = INHERITED | (NEW if version.startswith("4") else OLD)
    body = " ".join(
        f"{name}{mark}='{escape(value)}'" for name, value in attributes.items()
    )
    config = {
        "includeIndicatorStyles": False,
        "includeIndicatorCSS": False,
        "historyCacheSize": 0,
        "implicitInheritance": not mark,
        "responseHandling": ROUTED,
        "noSwap": [204, 304, "4xx", "422"],
        "globalViewTransitions": False,
    }
    layout = LAYOUT.replace(CONFIG, json.dumps(config))
    layout = layout.replace(
        '<body hx-boost="true" hx-target="#elsewhere" hx-push-url="true">',
        f"<body {body}><p id=elsewhere>Elsewhere</p><p id=nothing></p>"
        '<input id="host-field" name="host" value="1" aria-label="Host">',
    )
    scripts = '<script src="/h.js"></script><script src="/e.js"></script>'
    app = build(make_app, layout=layout.replace("<title>", f"{scripts}<title>"))
    file = HOST_COPIES.get(version, STATIC / "vendor/htmx.org@2.0.11/htmx.min.js")
    app.add_url_rule("/h.js", "h", lambda: send_file(file, "text/javascript"))
    app.add_url_rule(
        "/e.js", "e", lambda: Response(EXTENSIONS, mimetype="text/javascript")
    )
    return app


@pytest.mark.parametrize(("version", "mark"), HOSTS)
def test_host_s_htmx_settings_change_no_request_and_no_answer(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    console_guard: ConsoleGuard,
    version: str,
    mark: str,
) -> None:
    console_guard.expect("status of 422|evalDisallowed|htmx:|IMPLICIT")
    app = host_with_htmx(make_app, version, mark)
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", answer)
    visit = Visit(app, live_server(app), page)
    visit.open()
    address, sent = page.url, list[Request]()
    page.on("request", lambda request: sent.append(request))
    page.locator("#at-generate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Mine")
    dialog.get_by_role("checkbox", name="read").uncheck()
    settled(page)
    dialog.get_by_role("button", name="Generate token").click()
    expect(dialog.locator("#at-errsum")).to_be_focused()
    dialog.get_by_role("checkbox", name="read").check()
    settled(page)
    dialog.get_by_role("button", name="Generate token").click()
    expect(page.locator("#at-secret")).to_be_visible()
    page.get_by_role("button", name="Copy token", exact=True).click()
    page.get_by_role("button", name="I have stored it").click()
    settled(page)
    act(page, "Revoke", "Mine")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator("#at-toasts")).to_contain_text("Token “Mine” revoked")
    assert [row["name"] for row in stored(app, visit.user)] == ["Mine"]
    assert asked == []
    assert urlsplit(page.url).path == urlsplit(address).path
    expect(page.locator("#elsewhere")).to_have_text("Elsewhere")
    expect(page.locator("#host-field")).to_be_enabled()
    for request in sent:
        headers = request.headers
        assert headers.get("hx-request") == "true", request.url
        assert "x-host" not in headers
        kind = headers.get("content-type", "application/x-www-form-urlencoded")
        assert kind.startswith("application/x-www-form-urlencoded")
        assert "host=" not in (request.post_data or request.url)


# -- names of elements ----------------------------------------------------------

NAMED = "".join(
    f'<form name="{name}" id="{name}"></form><img name="{name}" alt="">'
    for name in (
        *("apitokens", "apitokensTimes", "apitokensAdmin", "htmx", "addEventListener"),
        *("currentScript", "head", "body", "activeElement", "readyState"),
        *("querySelector", "querySelectorAll", "getElementById", "createElement"),
        *("documentElement", "forms", "title", "baseURI", "top", "name", "select"),
    )
)


def test_element_of_the_host_takes_the_name_of_no_global(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    console_guard: ConsoleGuard,
) -> None:
    # Such names break htmx itself: where it does not come, plain links remain.
    console_guard.expect(r"htmx\.min\.js")
    layout = LAYOUT.replace(
        "<main>", f'{NAMED}<section id="apitokens"><main id="htmx">'
    )
    app = build(make_app, layout=layout.replace("</main>", "</main></section>"))
    visit = Visit(app, live_server(app), page)
    page.goto(f"{visit.base}/account/api-tokens/")
    expect(page.locator("[data-apitokens-ready]")).to_be_attached()
    page.locator("#at-generate").click()
    page.get_by_label("Name", exact=True).fill("Mine")
    page.get_by_role("button", name="Generate token").click()
    expect(page.locator("#at-secret")).to_be_visible()
    page.get_by_role("button", name="Copy token", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()


@WITH_EACH_HTMX
def test_section_named_as_the_plugin_or_htmx_has_its_dialogs(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    named = '<section id="apitokens"><div id="apitokensTimes"><main id="htmx">'
    layout = LAYOUT.replace("<main>", named)
    layout = layout.replace("</main>", "</main></div></section>")
    app = build(make_app, layout=layout, copy=copy)
    visit = Visit(app, live_server(app), page)
    visit.open()
    visit.generate("Mine")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("You have not copied")).to_be_visible()


# -- without htmx, and back ------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/panel"])
def test_filters_are_a_plain_form_if_htmx_does_not_come(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    console_guard: ConsoleGuard,
    path: str,
) -> None:
    console_guard.expect("ERR_FAILED")
    app = build(make_app)
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 12)
    page.route("**/htmx.min.js", lambda route: route.abort())
    page.goto(visit.base + (path or "/account/api-tokens/"))
    expect(page.locator("[data-apitokens-ready]")).to_be_attached()
    page.get_by_label("Status").select_option("expired")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No token matches")).to_be_visible()


def test_filters_have_no_button_if_htmx_sends_their_changes(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    app = build(make_app)
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 12)
    visit.open()
    expect(page.get_by_role("button", name="Apply")).to_be_hidden()


@WITH_EACH_HTMX
def test_cloned_page_works_after_turbo_brings_it_back(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str
) -> None:
    app = build(make_app, copy=copy)
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 12)
    visit.open()
    page.get_by_label("Select Token 12").check()
    # What Turbo does as one goes away and comes back.
    page.evaluate(
        """() => {
            dispatchEvent(new Event('turbo:before-cache'))
            const copy = document.body.cloneNode(true)
            document.body.replaceWith(document.createElement('body'))
            document.body.replaceWith(copy)
        }"""
    )
    page.get_by_label("Select Token 12").uncheck()
    label = page.locator("[data-apitokens-selected]")
    expect(label).to_have_text("Revoke selected")
    page.get_by_label("Status").select_option("expired")
    expect(page.get_by_text("No token matches")).to_be_visible()
    expect(page.get_by_role("button", name="Apply")).to_be_hidden()
    assert urlsplit(page.url).path == "/account/api-tokens/"


# -- keys and clicks --------------------------------------------------------------


@WITH_EACH_HTMX
@pytest.mark.parametrize("modifier", ["Control", "Shift", "middle"])
def test_modified_click_on_a_control_opens_a_tab(
    make_app: MakeApp, live_server: LiveServer, page: Page, copy: str, modifier: Any
) -> None:
    app = build(make_app, copy=copy)
    visit = Visit(app, live_server(app), page)
    visit.open()
    link = page.locator("#at-generate")
    with page.context.expect_page() as opened:
        if modifier == "middle":
            link.click(button="middle")
        else:
            link.click(modifiers=[modifier])
    opened.value.wait_for_url("**/new")
    expect(page.get_by_role("dialog")).to_have_count(0)


#: a key as the browser tells of it, and whether it selects the secret
SELECT_ALL = [
    ({"key": "a", "code": "KeyA", "ctrlKey": True}, True),
    ({"key": "A", "code": "KeyA", "ctrlKey": True}, True),  # Caps Lock
    ({"key": "\u0444", "code": "KeyA", "ctrlKey": True}, True),  # Russian
    ({"key": "a", "code": "KeyQ", "metaKey": True}, True),  # French, on a Mac
    ({"key": "q", "code": "KeyA", "ctrlKey": True}, False),  # French
    ({"key": "a", "code": "KeyA"}, False),
]


@pytest.mark.parametrize(("key", "selects"), SELECT_ALL)
def test_select_all_in_the_secret_takes_it_alone_on_any_keyboard(
    make_app: MakeApp,
    live_server: LiveServer,
    page: Page,
    key: dict[str, Any],
    *,
    selects: bool,
) -> None:
    app = build(make_app)
    visit = Visit(app, live_server(app), page)
    visit.open()
    plaintext = visit.generate("Mine")
    page.locator("#at-secret").focus()
    prevented = page.evaluate(
        """key => !document.activeElement.dispatchEvent(new KeyboardEvent(
            'keydown', {...key, bubbles: true, cancelable: true}))""",
        key,
    )
    assert prevented is selects
    selected = page.evaluate("`${getSelection()}`")
    assert selected == (plaintext if selects else "")


def test_escape_of_an_input_method_keeps_the_form_and_the_dialog(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    app = build(make_app)
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 1)
    visit.open()
    page.get_by_role("link", name="Rename").click()
    field = page.locator("#at-rename")
    expect(field).to_be_focused()
    settled(page)
    for composing in ({"isComposing": True}, {"keyCode": 229}):
        field.evaluate(
            """(field, more) => field.dispatchEvent(new KeyboardEvent('keydown',
                {key: 'Escape', bubbles: true, cancelable: true, ...more}))""",
            composing,
        )
    expect(field).to_be_visible()
    field.press("Escape")
    expect(field).to_have_count(0)


def test_copy_of_text_beside_the_secret_leaves_the_guard(
    make_app: MakeApp, live_server: LiveServer, page: Page
) -> None:
    app = build(make_app)
    visit = Visit(app, live_server(app), page)
    visit.open()
    visit.generate("Mine")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h2'))")
    page.keyboard.press("Control+c")
    page.keyboard.press("Escape")
    expect(page.get_by_text("You have not copied")).to_be_visible()
    page.locator("#at-secret").press("Control+a")
    page.keyboard.press("Control+c")
    expect(page.get_by_text("You have not copied")).to_have_count(0)


@pytest.mark.parametrize("lang", ["pt_BR", "de_DE.UTF-8@euro", "C", "x", "", "en_"])
def test_language_of_the_host_in_any_spelling_throws_nowhere(
    make_app: MakeApp, live_server: LiveServer, new_page: NewPage, lang: str
) -> None:
    page = new_page(timezone_id="Asia/Tokyo")
    app = build(make_app, layout=LAYOUT.replace('lang="en"', f'lang="{lang}"'))
    visit = Visit(app, live_server(app), page)
    add_tokens(app, visit.user, 12)
    used = datetime.now(UTC) - timedelta(hours=1)
    add_token(app, visit.user, "Used", last_used_at=used)
    visit.open()
    page.get_by_label("Select Token 12").check()
    expect(page.locator("time[data-apitokens-zoned]").first).to_be_attached()
    assert "Asia/Tokyo" in str(page.locator("time[title]").first.get_attribute("title"))
