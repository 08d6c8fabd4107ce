"""Every answer of the pages: each page and each fragment in each of its states."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import DictLoader
from jinja2 import FileSystemLoader
from jinja2 import StrictUndefined
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import administration
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import add_tokens
from tests.pages import hidden_fields
from tests.pages import stored
from tests.pages import visitor


def host(
    make_app: MakeApp,
    templates: dict[str, str] | Path | None = None,
    *,
    is_admin: Any = None,
    **config: Any,
) -> Flask:
    """A strict host: a template that names what is not there fails."""
    plugin: dict[str, Any] = {"account_of": lambda user: "acc_1"}
    if is_admin is not None:
        plugin |= {
            "is_admin": is_admin,
            "users_of": lambda account_id: select(user_model),
        }
    app = make_app(plugin=plugin, **config)
    user_model: Any = hosts.host_of(app).user_model
    app.jinja_env.undefined = StrictUndefined
    if isinstance(templates, dict):
        app.jinja_loader = DictLoader(templates)
    elif templates is not None:
        app.jinja_loader = FileSystemLoader(templates)
    return app


def member(app: Flask) -> Visitor:
    """A user of that host."""
    user = hosts.create_user(app, "ada@example.com")
    return visitor(app, user, "tmy", "timeseries")


def every_answer(ada: Visitor) -> list[TestResponse]:
    """Each page and each fragment, in each of its states."""
    app, user = ada.app, ada.user
    answers = [ada.get(), ada.generate(service="tmy", scope="read", expiry="30")]
    ended = add_token(app, user, "Old", revoked_at=datetime.now(UTC), live_name=None)
    used = {"last_used_at": datetime.now(UTC), "last_used_ip": "203.0.113.7"}
    token_id = add_tokens(app, user, 11)[0]
    add_token(app, user, "Used", service="timeseries", scopes=["read"], **used)
    for browser in (ada, ada.without_script()):
        for path in ("", "?q=none", "?page=2&focus=list", "?status=revoked", "new"):
            answers.append(browser.get(path))
        for path in (f"revoke?id={token_id}", f"revoke?id={token_id}&id={ended}"):
            answers.append(browser.get(path))
        for known in (token_id, ended, "0" * 12):
            answers += [browser.get(known), browser.get(f"{known}/delete")]
        answers += [browser.get(f"{token_id}/{act}") for act in ("rename", "revoke")]
        answers.append(browser.post(f"{token_id}/rename", name=""))
        rotate = f"{token_id}/rotate"
        form = hidden_fields(browser.get(rotate).text)
        answers.append(browser.get(rotate))
        for expiry in ("", "30"):
            answers.append(browser.post(rotate, **form, grace="7", expiry=expiry))
        token_id = stored(app, user)[-1]["id"]
        answers.append(browser.post(f"{token_id}/revoke", csrf_token=""))
        answers.append(browser.generate(name="", service="none", expiry=""))
        answers.append(
            browser.generate(name=f"New {browser.htmx}", service="tmy", scope="read")
        )
    stranger = Visitor(app, None, app.test_client())
    answers += [stranger.get(), ada.get("new/scopes?service=tmy")]
    answers.append(ada.client.get("/account"))
    return answers


def every_admin_answer(app: Flask) -> list[TestResponse]:
    """Each administrators' page and fragment, in each of its states."""
    boss = administration.administrator(app)
    ada = administration.create_user(app, "ada", name="Ada")
    administration.create_user(app, "grace", may_use_api=False)
    administration.create_user(app, "off", is_active=False)
    answers = [boss.get(path) for path in ("tokens", "services/tmy/userless")]
    for number in range(25):
        administration.create_user(app, f"user{number}")
    bearing.subscribe(app, ada, "tmy")
    tmy: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}
    live, _ = bearing.generate(app, ada, **tmy)
    stopped, _ = bearing.generate(app, ada, **tmy)
    administration.deactivate(app, stopped)
    userless, _ = administration.generate_userless(app, **tmy)
    user, key = f"services/tmy/users/{ada.id}", str(ada.id)
    paths = [
        *("services", "services/tmy", "services/gone", "nowhere"),
        *("services/tmy/switch", "services/tmy/users"),
        "services/tmy/users?q=unknown&focus=list",
        *(f"services/tmy/users?{query}" for query in ("state=active", "page=2")),
        *(user, f"{user}/new", f"{user}?q=none", "services/tmy/users/0"),
        *(f"services/tmy/userless{more}" for more in ("", "/new", "?q=none")),
        f"services/tmy/userless/{userless}/rename",
        *("tokens", "tokens?q=none", "tokens?status=deactivated&use=never"),
        f"tokens/deactivate?id={live}",
        f"tokens/deactivate?id={live}&id={userless}",
        f"tokens/revoke?id={live}&id={userless}",
        *(f"tokens/{one}" for one in (live, stopped, userless, "0" * 12)),
        *(
            f"tokens/{one}/{act}"
            for one in (live, stopped)
            for act in ("deactivate", "activate", "revoke", "delete", "rename")
        ),
    ]
    for browser in (boss, boss.without_script()):
        answers += [browser.get(path) for path in paths]
        answers.append(browser.post(f"tokens/{live}/deactivate", reason=""))
        answers.append(browser.post("services/tmy/users", row=key, was=key))
        answers.append(browser.post("services/tmy/users", row="0", active="0"))
        answers.append(browser.post("services/tmy/users", row=key, csrf_token=""))
        answers.append(browser.post("services/tmy/users", row=key))
        answers.append(
            administration.generate_in(browser, f"{user}/new", f"{user}/tokens")
        )
        answers.append(browser.post(f"{user}/tokens", csrf_token=""))
    switch = "services/tmy/switch"
    answers.append(boss.post(switch, active="0", confirm="1"))
    for path in ("services/tmy", "services/tmy/users", "tokens", user):
        answers.append(boss.without_script().get(path))
    return answers


