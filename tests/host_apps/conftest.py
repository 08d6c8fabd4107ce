"""What the small hosts of these tests share: how they begin, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apitokens import APITokens
from tests import databases
from tests import hosts
from tests.pages import plaintext_in
from tests.pages import visitor

#: ``new_app(database_url=…, **config)``: an application without any extension
NewApp = Callable[..., Flask]


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[NewApp]:
    """Begins applications, on a new SQLite file unless told, and puts them away."""
    made: list[Flask] = []

    def new(url: str | None = None, **config: Any) -> Flask:
        app = Flask("tests.small", root_path=str(tmp_path))
        app.config.update(
            TESTING=True,
            SECRET_KEY="not-a-secret",
            SQLALCHEMY_DATABASE_URI=url or databases.sqlite_url(tmp_path),
            APITOKENS_BCRYPT_ROUNDS=4,
        )
        app.config.update(config)
        made.append(app)
        return app

    yield new
    for app in made:
        hosts.put_away(app)


def finish(app: Flask, db: Any, user_model: Any, apitokens: APITokens) -> None:
    """Let the helpers of all tests find the parts of *app*; create its tables."""
    app.extensions["tests.host"] = hosts.Host(db, user_model, apitokens)
    with app.app_context():
        db.create_all()


def assert_pages_work(app: Flask, user: Any) -> None:
    """Check that the pages are as they are in any host, refusals included."""
    ada = visitor(app, user, "tmy")
    assert plaintext_in(ada.generate(service="tmy", scope="read"))
    page = ada.without_script()
    assert "Deploy" in page.get().text
    for path in ("nowhere/at/all", "0" * 12):
        answer = page.get(path)
        assert answer.status_code == 404
        assert answer.mimetype == "text/html"
        assert "Back to your tokens" in answer.text
    assert page.client.put("/account/api-tokens/").status_code == 405
    sign_in = app.test_client().get("/account/api-tokens/")
    assert sign_in.headers["Location"].startswith("/login?next=")
