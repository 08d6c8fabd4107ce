"""Takes the pictures of the docs from the example host: light, dark and translated.

``make screenshots`` runs it; the pictures go to docs/images.
"""

import sys
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from threading import Thread

from flask import Flask
from flask_babel import Babel
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from example_app import create_app
from example_app.demo import PASSWORD
from example_app.demo import seed
from example_app.extensions import apitokens
from example_app.models import User
from example_app.models import db
from scripts.find_browser import find_browser

IMAGES = Path(__file__).parent.parent / "docs" / "images"
VIEWPORT = {"width": 1280, "height": 640}
NOW = datetime.now(UTC)
#: the languages that the page about languages shows
LANGUAGES = ("ar", "de", "ja")
#: name, service, scopes, kind, days to its end, created and last used so long ago
TOKENS = (
    ("Old desktop", "tmy", ["read"], "api", None, timedelta(days=262), None),
    ("Backup runner", "tmy", ["read"], "api", 180, timedelta(days=184), 500),
    ("Plant import", "timeseries", ["read", "write"], "api", None, timedelta(30), None),
    ("Jira integration", "timeseries", ["read"], "access", 5, timedelta(days=85), 1120),
    ("Deploy script", "tmy", ["read"], "api", None, timedelta(days=10), 190),
)


def fill(app: Flask) -> None:
    """Give ada some tokens with a past."""
    with app.app_context():
        db.create_all()
        seed()
        ada = db.session.scalars(
            db.select(User).filter_by(email="ada@example.com")
        ).one()
        for name, service, scopes, kind, days, age, minutes in TOKENS:
            end = None if days is None else NOW + timedelta(days=days)
            token, _plaintext = apitokens.generate(
                owner=ada,
                name=name,
                service=service,
                scopes=scopes,
                kind=kind,
                expires_at=end,
            )
            token.created_at = NOW - age
            if minutes is not None:
                token.last_used_at = NOW - timedelta(minutes=minutes)
                token.last_used_ip = "203.0.113.7"
            if name == "Old desktop":
                apitokens.revoke(token)
        db.session.commit()


def take(address: str, browser_path: str, pictures: Mapping[str, str]) -> None:
    """Sign in as ada and photograph her tokens.

    :param pictures: the colour scheme of each picture by its name.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        for name, scheme in pictures.items():
            context = browser.new_context(viewport=VIEWPORT, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(f"{address}/login?next=/account/api-tokens/")
            page.fill("[name=email]", "ada@example.com")
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_selector("#at-table")
            page.screenshot(path=IMAGES / f"tokens-{name}.png")
        browser.close()


@contextmanager
def running(language: str | None) -> Iterator[str]:
    """Run a filled host in a language, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/pictures.sqlite"},
            instance_path=Path(folder),
        )
        if language is not None:
            Babel(app, default_locale=language)
        fill(app)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.port}"
        server.shutdown()


def main() -> int:
    """Run the hosts, take the pictures."""
    browser_path = find_browser()
    if browser_path is None:
        sys.stderr.write("No Chromium here; name one with $CHROMIUM.\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with running(None) as address:
        take(address, browser_path, {"light": "light", "dark": "dark"})
    for language in LANGUAGES:
        with running(language) as address:
            take(address, browser_path, {language: "light"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
