"""The journal: which transaction an event belongs to, and when it is delivered."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import suppress
from contextvars import Context
from contextvars import copy_context
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask import current_app
from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import text
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session
from sqlalchemy.orm import sessionmaker

from flask_apitokens import Notice
from flask_apitokens import signals
from flask_apitokens.core import journal
from tests import administration
from tests import hosts
from tests.conftest import MakeApp


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Each database in turn, with an empty table."""
    made = create_engine(database_url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE thing (name VARCHAR(20) UNIQUE)"))
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Yield a session on each database."""
    with Session(engine) as session:
        yield session


@pytest.fixture
def heard() -> list[str]:
    """The events that were delivered, in order."""
    return []


@pytest.fixture
def record(heard: list[str]) -> Callable[[Any, str], None]:
    """Records an event, and writes a row so that the transaction is real."""

    def note(session: Any, name: str) -> None:
        session.execute(text("INSERT INTO thing VALUES (:name)"), {"name": name})
        journal.record(session, partial(heard.append, name))

    return note


Record = Callable[[Any, str], None]


def test_events_are_delivered_in_order_after_the_commit(
    session: Session, record: Record, heard: list[str]
) -> None:
    record(session, "a")
    record(session, "b")
    session.flush()
    assert heard == []
    session.commit()
    assert heard == ["a", "b"]
    session.commit()
    record(session, "c")
    session.commit()
    session.close()
    assert heard == ["a", "b", "c"]


def test_events_of_a_transaction_that_does_not_commit_are_discarded(
    session: Session, record: Record, heard: list[str]
) -> None:
    record(session, "rolled back")
    session.rollback()
    record(session, "closed")
    session.close()
    record(session, "failed")
    with suppress(Exception):
        session.execute(text("SELECT nonsense FROM nowhere"))
    session.rollback()
    session.commit()
    record(session, "committed")
    session.commit()
    session.close()
    assert heard == ["committed"]


def test_savepoint_decides_on_the_events_inside_it_alone(
    session: Session, record: Record, heard: list[str]
) -> None:
    record(session, "before")
    with session.begin_nested():
        record(session, "released")
        with suppress(ZeroDivisionError), session.begin_nested():
            record(session, "undone")
            raise ZeroDivisionError
        with session.begin_nested():
            record(session, "inner")
    undone = session.begin_nested()
    record(session, "undone too")
    undone.rollback()
    record(session, "after")
    assert heard == []
    session.commit()
    session.close()
    assert heard == ["before", "released", "inner", "after"]


def test_rollback_discards_what_a_released_savepoint_recorded(
    session: Session, record: Record, heard: list[str]
) -> None:
    record(session, "before")
    with session.begin_nested():
        record(session, "released")
    session.rollback()
    session.commit()
    session.close()
    assert heard == []


def test_commit_inside_a_savepoint_delivers_all(
    session: Session, record: Record, heard: list[str]
) -> None:
    record(session, "outer")
    session.begin_nested()
    record(session, "inner")
    session.commit()
    session.close()
    assert heard == ["outer", "inner"]


def test_sessions_do_not_deliver_the_events_of_each_other(
    engine: Engine, record: Record, heard: list[str]
) -> None:
    with closing(Session(engine)) as one, closing(Session(engine)) as other:
        journal.record(one, partial(heard.append, "one"))
        record(other, "other")
        other.commit()
        assert heard == ["other"]
        one.rollback()
        other.commit()
    assert heard == ["other"]


def test_scoped_session_records_on_its_current_session(
    engine: Engine, record: Record, heard: list[str]
) -> None:
    session = scoped_session(sessionmaker(engine))
    record(session, "discarded")
    session.remove()
    session.commit()
    record(session, "kept")
    session.commit()
    session.remove()
    assert heard == ["kept"]


def test_delivery_that_fails_stops_neither_the_commit_nor_the_others(
    engine: Engine, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with Session(engine) as session:
        journal.record(session, fail)
        journal.record(session, partial(heard.append, "next"))
        session.commit()
    assert heard == ["next"]
    assert "an event was not delivered" in caplog.text


@pytest.mark.parametrize("when", ["after_commit", "after_transaction_end"])
@pytest.mark.parametrize("of_class", [True, False], ids=["of a class", "of a session"])
def test_listener_of_the_host_that_raises_after_the_commit_loses_no_event(
    of_class: bool, when: str, engine: Engine, record: Record, heard: list[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    maker = sessionmaker(engine)
    session = maker()
    target = maker if of_class else session
    event.listen(target, when, fail)
    record(session, "kept")
    with pytest.raises(ZeroDivisionError):
        session.commit()
    event.remove(target, when, fail)
    session.close()
    assert heard == ["kept"]


def test_listener_of_the_host_that_raises_before_the_commit_discards_the_events(
    engine: Engine, record: Record, heard: list[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    maker = sessionmaker(engine)
    event.listen(maker, "before_commit", fail)
    with maker() as session:
        record(session, "discarded")
        with pytest.raises(ZeroDivisionError):
            session.commit()
    assert heard == []


def test_events_that_a_delivery_causes_follow_those_that_wait(
    engine: Engine, record: Record, heard: list[str]
) -> None:
    def cause() -> None:
        with Session(engine) as own:
            record(own, "caused")
            own.commit()

    with Session(engine) as session:
        journal.record(session, cause)
        journal.record(session, partial(heard.append, "waiting"))
        session.commit()
    assert heard == ["waiting", "caused"]


def test_commit_in_a_copy_of_the_context_delivers_after_the_delivery(
    engine: Engine, record: Record, heard: list[str]
) -> None:
    """A thread or a task that a subscriber starts may have such a copy."""
    copies: list[Context] = []
    with Session(engine) as session:
        journal.record(session, lambda: copies.append(copy_context()))
        session.commit()
        record(session, "later")
        copies[0].run(session.commit)
    assert heard == ["later"]


# -- in a host -----------------------------------------------------------------


def _generate(app: Flask, user: Any, name: str = "CI") -> str:
    host = hosts.host_of(app)
    mine = host.db.session.get(host.user_model, user.id)
    made = host.apitokens.generate(owner=mine, name=name, actor=administration.BOSS)
    return made[0].id


def test_subscriber_uses_the_database_inside_a_session_context_manager(
    make_app: MakeApp, database_url: str
) -> None:
    """``with session.begin():`` refuses statements between the commit and its end."""
    users: list[str] = []

    def tell(notice: Notice) -> None:
        users.append(notice.user.email)

    app = make_app(database_url, plugin={"on_notice": tell})
    user = hosts.create_user(app, "ada@example.com")
    with app.app_context():
        session = hosts.host_of(app).db.session
        with session.begin():
            _generate(app, user)
        assert users == ["ada@example.com"]
        # The subscriber's SELECT has left no transaction behind.
        with session.begin():
            _generate(app, user, "again")
    assert len(users) == 2


def test_subscriber_commits_its_own_changes_and_no_others(
    app: Flask, user: Any
) -> None:
    host: Any = hosts.host_of(app)

    def rename(sender: Flask, token: Any, **_: Any) -> None:
        owner = host.db.session.get(host.user_model, token.owner_id)
        owner.name = "renamed"
        host.db.session.commit()
        owner.name = "not committed"

    with signals.token_generated.connected_to(rename, app), app.app_context():
        own = host.db.session()
        _generate(app, user)
        host.db.session.commit()
        assert host.db.session() is own
        name = host.db.session.get(host.user_model, user.id).name
    assert name == "renamed"


def test_receiver_that_fails_stops_no_other_subscriber(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def fail(*_args: Any, **_values: Any) -> None:
        hosts.host_of(app).db.session.execute(text("SELECT nonsense FROM nowhere"))

    def hear(_sender: Flask, token: Any, **_: Any) -> None:
        heard.append(token.name)

    app = make_app(plugin={"on_notice": lambda notice: heard.append(notice.kind)})
    user = hosts.create_user(app, "ada@example.com")
    signal = signals.token_generated
    receivers = signal.connected_to(fail, app), signal.connected_to(hear, app)
    with receivers[0], receivers[1], app.app_context():
        _generate(app, user)
        hosts.host_of(app).db.session.commit()
    assert heard == ["CI", "token_generated"]
    assert "a subscriber failed for the event token_generated" in caplog.text


def test_coroutine_receiver_is_awaited(app: Flask, user: Any) -> None:
    heard: list[str] = []

    async def hear(_sender: Flask, token: Any, **_: Any) -> None:
        heard.append(token.name)

    with signals.token_generated.connected_to(hear, app), app.app_context():
        _generate(app, user)
        hosts.host_of(app).db.session.commit()
    assert heard == ["CI"]


def test_applications_that_share_models_hear_their_own_events(
    make_app: MakeApp, sqlite_url: str
) -> None:
    one = make_app(sqlite_url)
    other = make_app(sqlite_url, create_tables=False)
    user = hosts.create_user(one, "ada@example.com")
    heard: list[tuple[Flask, str]] = []

    def hear(sender: Flask, event: Any, **_: Any) -> None:
        heard.append((sender, event.SIGNAL))

    signals.token_deleted.connect(hear)
    signals.token_generated.connect(hear)
    for app in (one, other):
        with app.app_context():
            _generate(app, user, app.name + str(len(heard)))
            hosts.host_of(app).db.session.commit()
    with other.app_context():
        session = hosts.host_of(other).db.session
        session.delete(session.get(hosts.host_of(other).user_model, user.id))
        session.commit()
    signals.token_deleted.disconnect(hear)
    signals.token_generated.disconnect(hear)
    assert heard == [
        (one, "token_generated"),
        (other, "token_generated"),
        (other, "token_deleted"),
        (other, "token_deleted"),
    ]


def test_session_committed_outside_an_application_delivers_inside_it(
    app: Flask, user: Any
) -> None:
    heard: list[str] = []

    def hear(sender: Flask, token: Any, **_: Any) -> None:
        assert current_app == sender
        heard.append(token.name)

    with signals.token_generated.connected_to(hear, app):
        with app.app_context():
            scoped = hosts.host_of(app).db.session
            session = scoped()
            _generate(app, user)
            # Without this, the end of the context would close the session.
            scoped.registry.clear()
        session.commit()
        session.close()
    assert heard == ["CI"]