def every_administrators_answer(root: Visitor) -> list[TestResponse]:
    """The same for the administrators' pages."""
    app, user = root.app, root.user
    token_id = add_token(app, user, "Deploy", service="tmy", scopes=["read"])
    add_tokens(app, user, 30)
    stopped: dict[str, Any] = {"deactivated_at": datetime.now(UTC)}
    stopped["deactivated_reason"] = "Leaked"
    off = add_token(app, user, "Stopped", **stopped)
    service, tokens = "services/tmy", "tokens"
    paths = ["", "services", service, f"{service}/users", f"{service}/users?q=zzz"]
    paths += [f"{service}/userless", f"{service}/switch?active=0"]
    paths += [f"{service}/users/{user.id}", f"{service}/users/{user.id}/new"]
    paths += [tokens, f"{tokens}?page=2&focus=list", f"{tokens}?q=zzz"]
    paths += [f"{tokens}/{token_id}", f"{tokens}/{off}", f"{tokens}/{'0' * 12}"]
    paths += [f"{tokens}/{token_id}/deactivate", f"{tokens}/{off}/activate"]
    paths += ["audit", "audit?q=zzz", "audit?focus=list&after=1", "audit?before=40"]
    paths += ["audit?from=2999-01-01", "audit.txt"]
    headers: list[dict[str, str]] = [{"HX-Request": "true"}, {}]
    return [
        root.client.get(f"/admin/api/{path}", headers=head)
        for head in headers
        for path in paths
    ]


def every_answer_about_access(app: Flask) -> list[TestResponse]:
    """Each state of a user's requests, and the administrators' pages of them."""
    users = [hosts.create_user(app, f"{name}@example.com") for name in "abc"]
    boss = visitor(app, hosts.create_user(app, "admin@example.com")).client
    barred = visitor(app, hosts.create_user(app, "noapi@example.com"))
    answers = [barred.without_script().get(), boss.get("/admin/api/requests")]
    barred.post("request", service="")
    for user in users:
        asker = visitor(app, user)
        for fields in ({"reason": "\0"}, {"csrf_token": ""}, {"reason": "Why"}):
            answers.append(asker.post("request", service="*", **fields))
        answers.append(asker.post("request/withdraw", service="tmy"))
        answers.append(asker.post("request/withdraw", service="tmy"))
        answers.append(asker.without_script().get())
    token = hosts.csrf_token(boss)
    answers.append(boss.get("/admin/api/services"))
    for number, do in ((1, "approve"), (3, "decline"), (3, "decline")):
        form = {"csrf_token": token, "do": do, "confirm": "1", "reason": "No"}
        for headers in (HTMX, {}):
            answers.append(boss.get(f"/admin/api/requests/{number}", headers=headers))
        answers.append(
            boss.post(f"/admin/api/requests/{number}", data=form, headers=HTMX)
        )
    answers += [boss.get("/admin/api/requests"), boss.get("/admin/api/services")]
    return [*answers, visitor(app, users[0]).client.get("/account")]
