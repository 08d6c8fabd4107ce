"""What a review of the administration found: each was once not so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy import String
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens import Actor
from flask_apitokens.catalog import declare
from flask_apitokens.core.callbacks import bind_callbacks
from flask_apitokens.crypto.tokens import without_plaintexts
from flask_apitokens.domain import access_requests
from flask_apitokens.domain import subscriptions
from flask_apitokens.domain import users as account_users
from flask_apitokens.domain.users import UserQuery
from flask_apitokens.errors import ApiNotAllowed
from flask_apitokens.errors import ConfigurationError
from flask_apitokens.errors import NotFound
from tests import administration
from tests import bearing
from tests import hosts
from tests.administration import ACME
from tests.administration import OTHER
from tests.administration import A
from tests.administration import administered
from tests.administration import administrator
from tests.administration import create_user
from tests.administration import generate_in
from tests.conftest import HostOfModels
from tests.conftest import MakeApp
from tests.pages import plaintext_in

ACTOR = Actor("boss")


# -- the host's callables ------------------------------------------------------


class _Asked:
    def allowed(self) -> bool:
        return False


async def _later(user: Any) -> bool:
    return False


@pytest.mark.parametrize("ask", [lambda user: user.allowed, _later])
def test_callback_without_a_boolean_denies_access(ask: Callable[[Any], Any]) -> None:
    """An uncalled method or un-awaited coroutine is truthy, so it is refused."""
    callbacks = bind_callbacks(hosts.user_model_of(), is_admin=ask, can_use_api=ask)
    assert callbacks.is_admin is not None
    assert callbacks.can_use_api is not None
    assert not callbacks.is_admin(_Asked())
    assert not callbacks.can_use_api(_Asked())


@pytest.mark.parametrize("label", [None, "", 7])
def test_user_label_is_always_text(make_app: MakeApp, label: Any) -> None:
    app = administered(make_app, plugin={"user_label": lambda user: label})
    boss = administrator(app)
    ada = create_user(app, "ada")
    form = {"row": str(ada.id), "active": str(ada.id)}
    assert boss.post("services/tmy/users", **form).status_code == 200
    assert boss.get("audit").status_code == 200


def test_user_with_a_failing_account_callback_is_refused(make_app: MakeApp) -> None:
    def account_of(user: Any) -> str:
        if user.email == "lost@acme.example":
            raise LookupError(user.email)
        return str(user.account)

    app = administered(make_app, plugin={"account_of": account_of})
    boss = administrator(app)
    lost = create_user(app, "lost")
    token_id, plaintext = bearing.generate(app, create_user(app, "ada"))
    host = hosts.host_of(app)
    with app.app_context():
        row = host.db.session.get(app.extensions["apitokens"].models.Token, token_id)
        assert row is not None
        row.owner_id = lost.id
        host.db.session.commit()
    assert boss.get("tokens").status_code == 200
    answer = app.test_client().get("/api/ping", headers=bearing.bearer(plaintext))
    assert answer.json is not None
    assert answer.json["code"] == "owner_inactive"
    with pytest.raises(ApiNotAllowed):
        bearing.generate(app, lost)


@pytest.mark.parametrize("htmx", [False, True])
def test_callback_that_breaks_the_transaction_causes_no_server_error(
    make_app: MakeApp, database_url: str, *, htmx: bool
) -> None:
    """PostgreSQL refuses whatever follows a statement that failed."""
    host: list[Any] = []

    def services_for(account_id: str) -> Any:
        return host[0].db.session.scalars(text("SELECT slug FROM nowhere")).all()

    app = administered(make_app, database_url, plugin={"services_for": services_for})
    app.config["TESTING"] = False
    host.append(hosts.host_of(app))
    boss = administrator(app)
    boss = boss if htmx else boss.without_script()
    for path in ("services", "tokens", "services/tmy/users", "audit"):
        answer = boss.get(path)
        assert answer.status_code in {200, 404, 503}, path
        assert "at-" in answer.text, path
        assert "Internal Server Error" not in answer.text


def test_users_of_has_to_be_a_statement(make_app: MakeApp) -> None:
    plugin: dict[str, Any] = {"account_of": lambda user: user.account or ""}
    plugin["users_of"] = lambda account_id: []
    app = administered(make_app, plugin=plugin)
    with app.app_context(), pytest.raises(ConfigurationError, match=r"select\(User\)"):
        account_users.count(bearing.context_of(app), ACME)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "data:x"])
def test_documentation_stands_at_an_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="documentation"):
        declare("tmy", "TMY", docs_url=url)


# -- what is told --------------------------------------------------------------


def test_notice_that_breaks_the_session_loses_no_plaintext(
    make_app: MakeApp, database_url: str
) -> None:
    host: list[Any] = []

    def break_it(notice: Any) -> None:
        host[0].db.session.execute(text("SELECT nonsense FROM nowhere"))

    app = administered(make_app, database_url, plugin={"on_notice": break_it})
    host.append(hosts.host_of(app))
    boss = administrator(app)
    ada = create_user(app, "ada")
    bearing.subscribe(app, ada, "tmy")
    user = f"services/tmy/users/{ada.id}"
    made = generate_in(boss, f"{user}/new", f"{user}/tokens")
    assert made.status_code == 201
    assert plaintext_in(made)


# -- whose users ---------------------------------------------------------------


def test_users_of_a_joined_table_stay_in_their_accounts(
    database_url: str, host_of_models: HostOfModels
) -> None:
    db = SQLAlchemy()

    class Person(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        type: Mapped[str] = mapped_column(String(20))
        __mapper_args__ = {"polymorphic_on": "type", "polymorphic_identity": "person"}  # noqa: RUF012

    class User(Person):
        id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)
        email: Mapped[str] = mapped_column(String(80))
        account: Mapped[str] = mapped_column(String(20))
        __mapper_args__ = {"polymorphic_identity": "user"}  # noqa: RUF012

    app = host_of_models(
        db,
        User,
        database_url,
        services=True,
        plugin={"account_of": User.account},
    )
    with app.app_context():
        for email, account in (("a", ACME), ("b", ACME), ("c", OTHER)):
            db.session.add(User(email=email, account=account))
        db.session.commit()
        ctx = bearing.context_of(app)
        assert account_users.count(ctx, ACME) == 2
        assert (
            account_users.page_of(ctx, OTHER, "tmy", query=UserQuery(q="c")).total == 1
        )
        assert (
            account_users.page_of(ctx, OTHER, "tmy", query=UserQuery(q="a")).total == 0
        )
        db.session.rollback()


@pytest.mark.parametrize(
    "key",
    [
        *("a/b c", "a/new", "a/tokens", "a/0123456789ab/rename"),
        *("..", "~1", "~0/~2", "%2F", "é?#."),
    ],
)
def test_any_key_has_an_address(make_app: MakeApp, key: str) -> None:
    """A slash begins another part of one, and dots lead elsewhere."""
    app = administered(make_app, user_key="str")
    boss = administrator(app)
    user = hosts.create_user(app, "odd@acme.example", id=key, account=ACME)
    bearing.subscribe(app, user, "tmy")
    shown = boss.without_script().get("services/tmy/users?q=odd")
    assert shown.status_code == 200
    links = [str(a["href"]) for a in hosts_links(shown.text) if "/users/" in a["href"]]
    assert len(links) == 2
    plain, dialog = sorted(links, key=len)
    page = boss.client.get(plain)
    assert "odd@acme.example has no token for this service" in page.text
    new, there = dialog.partition("?")[0], plain.partition("?")[0]
    assert new == f"{there}/new"
    form = boss.client.get(dialog)
    assert "Generate token for odd@acme.example" in form.text
    made = generate_in(boss, new.removeprefix(A), f"{there.removeprefix(A)}/tokens")
    assert made.status_code == 201
    assert administration.column(app, "Token", "owner_id") == [key]


def hosts_links(html: str) -> Any:
    """The links of a page."""
    from bs4 import BeautifulSoup

    return BeautifulSoup(html, "html.parser").select("a[href]")


def test_moved_user_keeps_the_label_known_to_the_account(
    make_app: MakeApp, database_url: str
) -> None:
    """What they are called in the other account is that account's to know."""
    app = administered(make_app, database_url)
    boss = administrator(app)
    ada, bob = create_user(app, "ada"), create_user(app, "bob")
    token_id, _ = bearing.generate(app, ada, name="CI")
    imported, _ = bearing.generate(app, bob, name="Unlogged")
    bearing.change_user(app, ada, account=OTHER, email="secret@other.example")
    bearing.change_user(app, bob, account=OTHER, email="hidden@other.example")
    with app.app_context():
        ctx = bearing.context_of(app)
        ctx.session.query(ctx.models.Event).filter_by(token_id=imported).delete()
        ctx.session.commit()
    known = "ada@acme.example"
    reached = {"tokens": known, "tokens.csv": known, f"tokens/{token_id}": known}
    reached[f"tokens/{token_id}/deactivate"] = known
    boss_only = {f"tokens/{imported}": str(bob.id), "audit": known}
    for path, label in {**reached, **boss_only}.items():
        page = boss.without_script().get(path).text
        assert label in page, path
        assert "other.example" not in page, path
    stop = boss.post(f"tokens/{token_id}/deactivate", reason="Left")
    assert stop.status_code == 200
    assert "other.example" not in boss.get("audit").text
    assert known in boss.get(f"tokens/{token_id}").text


