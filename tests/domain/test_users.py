"""The users of an account: found, paged, counted, and never those of another."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask import current_app
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens.core.context import Context
from flask_apitokens.db import pagination
from flask_apitokens.db.pagination import Page
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.users import Member
from flask_apitokens.domain.users import UserQuery
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import NotFound
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import OTHER
from tests.conftest import HostOfModels
from tests.conftest import MakeApp

#: a service that is off by default, and one that is on by default
CLOSED, OPEN = "tmy", "free"
ODD = ["\0", "\ud800", "%", "_", "\\", "'", "é\U0001f511", "9" * 11, "9" * 30, "-1"]


@pytest.fixture
def app(make_app: MakeApp, database_url: str) -> Flask:
    """A host of two accounts with a service that is open to all, on each database."""
    return host(make_app, database_url)


def host(make_app: MakeApp, url: str, **options: Any) -> Flask:
    """The same on one of them."""
    app = administration.administered(make_app, url, **options)
    hosts.host_of(app).apitokens.service(OPEN, "Free data", default_active=True)
    return app


def people_of(app: Flask, number: int, account: str = ACME) -> list[Any]:
    """Users called user00, user01 and so on."""
    return [
        administration.create_user(app, f"user{n:02}", account) for n in range(number)
    ]


def emails(found: Page[Member]) -> list[str]:
    """Who is on a page, from the top."""
    return [member.user.email for member in found.items]


def look(ctx: Context, slug: str = CLOSED, **query: Any) -> Page[Member]:
    """A page of the users of ACME, whatever this transaction saw before."""
    ctx.session.rollback()
    return account_users.page_of(ctx, ACME, slug, query=UserQuery(**query))


def test_user_pages_show_one_account_only(app: Flask) -> None:
    people_of(app, 30)
    people_of(app, 3, OTHER)
    with app.app_context():
        ctx = bearing.context_of(app)
        first = look(ctx)
        assert (first.total, first.number, first.pages) == (30, 1, 2)
        assert emails(first) == [f"user{n:02}@acme.example" for n in range(25)]
        second = look(ctx, page=2)
        assert emails(second) == [f"user{n:02}@acme.example" for n in range(25, 30)]
        for beyond in (3, 10**30):
            assert (look(ctx, page=beyond).number) == 2
        for before in (0, -7):
            assert look(ctx, page=before).number == 1
        empty = look(ctx, q="user00@other")
        assert (empty.total, empty.number, empty.pages) == (0, 1, 1)
        assert empty.items == []
        assert look(ctx, q="example", page=9).number == 2
        assert account_users.count(ctx, ACME) == 30
        assert account_users.count(ctx, OTHER) == 3
        assert account_users.count(ctx, "unknown account") == 0


def test_search_finds_users_by_name_email_and_key(app: Flask) -> None:
    ada = administration.create_user(app, "ada", name="Ädä Lovelace")
    administration.create_user(app, "grace", name="Grace 100%")
    administration.create_user(app, "adam", OTHER, name="Ädä Lovelace")
    with app.app_context():
        ctx = bearing.context_of(app)
        for text in ("ada@", "ADA", " Lovelace ", "LOVEL", "Ädä", "A\u0308dä"):
            assert emails(look(ctx, q=text)) == [ada.email], text
        assert ada.email in emails(look(ctx, q=str(ada.id)))
        assert emails(look(ctx, q="100%")) == ["grace@acme.example"]
        assert emails(look(ctx, q="   ")) == emails(look(ctx))
        for text in (*ODD, "unmatched"):
            found = look(ctx, q=text)
            # Nothing but what is text is looked for, and "%" is no wildcard.
            expected = {"%": 1, "\0": 2, "\ud800": 2}
            assert found.total == expected.get(text, 0), repr(text)


def test_search_treats_wildcards_as_text(app: Flask) -> None:
    administration.create_user(app, "a_b")
    administration.create_user(app, "axb")
    with app.app_context():
        found = look(bearing.context_of(app), q="a_b")
        assert emails(found) == ["a_b@acme.example"]


def test_state_filter_applies_the_default_of_the_service(app: Flask) -> None:
    users = people_of(app, 4)
    people_of(app, 2, OTHER)
    for slug in (CLOSED, OPEN):
        bearing.subscribe(app, users[0], slug)
        bearing.subscribe(app, users[1], slug)
        bearing.unsubscribe(app, users[1], slug)
    # Asked for and not decided yet: neither on nor off, but as the service is.
    with app.app_context():
        ctx = bearing.context_of(app)
        row = ctx.models.Subscription(
            user_id=users[2].id, requested_at=ctx.now(), service=CLOSED
        )
        ctx.session.add(row)
        ctx.session.commit()
        closed = {0}
        opened = {0, 2, 3}
        for slug, on in ((CLOSED, closed), (OPEN, opened)):
            for state, numbers in (("active", on), ("inactive", set(range(4)) - on)):
                found = look(ctx, slug, state=state)
                wanted = [f"user{n:02}@acme.example" for n in sorted(numbers)]
                assert emails(found) == wanted
                assert found.total == len(wanted)
                assert {m.active for m in found.items} == {state == "active"}
        both = look(ctx, OPEN, state="active", q="user03")
        assert emails(both) == ["user03@acme.example"]
        services = list(ctx.services_of(ACME).values())
        counted = account_users.count_subscribed(ctx, ACME, services, users=4)
        assert (counted[CLOSED], counted[OPEN], counted["timeseries"]) == (1, 3, 0)


def test_user_row_counts_the_working_tokens(app: Flask) -> None:
    ada, grace = people_of(app, 2)
    for user in (ada, grace):
        bearing.subscribe(app, user, CLOSED, "timeseries")
    now = datetime.now(UTC).replace(microsecond=0)
    past = {"revoked_at": now}, {"deactivated_at": now}, {"expires_at": now}
    for values in (*past, {}, {"last_used_at": now - timedelta(days=1)}):
        public, _ = bearing.generate(app, ada, service=CLOSED, scopes=["read"])
        bearing.change(app, public, **values) if values else None
    last, _ = bearing.generate(app, ada, service="timeseries", scopes=["read"])
    bearing.change(app, last, last_used_at=now)
    moved, _ = bearing.generate(app, ada, service=CLOSED, scopes=["read"])
    bearing.change(app, moved, account_id=OTHER, last_used_at=now)
    with app.app_context():
        items = look(bearing.context_of(app)).items
        shown = [(m.active, m.tokens, m.last_used_at) for m in items]
    assert shown == [(True, 2, now - timedelta(days=1)), (True, 0, None)]


def test_selection_contains_only_users_of_the_account(app: Flask) -> None:
    ada, grace = people_of(app, 2)
    [stranger] = people_of(app, 1, OTHER)
    bearing.subscribe(app, grace, CLOSED)
    with app.app_context():
        ctx = bearing.context_of(app)
        keys = [str(user.id) for user in (grace, stranger, ada)]
        found = account_users.members(ctx, ACME, CLOSED, keys=[*keys, *ODD, "", "x"])
        assert [(m.user.id, m.active) for m in found] == [
            (ada.id, False),
            (grace.id, True),
        ]
        assert account_users.members(ctx, ACME, CLOSED, keys=[]) == []


def test_users_of_other_accounts_in_the_hosts_query_are_not_found(
    make_app: MakeApp, database_url: str
) -> None:
    """The account of the user decides, whatever the query of the host returns."""

    def users_of(account: str) -> Any:
        model = hosts.host_of(current_app).user_model
        return select(model).where(func.lower(model.account) == account)

    plugin = {"users_of": users_of, "account_of": lambda user: user.account or ""}
    app = host(make_app, database_url, plugin=plugin)
    stranger = administration.create_user(app, "ada", "ACME")
    with app.app_context():
        ctx = bearing.context_of(app)
        with pytest.raises(NotFound):
            account_users.user_in(ctx, ACME, str(stranger.id))
        assert account_users.members(ctx, ACME, CLOSED, keys=[str(stranger.id)]) == []


@pytest.mark.parametrize("key", ["int", "uuid", "str"])
def test_user_is_found_by_any_type_of_key(
    key: hosts.UserKey, make_app: MakeApp, database_url: str
) -> None:
    app = host(make_app, database_url, user_key=key)
    ada = administration.create_user(app, "ada")
    stranger = administration.create_user(app, "eve", OTHER)
    bearing.subscribe(app, ada, CLOSED)
    bearing.generate(app, ada, service=CLOSED, scopes=["read"])
    absent = {"int": "4711", "uuid": str(uuid.uuid4()), "str": "user-absent"}[key]
    with app.app_context():
        ctx = bearing.context_of(app)
        assert account_users.user_in(ctx, ACME, str(ada.id)).email == ada.email
        for wrong in (str(stranger.id), absent, "", "x", " ", "None", *ODD):
            with pytest.raises(NotFound):
                account_users.user_in(ctx, ACME, wrong)
        for text in (str(ada.id), f" {ada.id} "):
            assert ada.email in emails(look(ctx, q=text))
        for text in (*ODD, absent):
            look(ctx, q=text)
        [member] = look(ctx).items
        assert (member.active, member.tokens) == (True, 1)
        [member] = account_users.members(
            ctx, ACME, CLOSED, keys=[str(ada.id), absent, "\0"]
        )
        assert (member.user.email, member.tokens) == (ada.email, 1)


def test_number_of_statements_does_not_grow_with_the_users(app: Flask) -> None:
    made = people_of(app, 3)
    counted = []
    for more in (0, 57):
        for n in range(more):
            made.append(administration.create_user(app, f"more{n}"))
        for user in made[:20]:
            bearing.subscribe(app, user, CLOSED)
        with app.app_context(), administration.counting(app) as told:
            ctx = bearing.context_of(app)
            found = look(ctx, state="active", q="user")
            assert found.items
            look(ctx)
            account_users.members(
                ctx, ACME, CLOSED, keys=[str(user.id) for user in made]
            )
            services = list(ctx.services_of(ACME).values())
            number = account_users.count(ctx, ACME)
            account_users.count_subscribed(ctx, ACME, services, users=number)
            counted.append(len(told))
    assert counted[0] == counted[1]


def test_count_without_users_of_raises(app: Flask) -> None:
    with app.app_context():
        ctx = bearing.context_of(app)
        bare = replace(ctx, callbacks=replace(ctx.callbacks, users_of=None))
        with pytest.raises(ConfigurationError, match="users_of"):
            account_users.count(bare, ACME)


# -- whatever the model has ----------------------------------------------------


def _usernames(db: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        username: Mapped[str] = mapped_column(String(80))

    return User


def _names(db: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None] = mapped_column(String(80))
        # Of no use for a search: a number, and what is no column.
        email: Mapped[int] = mapped_column(default=7)

        @property
        def username(self) -> str:
            return "told"

    return User


def _nothing(db: Any) -> Any:
    class User(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    return User


@pytest.mark.parametrize(
    ("make_user", "values", "found"),
    [
        (_usernames, {"username": "lovelace"}, {"LOVE": 1, "told": 0, "1": 1}),
        (_names, {"name": "Ada"}, {"ada": 1, "told": 0, "7": 0, "1": 1}),
        (_names, {"name": None}, {"ada": 0, "1": 1}),
        (_nothing, {}, {"ada": 0, "1": 1, "2": 0}),
    ],
)
def test_search_uses_the_columns_of_the_user_model(
    make_user: Callable[[Any], Any],
    values: dict[str, Any],
    found: dict[str, int],
    database_url: str,
    host_of_models: HostOfModels,
) -> None:
    db = SQLAlchemy()
    app = host_of_models(db, make_user(db), database_url, services=True)
    with app.app_context():
        db.session.add(hosts.host_of(app).user_model(**values))
        db.session.commit()
        ctx = bearing.context_of(app)
        for text, number in found.items():
            query = UserQuery(q=text)
            assert (
                account_users.page_of(ctx, "", CLOSED, query=query).total == number
            ), text
        db.session.rollback()


def _disabled_by_column(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        active: Mapped[bool] = mapped_column()

    return User


def _disabled_by_property(db: Any) -> Any:
    class User(UserMixin, db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        active: Mapped[bool] = mapped_column()

        @property
        def is_active(self) -> bool:
            return not self.active

    return User


@pytest.mark.parametrize(
    ("make_user", "expected"),
    [
        (_disabled_by_column, [True, False]),
        (_disabled_by_property, [False, True]),
        (_nothing, [True, True]),
    ],
)
def test_access_shown_is_the_access_the_guard_decides(
    make_user: Callable[[Any], Any], expected: list[bool], host_of_models: HostOfModels
) -> None:
    db = SQLAlchemy()
    user_model = make_user(db)
    app = host_of_models(db, user_model, "sqlite://", services=False)
    with app.app_context():
        ctx = bearing.context_of(app)
        told = []
        for active in (True, False):
            user = user_model()
            user.active = active
            told.append(account_users.is_enabled(ctx, user))
        assert told == expected


# -- many of them --------------------------------------------------------------


def test_last_pages_are_read_from_the_end(
    database_url: str, host_of_models: HostOfModels
) -> None:
    """The order is that of the first pages, missing names included."""
    db = SQLAlchemy()
    user_model = _names(db)
    app = host_of_models(db, user_model, database_url, services=True)
    with app.app_context():
        for number in range(110):
            name = None if number % 9 == 0 else f"name {number % 7}"
            db.session.add(user_model(name=name))
        db.session.commit()
        ctx = bearing.context_of(app)
        ordered = select(user_model.id).order_by(user_model.name, user_model.id)
        pages = [
            account_users.page_of(ctx, "", CLOSED, query=UserQuery(page=page))
            for page in range(1, 6)
        ]
        assert [len(page.items) for page in pages] == [25, 25, 25, 25, 10]
        shown = [member.user.id for page in pages for member in page.items]
        assert shown == list(db.session.scalars(ordered))
        db.session.rollback()


def _memberships(account_id: str) -> Any:
    """Each user as often as there are tokens of theirs, as a careless join has it."""
    model = hosts.host_of(current_app).user_model
    token = current_app.extensions["apitokens"].models.Token
    mine = select(model).join(token, token.owner_id == model.id)
    return mine.where(model.account == account_id)


def test_search_counts_up_to_the_limit_and_pages_beyond_it(
    make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement of the host may return a user twice."""
    plugin = {
        "users_of": _memberships,
        "account_of": lambda user: user.account or "",
    }
    app = host(make_app, database_url, plugin=plugin)
    with app.app_context():
        ctx = bearing.context_of(app)
        # At once: nothing here depends on how users and tokens come about.
        user_model, token = ctx.models.user, ctx.models.Token
        users = [
            user_model(email=f"user{n:02}@acme.example", account=ACME)
            for n in range(60)
        ]
        ctx.session.add_all(users)
        ctx.session.flush()
        for number, user in enumerate([*users, *users]):
            values = {"kind": "api", "name": "n", "scheme": "native"}
            values |= {"secret_hash": "x", "account_id": ACME, "created_by": "test"}
            row = token(
                id=f"{number:012}",
                owner_id=user.id,
                check_digest=b"0" * 16,
                created_at=ctx.now(),
                **values,
            )
            ctx.session.add(row)
        ctx.session.commit()
        monkeypatch.setattr(pagination, "SEARCH_COUNT_LIMIT", 30)
        first = look(ctx, q="USER")
        assert (first.total, first.limit, first.pages) == (31, 30, 2)
        assert emails(first) == [f"user{n:02}@acme.example" for n in range(25)]
        second = look(ctx, q="user", page=2)
        assert (second.total, second.limit, second.pages) == (51, 50, 3)
        for page in (3, 10**30):
            last = look(ctx, q="user", page=page)
            assert (last.total, last.number, last.pages) == (60, 3, 3)
            assert emails(last) == [f"user{n:02}@acme.example" for n in range(50, 60)]
        assert look(ctx).total == 60
