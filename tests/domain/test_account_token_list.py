"""An account's tokens as a list: the status SQL tells is what the guard answers."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from flask_apitokens.core.context import Context
from flask_apitokens.domain import token_counts
from flask_apitokens.domain import token_list
from flask_apitokens.domain import token_status
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import ListQuery
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import OTHER
from tests.bearing import bearer
from tests.conftest import MakeApp

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=4000)
#: what a row in this state is refused with; a service of the account is off besides
STATUSES = {
    "works": ("active", "200"),
    "access": ("active", "wrong_kind"),
    "ends soon": ("expiring", "200"),
    "of no service": ("active", "200"),
    "free to all": ("active", "200"),
    "revoked": ("revoked", "token_revoked"),
    "deactivated": ("deactivated", "token_deactivated"),
    "expired": ("expired", "token_expired"),
    "revoked and expired": ("revoked", "token_revoked"),
    "subscription off": ("paused", "service_inactive"),
    "free, but off": ("paused", "service_inactive"),
    "never subscribed": ("paused", "service_inactive"),
    "only asked for": ("paused", "service_inactive"),
    "service switched off": ("paused", "service_inactive"),
    "service not of the account": ("paused", "service_inactive"),
    "service gone": ("paused", "service_inactive"),
    "owner disabled": ("paused", "owner_inactive"),
    "owner left": ("paused", "owner_inactive"),
    "owner of no account": ("paused", "owner_inactive"),
    "permission lost": ("paused", "api_access_denied"),
    "userless": ("active", "200"),
    "userless, switched off": ("paused", "service_inactive"),
    "userless, of no service": ("active", "200"),
    "soon, but paused": ("paused", "service_inactive"),
}


class Account:
    """A token in each of those situations."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.ids: dict[str, str] = {}
        self._plaintexts: dict[str, str] = {}
        for number, name in enumerate(STATUSES):
            self._make(name, number)
        bearing.switch_service(app, "timeseries", active=False, account=ACME)

    def _make(self, name: str, number: int) -> None:
        app = self.app
        service: str | None = "tmy"
        if "of no service" in name:
            service = None
        elif "switched off" in name:
            service = "timeseries"
        elif name.startswith("free"):
            service = "free"
        user = None
        if not name.startswith("userless"):
            user = administration.create_user(app, f"user{number:02}")
            bearing.subscribe(app, user, "tmy", "timeseries")
        values: dict[str, Any] = {"name": name, "service": service}
        values["scopes"] = [] if service in {None, "free"} else ["read"]
        if name == "access":
            values |= {"kind": "access", "expires_at": NOW + timedelta(days=100)}
        if user is None:
            made = administration.generate_userless(app, **values)
        else:
            made = bearing.generate(app, user, **values)
        self.ids[name], self._plaintexts[name] = made
        if user is not None:
            self._change_owner(name, user)
        self._change(name)

    def _change(self, name: str) -> None:
        day = timedelta(days=1)
        soon = {"created_at": NOW - 9 * day, "expires_at": NOW + day}
        changes: dict[str, dict[str, Any]] = {
            "ends soon": soon,
            "soon, but paused": soon,
            "revoked": {"revoked_at": NOW},
            "deactivated": {"deactivated_at": NOW, "deactivated_reason": "Leaked"},
            "expired": {"expires_at": NOW - timedelta(seconds=1)},
            "revoked and expired": {"revoked_at": NOW, "expires_at": LONG_AGO},
            "service not of the account": {"service": "foreign"},
            "service gone": {"service": "gone"},
        }
        if name in changes:
            bearing.change(self.app, self.ids[name], **changes[name])

    def _change_owner(self, name: str, user: Any) -> None:
        columns: dict[str, dict[str, Any]] = {
            "owner disabled": {"is_active": False},
            "owner left": {"account": OTHER},
            "owner of no account": {"account": None},
            "permission lost": {"may_use_api": False},
        }
        if name in columns:
            bearing.change_user(self.app, user, **columns[name])
        if name in {"subscription off", "soon, but paused"}:
            bearing.unsubscribe(self.app, user, "tmy")
        if name == "free, but off":
            bearing.unsubscribe(self.app, user, "free")
        model = bearing.models_of(self.app).Subscription
        if name in {"never subscribed", "only asked for"}:
            with bearing.engine_of(self.app).begin() as connection:
                mine = (model.user_id == user.id) & (model.service == "tmy")
                connection.execute(delete(model).where(mine))
        if name == "only asked for":
            with self.app.app_context():
                ctx = bearing.context_of(self.app)
                row = {"user_id": user.id, "service": "tmy"}
                ctx.session.add(model(**row, requested_at=ctx.now()))
                ctx.session.commit()

    def guard(self, name: str) -> str:
        """What the guard answers, on a route that takes any service."""
        headers = bearer(self._plaintexts[name])
        response = self.app.test_client().get("/api/ping", headers=headers)
        return "200" if response.status_code == 200 else bearing.code(response)


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host with a service open to all, and one that is not the account's."""
    had = ("tmy", "timeseries", "free")
    plugin = {"services_for": lambda account: had}
    app = administration.administered(make_app, database_url, plugin=plugin)
    apitokens = hosts.host_of(app).apitokens
    apitokens.service("free", "Free data", default_active=True)
    apitokens.service("foreign", "Of another account", default_active=True)
    return app


