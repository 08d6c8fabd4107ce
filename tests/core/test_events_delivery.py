"""Every act, done in every way it can be done: delivered after the commit, else never.

The table :data:`CASES` lists the acts and the ways. Each is tried with a commit, with a
rollback, with a savepoint that is rolled back and with a commit that fails. Only code
that has the session in its hands can roll back a savepoint around an act.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from flask_apitokens import signals
from flask_apitokens.core.events import DomainEvent
from flask_apitokens.errors import Conflict
from tests import administration
from tests import bearing
from tests import hosts
from tests.conftest import MakeApp
from tests.pages import Visitor
from tests.pages import hidden_fields

BOSS = administration.BOSS
PEPPER = "2026:k3JdPq9xLmZr7TvWb2NcYf8HsGa5Ue1o"
SIGNALS = (
    *("token_generated", "token_imported", "token_renamed", "token_rotated"),
    *("rotated_token_used", "token_revoked", "token_deleted", "token_deactivated"),
    *("token_moved", "token_activated", "notice_due", "subscription_changed"),
    *("service_changed", "access_requested", "access_withdrawn", "access_decided"),
)
#: the ways in which the test, like host code, commits or rolls back the session
IN_SESSION = frozenset({"host code", "rotation", "cascade", "overwrite in host code"})


class World:
    """A host with a user and an administrator, and what its subscribers heard."""

    def __init__(self, make_app: MakeApp, database_url: str, **config: Any) -> None:
        self.heard: list[str] = []
        #: the rows of the audit log that each subscriber saw in its own session
        self.rows_seen: list[int] = []
        self._numbers = count(1)
        self.app: Flask = administration.administered(
            make_app,
            database_url,
            plugin={"on_notice": lambda notice: self._hear(f"notice {notice.kind}")},
            APITOKENS_USAGE="off",
            APITOKENS_PEPPERS=(PEPPER,),
            **config,
        )
        for name in SIGNALS:
            # A weak reference to the partial would be gone at once.
            receiver = partial(self._receive, name)
            getattr(signals, name).connect(receiver, self.app, weak=False)
        self.host = hosts.host_of(self.app)
        self.boss = administration.administrator(self.app)
        self.ada = self.visitor()

    def _receive(self, name: str, _sender: Flask, event: Any, **_values: Any) -> None:
        assert isinstance(event, DomainEvent)
        self._hear(name)

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        model = bearing.models_of(self.app).Event
        query = select(func.count()).select_from(model)
        self.rows_seen.append(self.host.db.session.scalar(query) or 0)

    def name(self) -> str:
        """Return a name that is not taken."""
        return f"name{next(self._numbers)}"

    def visitor(self) -> Visitor:
        """Return a new user who has logged in."""
        user = administration.create_user(self.app, self.name())
        client = self.app.test_client()
        hosts.login(client, user)
        return Visitor(self.app, user, client)

    @contextmanager
    def code(self) -> Iterator[Any]:
        """Run host code, and commit it."""
        with self.app.app_context():
            yield self.host.apitokens
            self.host.db.session.commit()

    def user(self, visitor: Visitor) -> Any:
        """Return the row of a user in the current session."""
        return self.host.db.session.get(self.host.user_model, visitor.user.id)

    def row(self, token_id: str) -> Any:
        """Return the row of a token in the current session."""
        return self.host.apitokens.find_token(token_id)

    def token(self, **columns: Any) -> str:
        """Return the id of a new token of ada's."""
        return bearing.generate(self.app, self.ada.user, name=self.name(), **columns)[0]

    def inactive(self) -> str:
        """Return the id of a deactivated token of ada's."""
        token_id = self.token()
        administration.deactivate(self.app, token_id)
        return token_id

    def expiring(self) -> str:
        """Return the id of the only token, which expires soon."""
        with self.code():
            model = bearing.models_of(self.app).Token
            self.host.db.session.execute(delete(model))
        token_id, now = self.token(), datetime.now(UTC)
        bearing.change(
            self.app,
            token_id,
            created_at=now - timedelta(days=99),
            expires_at=now + timedelta(days=5),
        )
        return token_id

    def rotated(self) -> str:
        """Return the plaintext of a token that was rotated without grace."""
        token_id, plaintext = bearing.generate(
            self.app, self.ada.user, name=self.name()
        )
        with self.code() as apitokens:
            apitokens.rotate(self.row(token_id), grace=0)
        return plaintext

    def asked(self) -> Visitor:
        """Return a new user who waits for access to tmy."""
        visitor = self.visitor()
        with self.code() as apitokens:
            apitokens.request_access(self.user(visitor), "tmy")
        return visitor

    def switch(self, *, active: bool) -> None:
        """Switch timeseries for the account."""
        bearing.switch_service(
            self.app, "timeseries", active=active, account=administration.ACME
        )

    def request_id(self, visitor: Visitor) -> int:
        """Return the number of the request of a user."""
        where = {"user_id": visitor.user.id, "service": "tmy"}
        return int(administration.column(self.app, "Subscription", "id", **where)[0])

    def rows(self) -> int:
        """Return the number of rows of the audit log."""
        return len(administration.column(self.app, "Event", "id"))

    def run(self, *args: str, **options: Any) -> None:
        """Run a command, whether it succeeds or not."""
        self.app.test_cli_runner().invoke(args=["apitokens", *args], **options)


