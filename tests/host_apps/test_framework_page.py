"""docs/how-to/frameworks.md: each snippet runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from flask_login import UserMixin
from sqlalchemy import String
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import Database
from flask_apitokens import current_token
from flask_apitokens import token_required
from tests import bearing
from tests import hosts
from tests import machine
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.host_apps.conftest import NewApp
from tests.host_apps.test_addresses import HostMatching
from tests.pages import one
from tests.pages import visitor

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "frameworks.md"


def section(title: str) -> str:
    """Return one section of the page."""
    parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    [found] = [part for part in parts if part.startswith(f"{title}\n")]
    return found


def python_of(title: str) -> list[str]:
    """Return the Python of a section."""
    return re.findall(r"^```python\n(.*?)^```", section(title), re.M | re.S)


def run_block(block: str, known: dict[str, Any]) -> None:
    """Run one block, with the names that its reader has already."""
    exec(compile(block, "frameworks.md", "exec"), known)  # noqa: S102


def run(title: str, known: dict[str, Any]) -> dict[str, Any]:
    """Run the Python of a section, with the names that its reader has already."""
    blocks = python_of(title)
    assert blocks
    for block in blocks:
        run_block(block, known)
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


def reader(make_app: MakeApp, **options: Any) -> dict[str, Any]:
    """Return the names of a reader, whose application has a user Ada."""
    app = make_app(**options)
    host = hosts.host_of(app)
    return {
        "app": app,
        "apitokens": host.apitokens,
        "User": host.user_model,
        "token_required": token_required,
        "current_token": current_token,
    }


def call(known: dict[str, Any], path: str, *, admin: bool = False) -> Any:
    """Return the answer to a new token, or its status if it is an error."""
    app, name = known["app"], f"user{len(known)}@example.com"
    user = hosts.create_user(app, name, is_admin=admin)
    known[name] = user
    values: dict[str, Any] = {}
    if known.get("service", True):
        bearing.subscribe(app, user, "tmy")
        values = {"service": "tmy", "scopes": ["read"]}
    client = app.test_client()
    assert bearing.code(client.get(path)) == "missing_token"
    answer = client.get(path, headers=bearer(bearing.generate(app, user, **values)[1]))
    return answer.json if answer.status_code == 200 else answer.status_code


def test_restx(make_app: MakeApp) -> None:
    machine.framework("flask_restx")
    known = run("Flask-RESTX and Flask-RESTful", reader(make_app))
    assert call(known, "/sites/7")["name"] == "Site 7"
    assert call(known, "/sites") == ["Site 1"]


def test_smorest(make_app: MakeApp) -> None:
    machine.framework("flask_smorest")
    known = run("flask-smorest", reader(make_app))
    assert call(known, "/smorest/7") == {"name": "Site 7"}
    spec = known["app"].test_client().get("/docs/openapi.json").json
    assert list(spec["paths"]) == ["/smorest/{number}"]


def test_apiflask(make_app: MakeApp) -> None:
    apiflask = machine.framework("apiflask")
    known = run("APIFlask", reader(make_app, app_class=apiflask.APIFlask))
    assert call(known, "/apiflask/7") == {"name": "Site 7"}
    spec = known["app"].test_client().get("/openapi.json").json
    assert spec["paths"]["/apiflask/{number}"]["get"]["security"] == [{"bearer": []}]
    assert spec["components"]["securitySchemes"]["bearer"]["type"] == "http"


def test_openapi3(make_app: MakeApp) -> None:
    openapi3 = machine.framework("flask_openapi3")
    known = run("flask-openapi3", reader(make_app, app_class=openapi3.OpenAPI))
    assert call(known, "/openapi3/7") == {"name": "Site 7"}


def test_principal(make_app: MakeApp) -> None:
    machine.framework("flask_principal")
    known = {**reader(make_app), "service": False}
    run("Flask-Principal", known)
    assert call(known, "/principal") == 403
    assert call(known, "/principal", admin=True)["who"].startswith("user")


def test_security(new_app: NewApp) -> None:
    machine.framework("flask_security")
    from tests.host_apps.test_security import begin

    app = begin(new_app)
    known: dict[str, Any] = {"token_required": token_required, "app": app}
    run("Flask-Security", {**known, "current_token": current_token})
    host = hosts.host_of(app)
    with app.app_context():
        heads = {
            user.email: bearer(bearing.generate(app, user)[1])
            for user in host.db.session.scalars(select(host.user_model))
        }
    client = app.test_client()
    ada = {"who": "ada@example.com"}
    assert client.get("/security", headers=heads["ada@example.com"]).json == ada
    refused = client.get("/security", headers=heads["grace@example.com"])
    assert refused.status_code in {302, 403}
    assert client.get("/any", headers=heads["ada@example.com"]).json == ada
    assert client.get("/any").status_code in {302, 401}


def test_admin(make_app: MakeApp) -> None:
    machine.framework("flask_admin")
    settings = Flask("a reader's")
    blocks = python_of("Flask-Admin")
    assert len(blocks) == 2
    run_block(blocks[1], {"app": settings})
    layout = {
        name: value
        for name, value in settings.config.items()
        if name.startswith("APITOKENS_")
    }
    known = reader(make_app, plugin={"is_admin": lambda user: user.is_admin}, **layout)
    app = known["app"]
    Babel(app)  # Flask-Admin needs it where Flask-Babel is installed, as it is here
    run_block(blocks[0], known)
    user = hosts.create_user(app, "boss@example.com", is_admin=True)
    boss = visitor(app, user, "tmy")
    for path in (
        "/account/api-tokens/",
        "/account/api-tokens/new",
        "/admin/api/tokens",
    ):
        page = boss.client.get(path)
        assert page.status_code == 200
        assert "navbar" in page.text
        assert one(page, "[data-apitokens]")
    assert 'href="/admin/api/"' in boss.client.get("/admin/").text


def test_limiter(make_app: MakeApp) -> None:
    machine.framework("flask_limiter")
    known = {**reader(make_app), "service": False}
    run("Flask-Limiter", known)
    app = known["app"]
    ada = hosts.create_user(app, "ada@example.com")
    client = app.test_client()
    for _token in range(2):
        head = bearer(bearing.generate(app, ada)[1])
        codes = [client.get("/limited", headers=head).status_code for _call in range(3)]
        assert codes == [200, 200, 429]
    for _call in range(5):
        assert bearing.code(client.get("/limited")) == "missing_token"
