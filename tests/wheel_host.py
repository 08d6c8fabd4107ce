"""Tries the installed plugin in a tiny host; run by test_packaging, prints JSON.

It runs in an environment that has the wheel and what the wheel asks for, and nothing
of this repository: no pytest, no other test module.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_login import FlaskLoginClient
from flask_login import LoginManager
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

import flask_apitokens

PREFIX = "/account/api-tokens"
ADMIN = "/admin/api"


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)


def create_app(folder: Path) -> Flask:
    app = Flask("wheel")
    app.config["SECRET_KEY"] = "not-a-secret"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'wheel.sqlite'}"
    app.config["APITOKENS_USAGE"] = "sync"
    app.test_client_class = FlaskLoginClient
    db.init_app(app)
    LoginManager(app).user_loader(lambda key: db.session.get(User, int(key)))
    apitokens = flask_apitokens.APITokens(db, User, is_admin=lambda user: user.id == 1)
    apitokens.service("tmy", "TMY data", scopes={"read": "Read"}, default_active=True)
    apitokens.init_app(app)
    guarded = flask_apitokens.token_required(service="tmy")(lambda: "ok")
    app.add_url_rule("/api/tmy", "api", guarded)
    with app.app_context():
        db.create_all()
        db.session.add(User(id=1))
        db.session.commit()
    return app


def generate(client: FlaskClient) -> tuple[dict[str, Any], str]:
    """Send the form as the page has it: what was answered, and the token's id.

    The token is called with once, so that its pages have a history to show.
    """
    form = client.get(f"{PREFIX}/new").get_data(as_text=True)
    data = {
        "name": "Wheel",
        "kind": "api",
        "expiry": "30",
        "service": "tmy",
        "scope": "read",
    }
    for field in re.findall(r'<input[^>]*type="hidden"[^>]*>', form):
        name = re.search(r'name="([^"]*)"', field)
        value = re.search(r'value="([^"]*)"', field)
        if name and value:
            data[name[1]] = value[1]
    response = client.post(f"{PREFIX}/", data=data)
    token = re.search(r"apt_([0-9a-z]{12})_\w{38}", response.get_data(as_text=True))
    seen = {"status": response.status_code, "shows_token": token is not None}
    if token is None:
        return seen, ""
    bearer = {"Authorization": f"Bearer {token[0]}"}
    call = client.application.test_client().get("/api/tmy", headers=bearer)
    page = client.get(f"{PREFIX}/{token[1]}").get_data(as_text=True)
    seen["call"] = call.status_code
    seen["shows_call"] = "at-calls-table" in page
    return seen, token[1]


def pages(app: Flask, client: FlaskClient, token_id: str) -> dict[str, int]:
    """The status of every page, as a navigation and as a fragment for htmx."""
    seen: dict[str, int] = {}
    for rule in app.url_map.iter_rules():
        ours = rule.rule.startswith((PREFIX, ADMIN)) and "GET" in (rule.methods or ())
        # An activation is asked of what was deactivated, a decision of a request.
        stray = {"rest", "version", "number"} & rule.arguments
        # One token is not all there may be, so none is replaced by another.
        elsewhere = {"apitokens_admin.all_activate", "apitokens.replace"}
        elsewhere.add("apitokens_admin.decide_many")
        if not ours or stray or rule.endpoint in elsewhere:
            continue
        path = re.sub(r"<[^>]*:key>", "1", rule.rule.replace("<slug>", "tmy"))
        if "/userless/" in path and "new" not in path:
            continue  # the token is a user's
        path = re.sub(r"<[^>]*token_id>", token_id, path)
        page = f"{path}?id={token_id}&service=tmy"
        # Read to their ends, as servers do: files are written as they are read.
        whole = client.get(page, follow_redirects=True, buffered=True)
        seen[page] = whole.status_code
        headers = {"HX-Request": "true"}
        fragment = client.get(
            page, headers=headers, follow_redirects=True, buffered=True
        )
        seen[f"{page} (fragment)"] = fragment.status_code
    return seen


def static_files(client: FlaskClient) -> dict[str, int]:
    """The status of every style sheet and script that the list asks for."""
    page = client.get(f"{PREFIX}/").get_data(as_text=True)
    urls = re.findall(r'<(?:link|script)[^>]+(?:href|src)="([^"]+)"', page)
    return {url: client.get(url).status_code for url in urls if url.startswith("/")}


def main() -> None:
    app = create_app(Path(sys.argv[1]))
    with app.app_context():
        user = db.session.get(User, 1)
    client = app.test_client(user=user)
    reveal, token_id = generate(client)
    names = [name for name in app.jinja_env.list_templates() if "apitokens/" in name]
    for name in names:
        app.jinja_env.get_template(name)
    seen = {
        "file": flask_apitokens.__file__,
        "reveal": reveal,
        "pages": pages(app, client, token_id),
        "static": static_files(client),
        "templates": names,
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
