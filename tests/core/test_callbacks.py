"""The host's decisions: columns and functions bound to a user model, and failures."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_apitokens import Notice
from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.callbacks import account_text
from flask_apitokens.core.callbacks import bind_callbacks
from flask_apitokens.core.callbacks import default_label
from flask_apitokens.errors import ConfigurationError
from tests.core.user_models import Base
from tests.core.user_models import Member
from tests.core.user_models import Other
from tests.core.user_models import User

bind = functools.partial(bind_callbacks, User)
TAKES_A_USER = ("is_admin", "can_use_api", "account_of", "user_label", "email_of")


def yes(user: Any) -> bool:
    """Answer a question about rights that no column answers."""
    return bool(user)


# -- columns and functions -----------------------------------------------------


def test_column_is_read_by_the_look_up_and_from_the_user() -> None:
    callbacks = bind(
        account_of=User.account,
        can_use_api=User.flag,
        email_of=User.renamed,
        is_admin=User.flag,
        user_label=User.renamed,
    )
    assert callbacks.account_column is User.account
    assert callbacks.permission_column is User.flag
    assert callbacks.email_column is User.renamed
    assert callbacks.users_of is not None
    user = User(account="acme", flag=True, renamed="ada@example.com")
    assert callbacks.account_of(user) == "acme"
    assert callbacks.email_of(user) == callbacks.user_label(user) == "ada@example.com"
    assert callbacks.can_use_api
    assert callbacks.is_admin
    assert callbacks.can_use_api(user) is callbacks.is_admin(user) is True
    assert callbacks.can_use_api(User()) is callbacks.is_admin(User()) is False


def test_synonym_hybrid_and_parent_column_are_read_as_their_column() -> None:
    assert bind(account_of=User.alias).account_column is User.account
    assert bind(account_of=User.mixed).account_column is User.account
    member = bind_callbacks(Member, account_of=User.account, can_use_api=Member.team)
    assert member.account_column is Member.account
    assert member.permission_column is Member.team
    assert member.account_of(Member(account="acme")) == "acme"


def test_function_is_called_with_the_user_and_names_no_column() -> None:
    callbacks = bind(
        account_of=lambda user: user.account,
        can_use_api=lambda user: user.flag,
        email_of=lambda user: user.email,
    )
    assert callbacks.account_column is None
    assert callbacks.permission_column is None
    assert callbacks.email_column is None
    assert callbacks.users_of is None
    assert callbacks.account_of(User(account="acme")) == "acme"


def test_email_is_the_attribute_email_unless_told_otherwise() -> None:
    callbacks = bind()
    assert callbacks.email_column is User.email
    assert callbacks.email_of(User(email="ada@example.com")) == "ada@example.com"
    assert bind_callbacks(Other).email_column is None


@pytest.mark.parametrize("name", TAKES_A_USER)
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("account", "'account'"),
        (Other.account, "Other.account"),
        (User.other, "User.other"),
        (User.upper, "User.upper"),
        (User.lower, "lower"),
        (User.told, "<property object"),
        (7, "7"),
    ],
)
def test_callback_neither_column_nor_function_is_a_configuration_error(
    name: str, given: Any, shown: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        bind(**{name: given})
    assert str(raised.value).startswith(f"{name} is ")
    assert shown in str(raised.value)
    assert f"allowed is a column of User, such as {name}=User.…" in str(raised.value)


@pytest.mark.parametrize("name", ["users_of", "services_for", "on_notice"])
@pytest.mark.parametrize("given", ["account", User.account])
def test_argument_that_takes_no_user_is_a_function(name: str, given: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"{name} is .*; allowed is a function"
    ):
        bind(**{name: given})


@pytest.mark.parametrize(
    "account_of",
    [lambda user: user.told, lambda user: user.account, lambda user: user.upper],
)
def test_administrators_need_users_of_beside_a_function(account_of: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"users_of=lambda account_id"
    ) as error:
        bind(account_of=account_of, is_admin=yes)
    assert "account_of=User.account_id" in str(error.value)
    users_of: Callable[[str], Any] = lambda account_id: select(User)  # noqa: E731
    told = bind(account_of=account_of, is_admin=yes, users_of=users_of)
    assert told.users_of is users_of


@pytest.mark.parametrize("column", [User.flag, User.born, User.papers, User.plan])
def test_account_column_of_another_type_is_read_from_the_user(column: Any) -> None:
    """Text cannot be compared with it: such an account would show no users."""
    callbacks = bind(account_of=column)
    assert callbacks.users_of is None
    # A driver returns its own idea of such a value, so the guard loads the user.
    assert callbacks.account_column is None
    assert callbacks.account_of(User(**{column.key: "1"})) == "1"
    with pytest.raises(ConfigurationError, match="users_of"):
        bind(account_of=column, is_admin=yes)


def test_without_accounts_every_user_is_of_the_only_one() -> None:
    callbacks = bind(is_admin=yes)
    assert callbacks.users_of is not None
    assert callbacks.account_of(User(account="a")) == ""
    assert not callbacks.has_accounts
    assert bind().is_admin is None


# -- what fails ----------------------------------------------------------------


def _raises(_: Any) -> Any:
    raise LookupError("the host's")


def test_permission_whose_function_raises_is_denied(
    caplog: pytest.LogCaptureFixture,
) -> None:
    callbacks = bind(is_admin=_raises, can_use_api=_raises, services_for=_raises)
    assert callbacks.is_admin
    assert callbacks.can_use_api
    assert callbacks.services_for
    with caplog.at_level(logging.ERROR):
        assert callbacks.is_admin(User()) is False
        assert callbacks.can_use_api(User()) is False
        assert callbacks.services_for("a") == frozenset()
    assert len([r for r in caplog.records if r.exc_info]) == 3


@pytest.mark.parametrize("answer", [None, 0, "", [], False])
def test_permission_whose_function_returns_a_false_value_is_denied(answer: Any) -> None:
    callbacks = bind(is_admin=lambda user: answer, can_use_api=lambda user: answer)
    assert callbacks.is_admin
    assert callbacks.can_use_api
    assert callbacks.is_admin(User()) is callbacks.can_use_api(User()) is False


@pytest.mark.parametrize(
    ("answer", "slugs"),
    [
        (None, set()),
        ((), set()),
        ("tmy", {"tmy"}),
        (["tmy", "gone"], {"tmy", "gone"}),
        ({"tmy": 1}, {"tmy"}),
        (iter(("tmy",)), {"tmy"}),
        (7, set()),
        ([["tmy"]], set()),
    ],
)
def test_services_of_an_account_that_cannot_be_read_are_none(
    answer: Any, slugs: set[str]
) -> None:
    callbacks = bind(services_for=lambda account_id: answer)
    assert callbacks.services_for
    assert callbacks.services_for("a") == slugs


def test_account_that_cannot_be_stored_is_refused() -> None:
    assert account_text(None) == account_text("") == ""
    assert account_text(7) == "7"
    assert account_text(uuid.UUID(int=1)) == str(uuid.UUID(int=1))
    assert account_text("é" * 64) == "é" * 64
    with pytest.raises(ConfigurationError, match="65 characters"):
        account_text("a" * 65)
    # MariaDB would take it for the account without the space.
    with pytest.raises(ConfigurationError, match="ends in a space"):
        account_text("acme ")
    callbacks = bind(account_of=lambda user: "a" * 65)
    with pytest.raises(ConfigurationError, match="64"):
        callbacks.account_of(User())


def test_notice_goes_to_on_notice_or_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notice = Notice("token_revoked", "Ada revoked it.", "acc")
    with caplog.at_level(logging.INFO, "flask_apitokens"):
        bind().send_notice(notice)
    assert [r.levelname for r in caplog.records] == ["INFO"]
    assert "Ada revoked it." in caplog.records[0].getMessage()
    heard: list[Notice] = []
    bind(on_notice=heard.append).send_notice(notice)
    assert heard == [notice]


def test_user_is_called_by_the_first_label_that_exists() -> None:
    assert default_label(User(email="ada@example.com")) == "ada@example.com"
    assert default_label(User(id=7)) == ""
    assert isinstance(bind(user_label=_raises), Callbacks)


def test_user_without_a_name_is_called_by_the_key() -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        user = User(id=4)
        session.add(user)
        session.flush()
        assert default_label(user) == "4"
    engine.dispose()
