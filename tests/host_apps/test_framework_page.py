"""docs/how-to/frameworks.md: each snippet runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import UserMixin
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import Database
from tests import bearing
from tests import hosts
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import NewApp
from tests.host_apps.test_addresses import HostMatching

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "frameworks.md"


def section(title: str) -> str:
    """Return one section of the page."""
    parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    [found] = [part for part in parts if part.startswith(f"{title}\n")]
    return found


def run(title: str, known: dict[str, Any]) -> dict[str, Any]:
    """Run the Python of a section, with the names that its reader has already."""
    blocks = re.findall(r"^```python\n(.*?)^```", section(title), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, f"frameworks.md: {title}", "exec"), known)  # noqa: S102
    return known


def test_other_databases(
    new_app: NewApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Base(DeclarativeBase):
        pass

    class User(UserMixin, Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(254))

    monkeypatch.chdir(tmp_path)
    app: Flask = new_app()
    known = run("Other databases", {"app": app, "User": User})
    known["apitokens"].init_app(app)
    Base.metadata.create_all(known["engine"])
    database = Database(known["Session"], known["engine"])
    host = hosts.Host(database, User, known["apitokens"])
    app.extensions["tests.host"] = host
    ada = hosts.create_user(app, "ada@example.com")
    head = bearer(bearing.generate(app, ada)[1])
    own = app.test_client().get("/api-tokens/self", headers=head)
    assert own.status_code == 200
    known["engine"].dispose()


def test_prefixes_subdomains_and_host_names(make_app: MakeApp) -> None:
    app = Flask("a reader's")
    run("Prefixes, subdomains and host names", {"app": app})
    name = str(app.config["APITOKENS_HOST"])
    host = make_app(app_class=HostMatching, APITOKENS_HOST=name)
    page = host.test_client().get("/account/api-tokens/", base_url=f"http://{name}")
    assert page.status_code == 302