def names(ctx: Context, **query: Any) -> set[str]:
    """The names of the account's tokens that a query finds."""
    ctx.session.rollback()
    found = token_list.of_account(ctx, ACME)
    shown = token_list.page_in(
        ctx, found, ListQuery(**query), account_id=ACME, size=100
    )
    assert shown.total == len(shown.items)
    return {token.name for token in shown.items}


def test_status_in_the_list_matches_the_answer_of_the_guard(
    app: Flask, ctx: Context
) -> None:
    account = Account(app)
    stranger = administration.create_user(app, "eve", OTHER)
    bearing.generate(app, stranger, name="another account's")
    assert {name: account.guard(name) for name in STATUSES} == {
        name: refusal for name, (_status, refusal) in STATUSES.items()
    }
    ctx.session.rollback()
    all_of_it = ctx.session.scalars(token_list.of_account(ctx, ACME)).all()
    told = token_status.statuses_of(ctx, all_of_it, account_id=ACME)
    assert {t.name: told[t.id] for t in all_of_it} == {
        name: status for name, (status, _refusal) in STATUSES.items()
    }
    for status in token_status.STATUSES:
        expected = {name for name, (own, _) in STATUSES.items() if own == status}
        assert names(ctx, status=status) == expected
    assert names(ctx, status="nonsense") == set()
    assert names(ctx) == set(STATUSES)


def test_owner_and_administrator_see_the_same_status(app: Flask, ctx: Context) -> None:
    """The list of the owner's page reads the status with another query."""
    account = Account(app)
    for name, token_id in account.ids.items():
        token = tokens.find_token(ctx, token_id)
        if token.userless:
            continue
        owner = ctx.session.get(ctx.models.user, token.owner_id)
        for status in token_status.STATUSES:
            page = token_list.page_of(ctx, owner, ListQuery(status=status))
            expected = STATUSES[name][0] == status
            if name == "owner disabled":
                # Who cannot sign in sees no list.
                continue
            assert (page.total == 1) is expected, (name, status)


