"""Chromium under Playwright: how it starts, and what a page must not do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from importlib import resources
from typing import Any
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser
from playwright.sync_api import ConsoleMessage
from playwright.sync_api import Error
from playwright.sync_api import Page
from playwright.sync_api import Request
from playwright.sync_api import sync_playwright

#: A name for the live server that is not localhost: over plain http it is no secure
#: context, so a page there has no clipboard.
INSECURE_HOST = "plain.test"
#: Nothing but the live server is ever asked, neither by a page nor by Chromium itself.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules="
    f"MAP {INSECURE_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LOCAL_HOSTS = {"127.0.0.1", INSECURE_HOST, ""}
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
#: the widths and colour schemes a page is looked at in; first the one it has anyway
GUISES: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (1280, "light"),
    (360, "light"),
    (360, "dark"),
    (1280, "dark"),
)
#: all that a colour scheme can spoil: in the dark the rest is as it is in the light
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


@dataclass(frozen=True)
class Chromium:
    """A running browser and the event loop that Playwright drives it with."""

    browser: Browser
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def driving(self) -> Iterator[Browser]:
        """Let the browser be spoken to inside the block."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@contextmanager
def running(executable: str) -> Iterator[Chromium]:
    """Start Chromium, and end it.

    Playwright's loop counts as the running one of this thread for as long as its
    driver lives, and every test that runs a coroutine of its own would find it there.
    So it is put out of sight, but for the tests that drive the browser.
    """
    driver = sync_playwright().start()
    loop = asyncio.get_running_loop()
    try:
        browser = driver.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS)
        )
        chromium = Chromium(browser, loop)
        asyncio._set_running_loop(None)
        yield chromium
        asyncio._set_running_loop(loop)
        browser.close()
    finally:
        asyncio._set_running_loop(loop)
        driver.stop()


@dataclass
class ConsoleGuard:
    """Collects what the pages of one test complain about, or should not have done."""

    problems: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to *page* from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._page_error)
        page.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Let messages pass that *pattern* finds something in.

        :param pattern: a regular expression, for example ``status of 422``: Chromium
            logs each answer above 399 as an error.
        """
        self.expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """What was heard, less what was expected."""
        return [
            problem
            for problem in self.problems
            if not any(pattern.search(problem) for pattern in self.expected)
        ]

    def _console(self, message: ConsoleMessage) -> None:
        # Violations of the content security policy are errors here too.
        if message.type in {"error", "warning"}:
            place = message.location["url"]
            self.problems.append(f"console {message.type}: {message.text} ({place})")

    def _page_error(self, error: Error) -> None:
        self.problems.append(f"uncaught: {error.stack or error}")

    def _request(self, request: Request) -> None:
        if (urlsplit(request.url).hostname or "") not in LOCAL_HOSTS:
            self.problems.append(f"request to another host: {request.url}")


def accessibility_problems(page: Page, **options: Any) -> list[str]:
    """Return what axe-core finds on *page* in its current state, a line an element.

    :param options: of ``axe.run``, besides the rules of WCAG 2.2 AA and good practice.
    """
    if not page.evaluate("'axe' in window"):
        source = resources.files("axe_playwright_python").joinpath("axe.min.js")
        page.evaluate(source.read_text("utf-8"))
    found = page.evaluate(
        "async options => (await axe.run(document, options)).violations",
        {"runOnly": list(AXE_TAGS), "resultTypes": ["violations"], **options},
    )
    return [
        f"{violation['id']}: {violation['help']}: {node['html']}"
        for violation in found
        for node in violation["nodes"]
    ]


def problems_in_all_guises(page: Page) -> list[str]:
    """Return the problems of *page* in its current state, in each width and scheme.

    It is taken through :data:`GUISES`, so that a test walks its way but once. Its
    context should have ``reduced_motion="reduce"``: axe sees half of what fades.
    """
    problems = []
    for width, scheme in GUISES:
        _put_on(page, width, scheme)
        options = {"runOnly": COLOURS} if scheme == "dark" else {}
        found = accessibility_problems(page, **options)
        if page.evaluate(
            "document.documentElement.scrollWidth"
            " > document.documentElement.clientWidth"
        ):
            found.append("it scrolls sideways")
        problems += [f"{width} {scheme}, {page.url}: {each}" for each in found]
    _put_on(page, *GUISES[0])
    return problems


def _put_on(page: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