@dataclass(frozen=True)
class Case:
    """An act in one way.

    :param heard: what the subscribers hear of it, in order.
    :param act: carries it out, given what *prepare* returned.
    """

    way: str
    heard: str
    act: Callable[[World, Any], object]
    prepare: Callable[[World], Any] = World.token


def _rotate(visitor: Visitor, path: str, **fields: str) -> None:
    form = visitor.get(path)
    data = {**hidden_fields(form.text), "grace": "7", "expiry": "never", **fields}
    visitor.client.post(visitor.base + path, data=data, headers=visitor.headers)


def _in_service(world: World, path: str) -> str:
    return f"services/tmy/users/{world.ada.user.id}/{path}"


def _service_token(world: World) -> str:
    bearing.subscribe(world.app, world.ada.user, "tmy")
    return world.token(service="tmy", scopes=["read"])


def _generate_as_boss(world: World, _: Any) -> None:
    administration.generate_in(
        world.boss, _in_service(world, "new"), _in_service(world, "tokens")
    )


def _import(world: World, _: Any) -> None:
    text = f"owner,token\n{world.ada.user.id},{world.name():x<40}\n"
    world.run("token", "import", "-", input=text)


def _present(world: World, plaintext: str) -> None:
    headers = bearing.bearer(plaintext)
    # Only when the answer is closed, the plugin looks into the use of the token.
    world.app.test_client().get("/api/plain", headers=headers).close()


def _generate(world: World, visitor: Visitor, **values: Any) -> None:
    owner, name = world.user(visitor), world.name()
    world.host.apitokens.generate(owner=owner, name=name, actor=BOSS, **values)