# -- requests ------------------------------------------------------------------


def test_request_stays_in_its_account(make_app: MakeApp, database_url: str) -> None:
    app = administered(make_app, database_url)
    ada = create_user(app, "ada")
    host = hosts.host_of(app)
    with app.app_context():
        ctx = bearing.context_of(app)
        mine = host.db.session.get_one(host.user_model, ada.id)
        row = access_requests.request(
            ctx, mine, "tmy", reason="internal to acme", actor=ACTOR
        )
        request_id = row.id
        access_requests.decide(
            ctx, ACME, request_id, approve=False, reason="Why", actor=ACTOR
        )
        mine.account = OTHER
        host.db.session.commit()
        assert access_requests.requests_of(ctx, mine) == {}
        assert access_requests.decided(ctx, OTHER).total == 0
        assert access_requests.decided(ctx, ACME).total == 0
        with pytest.raises(NotFound):
            access_requests.find(ctx, OTHER, request_id)
        access_requests.request(ctx, mine, "tmy", reason="", actor=ACTOR)
        assert access_requests.waiting(ctx, OTHER).total == 1
        host.db.session.rollback()


# -- secrets -------------------------------------------------------------------


def test_pasted_token_is_truncated_to_its_id(make_app: MakeApp) -> None:
    app = administered(make_app)
    boss = administrator(app)
    token_id, plaintext = bearing.generate(app, create_user(app, "ada"))
    secret = plaintext.rpartition("_")[2]
    assert without_plaintexts("apt", f"({plaintext})") == f"(apt_{token_id}_…)"
    reason = f"leaked: {plaintext}"
    done = boss.post(f"tokens/{token_id}/deactivate", confirm="1", reason=reason)
    assert done.status_code == 200
    for path in (f"tokens/{token_id}", "audit", "audit.csv", "tokens"):
        page = boss.get(path)
        assert page.status_code == 200
        assert secret not in page.text
    assert f"apt_{token_id}_…" in boss.get(f"tokens/{token_id}").text
    assert secret not in boss.get(f"services/tmy/users?q={plaintext}").text


# -- several at once -----------------------------------------------------------


def test_concurrent_first_switches_of_a_service_create_one_row(
    make_app: MakeApp, database_url: str
) -> None:
    app = administered(make_app, database_url)
    host = hosts.host_of(app)

    def off(number: int) -> bool:
        with app.app_context():
            ctx = bearing.context_of(app)
            subscriptions.switch_service(
                ctx, ACME, "tmy", active=False, actor=Actor(f"boss{number}")
            )
            host.db.session.commit()
            return subscriptions.is_on(ctx, ACME, "tmy")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(off, range(8))) == [False] * 8
    made = administration.column(app, "ServiceSetting", "active")
    assert [bool(active) for active in made] == [False]
    assert len(administration.column(app, "Event", "action")) == 1
    with app.app_context():
        setting = app.extensions["apitokens"].models.ServiceSetting
        assert host.db.session.scalar(select(setting.changed_by))
        host.db.session.rollback()
