"""What the host decides: callables recognised as columns, bound, failing."""

from __future__ import annotations

import functools
import logging
import operator
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import JSON
from sqlalchemy import Boolean
from sqlalchemy import Date
from sqlalchemy import Enum
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy import Uuid
from sqlalchemy import create_engine
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session
from sqlalchemy.orm import column_property
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import synonym

from flask_apitokens import Notice
from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.callbacks import account_text
from flask_apitokens.core.callbacks import bound
from flask_apitokens.core.callbacks import callbacks_of
from flask_apitokens.core.callbacks import default_label
from flask_apitokens.core.callbacks import plain_attribute
from flask_apitokens.core.user_model import as_key
from flask_apitokens.core.user_model import column_named
from flask_apitokens.core.user_model import users_by_column
from flask_apitokens.errors import ConfigurationError

#: a global that a callable may look at
elsewhere: Any = None


# -- callables that are columns ------------------------------------------------


def _read(user: Any) -> Any:
    """What a host writes who likes functions better."""
    return user.account


def _annotated(someone: object, /) -> str:
    return someone.account  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("ask", [lambda user: user.account, _read, _annotated])
def test_what_reads_an_attribute_alone_is_recognised(ask: Any) -> None:
    assert plain_attribute(ask) == "account"


class _Host:
    account = "the host's own"

    def bound_method(self) -> Any:
        return self.account

    @staticmethod
    def of(user: Any) -> Any:
        return user.account

    def __call__(self, user: Any) -> Any:
        return user.account


def _two(user: Any, other: Any) -> Any:
    return user.account


def _local(user: Any) -> Any:
    user = elsewhere
    return user.account


def _kept(user: Any) -> Any:
    account = user.account
    elsewhere.account = account
    return account


async def _later(user: Any) -> Any:
    return user.account


def _yielded(user: Any) -> Any:
    yield user.account


def _closure() -> Any:
    mine = elsewhere
    return lambda user: mine.account


def _wrapped() -> Any:
    @functools.wraps(_read)
    def ask(user: Any) -> Any:
        return _read(user)

    return ask


@pytest.mark.parametrize(
    "ask",
    [
        None,
        lambda user: user.account.id,
        lambda user: user.account or user.name,
        lambda user: user.account or "",
        lambda user: user.account if user.account else None,
        lambda user: not user.account,
        lambda user: str(user.account),
        lambda user: user.account(),
        lambda user: user.account == "a",
        lambda user: user.account[0],
        lambda user: user["account"],
        lambda user: f"{user.account}",
        lambda user: elsewhere.account,
        lambda user: elsewhere,
        lambda user: user,
        lambda user: "account",
        lambda user: (user.account, user.account),
        lambda user, other=elsewhere: other.account,
        lambda user, other=1: user.account,
        lambda *user: user.account,
        lambda **user: user.account,
        lambda: elsewhere.account,
        lambda user: lambda: user.account,
        _two,
        _local,
        _kept,
        _later,
        _yielded,
        _closure(),
        _wrapped(),
        _Host().bound_method,
        _Host(),
        functools.partial(_read),
        operator.attrgetter("account"),
        str,
    ],
)
def test_what_looks_at_anything_else_is_not_mistaken_for_it(ask: Any) -> None:
    assert plain_attribute(ask) is None


def test_a_static_method_is_a_function_like_any_other() -> None:
    assert plain_attribute(_Host.of) == "account"


class _Base(DeclarativeBase):
    pass


class _User(_Base):
    __tablename__ = "hooks_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(String(80))
    account: Mapped[str | None] = mapped_column(String(80))
    number: Mapped[int | None] = mapped_column(Integer)
    key: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    key_text: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    renamed: Mapped[str | None] = mapped_column("other_name", Text)
    flag: Mapped[bool | None] = mapped_column(Boolean)
    born: Mapped[Any] = mapped_column(Date, nullable=True)
    plan: Mapped[Any] = mapped_column(Enum("1", "2", name="plan"), nullable=True)
    papers: Mapped[Any] = mapped_column(JSON, nullable=True)
    alias = synonym("account")
    upper = column_property(account + "!")

    @property
    def told(self) -> str:
        return "told"

    @hybrid_property
    def mixed(self) -> Any:
        return self.account


