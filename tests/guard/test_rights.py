"""Rights are read at each request: what is lost is refused at the very next call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import synonym

from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import ASKED
from tests.administration import OTHER
from tests.bearing import bearer
from tests.conftest import HostOfModels
from tests.conftest import MakeApp

QUIET: dict[str, Any] = {"APITOKENS_USAGE": "off"}


class Rights:
    """A host, its callables, a user with a token, and a userless token."""

    def __init__(self, make_app: MakeApp, url: str, callables: dict[str, Any]) -> None:
        self.services: dict[str, Any] = {ACME: ["tmy", "timeseries"], OTHER: ["tmy"]}
        self.failing = ""
        plugin = {name: self._fallible(name, callables[name]) for name in callables}
        plugin["services_for"] = self._fallible("services_for", self.services.get)
        self.app: Flask = administration.administered(
            make_app, url, plugin=plugin, **QUIET
        )
        self.user = administration.create_user(self.app, "ada")
        bearing.subscribe(self.app, self.user, "tmy")
        self.id, self._own = bearing.generate(
            self.app, self.user, service="tmy", scopes=["read"]
        )
        self.userless_id, self._userless = administration.generate_userless(
            self.app, service="tmy", scopes=["read"]
        )
        self.client = self.app.test_client()

    def _fallible(self, name: str, ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def asked(what: Any) -> Any:
            if self.failing == name:
                raise RuntimeError(f"{name} fails")
            return ask(what)

        return asked

    def call(self, *, userless: bool = False) -> str:
        """What the guard answers: "200", or status and code of the refusal."""
        plaintext = self._userless if userless else self._own
        response = self.client.get("/api/tmy", headers=bearer(plaintext))
        if response.status_code == 200:
            return "200"
        return f"{response.status_code} {bearing.code(response)}"

    def change(self, **values: Any) -> None:
        """Change the user's row behind everybody's back."""
        bearing.change_user(self.app, self.user, **values)

    def switch(self, *, active: bool) -> None:
        """Switch the service for the account."""
        bearing.switch_service(self.app, "tmy", active=active, account=ACME)


@pytest.fixture(params=["columns", "asked"])
def rights(
    request: pytest.FixtureRequest, make_app: MakeApp, database_url: str
) -> Rights:
    """Both kinds of callables, on each database."""
    return Rights(make_app, database_url, ASKED if request.param == "asked" else {})


def test_lost_right_is_refused_at_the_next_call_until_restored(
    rights: Rights,
) -> None:
    """The database row decides, even if the caches are filled."""

    def unsubscribe() -> None:
        bearing.unsubscribe(rights.app, rights.user, "tmy")

    def subscribe() -> None:
        bearing.subscribe(rights.app, rights.user, "tmy")

    def lose_service() -> None:
        rights.services[ACME] = ["timeseries"]

    def have_service() -> None:
        rights.services[ACME] = ["tmy", "timeseries"]

    owners: list[tuple[Callable[[], None], str, Callable[[], None]]] = [
        (
            lambda: rights.change(may_use_api=False),
            "403 api_access_denied",
            lambda: rights.change(may_use_api=True),
        ),
        *(
            (
                lambda account=account: rights.change(account=account),
                "401 owner_inactive",
                lambda: rights.change(account=ACME),
            )
            for account in (OTHER, None, "", "acme ", "a" * 70)
        ),
        (
            lambda: rights.change(is_active=False),
            "401 owner_inactive",
            lambda: rights.change(is_active=True),
        ),
        (unsubscribe, "403 service_inactive", subscribe),
    ]
    everybody: list[tuple[Callable[[], None], str, Callable[[], None]]] = [
        (lose_service, "403 service_inactive", have_service),
        (
            lambda: rights.switch(active=False),
            "403 service_inactive",
            lambda: rights.switch(active=True),
        ),
    ]
    assert rights.call() == rights.call(userless=True) == "200"
    for lose, refusal, regain in owners:
        lose()
        assert rights.call() == refusal
        assert rights.call(userless=True) == "200"
        regain()
        assert rights.call() == "200"
    for lose, refusal, regain in everybody:
        lose()
        assert rights.call() == rights.call(userless=True) == refusal
        regain()
        assert rights.call() == rights.call(userless=True) == "200"


def test_deactivation_and_activation_count_at_the_next_call(rights: Rights) -> None:
    assert rights.call() == rights.call(userless=True) == "200"
    administration.deactivate(rights.app, rights.id)
    assert rights.call() == "401 token_deactivated"
    assert rights.call(userless=True) == "200"
    administration.deactivate(rights.app, rights.userless_id)
    assert rights.call(userless=True) == "401 token_deactivated"
    administration.activate(rights.app, rights.id)
    assert rights.call() == "200"
    assert rights.call(userless=True) == "401 token_deactivated"


def test_rights_from_columns_cost_no_extra_statement(
    make_app: MakeApp, database_url: str
) -> None:
    rights = Rights(make_app, database_url, {})
    with bearing.listening(rights.app) as wire:
        rights.call()
        for lose, expected in (
            ({}, "200"),
            ({"may_use_api": False}, "403 api_access_denied"),
            ({"account": OTHER}, "401 owner_inactive"),
        ):
            rights.change(**lose) if lose else None
            for userless, answer in ((False, expected), (True, "200")):
                wire.forget()
                assert rights.call(userless=userless) == answer
                assert wire.verbs == ["SELECT"]


def test_rights_from_callables_cost_one_extra_statement(
    make_app: MakeApp, database_url: str
) -> None:
    rights = Rights(make_app, database_url, ASKED)
    with bearing.listening(rights.app) as wire:
        rights.call()
        for userless, reads in ((False, 2), (True, 1)):
            wire.forget()
            assert rights.call(userless=userless) == "200"
            spoken = [v for v in wire.verbs if v not in {"BEGIN", "ROLLBACK"}]
            assert spoken == ["SELECT"] * reads


@pytest.mark.parametrize(
    ("name", "refusal", "userless"),
    [
        ("account_of", "401 owner_inactive", "200"),
        ("can_use_api", "403 api_access_denied", "200"),
        ("services_for", "403 service_inactive", "403 service_inactive"),
    ],
)
def test_callable_that_raises_denies_the_right(
    name: str, refusal: str, userless: str, make_app: MakeApp, sqlite_url: str
) -> None:
    rights = Rights(make_app, sqlite_url, ASKED)
    assert rights.call() == "200"
    rights.failing = name
    assert (rights.call(), rights.call(userless=True)) == (refusal, userless)
    rights.failing = ""
    assert rights.call() == "200"


@pytest.mark.parametrize("answer", [None, (), "timeseries", 7])
def test_account_without_services_is_refused(
    answer: Any, make_app: MakeApp, sqlite_url: str
) -> None:
    rights = Rights(make_app, sqlite_url, {})
    rights.services[ACME] = answer
    assert rights.call() == rights.call(userless=True) == "403 service_inactive"


def test_service_switched_off_in_another_account_stays_on(
    make_app: MakeApp, sqlite_url: str
) -> None:
    rights = Rights(make_app, sqlite_url, {})
    bearing.switch_service(rights.app, "tmy", active=False, account=OTHER)
    assert rights.call() == rights.call(userless=True) == "200"


def test_parent_column_and_synonym_cost_no_extra_statement(
    database_url: str, host_of_models: HostOfModels
) -> None:
    db = SQLAlchemy()

    class Person(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        type: Mapped[str] = mapped_column(String(20))
        account: Mapped[str] = mapped_column(String(20))
        __mapper_args__ = {"polymorphic_on": "type", "polymorphic_identity": "person"}  # noqa: RUF012

    class User(Person):
        id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)
        email: Mapped[str] = mapped_column(String(80))
        may_call: Mapped[bool] = mapped_column(default=True)
        may_use_api = synonym("may_call")
        __mapper_args__ = {"polymorphic_identity": "user"}  # noqa: RUF012

    plugin: dict[str, Any] = {
        "account_of": User.account,
        "can_use_api": User.may_use_api,
    }
    app = host_of_models(db, User, database_url, plugin=plugin, **QUIET)
    with app.app_context():
        user = User(email="ada@example.com", account=ACME)
        db.session.add(user)
        db.session.commit()
        _, plaintext = bearing.generate(app, user)
    client = app.test_client()
    with bearing.listening(app) as wire:
        client.get("/api/plain", headers=bearer(plaintext))
        for change, status in (
            ({}, 200),
            ({"may_call": False}, 403),
            ({"account": OTHER, "may_call": True}, 401),
        ):
            with app.app_context():
                found = db.session.scalars(select(User)).one()
                for name, value in change.items():
                    setattr(found, name, value)
                db.session.commit()
            wire.forget()
            answer = client.get("/api/plain", headers=bearer(plaintext))
            assert (answer.status_code, wire.verbs) == (status, ["SELECT"])


def test_account_column_may_hold_numbers_or_none(
    make_app: MakeApp, sqlite_url: str
) -> None:
    """``User.id``: every user is an account, compared as it was stored."""
    account_of = hosts.user_model_of().id
    app = make_app(sqlite_url, plugin={"account_of": account_of}, **QUIET)
    assert app.extensions["apitokens"].callbacks.account_column is not None
    user = hosts.create_user(app, "ada@example.com")
    _, plaintext = bearing.generate(app, user)
    answer = app.test_client().get("/api/plain", headers=bearer(plaintext))
    assert answer.status_code == 200