def test_list_is_filtered_by_kind_use_and_service(app: Flask, ctx: Context) -> None:
    ada = administration.create_user(app, "ada", name="Countess")
    bearing.subscribe(app, ada, "tmy")
    days = ctx.settings.unused_days
    of_age, fresh = NOW - timedelta(days=days + 1), NOW - timedelta(days=days - 1)
    rows: dict[str, dict[str, Any]] = {
        "old, never": {"created_at": of_age},
        "new, never": {"created_at": fresh},
        "old, long ago": {"created_at": of_age, "last_used_at": of_age},
        # Brought along with its last use: here it has not had the time yet.
        "new, long ago": {"created_at": fresh, "last_used_at": of_age},
        "old, lately": {
            "created_at": of_age,
            "last_used_at": fresh,
            "last_used_ip": "203.0.113.7",
        },
    }
    for name, columns in rows.items():
        public, _ = bearing.generate(app, ada, name=name)
        bearing.change(app, public, **columns)
    public, _ = bearing.generate(
        app,
        ada,
        name="session",
        kind="access",
        expires_at=NOW + timedelta(days=1),
        service="tmy",
        scopes=["read"],
    )
    administration.generate_userless(app, OTHER, name="old, never")
    never = {"old, never", "new, never", "session"}
    assert names(ctx, use="never") == never
    assert names(ctx, use="unused") == {"old, never", "old, long ago"}
    assert names(ctx, kind="access") == {"session"}
    assert names(ctx, kind="api") == set(rows)
    assert names(ctx, service="tmy") == {"session"}
    assert names(ctx, service="gone") == set()
    assert names(ctx, use="never", kind="api") == never - {"session"}
    everything = {*rows, "session"}
    for text in ("countess", "ada@acme", "ADA@", str(ada.id)):
        assert names(ctx, q=text) >= everything, text
    assert names(ctx, q="203.0.113.7") == {"old, lately"}
    assert names(ctx, q="203.0.113") == set()
    assert names(ctx, q=public) == {"session"}
    assert names(ctx, q="lately") == {"old, lately"}
    for text in ("\0", "\ud800", "%", "é\U0001f511", "9" * 11, "9" * 30):
        assert names(ctx, q=text) in (set(), everything), repr(text)


def test_figures_count_the_working_tokens_of_one_account(
    app: Flask, ctx: Context
) -> None:
    account = Account(app)
    administration.generate_userless(app, OTHER)
    ctx.session.rollback()
    days = ctx.settings.unused_days
    bearing.change(app, account.ids["works"], last_used_at=NOW)
    bearing.change(
        app, account.ids["userless"], created_at=NOW - timedelta(days=days + 1)
    )
    ctx.session.rollback()
    # All but the revoked, the deactivated and the expired: a paused one may come back.
    live = len(STATUSES) - 4
    assert token_counts.count_account(ctx, ACME) == token_counts.AccountCounts(
        live, 2, live - 1, 1
    )
    assert token_counts.count_account(
        ctx, "unknown account"
    ) == token_counts.AccountCounts(0, 0, 0, 0)
    ended = {"revoked", "expired", "deactivated"}
    of_tmy = [
        name
        for name, (status, _) in STATUSES.items()
        if status not in ended
        and not name.startswith("free")
        and not any(word in name for word in ("no service", "switched", "gone", "not"))
        and name != "userless"
    ]
    services = list(ctx.services_of(ACME).values())
    assert token_counts.count_by_service(ctx, ACME, services) == {
        "tmy": (len(of_tmy), 1),
        "timeseries": (1, 1),
        "free": (2, 0),
    }
    assert token_counts.count_by_service(ctx, "unknown account", services[1:]) == {
        "timeseries": (0, 0),
        "free": (0, 0),
    }
    assert token_counts.count_by_service(ctx, ACME, []) == {}


def test_number_of_statements_does_not_grow_with_the_tokens(
    app: Flask, ctx: Context
) -> None:
    for number in range(5):
        administration.generate_userless(app, name=f"t{number}")
    found = ctx.session.scalars(token_list.of_account(ctx, ACME)).all()
    with administration.counting(app) as told:
        token_status.statuses_of(ctx, found, account_id=ACME)
        token_counts.count_account(ctx, ACME)
        token_counts.count_by_service(ctx, ACME, list(ctx.catalog.services.values()))
        # One of them asks which services are on.
        assert len(told) == 4
        assert token_list.owners_of(ctx, found) == {}
        assert token_status.statuses_of(ctx, [], account_id=ACME) == {}
        assert len(told) == 4
