"""Takes the pictures of the README from the example host, in light and dark.

``make screenshots`` runs it; the pictures go to docs/images.
"""

import sys
import tempfile
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from threading import Thread

from flask import Flask
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


def take(address: str, browser_path: str) -> None:
    """Sign in as ada and photograph her tokens."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=VIEWPORT, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(f"{address}/login?next=/account/api-tokens/")
            page.fill("[name=email]", "ada@example.com")
            page.fill("[name=password]", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_selector("#at-table")
            page.screenshot(path=IMAGES / f"tokens-{scheme}.png")
        browser.close()


def main() -> int:
    """Run the host, take the pictures."""
    browser_path = find_browser()
    if browser_path is None:
        sys.stderr.write("No Chromium here; name one with $CHROMIUM.\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(
            {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/pictures.sqlite"},
            instance_path=Path(folder),
        )
        fill(app)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        take(f"http://127.0.0.1:{server.port}", browser_path)
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