PAGE, ADMIN, CLI, CODE = "page", "admin page", "command line", "host code"
ROTATED = "token_rotated token_generated"
DECIDED = "subscription_changed access_decided notice access_approved"
CASES = (
    # -- generate, import, rename
    Case(
        PAGE,
        "token_generated",
        lambda w, _: w.ada.generate(name=w.name(), service="tmy", scope="read"),
        _service_token,
    ),
    Case(
        ADMIN,
        "token_generated notice token_generated",
        _generate_as_boss,
        _service_token,
    ),
    Case(
        CLI,
        "token_generated notice token_generated",
        lambda w, _: w.run(
            *("token", "generate", "--owner", w.ada.user.email, "--name", w.name())
        ),
    ),
    Case(
        CODE,
        "token_generated notice token_generated",
        lambda w, _: _generate(w, w.ada),
    ),
    Case(CLI, "token_imported", _import),
    Case(
        CODE,
        "token_imported",
        lambda w, _: w.host.apitokens.import_token(
            f"{w.name():x<40}", owner=w.user(w.ada)
        ),
    ),
    Case(PAGE, "token_renamed", lambda w, it: w.ada.post(f"{it}/rename", name="x")),
    Case(
        ADMIN,
        "token_renamed",
        lambda w, it: w.boss.post(_in_service(w, f"{it}/rename"), name=w.name()),
        _service_token,
    ),
    Case(CLI, "token_renamed", lambda w, it: w.run("token", "rename", it, w.name())),
    # -- rotate
    Case(PAGE, ROTATED, lambda w, it: _rotate(w.ada, f"{it}/rotate")),
    Case(
        ADMIN,
        "token_rotated notice token_rotated token_generated",
        lambda w, it: _rotate(w.boss, f"tokens/{it}/rotate"),
    ),
    Case(
        CLI,
        "token_rotated notice token_rotated token_generated",
        lambda w, it: w.run("token", "rotate", it),
    ),
    Case(CODE, ROTATED, lambda w, it: w.host.apitokens.rotate(w.row(it))),
    Case(
        "rotation",
        f"{ROTATED} token_revoked",
        lambda w, it: w.host.apitokens.rotate(w.row(it), grace=0),
    ),
    Case(
        PAGE,
        f"{ROTATED} token_revoked",
        lambda w, it: _rotate(w.ada, f"{it}/rotate", grace="0"),
    ),
    Case(
        "guard", "rotated_token_used notice rotated_token_used", _present, World.rotated
    ),
    # -- revoke, delete
    Case(PAGE, "token_revoked", lambda w, it: w.ada.post(f"{it}/revoke")),
    Case(
        PAGE,
        "token_revoked",
        lambda w, it: w.ada.post("revoke", id=it, confirm="1"),
    ),
    Case(
        ADMIN,
        "token_revoked notice token_revoked",
        lambda w, it: w.boss.post(f"tokens/{it}/revoke"),
    ),
    Case(
        CLI,
        "token_revoked notice token_revoked",
        lambda w, it: w.run("token", "revoke", it),
    ),
    Case(
        CODE,
        "token_revoked notice token_revoked",
        lambda w, it: w.host.apitokens.revoke(w.row(it), actor=BOSS),
    ),
    Case(
        "endpoint",
        "token_revoked notice token_revoked",
        lambda w, it: w.app.test_client().post(
            "/api-tokens/revoke", data={"token": it[1]}
        ),
        lambda w: bearing.generate(w.app, w.ada.user, name=w.name()),
    ),
    Case(PAGE, "token_deleted", lambda w, it: w.ada.post(f"{it}/delete")),
    Case(
        ADMIN,
        "token_deleted notice token_deleted",
        lambda w, it: w.boss.post(f"tokens/{it}/delete"),
    ),
    Case(
        CLI,
        "token_deleted notice token_deleted",
        lambda w, it: w.run("token", "delete", it, "--yes"),
    ),
    Case(
        CODE,
        "token_deleted notice token_deleted",
        lambda w, it: w.host.apitokens.delete(w.row(it), actor=BOSS),
    ),
    # -- deactivate, activate
    Case(
        ADMIN,
        "token_deactivated notice token_deactivated",
        lambda w, it: w.boss.post(f"tokens/{it}/deactivate", reason="Leaked"),
    ),
    Case(
        CLI,
        "token_deactivated notice token_deactivated",
        lambda w, it: w.run("token", "deactivate", it, "--reason", "Leaked"),
    ),
    Case(
        CODE,
        "token_deactivated notice token_deactivated",
        lambda w, it: w.host.apitokens.deactivate(w.row(it), "Leaked"),
    ),
    Case(
        ADMIN,
        "token_activated notice token_activated",
        lambda w, it: w.boss.post(f"tokens/{it}/activate"),
        World.inactive,
    ),
    Case(
        CLI,
        "token_activated notice token_activated",
        lambda w, it: w.run("token", "activate", it),
        World.inactive,
    ),
    Case(
        CODE,
        "token_activated notice token_activated",
        lambda w, it: w.host.apitokens.activate(w.row(it), actor=BOSS),
        World.inactive,
    ),
    # -- expiry
    Case(
        CLI,
        "notice_due notice token_expiring",
        lambda w, _: w.run("notices", "send"),
        World.expiring,
    ),
    # -- subscriptions and services
    Case(
        ADMIN,
        "subscription_changed",
        lambda w, it: w.boss.post(
            "services/tmy/users", row=it.user.id, active=it.user.id
        ),
        World.visitor,
    ),
    Case(
        CLI,
        "subscription_changed",
        lambda w, it: w.run(
            "subscription", "activate", "--owner", it.user.email, "tmy"
        ),
        World.visitor,
    ),
    Case(
        CODE,
        "subscription_changed",
        lambda w, it: w.host.apitokens.subscribe(w.user(it), "tmy"),
        World.visitor,
    ),
    Case(
        CODE,
        DECIDED,
        lambda w, it: w.host.apitokens.subscribe(w.user(it), "tmy"),
        World.asked,
    ),
    Case(
        ADMIN,
        "service_changed",
        lambda w, _: w.boss.post("services/timeseries/switch", active="0", confirm="1"),
        lambda w: w.switch(active=True),
    ),
    Case(
        CLI,
        "service_changed",
        lambda w, _: w.run("service", "disable", "timeseries", "--account", "acme"),
        lambda w: w.switch(active=True),
    ),
    Case(
        CODE,
        "service_changed",
        lambda w, _: w.host.apitokens.enable_service("timeseries", "acme"),
        lambda w: w.switch(active=False),
    ),
    # -- requests for access
    Case(
        PAGE,
        "access_requested notice access_requested",
        lambda w, it: it.post("request", service="tmy", reason=""),
        World.visitor,
    ),
    Case(
        CODE,
        "access_requested notice access_requested",
        lambda w, it: w.host.apitokens.request_access(w.user(it), "tmy"),
        World.visitor,
    ),
    Case(
        PAGE,
        "access_withdrawn",
        lambda w, it: it.post("request/withdraw", service="tmy"),
        World.asked,
    ),
    Case(
        CODE,
        "access_withdrawn",
        lambda w, it: w.host.apitokens.withdraw_access(w.user(it), "tmy"),
        World.asked,
    ),
    Case(
        ADMIN,
        DECIDED,
        lambda w, it: w.boss.post(f"requests/{w.request_id(it)}", do="approve"),
        World.asked,
    ),
    Case(
        CLI,
        DECIDED,
        lambda w, it: w.run(
            "subscription", "activate", "--owner", it.user.email, "tmy"
        ),
        World.asked,
    ),
    Case(
        CODE,
        "access_decided notice access_declined",
        lambda w, it: w.host.apitokens.decide_access(w.user(it), "tmy", approve=False),
        World.asked,
    ),
    # -- a user who is merged with another, or deleted
    Case(
        CODE,
        "token_moved",
        lambda w, it: w.host.apitokens.move_owner(w.user(it), w.user(w.boss)),
        lambda w: _with_token(w),
    ),
    Case(
        "cascade",
        "token_deleted",
        lambda w, it: w.host.db.session.delete(w.user(it)),
        lambda w: _with_token(w),
    ),
)
#: where ``APITOKENS_MAX_PER_OWNER`` is 1
OVERWRITES = (
    Case(
        "overwrite",
        f"{ROTATED} token_revoked",
        lambda w, it: _rotate(it, "replace", grace="0"),
        lambda w: _with_token(w),
    ),
    Case(
        "overwrite in host code",
        f"{ROTATED} token_revoked",
        lambda w, it: w.host.apitokens.rotate(
            w.host.apitokens.tokens_of(w.user(it))[0]
        ),
        lambda w: _with_token(w),
    ),
)


