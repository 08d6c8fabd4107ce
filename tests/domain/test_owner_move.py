"""``APITokens.move_owner``: two users become one, or a user gets another key."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flask_apitokens import Actor
from flask_apitokens import signals
from flask_apitokens.core.context import utcnow
from flask_apitokens.errors import DifferentAccounts
from flask_apitokens.errors import DomainError
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import NameTaken
from flask_apitokens.errors import UserNotFound
from tests import administration
from tests import bearing
from tests import hosts
from tests import migrating
from tests.bearing import bearer
from tests.bearing import code
from tests.conftest import MakeApp
from tests.domain.test_concurrency import ROOMY
from tests.domain.test_concurrency import at_once

BOSS = Actor("boss@example.com", "9999", "192.0.2.9")
TMY: dict[str, Any] = {"service": "tmy", "scopes": ["read"]}


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host on each database in turn."""
    return make_app(database_url)


def move(app: Flask, old: Any, new: Any, *, commit: bool = True) -> list[str]:
    """Move everything of a user; return the names of the tokens that moved."""
    host = hosts.host_of(app)
    with app.app_context():
        moved = host.apitokens.move_owner(old, new, actor=BOSS)
        names = [token.name for token in moved]
        if commit:
            host.db.session.commit()
        return names


def call(app: Flask, plaintext: str, path: str = "/api/plain") -> Any:
    """Return the answer of a guarded route, closed so that the call is recorded."""
    answer = app.test_client().get(path, headers=bearer(plaintext), buffered=True)
    answer.close()
    return answer


def user_of(app: Flask, key: Any) -> Any:
    """Return the row of a user, in the session of the present context."""
    host = hosts.host_of(app)
    return host.db.session.get(host.user_model, key)


def column(app: Flask, model: str, name: str, **where: Any) -> list[Any]:
    """Return the different values of a column, sorted."""
    found = administration.column(app, model, name, **where)
    return sorted(set(found), key=str)


def names_of(app: Flask, user_id: Any) -> list[str]:
    """Return the names of all tokens of a user, the oldest first."""
    model = bearing.models_of(app).Token
    query = select(model.name).where(model.owner_id == user_id)
    with bearing.engine_of(app).connect() as connection:
        return list(connection.scalars(query.order_by(model.created_at, model.id)))


# -- two users -----------------------------------------------------------------


def test_user_takes_over_everything_of_another(app: Flask) -> None:
    """The tokens work on, also after the other user is deleted."""
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    bearing.subscribe(app, ada, "tmy")
    plaintexts = [bearing.generate(app, ada, name="Deploy", **TMY)[1]]
    plaintexts.append(bearing.generate(app, ada, name="Nightly")[1])
    ended, _ = bearing.generate(app, ada, name="Old")
    bearing.change(app, ended, revoked_at=utcnow(), live_name=None)
    mine, plaintext = bearing.generate(app, grace, name="Deploy")
    assert call(app, plaintexts[0], "/api/tmy").status_code == 200
    app.extensions["apitokens"].recorder.flush()
    heard: list[Any] = []

    def hear(_sender: Any, **values: Any) -> None:
        heard.append((values["token"].name, values["old_owner_label"]))

    signals.token_moved.connect(hear, app)
    assert move(app, ada, grace.id, commit=False) == ["Deploy (2)", "Nightly", "Old"]
    assert heard == []
    assert names_of(app, grace.id) == ["Deploy"]
    assert move(app, ada.id, grace) == ["Deploy (2)", "Nightly", "Old"]
    assert [name for name, _label in heard] == ["Deploy (2)", "Nightly", "Old"]
    assert {label for _name, label in heard} == {"ada@example.com"}
    assert move(app, ada, grace) == []

    host = hosts.host_of(app)
    with app.app_context():
        host.db.session.delete(user_of(app, ada.id))
        host.db.session.commit()
    assert names_of(app, grace.id) == ["Deploy (2)", "Nightly", "Old", "Deploy"]
    assert call(app, plaintexts[0], "/api/tmy").status_code == 200
    for each in (plaintexts[1], plaintext):
        assert call(app, each).status_code == 200
    for name in ("Deploy", "Deploy (2)", "Nightly"):
        with pytest.raises(NameTaken):
            bearing.generate(app, grace, name=name)
    bearing.generate(app, grace, name="Old")

    key = str(grace.id)
    assert column(app, "Call", "owner_key") == [key]
    assert set(column(app, "CallHour", "owner_key")) == {"", key}
    assert column(app, "Subscription", "user_id") == [grace.id]
    about = column(app, "Event", "subject_id", action="generated")
    assert about == sorted({str(ada.id), key})
    where = {"action": "moved", "token_name": "Deploy (2)"}
    [detail] = administration.column(app, "Event", "detail", **where)
    assert detail == {
        "from": str(ada.id),
        "from_label": "ada@example.com",
        "old_name": "Deploy",
    }
    assert mine not in administration.column(app, "Event", "token_id", action="moved")


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [(True, None, True), (True, False, True), (False, None, False), (None, True, True)],
)
def test_access_of_both_users_is_merged(
    app: Flask, old: bool | None, new: bool | None, merged: bool
) -> None:
    """What either may use, both may; a request that waits goes on waiting."""
    host = hosts.host_of(app)
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    with app.app_context():
        for user, active in ((ada, old), (grace, new)):
            row = user_of(app, user.id)
            if active is not None:
                host.apitokens.subscribe(row, "tmy")
            if active is False:
                host.apitokens.unsubscribe(row, "tmy")
            host.apitokens.request_access(row, "timeseries", reason=f"for {user.id}")
        host.db.session.commit()
    move(app, ada, grace)
    assert administration.column(app, "Subscription", "active", service="tmy") == [
        merged
    ]
    [reason] = administration.column(
        app, "Subscription", "request_reason", service="timeseries"
    )
    assert reason == f"for {grace.id}"
    assert column(app, "Subscription", "user_id") == [grace.id]


