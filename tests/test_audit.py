"""The audit log: who did what to which token, when and from where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_apitokens import Actor
from flask_apitokens import audit
from flask_apitokens import tokens
from flask_apitokens.domain import SYSTEM
from flask_apitokens.domain import Domain
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

NOW = datetime(2026, 5, 4, 3, 2, 1, 234_567, tzinfo=UTC)
BOB = Actor("bob@example.com", "2", "2001:db8::2")


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn, with accounts."""
    return make_app(database_url, plugin={"account_of": lambda user: 7})


@pytest.fixture
def domain(app: Flask) -> Iterator[Domain]:
    """The domain on the host's session."""
    with app.app_context():
        yield bearing.domain_of(app)


def _at(domain: Domain, hour: int) -> Domain:
    return replace(domain, now=lambda: NOW + timedelta(hours=hour))


def test_every_change_is_one_line_newest_first(
    app: Flask, domain: Domain, user: Any
) -> None:
    """LOG-01."""
    bearing.subscribe(app, user, "tmy")
    at = [_at(domain, hour) for hour in range(4)]
    token, plaintext = tokens.generate(
        at[0], user, name="old", service="tmy", scopes=["read"], actor=BOB, form_key="f"
    )
    tokens.rename(at[1], token, "new \U0001f511", actor=SYSTEM)
    tokens.revoke(at[2], token, actor=BOB)
    tokens.delete(at[3], token, actor=BOB)
    domain.session.commit()
    domain.session.expire_all()
    events = audit.events_of(domain, token.id)
    assert [(e.action, e.at, e.token_name, e.actor_label) for e in events] == [
        ("deleted", NOW + timedelta(hours=3), "new \U0001f511", "bob@example.com"),
        ("revoked", NOW + timedelta(hours=2), "new \U0001f511", "bob@example.com"),
        ("renamed", NOW + timedelta(hours=1), "new \U0001f511", "system"),
        ("generated", NOW, "old", "bob@example.com"),
    ]
    assert [e.ip for e in events] == ["2001:db8::2", "2001:db8::2", None, "2001:db8::2"]
    assert [e.actor_id for e in events] == ["2", "2", None, "2"]
    assert {e.subject_id for e in events} == {str(user.id)}
    assert {(e.service, e.account_id) for e in events} == {("tmy", "7")}
    assert events[3].subject_label == "ada@example.com"
    assert events[3].detail == {"kind": "api", "scopes": ["read"]}
    assert events[2].detail == {"old_name": "old"}
    assert events[3].form_key is not None
    for event in events:
        assert plaintext.split("_")[2] not in repr(vars(event))


def test_a_list_of_events_is_of_one_token_and_bounded(
    domain: Domain, user: Any
) -> None:
    token, _ = tokens.generate(domain, user, name="t0", actor=BOB)
    other, _ = tokens.generate(domain, user, name="other", actor=BOB)
    for number in range(1, 60):
        tokens.rename(domain, token, f"t{number}", actor=BOB)
    domain.session.commit()
    assert len(audit.events_of(domain, token.id)) == 50
    newest = audit.events_of(domain, token.id, limit=2)
    assert [event.token_name for event in newest] == ["t59", "t58"]
    assert len(audit.events_of(domain, token.id, limit=500)) == 60
    assert len(audit.events_of(domain, other.id)) == 1
    assert audit.events_of(domain, "zzzzzzzzzzzz") == []


def test_a_userless_token_has_no_subject(domain: Domain) -> None:
    token, _ = tokens.generate(domain, None, name="x", account_id="acme", actor=BOB)
    tokens.revoke(domain, token, actor=BOB)
    domain.session.commit()
    for event in audit.events_of(domain, token.id):
        assert (event.subject_id, event.subject_label) == (None, None)
        assert event.account_id == "acme"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        (None, None),
        ("unknown", None),
        ("1.2.3.4, 5.6.7.8", None),
        ("é", None),
        ("\0", None),
        ("x" * 100_000, None),
    ],
)
def test_an_address_is_an_address_or_nothing(
    given: str | None, kept: str | None
) -> None:
    """What a proxy hands on is what a client wrote."""
    assert Actor("x", None, given).ip == kept


def test_an_actor_fits_into_its_columns() -> None:
    actor = Actor("é" * 300, "7" * 300)
    assert (len(actor.label), len(actor.id or "")) == (255, 255)
    assert Actor("x").id is None


def test_labels_come_from_the_host(make_app: MakeApp) -> None:
    app = make_app(plugin={"user_label": lambda user: f"user {user.id}"})
    user = hosts.create_user(app, "ada@example.com")
    with app.app_context():
        subject = audit.Subject.of(bearing.domain_of(app), user)
        assert subject == audit.Subject(str(user.id), f"user {user.id}")
        assert audit.Subject.of(bearing.domain_of(app), None) == audit.Subject()
