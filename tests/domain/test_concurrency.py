"""Many at once, on each database: one form, one name, one token, one identity."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextlib import contextmanager
from itertools import cycle
from itertools import islice
from pathlib import Path
from typing import Any
from typing import TypeVar

import pytest
from flask import Flask
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from flask_apitokens import current_token
from flask_apitokens import token_required
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import Token
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import tokens
from flask_apitokens.domain.token_list import owned_by
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import TokenNotFound
from tests import bearing
from tests import hosts
from tests.bearing import ACTOR
from tests.bearing import bearer
from tests.conftest import MakeApp
from tests.pages import HTMX
from tests.pages import U
from tests.pages import Visitor
from tests.pages import add_token
from tests.pages import hidden_fields
from tests.pages import plaintext_in
from tests.pages import stored
from tests.pages import visitor

AT_ONCE = 20
THREADS = 16
#: of each thread; with what is mixed in they are 800 calls
ROUNDS = 32

#: as many connections as there are threads, each of which has begun a transaction
ROOMY: dict[str, Any] = {"SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": AT_ONCE + 4}}

Answer = TypeVar("Answer")
Post = tuple[str, dict[str, str]]


def at_once(work: Sequence[Callable[[Callable[[], object]], Answer]]) -> list[Answer]:
    """Run all of *work*, each in a thread; it calls its argument to meet the others."""
    barrier = threading.Barrier(len(work))

    def meet() -> None:
        barrier.wait(20)

    with ThreadPoolExecutor(len(work)) as pool:
        return [each.result() for each in [pool.submit(one, meet) for one in work]]


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host without services on each of the databases."""
    return make_app(database_url, services=False, **ROOMY)


@pytest.fixture
def ada(app: Flask) -> Visitor:
    """A user of it, signed in."""
    return visitor(app, hosts.create_user(app, "ada@example.com"))


def posted(ada: Visitor, posts: Sequence[Post]) -> list[TestResponse]:
    """Send the forms from as many browsers that share one session."""
    csrf = hosts.csrf_token(ada.client)
    cookie = ada.client.get_cookie("session")
    assert cookie is not None
    key = cookie.value

    def sender(path: str, fields: dict[str, str]) -> Callable[..., TestResponse]:
        client = ada.app.test_client()
        client.set_cookie("session", key)

        def send(meet: Callable[[], object]) -> TestResponse:
            meet()
            data = {"csrf_token": csrf, **fields}
            return client.post(U + path, data=data, headers=HTMX)

        return send

    return at_once([sender(*post) for post in posts])


def wish(ada: Visitor, name: str = "Deploy") -> Post:
    """A generate form filled in."""
    form = hidden_fields(ada.get("new").text)
    return "", {**form, "name": name, "kind": "api", "expiry": "never"}


def statuses(responses: Sequence[TestResponse]) -> dict[int, int]:
    """How often each status was answered."""
    return dict(Counter(response.status_code for response in responses))


@contextmanager
def session_of(app: Flask, user: Any) -> Iterator[tuple[Context, Any]]:
    """A session of its own, with its user loaded: its transaction has begun."""
    with app.app_context():
        ctx = bearing.context_of(app)
        yield ctx, ctx.session.get(hosts.host_of(app).user_model, user.id)


def events(app: Flask, token_id: str) -> list[str]:
    """What the audit log has of a token, oldest first."""
    model = bearing.models_of(app).Event
    query = select(model.action).where(model.token_id == token_id).order_by(model.id)
    with Session(bearing.engine_of(app)) as session:
        return list(session.scalars(query))


def row(app: Flask, token_id: str) -> Token | None:
    """Return the row of a token as the database has it."""
    with Session(bearing.engine_of(app)) as session:
        return session.get(bearing.models_of(app).Token, token_id)


def generated(
    app: Flask, user: Any, name: str, form_key: str | None = None
) -> Callable[[Callable[[], object]], str]:
    """Host code that generates a token; it answers the plaintext or what is wrong."""

    def work(meet: Callable[[], object]) -> str:
        with session_of(app, user) as (ctx, owner):
            meet()
            try:
                _token, plaintext = bearing.revealed(
                    tokens.generate(
                        ctx, owner, name=name, actor=ACTOR, form_key=form_key
                    )
                )
            except DomainError as error:
                ctx.session.rollback()
                return error.reason
            ctx.session.commit()
            return plaintext

    return work


def outcomes(answers: Sequence[str]) -> dict[str, int]:
    """How often each was answered; a plaintext counts as made."""
    found = ("made" if answer.startswith("apt_") else answer for answer in answers)
    return dict(Counter(found))


# -- generating ----------------------------------------------------------------