def _with_token(world: World) -> Visitor:
    visitor = world.visitor()
    with world.code():
        _generate(world, visitor)
    return visitor


# -- outcomes ------------------------------------------------------------------

Act = Callable[[], object]


def _commit(world: World, act: Act, *, in_session: bool) -> None:
    act()
    if in_session:
        world.host.db.session.commit()


def _rollback(world: World, act: Act, *, in_session: bool) -> None:
    session = world.host.db.session
    if in_session:
        act()
        session.rollback()
        return

    def refuse(_session: Any) -> None:
        raise Conflict

    event.listen(session, "before_commit", refuse)
    try:
        act()
    finally:
        event.remove(session, "before_commit", refuse)


def _savepoint(world: World, act: Act, *, in_session: bool) -> None:
    assert in_session
    session = world.host.db.session
    # On SQLite, a savepoint that begins a transaction would commit at its release.
    bearing.context_of(world.app).lock_for_write()
    savepoint = session.begin_nested()
    act()
    session.flush()
    savepoint.rollback()
    session.commit()


def _failing_commit(world: World, act: Act, *, in_session: bool) -> None:
    engine = bearing.engine_of(world.app)

    def fail(_connection: Any) -> None:
        raise OperationalError("COMMIT", {}, Exception("the connection is gone"))

    event.listen(engine, "commit", fail)
    try:
        with suppress(OperationalError):
            _commit(world, act, in_session=in_session)
    finally:
        event.remove(engine, "commit", fail)
        if in_session:
            world.host.db.session.rollback()


OUTCOMES = (_commit, _rollback, _savepoint, _failing_commit)


def check(world: World, case: Case, outcome: Callable[..., None]) -> None:
    """Carry out *case* with one outcome, and compare what subscribers heard."""
    what = f"{case.way}, {case.heard}, {outcome.__name__}"
    in_session = case.way in IN_SESSION
    prepared = case.prepare(world)
    world.heard.clear()
    world.rows_seen.clear()
    rows = world.rows()
    act = partial(case.act, world, prepared)
    if in_session:
        with world.app.app_context():
            outcome(world, act, in_session=True)
    else:
        outcome(world, act, in_session=False)
    expected = case.heard if outcome is _commit else ""
    assert " ".join(world.heard) == expected, what
    is_logged = bool(expected) and "notice_due" not in expected
    assert (world.rows() > rows) is is_logged, what
    # What a subscriber sees in its own session is committed.
    assert set(world.rows_seen) <= {world.rows()}, what


@pytest.mark.parametrize("way", sorted({case.way for case in CASES}))
def test_event_of_an_act_is_delivered_once_after_its_commit(
    make_app: MakeApp, database_url: str, way: str
) -> None:
    world = World(make_app, database_url)
    for case in CASES:
        for outcome in OUTCOMES:
            if case.way == way and (way in IN_SESSION or outcome is not _savepoint):
                check(world, case, outcome)


def test_overwriting_the_single_token_delivers_the_events_of_a_rotation(
    make_app: MakeApp, database_url: str
) -> None:
    world = World(make_app, database_url, services=False, APITOKENS_MAX_PER_OWNER=1)
    for case in OVERWRITES:
        for outcome in OUTCOMES:
            if case.way in IN_SESSION or outcome is not _savepoint:
                check(world, case, outcome)
