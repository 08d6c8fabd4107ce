"""Who may use which service."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Actor
from flask_apitokens import signals
from flask_apitokens.core.context import Context
from flask_apitokens.domain import subscriptions
from flask_apitokens.errors import ServiceUnavailable
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

BOB = Actor("bob@example.com", "9002", "192.0.2.2")


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host with a service open to all, of two accounts."""
    app = make_app(
        database_url,
        plugin={"account_of": lambda user: user.email.partition("@")[2]},
    )
    hosts.host_of(app).apitokens.service("free", "Free data", default_active=True)
    return app


def active(ctx: Context, user: Any) -> list[str]:
    """The slugs *user* may use now, whatever this transaction saw before."""
    ctx.session.commit()
    states = subscriptions.states(ctx, user)
    found = [slug for slug, on in states.items() if on]
    assert found == [s for s in states if subscriptions.is_active(ctx, user, s)]
    return found


def test_service_without_subscription_is_off_unless_open_to_all(
    ctx: Context, user: Any
) -> None:
    assert active(ctx, user) == ["free"]
    assert list(subscriptions.states(ctx, user)) == ["tmy", "timeseries", "free"]
    assert not subscriptions.is_active(ctx, user, "gone")
    assert subscriptions.subscriptions_of(ctx, user) == []


def test_subscription_applies_to_its_user_only(
    ctx: Context, user: Any, other_user: Any
) -> None:
    subscriptions.activate(ctx, user, "tmy", actor=BOB)
    subscriptions.deactivate(ctx, user, "free", actor=BOB)
    ctx.session.commit()
    assert active(ctx, user) == ["tmy"]
    assert active(ctx, other_user) == ["free"]
    subscriptions.deactivate(ctx, user, "tmy", actor=BOB)
    subscriptions.activate(ctx, user, "free", actor=BOB)
    ctx.session.commit()
    assert active(ctx, user) == ["free"]
    rows = subscriptions.subscriptions_of(ctx, user)
    assert [(row.service, row.active) for row in rows] == [
        ("free", True),
        ("tmy", False),
    ]
    assert {row.changed_by for row in rows} == {"bob@example.com"}


def test_service_switched_off_is_off_for_the_whole_account(
    app: Flask, ctx: Context, user: Any
) -> None:
    elsewhere = hosts.create_user(app, "carol@other.example")
    for each in (user, elsewhere):
        subscriptions.activate(ctx, each, "tmy", actor=BOB)
    ctx.session.commit()
    for slug in ("tmy", "free"):
        bearing.switch_service(app, slug, active=False, account="example.com")
    assert active(ctx, user) == []
    assert active(ctx, elsewhere) == ["tmy", "free"]
    bearing.switch_service(app, "tmy", active=True, account="example.com")
    assert active(ctx, user) == ["tmy"]


def test_undeclared_service_cannot_be_switched(ctx: Context, user: Any) -> None:
    for slug in ("gone", "", "TMY", "\0", "é\U0001f511"):
        for switch in (subscriptions.activate, subscriptions.deactivate):
            with pytest.raises(ServiceUnavailable):
                switch(ctx, user, slug, actor=BOB)
    ctx.session.commit()
    assert ctx.session.query(ctx.models.Event).count() == 0


def test_subscription_switch_is_signalled_and_audited_once(
    app: Flask, ctx: Context, user: Any
) -> None:
    told: list[tuple[str, bool, Actor]] = []

    def hear(sender: Flask, subscription: Any, actor: Actor, **_: Any) -> None:
        assert sender is app
        told.append((subscription.service, subscription.active, actor))

    with signals.subscription_changed.connected_to(hear, app):
        for _ in range(3):
            subscriptions.activate(ctx, user, "tmy", actor=BOB)
        subscriptions.deactivate(ctx, user, "tmy", actor=BOB)
        subscriptions.deactivate(ctx, user, "tmy", actor=BOB)
        ctx.session.commit()
    assert told == [("tmy", True, BOB), ("tmy", False, BOB)]
    event = ctx.models.Event
    events = ctx.session.query(event).order_by(event.id).all()
    assert [(each.action, each.service) for each in events] == [
        ("subscription-activated", "tmy"),
        ("subscription-deactivated", "tmy"),
    ]
    for each in events:
        assert (each.subject_id, each.subject_label) == (str(user.id), user.email)
        assert (each.actor_id, each.actor_label, each.ip) == (
            BOB.id,
            "bob@example.com",
            "192.0.2.2",
        )
        assert each.account_id == "example.com"
        assert each.token_id is None