def test_form_sent_twenty_times_reveals_one_plaintext(ada: Visitor) -> None:
    """LIF-02, LIF-04, CON-01"""
    answers = posted(ada, [wish(ada)] * AT_ONCE)
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    assert sum("apt_" in answer.text for answer in answers) == 1
    shown = next(answer for answer in answers if answer.status_code == 201)
    call = ada.app.test_client().get("/api/plain", headers=bearer(plaintext_in(shown)))
    assert call.status_code == 200
    assert len(stored(ada.app, ada.user)) == 1
    assert events(ada.app, stored(ada.app, ada.user)[0]["id"]) == ["generated"]


def test_host_api_generates_one_token_for_one_form_key(
    app: Flask, ada: Visitor
) -> None:
    work = [generated(app, ada.user, f"t{n}", "a form") for n in range(AT_ONCE)]
    found = outcomes(at_once(work))
    assert found == {"made": 1, "already_generated": AT_ONCE - 1}
    assert len(stored(app, ada.user)) == 1


def test_concurrent_generates_give_one_name_once(app: Flask, ada: Visitor) -> None:
    """CON-06"""
    answers = posted(ada, [wish(ada) for _ in range(AT_ONCE)])
    assert statuses(answers) == {201: 1, 422: AT_ONCE - 1}
    work = [generated(app, ada.user, "Other") for _ in range(AT_ONCE)]
    assert outcomes(at_once(work)) == {"made": 1, "name_taken": AT_ONCE - 1}
    assert len(stored(app, ada.user)) == 2


def test_concurrent_generates_give_the_name_of_an_expired_token_once(
    app: Flask, ada: Visitor
) -> None:
    ctx = bearing.context_of(app)
    add_token(app, ada.user, "Deploy", expires_at=ctx.now())
    work = [generated(app, ada.user, "Deploy") for _ in range(AT_ONCE)]
    assert outcomes(at_once(work)) == {"made": 1, "name_taken": AT_ONCE - 1}
    assert len(stored(app, ada.user)) == 2


def test_concurrent_generates_with_different_names_all_succeed(
    app: Flask, ada: Visitor
) -> None:
    answers = posted(ada, [wish(ada, f"t{n}") for n in range(AT_ONCE)])
    assert statuses(answers) == {201: AT_ONCE}
    work = [generated(app, ada.user, f"u{n}") for n in range(AT_ONCE)]
    assert outcomes(at_once(work)) == {"made": AT_ONCE}


@pytest.fixture
def five(make_app: MakeApp, database_url: str) -> Visitor:
    """A user who may have five tokens."""
    app = make_app(database_url, services=False, APITOKENS_MAX_PER_OWNER=5, **ROOMY)
    return visitor(app, hosts.create_user(app, "ada@example.com"))


def test_token_limit_holds_for_concurrent_forms(five: Visitor) -> None:
    """LIF-13"""
    answers = posted(five, [wish(five, f"t{n}") for n in range(AT_ONCE)])
    assert statuses(answers) == {201: 5, 409: AT_ONCE - 5}
    assert len(stored(five.app, five.user)) == 5


def test_token_limit_holds_for_the_concurrent_host_api(five: Visitor) -> None:
    """LIF-13"""
    app = five.app
    work = [generated(app, five.user, f"t{n}") for n in range(AT_ONCE)]
    found = outcomes(at_once(work))
    assert found == {"made": 5, "limit_reached": AT_ONCE - 5}
    assert len(stored(app, five.user)) == 5


def test_concurrent_generates_of_different_users_do_not_interfere(
    five: Visitor,
) -> None:
    app = five.app
    users = [hosts.create_user(app, f"u{n}@example.com") for n in range(AT_ONCE)]
    found = outcomes(at_once([generated(app, user, "Deploy") for user in users]))
    assert found == {"made": AT_ONCE}


def test_resent_form_at_the_token_limit_is_reported_as_a_repeat(
    make_app: MakeApp, database_url: str
) -> None:
    """LIF-04 with a limit of one token."""
    app = make_app(database_url, services=False, APITOKENS_MAX_PER_OWNER=1, **ROOMY)
    user = hosts.create_user(app, "ada@example.com")
    work = [generated(app, user, "Deploy", "a form") for _ in range(AT_ONCE)]
    found = outcomes(at_once(work))
    assert found == {"made": 1, "already_generated": AT_ONCE - 1}


# -- one token, several hands --------------------------------------------------


