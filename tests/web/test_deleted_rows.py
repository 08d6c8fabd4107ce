"""Rows that are deleted while a page is made: the user's own, and the token's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask import render_template_string
from jinja2 import DictLoader
from sqlalchemy import create_engine
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from werkzeug.test import TestResponse

from flask_apitokens.guard.blueprints import ADMIN
from flask_apitokens.guard.blueprints import NAME
from flask_apitokens.web.login import signed_in
from tests import administration
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import visitor
from tests.web.views.admin.test_every_address import Place

#: a layout that names the signed-in user, as most do, and loads the user for it
LAYOUT = """<!doctype html><html lang="en"><title>
{% block title %}{% endblock %}</title>
{% if current_user.is_authenticated %}<p>{{ current_user.email }}</p>{% endif %}
<main>{% block content %}{% endblock %}</main></html>"""
#: how long the deletion waits for a lock of the request, which it must not
HASTE = {
    "sqlite": "PRAGMA busy_timeout = 0",
    "postgresql": "SET lock_timeout = '5ms'",
    "mysql": "SET innodb_lock_wait_timeout = 0",
}
#: how many statements lie between two moments of deletion
STEP = 4


def with_layout(app: Flask) -> Flask:
    """Give a host the layout above."""
    app.jinja_loader = DictLoader({"layout.html": LAYOUT})
    return app


@contextmanager
def deleting(app: Flask, model: Any, key: Any, *, before: int) -> Iterator[list[str]]:
    """Delete a row before a statement of the request, or as soon as it is not locked.

    Yield the statements of the request, and "DELETED" where the row went.

    :param before: the number of the statement, from 1.
    """
    engine, seen = bearing.engine_of(app), list[str]()
    other = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    column = model.__table__.primary_key.columns[0]

    def act(_c: Any, _u: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)
        if len(seen) < before or "DELETED" in seen:
            return
        with other.connect() as connection:
            connection.exec_driver_sql(HASTE[engine.dialect.name])
            try:
                connection.execute(delete(model).where(column == key))
            except OperationalError:
                return
        seen.append("DELETED")

    def commit(_connection: Any) -> None:
        seen.append("COMMIT")

    event.listen(engine, "before_cursor_execute", act)
    event.listen(engine, "commit", commit)
    try:
        yield seen
    finally:
        event.remove(engine, "commit", commit)
        event.remove(engine, "before_cursor_execute", act)


def since_deleted(seen: list[str]) -> list[str]:
    """Return what the request did after the row was deleted."""
    return seen[seen.index("DELETED") :] if "DELETED" in seen else []


def user_of(app: Flask) -> Any:
    """Return the user model of a host."""
    return hosts.host_of(app).user_model


def check_signed_out(answer: TestResponse, where: object) -> None:
    """The answer says that the user is signed out, and shows nothing."""
    if answer.headers.get("Apitokens-Fragment"):
        assert answer.status_code == 401, where
        assert "You have been signed out" in answer.text, where
    else:
        assert answer.status_code == 302, where
        assert answer.headers["Location"].startswith("/login"), where


# -- each address, at each statement -------------------------------------------


@pytest.fixture
def place(make_app: MakeApp) -> Place:
    """A host of two accounts, whose layout names the user."""
    app = administration.administered(make_app, APITOKENS_BASE_TEMPLATE="layout.html")
    return Place(with_layout(app))


@contextmanager
def kept(app: Flask) -> Iterator[Callable[[], None]]:
    """Yield a function that puts all rows of a SQLite file back as they are now."""
    path = bearing.engine_of(app).url.database
    with closing(sqlite3.connect(":memory:")) as copy:
        with closing(sqlite3.connect(str(path))) as now:
            now.backup(copy)

        def restore() -> None:
            bearing.engine_of(app).dispose()
            with closing(sqlite3.connect(str(path))) as there:
                copy.backup(there)

        yield restore


def own_addresses(place: Place) -> list[tuple[str, Any, str]]:
    """Return the addresses of the users' own pages."""
    found = []
    for rule in place.app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{NAME}.") and not rule.endpoint.endswith(
            "static"
        ):
            values = {"token_id": place.token, "rest": "gone"}
            built = rule.build({n: values[n] for n in rule.arguments})
            assert built is not None
            found.append((rule.endpoint, rule, built[1]))
    return found


