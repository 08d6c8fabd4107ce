"""Asking for access to a service, on each database, and the answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from flask_apitokens import Actor
from flask_apitokens import signals
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.core.context import Context
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.access_requests import WHOLE_API
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidReason
from flask_apitokens.errors import NotFound
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp

ADA = Actor("ada@example.com", "9001", "192.0.2.1")
BOB = Actor("bob@example.com", "9002", "192.0.2.2")
HERE = "example.com"
ODD = ["\0", "a\0b", "\udc00", "\x1b[31m", "x" * 501, "x" * 10_000, "lost \ufffd"]


@pytest.fixture
def app(make_app: MakeApp, database_url: str, told: list[Notice]) -> Flask:
    """A host of two accounts, where users named "no…" may not use the API."""
    host = make_app(database_url, plugin=hosts.accounts(on_notice=told.append))
    hosts.host_of(host).apitokens.service("free", "Free data", default_active=True)
    return host


def ask(ctx: Context, user: Any, slug: str = "tmy", reason: str = "") -> int:
    """A request, committed; its number."""
    row = access_requests.request(ctx, user, slug, reason=reason, actor=ADA)
    ctx.session.commit()
    return row.id


def events(ctx: Context) -> list[tuple[str, str | None, dict[str, Any]]]:
    """What the audit log has of requests."""
    event = ctx.models.Event
    found = ctx.session.query(event).order_by(event.id)
    return [(row.action, row.service, row.detail) for row in found]


# -- asking --------------------------------------------------------------------


def test_missing_access_can_be_requested(app: Flask, ctx: Context, user: Any) -> None:
    assert access_requests.requestable(ctx, user) == ["tmy", "timeseries"]
    subscriptions.activate(ctx, user, "tmy", actor=BOB)
    subscriptions.deactivate(ctx, user, "free", actor=BOB)
    ctx.session.commit()
    assert access_requests.requestable(ctx, user) == ["timeseries", "free"]
    bearing.switch_service(app, "timeseries", active=False, account=HERE)
    ctx.session.commit()
    assert access_requests.requestable(ctx, user) == ["free"]
    barred = hosts.create_user(app, "noapi@example.com")
    assert access_requests.requestable(ctx, barred) == [WHOLE_API]


def test_pending_request_is_signalled_and_audited(
    app: Flask, ctx: Context, user: Any, told: list[Notice]
) -> None:
    heard: list[tuple[str, Actor]] = []

    def hear(sender: Flask, subscription: Any, actor: Actor, **_: Any) -> None:
        heard.append((subscription.service, actor))

    with signals.access_requested.connected_to(hear, app):
        number = ask(ctx, user, "tmy", "  Nightly\r\nexport ")
    row, asker = access_requests.find(ctx, HERE, number)
    assert asker.id == user.id
    assert (row.request_reason, row.decision, row.active) == (
        "Nightly\nexport",
        None,
        None,
    )
    assert ctx.now() - (row.requested_at or ctx.now()) < timedelta(minutes=1)
    assert heard == [("tmy", ADA)]
    assert events(ctx) == [("access-requested", "tmy", {"reason": "Nightly\nexport"})]
    assert [(n.kind, n.user, n.account_id, n.reason, n.actor) for n in told] == [
        ("access_requested", None, HERE, "Nightly\nexport", "ada@example.com")
    ]
    assert told[0].text == "ada@example.com asks for access to TMY data."
    assert list(access_requests.requests_of(ctx, user)) == ["tmy"]
    assert not subscriptions.is_active(ctx, user, "tmy")


@pytest.mark.parametrize("slug", ["free", WHOLE_API, "gone", "\0", "é\U0001f511"])
def test_existing_access_cannot_be_requested(
    ctx: Context, user: Any, slug: str
) -> None:
    with pytest.raises(Conflict):
        access_requests.request(ctx, user, slug, reason="", actor=ADA)
    with pytest.raises(Conflict):
        access_requests.withdraw(ctx, user, slug, actor=ADA)
    ctx.session.commit()
    assert ctx.session.query(ctx.models.Subscription).count() == 0
    assert events(ctx) == []


def test_pending_request_is_not_created_twice(
    ctx: Context, user: Any, told: list[Notice]
) -> None:
    ask(ctx, user, reason="first")
    with pytest.raises(Conflict):
        ask(ctx, user, reason="second")
    ctx.session.rollback()
    assert access_requests.requests_of(ctx, user)["tmy"].request_reason == "first"
    assert len(told) == len(events(ctx)) == 1


def test_concurrent_requests_create_one_request(app: Flask, user: Any) -> None:
    def try_it(_number: int) -> bool:
        with app.app_context():
            ctx = bearing.context_of(app)
            try:
                ask(ctx, user)
            except (Conflict, OperationalError):
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(try_it, range(4))).count(True) == 1
    with app.app_context():
        assert len(events(bearing.context_of(app))) == 1


@pytest.mark.parametrize("reason", ODD)
def test_reason_that_cannot_be_stored_is_refused(
    ctx: Context, user: Any, reason: str
) -> None:
    with pytest.raises(InvalidReason):
        access_requests.request(ctx, user, "tmy", reason=reason, actor=ADA)
    number = ask(ctx, user)
    with pytest.raises(InvalidReason):
        access_requests.decide(
            ctx, HERE, number, approve=False, reason=reason, actor=BOB
        )
    assert access_requests.count_waiting(ctx, HERE) == 1


def test_rolled_back_request_sends_no_signal(
    ctx: Context, user: Any, told: list[Notice]
) -> None:
    access_requests.request(ctx, user, "tmy", reason="", actor=ADA)
    ctx.session.rollback()
    assert told == []
    assert events(ctx) == []
    assert access_requests.requests_of(ctx, user) == {}


# -- taking back ---------------------------------------------------------------


def test_withdrawn_request_can_be_made_again(
    app: Flask, ctx: Context, user: Any, told: list[Notice]
) -> None:
    number, heard = ask(ctx, user, reason="first"), []

    def hear(sender: Flask, subscription: Any, actor: Actor, **_: Any) -> None:
        heard.append(subscription.service)

    with signals.access_withdrawn.connected_to(hear, app):
        access_requests.withdraw(ctx, user, "tmy", actor=ADA)
        ctx.session.commit()
        with pytest.raises(Conflict):
            access_requests.withdraw(ctx, user, "tmy", actor=ADA)
    ctx.session.rollback()
    assert heard == ["tmy"]
    assert access_requests.requests_of(ctx, user) == {}
    assert access_requests.count_waiting(ctx, HERE) == 0
    with pytest.raises(Conflict):
        access_requests.decide(ctx, HERE, number, approve=True, actor=BOB)
    ctx.session.rollback()
    ask(ctx, user, reason="second")
    assert access_requests.requests_of(ctx, user)["tmy"].request_reason == "second"
    assert [action for action, *_ in events(ctx)] == [
        "access-requested",
        "access-withdrawn",
        "access-requested",
    ]
    assert len(told) == 2


# -- deciding ------------------------------------------------------------------


@pytest.mark.parametrize("approve", [True, False])
def test_decision_is_announced_to_the_requesting_user(
    app: Flask, ctx: Context, user: Any, told: list[Notice], *, approve: bool
) -> None:
    number, heard = ask(ctx, user), []
    told.clear()

    def hear(
        sender: Flask, subscription: Any, actor: Actor, approved: bool, **_: Any
    ) -> None:
        heard.append((subscription.service, actor, approved))

    with signals.access_decided.connected_to(hear, app):
        access_requests.decide(
            ctx, HERE, number, approve=approve, reason="Trial", actor=BOB
        )
        assert told == []
        ctx.session.commit()
    word = "approved" if approve else "declined"
    assert heard == [("tmy", BOB, approve)]
    assert subscriptions.is_active(ctx, user, "tmy") is approve
    assert events(ctx)[1:] == [(f"access-{word}", "tmy", {"reason": "Trial"})]
    [notice] = told
    assert (notice.kind, notice.user.id) == (f"access_{word}", user.id)
    assert (notice.reason, notice.actor) == ("Trial", "bob@example.com")
    assert notice.text == f"Your request for access to TMY data was {word}."
    [row] = access_requests.decided(ctx, HERE).items
    assert (row.decision, row.decided_by) == (word, "bob@example.com")
    assert access_requests.waiting(ctx, HERE).total == 0


def test_decided_request_is_not_decided_again(ctx: Context, user: Any) -> None:
    number = ask(ctx, user)
    access_requests.decide(ctx, HERE, number, approve=False, actor=BOB)
    ctx.session.commit()
    with pytest.raises(Conflict):
        access_requests.decide(ctx, HERE, number, approve=True, actor=BOB)
    ctx.session.rollback()
    assert not subscriptions.is_active(ctx, user, "tmy")


def test_declined_user_can_request_again(ctx: Context, user: Any) -> None:
    number = ask(ctx, user)
    access_requests.decide(ctx, HERE, number, approve=False, reason="Why?", actor=BOB)
    ctx.session.commit()
    assert access_requests.requests_of(ctx, user)["tmy"].decision_reason == "Why?"
    assert ask(ctx, user, reason="Therefore") == number
    row = access_requests.requests_of(ctx, user)["tmy"]
    assert subscriptions.is_waiting(row)
    assert (row.decision, row.decision_reason, row.decided_by) == (None, None, None)


def test_approval_for_the_whole_api_changes_no_subscription(
    app: Flask, ctx: Context, told: list[Notice]
) -> None:
    barred = hosts.create_user(app, "noapi@example.com")
    number = ask(ctx, barred, WHOLE_API)
    heard: list[Any] = []

    def hear(sender: Flask, subscription: Any, **values: Any) -> None:
        heard.append(subscription.service)

    with (
        signals.access_decided.connected_to(hear, app),
        signals.subscription_changed.connected_to(hear, app),
    ):
        row = access_requests.decide(ctx, HERE, number, approve=True, actor=BOB)
        ctx.session.commit()
    assert heard == [WHOLE_API]
    assert (row.active, row.decision) == (None, "approved")
    assert [notice.text for notice in told] == [
        "noapi@example.com asks for access to the API.",
        "Your request for access to the API was approved.",
    ]
    assert [(action, slug) for action, slug, _detail in events(ctx)] == [
        ("access-requested", None),
        ("access-approved", None),
    ]


def test_subscription_switch_approves_the_request(
    app: Flask, ctx: Context, user: Any, told: list[Notice]
) -> None:
    number, heard = ask(ctx, user), []
    told.clear()

    def hear(
        sender: Flask, subscription: Any, actor: Actor, approved: bool, **_: Any
    ) -> None:
        heard.append((subscription.service, actor, approved))

    with signals.access_decided.connected_to(hear, app):
        for switch in (subscriptions.activate, subscriptions.deactivate) * 2:
            switch(ctx, user, "tmy", actor=BOB)
            ctx.session.commit()
        subscriptions.activate(ctx, user, "tmy", actor=BOB)
        ctx.session.commit()
    assert heard == [("tmy", BOB, True)], "once: the other switches answer nothing"
    [notice] = told
    assert (notice.kind, notice.user.id, notice.actor) == (
        "access_approved",
        user.id,
        "bob@example.com",
    )
    assert access_requests.count_waiting(ctx, HERE) == 0
    assert access_requests.decided(ctx, HERE).items[0].decision == "approved"
    with pytest.raises(Conflict):
        access_requests.decide(ctx, HERE, number, approve=False, actor=BOB)


def test_switch_in_another_account_leaves_the_request_pending(
    ctx: Context, user: Any, told: list[Notice]
) -> None:
    ask(ctx, user)
    told.clear()
    mine = ctx.session.get(ctx.models.user, user.id)
    assert mine is not None
    mine.email = "ada@other.example"
    subscriptions.activate(ctx, mine, "tmy", actor=BOB)
    ctx.session.commit()
    assert told == []
    mine.email = "ada@example.com"
    ctx.session.commit()
    assert access_requests.count_waiting(ctx, HERE) == 1


def test_request_for_an_undeclared_service_can_only_be_declined(
    app: Flask, ctx: Context, user: Any
) -> None:
    number = ask(ctx, user)
    row = access_requests.find(ctx, HERE, number)[0]
    row.service = "gone"
    ctx.session.commit()
    with pytest.raises(Conflict):
        access_requests.decide(ctx, HERE, number, approve=True, actor=BOB)
    ctx.session.rollback()
    access_requests.decide(ctx, HERE, number, approve=False, actor=BOB)
    ctx.session.commit()
    assert access_requests.decided(ctx, HERE).total == 1


def test_request_of_another_account_is_not_found(
    app: Flask, ctx: Context, user: Any
) -> None:
    carol = hosts.create_user(app, "carol@other.example")
    theirs = ask(ctx, carol)
    for number in (theirs, theirs + 1, 2**63 - 1):
        with pytest.raises(NotFound):
            access_requests.find(ctx, HERE, number)
        with pytest.raises(NotFound):
            access_requests.decide(ctx, HERE, number, approve=True, actor=BOB)
    ctx.session.rollback()
    for lists in (access_requests.waiting, access_requests.decided):
        assert lists(ctx, HERE).total == 0
    assert access_requests.count_waiting(ctx, HERE) == 0
    assert access_requests.count_waiting(ctx, "other.example") == 1
    assert not subscriptions.is_active(ctx, carol, "tmy")


# -- lists ---------------------------------------------------------------------


def test_pending_requests_list_oldest_first_and_decisions_newest_first(
    app: Flask, ctx: Context
) -> None:
    numbers = []
    for n in range(access_requests.PAGE_SIZE + 2):
        asker = hosts.create_user(app, f"user{n}@example.com")
        numbers += [ask(ctx, asker, "tmy"), ask(ctx, asker, "timeseries")]
    first = access_requests.waiting(ctx, HERE)
    assert [row.id for row in first.items] == numbers[:25]
    assert (first.total, first.pages, first.first, first.last) == (54, 3, 1, 25)
    last = access_requests.waiting(ctx, HERE, 99)
    assert [row.id for row in last.items] == numbers[50:]
    assert (last.number, last.first, last.last) == (3, 51, 54)
    assert access_requests.count_waiting(ctx, HERE) == 54
    assert access_requests.count_waiting_users(ctx, HERE) == 27
    for number in numbers[:3]:
        access_requests.decide(ctx, HERE, number, approve=False, actor=BOB)
        ctx.session.commit()
    decided = access_requests.decided(ctx, HERE)
    assert [row.id for row in decided.items] == numbers[2::-1]
    assert access_requests.waiting(ctx, HERE).total == 51
    assert access_requests.decided(ctx, "other.example").first == 0


def test_users_are_found_by_key_in_their_own_account_only(
    app: Flask, ctx: Context, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol = hosts.create_user(app, "carol@other.example")
    keys = [user.id, carol.id, carol.id + 1]
    assert list(account_users.users_by_key(ctx, HERE, keys)) == [user.id]
    assert account_users.users_by_key(ctx, HERE, []) == {}
    # A host whose users_of finds too many shows none of another account either.
    everybody = select(ctx.models.user)
    monkeypatch.setattr(account_users, "users_of", lambda *_: everybody)
    assert list(account_users.users_by_key(ctx, HERE, keys)) == [user.id]