def test_a_column_is_found_by_the_name_of_its_attribute() -> None:
    for name in ("account", "number", "renamed"):
        assert column_named(_User, name) is getattr(_User, name)
    others = ("other_name", "told", "mixed", "upper", "alias", "absent", "metadata")
    for other in (*others, None, ""):
        assert column_named(_User, other) is None


# -- users by a column ---------------------------------------------------------


ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """Users 1 and 2 of account 1, 3 of account 2, 4 and 5 of none; each database."""
    engine = create_engine(database_url)
    _Base.metadata.create_all(engine)
    one = {"account": "1", "number": 1, "key": ONE, "key_text": str(ONE)}
    two = {"account": "2", "number": -2, "key": TWO, "key_text": str(TWO)}
    none = dict.fromkeys(one)
    rows = [one, one, two, none, {**none, "account": ""}]
    with Session(engine) as session:
        for number, row in enumerate(rows, 1):
            session.execute(insert(_User).values(id=number, **row))
        session.commit()
        yield session
    engine.dispose()


def found(session: Session, column: Any, account_id: str) -> list[int]:
    """The keys of an account's users."""
    query = users_by_column(_User, column)(account_id).order_by(_User.id)
    return [user.id for user in session.scalars(query)]


def test_the_users_of_an_account_are_those_whose_column_names_it(
    session: Session,
) -> None:
    for column, one, two in (
        (_User.account, "1", "2"),
        (_User.number, "1", "-2"),
        (_User.key, str(ONE), str(TWO)),
        (_User.key_text, str(ONE), str(TWO)),
    ):
        assert found(session, column, one) == [1, 2]
        assert found(session, column, two) == [3]
        # What is empty is an account too: that of the users who name none.
        assert found(session, column, "") == [4, 5]
    assert found(session, None, "") == found(session, None, "1") == [1, 2, 3, 4, 5]


STRANGE = [
    *("3", "x", "1x", "1.0", "\u00b2", "\u0663", "--1", "-", "null", "1' OR 1=1", "%"),
    *("9" * digits for digits in (10, 11, 18, 19, 30)),
    *("-" + "9" * 18, "\u00e9\U0001f511", str(2**31), str(-(2**31) - 1)),
]


def test_accounts_that_look_alike_are_two(session: Session) -> None:
    """MariaDB would take one for the other: its administrator would see both."""
    for number, account in enumerate(["Acme", "acme", "acmé", "acme "], 6):
        session.execute(insert(_User).values(id=number, account=account))
    assert found(session, _User.account, "acme") == [7]
    assert found(session, _User.account, "Acme") == [6]
    assert found(session, _User.account, "acmé") == [8]
    assert found(session, _User.account, "acme ") == [9]
    assert found(session, _User.account, "ACME") == []


def test_an_account_nobody_is_of_has_no_users(session: Session) -> None:
    """Whatever the text: no error of a database, and nobody else's users."""
    for text in STRANGE:
        for column in (_User.account, _User.number, _User.key, _User.key_text):
            assert found(session, column, text) == [], (text, column)


def test_text_becomes_a_key_or_nothing() -> None:
    assert as_key(Integer(), "-7").value == -7
    assert as_key(String(), "-7") == "-7"
    assert as_key(Uuid(), str(ONE).upper()) == ONE
    assert as_key(Uuid(as_uuid=False), ONE.hex) == str(ONE)
    for kind in (Integer(), Uuid(), Uuid(as_uuid=False), Date(), Boolean()):
        assert as_key(kind, "x") is None


# -- tied to the model ---------------------------------------------------------


def yes(user: Any) -> bool:
    """A callable about rights that is no column."""
    return bool(user)


def test_what_is_a_column_is_bound_to_it() -> None:
    callbacks = bound(
        callbacks_of(
            account_of=lambda user: user.account,
            can_use_api=lambda user: user.flag,
            is_admin=yes,
        ),
        _User,
    )
    assert callbacks.account_column is column_named(_User, "account")
    assert callbacks.permission_column is column_named(_User, "flag")
    assert callbacks.users_of is not None
    other = bound(callbacks_of(account_of=lambda u: u.told, can_use_api=yes), _User)
    assert (other.account_column, other.permission_column) == (None, None)
    assert other.users_of is None


@pytest.mark.parametrize(
    "account_of",
    [lambda user: user.told, lambda user: user.account or "x", lambda user: user.upper],
)
def test_an_administrators_users_must_be_told_from_others(account_of: Any) -> None:
    given = callbacks_of(account_of=account_of, is_admin=yes)
    with pytest.raises(ConfigurationError, match=r"users_of=lambda account_id"):
        bound(given, _User)
    users_of: Callable[[str], Any] = lambda account_id: select(_User)  # noqa: E731
    told = callbacks_of(account_of=account_of, is_admin=yes, users_of=users_of)
    assert bound(told, _User).users_of is users_of