def test_concurrent_changes_of_one_token_leave_a_consistent_audit_log(
    app: Flask, ada: Visitor
) -> None:
    """CON-06: each answer is 200, 404 or 409, and the audit log is consistent."""
    for _ in range(3):
        token_id = add_token(app, ada.user, "Deploy")
        acts: list[Post] = [
            (f"{token_id}/revoke", {}),
            (f"{token_id}/rename", {"name": "Other"}),
            (f"{token_id}/delete", {}),
            (f"{token_id}/rename", {"name": "Third"}),
            ("revoke", {"id": token_id, "confirm": "1"}),
        ]
        answers = posted(ada, list(islice(cycle(acts), AT_ONCE)))
        assert statuses(answers).keys() <= {200, 404, 409}
        assert row(app, token_id) is None
        told = Counter(events(app, token_id))
        assert told["generated"] == told["deleted"] == 1
        assert told["revoked"] <= 1
        assert events(app, token_id)[-1] == "deleted"
    assert ada.generate(name="Deploy").status_code == 201


def test_concurrent_revocations_revoke_a_token_once(app: Flask, ada: Visitor) -> None:
    token_id = add_token(app, ada.user)
    answers = posted(ada, [(f"{token_id}/revoke", {})] * AT_ONCE)
    assert statuses(answers) == {200: AT_ONCE}
    assert events(app, token_id) == ["generated", "revoked"]


def test_rename_after_a_concurrent_revocation_changes_nothing(
    app: Flask, ada: Visitor
) -> None:
    token_id = add_token(app, ada.user, "Deploy")
    with session_of(app, ada.user) as (mine, user):
        token = tokens.find_among(mine, owned_by(mine, user), token_id)
        _elsewhere(app, ada.user, token_id, tokens.revoke)
        with pytest.raises(TokenNotFound):
            tokens.rename(mine, token, "Other", actor=ACTOR)
        mine.session.rollback()
    found = row(app, token_id)
    assert found is not None
    assert (found.name, found.live_name) == ("Deploy", None)
    assert events(app, token_id) == ["generated", "revoked"]
    assert ada.generate(name="Other").status_code == 201


def test_second_revocation_keeps_the_moment_of_the_first(
    app: Flask, ada: Visitor
) -> None:
    token_id = add_token(app, ada.user, "Deploy")
    with session_of(app, ada.user) as (mine, user):
        token = tokens.find_among(mine, owned_by(mine, user), token_id)
        _elsewhere(app, ada.user, token_id, tokens.revoke)
        first = row(app, token_id)
        tokens.revoke(mine, token, actor=ACTOR)
        mine.session.commit()
    second = row(app, token_id)
    assert first is not None
    assert second is not None
    assert second.revoked_at == first.revoked_at
    assert events(app, token_id) == ["generated", "revoked"]


@pytest.mark.parametrize("act", [tokens.revoke, tokens.delete])
def test_deleted_token_is_not_found(
    act: Callable[..., object], app: Flask, ada: Visitor
) -> None:
    token_id = add_token(app, ada.user, "Deploy")
    with session_of(app, ada.user) as (mine, user):
        token = tokens.find_among(mine, owned_by(mine, user), token_id)
        _elsewhere(app, ada.user, token_id, tokens.delete)
        with pytest.raises(TokenNotFound):
            act(mine, token, actor=ACTOR)
        mine.session.rollback()
    assert events(app, token_id) == ["generated", "deleted"]


def test_audit_log_of_a_concurrent_rename_has_the_replaced_name(
    app: Flask, ada: Visitor
) -> None:
    token_id = add_token(app, ada.user, "One")
    with session_of(app, ada.user) as (mine, user):
        token = tokens.find_among(mine, owned_by(mine, user), token_id)

        def to_two(ctx: Context, token: Token, *, actor: Any) -> None:
            tokens.rename(ctx, token, "Two", actor=actor)

        _elsewhere(app, ada.user, token_id, to_two)
        tokens.rename(mine, token, "Three", actor=ACTOR)
        mine.session.commit()
        newest = mine.session.scalars(
            select(mine.models.Event).order_by(mine.models.Event.id.desc()).limit(1)
        ).one()
        assert isinstance(newest, Event | mine.models.Event)
        assert newest.detail == {"old_name": "Two"}


def _elsewhere(
    app: Flask, user: Any, token_id: str, act: Callable[..., object]
) -> None:
    """Do *act* in a session of its own and commit."""
    with session_of(app, user) as (ctx, owner):
        act(ctx, tokens.find_among(ctx, owned_by(ctx, owner), token_id), actor=ACTOR)
        ctx.session.commit()


