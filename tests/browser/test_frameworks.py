"""Our pages under the stylesheets of CSS frameworks: they look as without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page
from playwright.sync_api import expect

from example_app import create_app
from example_app.models import db
from tests.browser.chromium import ConsoleGuard
from tests.browser.conftest import LiveServer
from tests.browser.conftest import NewPage
from tests.browser.frameworks import FRAMEWORKS
from tests.browser.frameworks import dress
from tests.browser.frameworks import put_on
from tests.browser.frameworks import unlike_the_plain_host
from tests.browser.test_layout import DATA
from tests.browser.test_layout import U
from tests.browser.test_layout import fill
from tests.browser.test_layout import sign_in

WIDTHS = (1280, 360)
SERVICE = "/admin/api/services/tmy"


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Flask]:
    """The example host with a layout that has a framework's stylesheet alone."""
    app = create_app({"APITOKENS_BCRYPT_ROUNDS": 4}, instance_path=tmp_path)
    dress(app)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def known(example: Flask) -> dict[str, Any]:
    """What addresses need, once the host has people and tokens."""
    return fill(example, DATA["plain"])


@pytest.fixture
def desk(new_page: NewPage) -> Page:
    """A page on which nothing is in motion."""
    return new_page(clipboard=True, reduced_motion="reduce")


def compared(page: Page, state: str) -> list[str]:
    """What is unlike the plain host, at each width."""
    found = []
    page.mouse.move(0, 0)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("width => innerWidth == width", arg=width)
        found += [f"{state}, {width}, {it}" for it in unlike_the_plain_host(page)]
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    return found


def visited(page: Page, *paths: str) -> list[str]:
    """What is unlike the plain host on these pages."""
    found = []
    for path in paths:
        page.goto(path)
        expect(page.locator("[data-apitokens-ready]")).to_be_attached()
        found += compared(page, path)
    return found


def test_pages_of_a_user_look_the_same_in_every_framework(
    desk: Page, live_server: LiveServer, example: Flask, known: dict[str, Any]
) -> None:
    own = live_server(example) + U
    sign_in(desk, own.removesuffix(U), "ada@example.com")
    token = own + known["token"]
    assert visited(desk, own, f"{own}new", token, f"{token}/rotate") == []


def test_dialogs_look_the_same_in_every_framework(
    desk: Page,
    live_server: LiveServer,
    example: Flask,
    known: dict[str, Any],
    console_guard: ConsoleGuard,
) -> None:
    console_guard.expect("status of 422")
    address = live_server(example)
    sign_in(desk, address, "ada@example.com")
    desk.goto(address + U)
    desk.wait_for_function("window.htmx && document.readyState == 'complete'")
    desk.locator("#at-generate").click()
    generate = desk.get_by_role("button", name="Generate token", exact=True)
    generate.click()
    expect(desk.locator("#at-errsum")).to_be_focused()
    found = compared(desk, "generate")
    desk.get_by_label("Name", exact=True).fill("Deploy again")
    generate.click()
    expect(desk.locator("#at-secret")).to_be_visible()
    assert found + compared(desk, "reveal") == []


def test_administrators_pages_look_the_same_in_every_framework(
    desk: Page, live_server: LiveServer, example: Flask, known: dict[str, Any]
) -> None:
    address = live_server(example)
    sign_in(desk, address, "admin@example.com")
    of_a_service = ("", "/users", f"/users/{known['key']}", "/usage")
    of_all = ("services", "tokens", "requests", "audit")
    paths = [SERVICE + path for path in of_a_service]
    paths += [f"/admin/api/{path}" for path in of_all]
    assert visited(desk, *(address + path for path in paths)) == []


def test_element_with_a_class_of_the_host_keeps_the_hosts_look(
    desk: Page, live_server: LiveServer, example: Flask, known: dict[str, Any]
) -> None:
    """A template that a host overrides may use the classes of the host's framework."""
    address = live_server(example)
    sign_in(desk, address, "ada@example.com")
    desk.goto(address + U)
    put_on(desk, "bootstrap5")
    desk.evaluate(
        """() => document.querySelector('.at-stack').insertAdjacentHTML('afterbegin',
            '<a class="btn btn-danger">Host</a><input class="form-control">')"""
    )
    button = desk.get_by_text("Host", exact=True)
    expect(button).to_have_css("background-color", "rgb(220, 53, 69)")
    expect(button).to_have_css("padding-left", "12px")
    expect(desk.locator(".form-control")).to_have_css("display", "block")


def test_every_framework_hides_or_deforms_something_without_our_rules(
    desk: Page, live_server: LiveServer, example: Flask, known: dict[str, Any]
) -> None:
    """The comparison finds each framework as soon as our stylesheet is gone."""
    address = live_server(example)
    sign_in(desk, address, "ada@example.com")
    desk.goto(address + U)
    desk.evaluate(
        "() => document.querySelector('link[href*=\"apitokens.css\"]').remove()"
    )
    found = unlike_the_plain_host(desk)
    assert {line.partition(":")[0] for line in found} == set(FRAMEWORKS)