@pytest.mark.parametrize("blueprint", [ADMIN, NAME])
def test_user_deleted_during_a_request_is_signed_out(
    place: Place, blueprint: str
) -> None:
    """Whichever page it is, and whatever was done before: no exception leaves it."""
    app, who, addresses = place.app, place.boss, place.addresses()
    if blueprint == NAME:
        who, addresses = visitor(app, place.ada), own_addresses(place)
    signed_out, key = 0, who.user.id
    token = hosts.csrf_token(who.client)
    with kept(app) as restore:
        for number, (endpoint, rule, url) in enumerate(addresses):
            fields = {**place.fields(endpoint), "csrf_token": token}
            fields["form_id"] = "a" * 22
            for method in sorted({"GET", "POST"} & (rule.methods or set())):
                before, seen = 2 + number % STEP, ["DELETED"]
                while "DELETED" in seen:
                    with deleting(app, user_of(app), key, before=before) as seen:
                        answer = who.client.open(
                            url,
                            method=method,
                            headers=HTMX if number % 2 else {},
                            data=fields if method == "POST" else None,
                        )
                        answer.get_data()
                    restore()
                    where = (method, url, before, answer.status_code)
                    assert answer.status_code < 500, where
                    if "COMMIT" in since_deleted(seen):
                        check_signed_out(answer, where)
                        signed_out += 1
                    before += STEP
    assert signed_out >= 5


def test_user_deleted_during_a_post_is_signed_out_on_each_database(
    make_app: MakeApp, database_url: str
) -> None:
    """No token is left over for the next user who gets the same key."""
    options = {"APITOKENS_BASE_TEMPLATE": "layout.html"}
    app = with_layout(make_app(database_url, services=False, **options))
    before, seen, answers = 2, ["DELETED"], set()
    while "DELETED" in seen:
        ada = visitor(app, hosts.create_user(app, f"ada{before}@example.com"))
        ada = ada if before % 4 else ada.without_script()
        form = hidden_fields(ada.get("new").text)
        wish = {"kind": "api", "name": "Deploy", "expiry": "never", **form}
        with deleting(app, user_of(app), ada.user.id, before=before) as seen:
            answer = ada.client.post(U, data=wish, headers=ada.headers)
        answers.add(answer.status_code)
        if "COMMIT" in since_deleted(seen) or answer.status_code != 201:
            check_signed_out(answer, before)
        if "COMMIT" not in seen:
            assert orphans(app) == [], before
        before += 2
    assert answers == {302, 401, 201}


def orphans(app: Flask) -> list[str]:
    """Return the ids of tokens whose owner is no longer there."""
    token, user = bearing.models_of(app).Token, user_of(app)
    query = select(token.id).where(token.owner_id.not_in(select(user.id)))
    with bearing.engine_of(app).connect() as connection:
        return list(connection.scalars(query))


@pytest.mark.parametrize("path", ["rename", "revoke", "delete", "rotate"])
def test_token_deleted_during_a_post_is_gone(
    make_app: MakeApp, database_url: str, path: str
) -> None:
    app = make_app(database_url, services=False)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    before, seen = 2, ["DELETED"]
    while "DELETED" in seen:
        token_id = add_token(app, ada.user, f"Token {before}")
        form = hidden_fields(ada.get(f"{token_id}/{path}").text)
        data = {"name": f"New {before}", "grace": "0", "expiry": "never", **form}
        headers = HTMX if before % 4 else {}
        model = bearing.models_of(app).Token
        with deleting(app, model, token_id, before=before) as seen:
            answer = ada.client.post(
                f"{U}{token_id}/{path}", data=data, headers=headers
            )
        assert answer.status_code in {200, 201, 303, 404, 409}, (before, seen)
        before += 2


# -- pages of the application, and error pages ---------------------------------


def test_panel_of_a_deleted_user_is_empty(plain_app: Flask) -> None:
    """The application's page loads the user first, and commits."""
    ada = hosts.create_user(plain_app, "ada@example.com")
    session = hosts.host_of(plain_app).db.session
    shown = "{{ apitokens_panel() }}{{ apitokens_admin_links() }}"

    @plain_app.get("/own")
    def own() -> str:
        assert signed_in() is not None
        session.commit()
        with bearing.engine_of(plain_app).begin() as connection:
            connection.execute(delete(user_of(plain_app)))
        return render_template_string(shown)

    client = plain_app.test_client()
    hosts.login(client, ada)
    assert client.get("/own").text == "[]"


def test_error_page_is_plain_if_the_layout_fails(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(services=False, APITOKENS_BASE_TEMPLATE="layout.html")
    app.jinja_loader = DictLoader({"layout.html": LAYOUT.replace("email", "x.y.z")})
    client = app.test_client()
    hosts.login(client, hosts.create_user(app, "ada@example.com"))
    answer = client.get(f"{U}nowhere")
    assert (answer.status_code, answer.text) == (404, "This page does not exist.")
    assert "could not be rendered" in caplog.text


def test_label_that_cannot_be_told_is_the_default(make_app: MakeApp) -> None:
    """It may name the user's account, whose row is deleted."""

    def label(user: Any) -> str:
        raise AttributeError("'NoneType' object has no attribute 'name'")

    app = make_app(services=False, plugin={"user_label": label})
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    assert ada.generate().status_code == 201
    with app.app_context():
        ctx = bearing.context_of(app)
        assert (
            ctx.session.scalar(select(ctx.models.Event.actor_label)) == ada.user.email
        )