@pytest.mark.parametrize(
    "account_of",
    [
        lambda user: user.flag,
        lambda user: user.born,
        lambda user: user.papers,
        lambda user: user.plan,
    ],
)
def test_a_column_that_no_text_can_be_compared_with_tells_no_users(
    account_of: Any,
) -> None:
    """Such an account would have no users, and its administrator no idea why."""
    callbacks = bound(callbacks_of(account_of=account_of), _User)
    assert callbacks.users_of is None
    # The guard asks the user: a driver has its own idea of such a value.
    assert callbacks.account_column is None
    with pytest.raises(ConfigurationError, match="users_of"):
        bound(callbacks_of(account_of=account_of, is_admin=yes), _User)


def test_without_accounts_every_user_is_of_the_one_there_is() -> None:
    callbacks = bound(callbacks_of(is_admin=yes), _User)
    assert callbacks.users_of is not None
    assert callbacks.account_of(_User(account="a")) == ""
    assert not callbacks.has_accounts
    assert callbacks_of().is_admin is None


# -- what fails ----------------------------------------------------------------


def _raises(_: Any) -> Any:
    raise LookupError("the host's")


def test_a_callable_about_rights_that_fails_means_no(
    caplog: pytest.LogCaptureFixture,
) -> None:
    callbacks = callbacks_of(
        is_admin=_raises, can_use_api=_raises, services_for=_raises
    )
    assert callbacks.is_admin
    assert callbacks.can_use_api
    assert callbacks.services_for
    with caplog.at_level(logging.ERROR):
        assert callbacks.is_admin(_User()) is False
        assert callbacks.can_use_api(_User()) is False
        assert callbacks.services_for("a") == frozenset()
    assert len([r for r in caplog.records if r.exc_info]) == 3


@pytest.mark.parametrize("answer", [None, 0, "", [], False])
def test_an_answer_that_is_nothing_means_no(answer: Any) -> None:
    callbacks = callbacks_of(
        is_admin=lambda user: answer, can_use_api=lambda user: answer
    )
    assert callbacks.is_admin
    assert callbacks.can_use_api
    assert callbacks.is_admin(_User()) is callbacks.can_use_api(_User()) is False


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
def test_the_services_of_an_account_are_what_can_be_read(
    answer: Any, slugs: set[str]
) -> None:
    callbacks = callbacks_of(services_for=lambda account_id: answer)
    assert callbacks.services_for
    assert callbacks.services_for("a") == slugs


def test_an_account_is_text_of_a_length_that_is_stored() -> None:
    assert account_text(None) == account_text("") == ""
    assert account_text(7) == "7"
    assert account_text(ONE) == str(ONE)
    assert account_text("é" * 64) == "é" * 64
    with pytest.raises(ConfigurationError, match="65 characters"):
        account_text("a" * 65)
    # MariaDB would take it for the account without the space.
    with pytest.raises(ConfigurationError, match="ends in a space"):
        account_text("acme ")
    callbacks = callbacks_of(account_of=lambda user: "a" * 65)
    with pytest.raises(ConfigurationError, match="64"):
        callbacks.account_of(_User())


def test_a_notice_that_cannot_be_handed_on_fails_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notice = Notice("token_revoked", "Ada revoked it.", "acc")
    with caplog.at_level(logging.INFO, "flask_apitokens"):
        callbacks_of().tell(notice)
        callbacks_of(on_notice=_raises).tell(notice)
    assert [r.levelname for r in caplog.records] == ["INFO", "ERROR"]
    assert "Ada revoked it." in caplog.records[0].getMessage()
    heard: list[Notice] = []
    callbacks_of(on_notice=heard.append).tell(notice)
    assert heard == [notice]


def test_a_user_is_called_by_what_there_is() -> None:
    assert default_label(_User(email="ada@example.com")) == "ada@example.com"
    assert default_label(_User(id=7)) == ""
    assert isinstance(callbacks_of(user_label=_raises), Callbacks)


def test_a_user_without_a_name_is_called_by_the_key(session: Session) -> None:
    user = session.get(_User, 4)
    assert user is not None
    assert default_label(user) == "4"