def test_concurrent_renames_to_one_name_report_the_conflict(
    app: Flask, ada: Visitor
) -> None:
    for number in range(6):
        ids = [add_token(app, ada.user, f"{who}{number}") for who in ("a", "b")]
        if number % 2:
            # An expired token already has the name.
            now = bearing.context_of(app).now()
            add_token(app, ada.user, f"One {number}", expires_at=now)

        def renames(token_id: str, name: str) -> Callable[..., str]:
            def work(meet: Callable[[], object]) -> str:
                with session_of(app, ada.user) as (ctx, user):
                    token = tokens.find_among(ctx, owned_by(ctx, user), token_id)
                    meet()
                    try:
                        tokens.rename(ctx, token, name, actor=ACTOR)
                    except DomainError as error:
                        ctx.session.rollback()
                        return error.reason
                    ctx.session.commit()
                    return "renamed"

            return work

        found = at_once([renames(token_id, f"One {number}") for token_id in ids])
        assert sorted(found) == ["name_taken", "renamed"]


def test_concurrent_switches_leave_one_subscription_row(
    make_app: MakeApp, database_url: str
) -> None:
    """CON-05, CON-06"""
    app = make_app(database_url, **ROOMY)
    user = hosts.create_user(app, "ada@example.com")

    def switch(meet: Callable[[], object]) -> None:
        with session_of(app, user) as (ctx, owner):
            meet()
            subscriptions.activate(ctx, owner, "tmy", actor=ACTOR)
            ctx.session.commit()

    at_once([switch] * AT_ONCE)
    with session_of(app, user) as (ctx, owner):
        assert subscriptions.is_active(ctx, owner, "tmy")
        assert len(subscriptions.subscriptions_of(ctx, owner)) == 1


# -- calling -------------------------------------------------------------------


def _say_who() -> dict[str, Any]:
    return {
        "token": current_token.id,
        "owner": current_token.owner.email,
        "user": getattr(current_user, "email", None),
    }


def _say_session() -> str:
    return str(getattr(current_user, "email", "anonymous"))


def test_concurrent_calls_never_see_each_others_identity(
    make_app: MakeApp, database_url: str
) -> None:
    """CON-09, AUZ-07"""
    app = make_app(database_url, services=False)
    app.add_url_rule("/api/who", view_func=token_required(_say_who))
    app.add_url_rule("/who", view_func=_say_session)
    users = [hosts.create_user(app, f"user{n}@example.com") for n in range(8)]
    made = {user.email: bearing.generate(app, user) for user in users}
    ended_id, ended = bearing.generate(app, users[0])
    bearing.change(app, ended_id, revoked_at=bearing.context_of(app).now())

    def calls(place: int) -> Callable[[Callable[[], object]], None]:
        # A browser that is signed in as another user presents the tokens of all users.
        signed_in = users[place % len(users)].email
        client = app.test_client()
        hosts.login(client, users[place % len(users)])

        def work(meet: Callable[[], object]) -> None:
            meet()
            for number in range(ROUNDS):
                email = users[(place * 3 + number) % len(users)].email
                token_id, plaintext = made[email]
                if number % 5 == 4:
                    assert client.get("/who").text == signed_in
                    wrong = bearing.another_secret(plaintext)
                    for bad in (ended, wrong):
                        answer = client.get("/api/who", headers=bearer(bad))
                        assert answer.status_code == 401
                answer = client.get("/api/who", headers=bearer(plaintext))
                assert answer.json == {"token": token_id, "owner": email, "user": email}

        return work

    at_once([calls(place) for place in range(THREADS)])


# -- a database that is busy ---------------------------------------------------


@contextmanager
def writer_on(path: Path) -> Iterator[None]:
    """Another process writes to the file and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


@pytest.mark.parametrize("patience", [0.05, 30])
def test_slow_writer_delays_no_read_and_fails_writes_with_503(
    patience: float, make_app: MakeApp, sqlite_url: str
) -> None:
    """DBS-04: reads continue; a generate waits, or answers 503 without a row."""
    options = {"connect_args": {"timeout": patience}}
    app = make_app(sqlite_url, services=False, SQLALCHEMY_ENGINE_OPTIONS=options)
    ada = visitor(app, hosts.create_user(app, "ada@example.com"))
    _, plaintext = bearing.generate(app, ada.user)
    form = wish(ada)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with ThreadPoolExecutor(1) as pool:
        with writer_on(path):
            waiting = pool.submit(posted, ada, [form])
            for _ in range(10):
                call = app.test_client().get("/api/plain", headers=bearer(plaintext))
                assert call.status_code == 200
            if patience < 1:
                assert statuses(waiting.result()) == {503: 1}
                assert len(stored(app, ada.user)) == 1
            else:
                assert not waiting.done()
        if patience > 1:
            assert statuses(waiting.result()) == {201: 1}
    # The form is still good: it has made nothing yet, or exactly this one token.
    again = statuses(posted(ada, [form]))
    assert again == ({201: 1} if patience < 1 else {409: 1})
    assert len(stored(app, ada.user)) == 2
