"""Who may use which service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Actor
from flask_apitokens import signals
from flask_apitokens.core.context import Domain
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


@pytest.fixture
def domain(app: Flask) -> Iterator[Domain]:
    """The domain on the host's session."""
    with app.app_context():
        yield bearing.domain_of(app)


def active(domain: Domain, user: Any) -> list[str]:
    """The slugs *user* may use now, whatever this transaction saw before."""
    domain.session.commit()
    states = subscriptions.states(domain, user)
    found = [slug for slug, on in states.items() if on]
    assert found == [s for s in states if subscriptions.is_active(domain, user, s)]
    return found


def test_nobody_may_use_a_service_unless_it_is_open_to_all(
    domain: Domain, user: Any
) -> None:
    assert active(domain, user) == ["free"]
    assert list(subscriptions.states(domain, user)) == ["tmy", "timeseries", "free"]
    assert not subscriptions.is_active(domain, user, "gone")
    assert subscriptions.subscriptions_of(domain, user) == []


def test_a_subscription_decides_for_its_user_alone(
    domain: Domain, user: Any, other_user: Any
) -> None:
    subscriptions.activate(domain, user, "tmy", actor=BOB)
    subscriptions.deactivate(domain, user, "free", actor=BOB)
    domain.session.commit()
    assert active(domain, user) == ["tmy"]
    assert active(domain, other_user) == ["free"]
    subscriptions.deactivate(domain, user, "tmy", actor=BOB)
    subscriptions.activate(domain, user, "free", actor=BOB)
    domain.session.commit()
    assert active(domain, user) == ["free"]
    rows = subscriptions.subscriptions_of(domain, user)
    assert [(row.service, row.active) for row in rows] == [
        ("free", True),
        ("tmy", False),
    ]
    assert {row.changed_by for row in rows} == {"bob@example.com"}


def test_a_service_switched_off_is_off_for_the_whole_account(
    app: Flask, domain: Domain, user: Any
) -> None:
    elsewhere = hosts.create_user(app, "carol@other.example")
    for each in (user, elsewhere):
        subscriptions.activate(domain, each, "tmy", actor=BOB)
    domain.session.commit()
    for slug in ("tmy", "free"):
        bearing.switch_service(app, slug, active=False, account="example.com")
    assert active(domain, user) == []
    assert active(domain, elsewhere) == ["tmy", "free"]
    bearing.switch_service(app, "tmy", active=True, account="example.com")
    assert active(domain, user) == ["tmy"]


def test_a_service_nobody_declared_cannot_be_switched(
    domain: Domain, user: Any
) -> None:
    for slug in ("gone", "", "TMY", "\0", "é\U0001f511"):
        for switch in (subscriptions.activate, subscriptions.deactivate):
            with pytest.raises(ServiceUnavailable):
                switch(domain, user, slug, actor=BOB)
    domain.session.commit()
    assert domain.session.query(domain.models.Event).count() == 0


def test_a_switch_is_told_and_noted_once(app: Flask, domain: Domain, user: Any) -> None:
    told: list[tuple[str, bool, Actor]] = []

    def hear(sender: Flask, subscription: Any, actor: Actor) -> None:
        assert sender is app
        told.append((subscription.service, subscription.active, actor))

    with signals.subscription_changed.connected_to(hear, app):
        for _ in range(3):
            subscriptions.activate(domain, user, "tmy", actor=BOB)
        subscriptions.deactivate(domain, user, "tmy", actor=BOB)
        subscriptions.deactivate(domain, user, "tmy", actor=BOB)
    domain.session.commit()
    assert told == [("tmy", True, BOB), ("tmy", False, BOB)]
    event = domain.models.Event
    events = domain.session.query(event).order_by(event.id).all()
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