def test_request_that_the_merge_answers_is_approved(app: Flask) -> None:
    host = hosts.host_of(app)
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    bearing.subscribe(app, ada, "tmy")
    with app.app_context():
        row = user_of(app, grace.id)
        host.apitokens.request_access(row, "tmy", reason="please")
        host.db.session.commit()
    move(app, ada, grace)
    assert administration.column(app, "Subscription", "decision") == ["approved"]
    actions = administration.column(app, "Event", "action")
    assert actions[-1] == "subscription-activated"


# -- refusals ------------------------------------------------------------------


def test_user_who_does_not_exist_takes_nothing_over(app: Flask) -> None:
    ada = hosts.create_user(app, "ada@example.com")
    bearing.generate(app, ada, name="Deploy")
    with pytest.raises(UserNotFound):
        move(app, ada, 999_999)
    assert move(app, ada, str(ada.id)) == []
    assert names_of(app, ada.id) == ["Deploy"]


def test_users_of_different_accounts_are_not_merged(
    make_app: MakeApp, database_url: str
) -> None:
    app = administration.administered(make_app, database_url)
    ada = administration.create_user(app, "ada")
    eve = administration.create_user(app, "eve", administration.OTHER)
    bearing.generate(app, ada, name="Deploy")
    with pytest.raises(DifferentAccounts):
        move(app, ada, eve)
    assert names_of(app, ada.id) == ["Deploy"]


def test_limit_is_kept(make_app: MakeApp, database_url: str) -> None:
    """Two users with one token each do not become one with two."""
    app = make_app(database_url, APITOKENS_MAX_PER_OWNER=1)
    ada, grace, alan = (
        hosts.create_user(app, f"{name}@example.com")
        for name in ("ada", "grace", "alan")
    )
    bearing.generate(app, ada, name="Deploy")
    mine, _ = bearing.generate(app, grace, name="Deploy")
    with pytest.raises(LimitReached):
        move(app, ada, grace)
    assert move(app, ada, alan) == ["Deploy"]
    bearing.change(app, mine, revoked_at=utcnow(), live_name=None)
    assert move(app, alan, grace) == ["Deploy"]
    assert names_of(app, grace.id) == ["Deploy", "Deploy"]


# -- a key that changes --------------------------------------------------------


