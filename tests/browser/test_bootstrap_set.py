"""The Bootstrap set in the example host: macros of another look, the same behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes
from playwright.sync_api import Page
from playwright.sync_api import expect

from example_app import create_app
from example_app import demo
from example_app.models import User
from example_app.models import db
from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import Axe
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.expiry import follows_the_kind
from tests.calling import note
from tests.calling import some

ROOT = Path(__file__).parents[2]
MACROS = "apitokens/_macros.html"


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Flask]:
    """The example host with Bootstrap's layout and the set that goes with it."""
    config = {"EXAMPLE_TEMPLATES": "bootstrap5", "APITOKENS_BCRYPT_ROUNDS": 4}
    app = create_app(config, instance_path=tmp_path)
    with app.app_context():
        demo.seed()
    yield app
    with app.app_context():
        db.engine.dispose()


def test_set_has_every_macro_with_its_parameters(example: Flask) -> None:
    shipped = macros(example, ROOT / "flask_apitokens/templates")
    own = macros(example, ROOT / "templates/bootstrap5")
    taken = {name: own.get(name, [])[: len(args)] for name, args in shipped.items()}
    assert taken == shipped


def macros(app: Flask, folder: Path) -> dict[str, list[str]]:
    """The names of all macros and of what each is given."""
    tree = app.jinja_env.parse((folder / MACROS).read_text("utf-8"))
    return {
        macro.name: [argument.name for argument in macro.args]
        for macro in tree.find_all(nodes.Macro)
    }


@pytest.mark.parametrize("width", [1280, 360])
def test_token_is_generated_and_deleted_in_dialogs(
    page: Page,
    live_server: LiveServer,
    console_guard: ConsoleGuard,
    example: Flask,
    width: int,
) -> None:
    console_guard.expect("status of 422")
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, live_server(example))
    page.get_by_role("link", name="Generate new token").click()
    expect(page.locator("dialog:modal")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()
    follows_the_kind(page)
    expect(page.locator(".at-date:visible")).to_have_count(0)
    page.get_by_role("button", name="Generate token").click()
    expect(page.locator("#at-errsum")).to_be_focused()
    page.get_by_label("Name").fill("Nightly export")
    page.get_by_role("button", name="Generate token").click()
    expect(page.get_by_role("heading", name="Token generated")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text("You have not copied")).to_be_visible()
    page.get_by_role("button", name="Copy token").last.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.get_by_role("button", name="I have stored it").click()
    toast = page.locator("#at-toasts > *")
    expect(toast).to_be_in_viewport()
    expect(toast).to_contain_text("“Nightly export” generated")
    page.get_by_role("button", name="More token Nightly export").click()
    page.get_by_role("link", name="Revoke token Nightly export").click()
    expect(page.get_by_role("link", name="Keep token")).to_be_focused()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_usage_history_is_styled(
    new_page: NewPage,
    live_server: LiveServer,
    axe: Axe,
    example: Flask,
    scheme: str,
    width: int,
) -> None:
    note(
        example,
        *some(55, status=200),
        *some(3, status=429, code="rate_limited"),
        *some(2, status=503, path="/api/" + "x" * 200),
    )
    page = new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    address = live_server(example)
    sign_in(page, address, "admin@example.com")
    page.goto(f"{address}/admin/api/services/tmy/usage")
    page.get_by_text("Calls per day as a table").click()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    fills = page.locator("svg[role=group] rect").evaluate_all(
        "rects => [...new Set(rects.map(rect => getComputedStyle(rect).fill))]"
    )
    # Each part is seen in a colour of its own, and one of them is hatched.
    assert len(fills) == 4
    assert "rgb(0, 0, 0)" not in fills
    page.get_by_label("Result").select_option("rejected")
    expect(page.locator("#at-calls-table tbody tr")).to_have_count(3)
    expect(page.get_by_text("429 Too many calls").first).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_administrators_pages_are_accessible_and_fit(
    new_page: NewPage,
    axe: Axe,
    live_server: LiveServer,
    example: Flask,
    scheme: str,
    width: int,
) -> None:
    with example.app_context():
        apitokens = example.extensions["apitokens"].extension
        users = {user.email: user for user in db.session.query(User)}
        apitokens.generate(owner=users["ada@example.com"], name="Deploy")
        asked = "Nightly export to our data warehouse"
        apitokens.request_access(users["grace@example.com"], "tmy", reason=asked)
        key = users["ada@example.com"].id
        db.session.commit()
    viewport = {"width": width, "height": 800}
    page = new_page(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    address = live_server(example)
    sign_in(page, address, "admin@example.com")
    service = "/services/tmy"
    for path in (
        *("/services", service, f"{service}/users", f"{service}/users/{key}"),
        *(f"{service}/userless", "/tokens", "/requests", "/audit"),
    ):
        page.goto(f"{address}/admin/api{path}")
        expect(page.locator("[data-apitokens-ready]")).to_be_attached()
        axe(page)
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) == width, path
    page.goto(f"{address}/admin/api/requests")
    shown = page.get_by_text(asked).bounding_box()
    assert shown is not None
    assert shown["width"] > 60, "a word is not broken in the middle"


@pytest.mark.parametrize("width", [1280, 360])
def test_unsaved_row_has_no_generate_link(
    page: Page, live_server: LiveServer, example: Flask, width: int
) -> None:
    """Bootstrap's utilities outdo the attribute ``hidden``."""
    page.set_viewport_size({"width": width, "height": 800})
    address = live_server(example)
    sign_in(page, address, "admin@example.com")
    page.goto(f"{address}/admin/api/services/tmy/users?q=ada")
    switch, link = page.get_by_role("switch"), page.get_by_role("link", name="for Ada")
    expect(link).to_be_visible()
    switch.uncheck()
    expect(page.get_by_text("Will be turned off")).to_be_visible()
    expect(link).to_be_hidden()
    expect(page.get_by_role("button", name="for Ada")).to_be_visible()
    name = page.get_by_text("Ada Lovelace", exact=True).bounding_box()
    assert name is not None
    assert name["height"] < 30, "a name is not broken for the sake of a badge"


def sign_in(page: Page, address: str, email: str = "ada@example.com") -> None:
    """Sign in and open the tokens of the user."""
    page.goto(f"{address}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(demo.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{address}/account/api-tokens/")
    expect(page.locator("[data-apitokens-ready]")).to_be_attached()
    page.wait_for_function("window.htmx && document.readyState == 'complete'")
