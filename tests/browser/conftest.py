"""Fixtures of the browser tests.

A test takes `live_server` and `page` (or `new_page`, for a second one or an odd one),
and `axe`. What a page complains about in its console, each violation of its content
security policy and each request to another host fails the test when it ends, unless
the test said `console_guard.expect(…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page
from werkzeug.serving import make_server

from scripts.find_browser import find_browser
from tests.browser import chromium
from tests.browser.static_site import VERSIONS
from tests.browser.static_site import create_site
from tests.browser.static_site import visit
from tests.machine import missing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

TIMEOUT_MILLISECONDS = 10_000

#: ``live_server(app)`` gives the address of the running server
LiveServer = Callable[[Flask], str]
#: ``new_page(clipboard=True, **options)``, the options those of Playwright's contexts
NewPage = Callable[..., Page]
#: ``axe(page)`` fails on what is not accessible
Axe = Callable[..., None]
#: ``all_guises(page)`` does so in light and dark, wide and narrow
AllGuises = Callable[[Page], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium_process() -> Iterator[chromium.Chromium]:
    """The Chromium of this test process."""
    executable = find_browser()
    if executable is None:
        missing("Chromium; name one with $CHROMIUM")
    with chromium.running(executable) as process:
        yield process


@pytest.fixture
def browser(chromium_process: chromium.Chromium) -> Iterator[Browser]:
    """Chromium, ready to be driven by this test."""
    with chromium_process.driving() as browser:
        yield browser


@pytest.fixture
def console_guard() -> chromium.ConsoleGuard:
    """What the pages of this test complained about so far."""
    return chromium.ConsoleGuard()


@pytest.fixture
def new_page(
    browser: Browser, console_guard: chromium.ConsoleGuard, live_server: LiveServer
) -> Iterator[NewPage]:
    """Open pages, each in a context with cookies and storage of its own.

    The server is a parameter so that it outlives the pages. A server that ended first
    would reset Chromium's own requests, an icon for example, and the page would fail.
    """
    contexts: list[BrowserContext] = []

    def new(*, clipboard: bool = False, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        context.on("page", console_guard.watch)
        if clipboard:
            context.grant_permissions(["clipboard-read", "clipboard-write"])
        return context.new_page()

    yield new
    for context in contexts:
        context.close()
    assert console_guard.unexpected() == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """One page that may use the clipboard."""
    return new_page(clipboard=True)


@pytest.fixture
def axe() -> Axe:
    """Fails with a list of what axe-core finds wrong on a page."""

    def check(page: Page, **options: Any) -> None:
        assert chromium.accessibility_problems(page, **options) == []

    return check


@pytest.fixture
def all_guises() -> AllGuises:
    """Fails with what axe-core finds in any width and colour scheme, or too wide."""

    def check(page: Page) -> None:
        assert chromium.problems_in_all_guises(page) == []

    return check


def closing(app: WSGIApplication) -> WSGIApplication:
    """The application, each answer of which is closed when it was sent or given up.

    Werkzeug's server leaves it open when the browser resets the connection right after
    the last byte, as it does when a page ends. An icon's or script's file would then
    complain, in whichever test runs.
    """

    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        with ExitStack() as ending:
            body = app(environ, start_response)
            if hasattr(body, "close"):
                ending.callback(body.close)
            yield from body

    return serve


@pytest.fixture
def live_server() -> Iterator[LiveServer]:
    """Serves applications on free ports, from threads, until the test ends."""
    with ExitStack() as servers:

        def serve(app: Flask) -> str:
            server = make_server("127.0.0.1", 0, closing(app), threaded=True)
            # It looks so often whether it is to end: the default is half a second.
            options = {"poll_interval": 0.01}
            thread = Thread(
                target=server.serve_forever, kwargs=options, name="live-server"
            )
            thread.start()
            servers.callback(server.server_close)
            servers.callback(thread.join)
            servers.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


@pytest.fixture
def copy() -> str:
    """Return the copy of htmx on the host's pages. Parameters override it."""
    return "ours"


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Return each htmx that the small site may have or load."""
    return str(request.param)


@pytest.fixture
def site(page: Page, live_server: LiveServer, version: str) -> Page:
    """Return a page on the small site, when its script is ready."""
    return visit(page, live_server(create_site(version)))