@pytest.mark.parametrize("enforces", [True, False])
def test_names_and_history_follow_a_changed_key(
    database_url: str, enforces: bool
) -> None:
    """Whether the database has carried the key to the tokens, or not."""
    if not enforces and not database_url.startswith("sqlite"):
        return
    app = hosts.create_host(database_url, user_key="str", create_tables=False)
    if enforces:
        migrating.enforce_foreign_keys(app)
    host = hosts.host_of(app)
    with app.app_context():
        host.db.create_all()
    ada = hosts.create_user(app, "ada@example.com", id="ada")
    _, plaintext = bearing.generate(app, ada, name="Deploy")
    assert call(app, plaintext).status_code == 200
    app.extensions["apitokens"].recorder.flush()
    with app.app_context():
        user_of(app, "ada").id = "lovelace"
        moved = host.apitokens.move_owner("ada", "lovelace")
        assert [token.owner_id for token in moved] == ["lovelace"]
        host.db.session.commit()
        assert host.apitokens.move_owner("ada", "lovelace") == []
        host.db.session.commit()
    assert call(app, plaintext).status_code == 200
    assert column(app, "Call", "owner_key") == ["lovelace"]
    ada = hosts.create_user(app, "new@example.com", id="ada")
    bearing.generate(app, ada, name="Deploy")
    with app.app_context():
        lovelace = user_of(app, "lovelace")
        with pytest.raises(NameTaken):
            host.apitokens.generate(owner=lovelace, name="Deploy")
    hosts.put_away(app)


def test_token_is_tied_to_the_address_of_its_new_owner(make_app: MakeApp) -> None:
    """One that the former owner's new address had stopped stays stopped."""
    app = make_app(APITOKENS_BIND_TO_EMAIL=True)
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    _, stopped = bearing.generate(app, ada, name="Stopped")
    bearing.change_user(app, ada, email="countess@example.com")
    with app.app_context():
        host = hosts.host_of(app)
        ada = user_of(app, ada.id)
        _, plaintext = host.apitokens.generate(owner=ada, name="Deploy")
        host.db.session.commit()
        host.apitokens.move_owner(ada, grace)
        host.db.session.commit()
    assert call(app, plaintext).status_code == 200
    assert code(call(app, stopped)) == "owner_email_changed"


# -- at once -------------------------------------------------------------------


def test_token_generated_meanwhile_belongs_to_one_owner(app: Flask) -> None:
    """No name is there twice, and none is left behind that was there before."""
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    for name in ("Deploy", "Nightly"):
        bearing.generate(app, ada, name=name)

    def taking_over(meet: Any) -> Any:
        meet()
        return move(app, ada, grace)

    def generating(user: Any, name: str) -> Any:
        def work(meet: Any) -> Any:
            meet()
            try:
                return bearing.generate(app, user, name=name)[0]
            except DomainError as error:
                return type(error)

        return work

    work = [taking_over, generating(grace, "Deploy"), generating(ada, "Late")]
    moved, deploy, _late = at_once(work)
    assert len(moved) >= 2
    found = names_of(app, grace.id)
    assert len(set(found)) == len(found)
    assert {"Deploy", "Nightly"} <= set(found)
    assert deploy is NameTaken or "Deploy (2)" in found
    assert set(names_of(app, ada.id)) <= {"Late"}


def test_limit_is_kept_while_tokens_are_generated(
    make_app: MakeApp, database_url: str
) -> None:
    """In any order, the sum of all is never more than the limit."""
    limit = 5
    app = make_app(database_url, APITOKENS_MAX_PER_OWNER=limit, **ROOMY)
    ada, grace = (hosts.create_user(app, f"{n}@example.com") for n in ("ada", "grace"))
    for number in range(2):
        bearing.generate(app, ada, name=f"ada's {number}")
        bearing.generate(app, grace, name=f"grace's {number}")

    def attempt(act: Any) -> Any:
        def work(meet: Any) -> Any:
            meet()
            try:
                return act()
            except LimitReached as error:
                return type(error)

        return work

    generating = [
        attempt(lambda n=n: bearing.generate(app, grace, name=f"new {n}"))
        for n in range(4)
    ]
    moved, *_ = at_once([attempt(lambda: move(app, ada, grace)), *generating])
    assert len(names_of(app, grace.id)) == limit
    assert len(names_of(app, ada.id)) == (2 if moved is LimitReached else 0)
