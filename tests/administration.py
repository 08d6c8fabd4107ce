"""A host of two accounts with administrators, and what they do on their pages."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask import current_app
from sqlalchemy import Select
from sqlalchemy import event
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_apitokens import Actor
from flask_apitokens.domain import activation
from flask_apitokens.domain import tokens
from tests import bearing
from tests import hosts
from tests.pages import Visitor
from tests.pages import hidden_fields

A = "/admin/api/"
#: the administrator's account, and the other one
ACME, OTHER = "acme", "other"
BOSS = Actor("boss@acme.example", "9999", "192.0.2.9")
#: the answers of :func:`columns` as functions that are called with the user
ASKED: dict[str, Callable[[Any], Any]] = {
    "account_of": lambda user: user.account or "",
    "can_use_api": lambda user: user.may_use_api is True,
}


def columns(user_key: hosts.UserKey = "int") -> dict[str, Any]:
    """Return columns of the host's users as keywords for :class:`APITokens`."""
    model = hosts.user_model_of(user_key)
    return {
        "account_of": model.account,
        "can_use_api": model.may_use_api,
        "is_admin": model.is_admin,
    }


def _users_of(account_id: str) -> Select[Any]:
    model = hosts.host_of(current_app).user_model
    return select(model).where(model.account == account_id)


def administered(
    make_app: Callable[..., Flask],
    database_url: str | None = None,
    *,
    plugin: dict[str, Any] | None = None,
    **options: Any,
) -> Flask:
    """Return a host whose users have their account and rights in columns. It is empty.

    :param plugin: keywords for :class:`APITokens` besides.
    """
    given = {**columns(options.get("user_key", "int")), **(plugin or {})}
    if callable(given["account_of"]):
        given.setdefault("users_of", _users_of)
    return make_app(database_url, plugin=given, **options)


def create_user(app: Flask, local: str, account: str = ACME, **values: Any) -> Any:
    """Create a user of an account.

    :param local: the first part of the email address.
    """
    email = f"{local}@{account}.example"
    return hosts.create_user(app, email, account=account, **values)


def administrator(app: Flask, name: str = "boss", account: str = ACME) -> Visitor:
    """Create an administrator of an account and sign them in."""
    boss = create_user(app, name, account, is_admin=True)
    client = app.test_client()
    hosts.login(client, boss)
    return Visitor(app, boss, client, base=A)


def generate_userless(
    app: Flask, account: str = ACME, **values: Any
) -> tuple[str, str]:
    """Generate a userless token of an account and return its id and plaintext."""
    return bearing.generate(app, None, account_id=account, **values)


def deactivate(app: Flask, token_id: str, reason: str = "Leaked") -> None:
    """Deactivate a token."""
    with app.app_context():
        ctx = bearing.context_of(app)
        token = tokens.find_token(ctx, token_id)
        activation.deactivate(ctx, token, reason, actor=BOSS)
        ctx.session.commit()


def activate(app: Flask, token_id: str) -> None:
    """Activate a token."""
    with app.app_context():
        ctx = bearing.context_of(app)
        activation.activate(ctx, tokens.find_token(ctx, token_id), actor=BOSS)
        ctx.session.commit()


def generate_in(boss: Visitor, form: str, path: str, **fields: Any) -> TestResponse:
    """Fill in a generate form below A and send it.

    :param form: the address of the form.
    :param path: the address that it is sent to.
    """
    hidden = hidden_fields(boss.get(form).text)
    wish = {"kind": "api", "name": "", "expiry": "never", "scope": "read"}
    data = {**wish, **hidden, **fields}
    return boss.client.post(boss.base + path, data=data, headers=boss.headers)


def column(app: Flask, model: str, name: str, **where: Any) -> list[Any]:
    """Return one column of the rows of a model, in the order of their keys."""
    with app.app_context():
        ctx = bearing.context_of(app)
        kind = getattr(ctx.models, model)
        rows = ctx.session.query(kind).filter_by(**where).order_by(*_key(kind))
        return [getattr(row, name) for row in rows]


def _key(kind: Any) -> Any:
    return kind.__table__.primary_key.columns


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that the host's engine executes."""
    told: list[str] = []
    engine = bearing.engine_of(app)

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        told.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield told
    event.remove(engine, "before_cursor_execute", note)
