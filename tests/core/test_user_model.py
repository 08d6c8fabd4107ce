"""The host's user model: its columns, the users of an account, text as a key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Boolean
from sqlalchemy import Date
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy import Uuid
from sqlalchemy import create_engine
from sqlalchemy import insert
from sqlalchemy.orm import Session
from sqlalchemy.orm import aliased

from flask_apitokens.core.user_model import as_key
from flask_apitokens.core.user_model import column_named
from flask_apitokens.core.user_model import own_column
from flask_apitokens.core.user_model import users_by_column
from tests.core.user_models import Base
from tests.core.user_models import Member
from tests.core.user_models import Other
from tests.core.user_models import User

# -- columns -------------------------------------------------------------------


def test_column_is_found_by_the_name_of_its_attribute() -> None:
    for name in ("account", "number", "renamed"):
        assert column_named(User, name) is getattr(User, name)
    others = ("other_name", "told", "mixed", "upper", "alias", "absent", "metadata")
    for other in (*others, ""):
        assert column_named(User, other) is None


def test_own_column_is_the_attribute_that_reads_it() -> None:
    for attribute in (User.account, User.number, User.renamed, User.id):
        assert own_column(User, attribute) is attribute
    assert own_column(User, User.__table__.c.other_name) is User.renamed


def test_synonym_and_plain_hybrid_lead_to_their_column() -> None:
    assert own_column(User, User.alias) is User.account
    assert own_column(User, User.mixed) is User.account


def test_column_of_a_parent_class_is_an_own_column() -> None:
    assert own_column(Member, User.account) is Member.account
    assert own_column(Member, Member.account) is Member.account
    assert own_column(Member, Member.team) is Member.team
    assert own_column(Member, Member.id) is Member.id
    # A user of the parent class does not have it.
    assert own_column(User, Member.team) is None


@pytest.mark.parametrize(
    "attribute",
    [
        Other.account,
        Other.__table__.c.account,
        aliased(User).account,
        User.other,
        User.upper,
        User.lower,
        User.told,
        User.account + "",
        "account",
        None,
    ],
    ids=[
        *("model", "table", "alias", "relationship", "property", "hybrid", "proxy"),
        *("expression", "str", "None"),
    ],
)
def test_anything_else_is_not_an_own_column(attribute: Any) -> None:
    assert own_column(User, attribute) is None


# -- users by a column ---------------------------------------------------------


ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """Yield users 1 and 2 of account 1, 3 of account 2, 4 and 5 of none."""
    engine = create_engine(database_url)
    Base.metadata.create_all(engine)
    one = {"account": "1", "number": 1, "key": ONE, "key_text": str(ONE)}
    two = {"account": "2", "number": -2, "key": TWO, "key_text": str(TWO)}
    none = dict.fromkeys(one)
    rows = [one, one, two, none, {**none, "account": ""}]
    with Session(engine) as session:
        for number, row in enumerate(rows, 1):
            session.execute(insert(User).values(id=number, **row))
        session.commit()
        yield session
    engine.dispose()


def found(session: Session, column: Any, account_id: str) -> list[int]:
    """Return the keys of an account's users."""
    query = users_by_column(User, column)(account_id).order_by(User.id)
    return [user.id for user in session.scalars(query)]


def test_users_of_an_account_are_those_whose_column_names_it(
    session: Session,
) -> None:
    for column, one, two in (
        (User.account, "1", "2"),
        (User.number, "1", "-2"),
        (User.key, str(ONE), str(TWO)),
        (User.key_text, str(ONE), str(TWO)),
    ):
        assert found(session, column, one) == [1, 2]
        assert found(session, column, two) == [3]
        # The empty text is an account too: that of the users who name none.
        assert found(session, column, "") == [4, 5]
    assert found(session, None, "") == found(session, None, "1") == [1, 2, 3, 4, 5]


STRANGE = [
    *("3", "x", "1x", "1.0", "\u00b2", "\u0663", "--1", "-", "null", "1' OR 1=1", "%"),
    *("9" * digits for digits in (10, 11, 18, 19, 30)),
    *("-" + "9" * 18, "\u00e9\U0001f511", str(2**31), str(-(2**31) - 1)),
]


def test_accounts_differ_by_case_accent_and_space(
    session: Session,
) -> None:
    """MariaDB compares without them: an administrator would see both accounts."""
    for number, account in enumerate(["Acme", "acme", "acmé", "acme "], 6):
        session.execute(insert(User).values(id=number, account=account))
    assert found(session, User.account, "acme") == [7]
    assert found(session, User.account, "Acme") == [6]
    assert found(session, User.account, "acmé") == [8]
    assert found(session, User.account, "acme ") == [9]
    assert found(session, User.account, "ACME") == []


def test_account_that_no_column_names_has_no_users(session: Session) -> None:
    """No text is an error of a database, and none finds another account's users."""
    for text in STRANGE:
        for column in (User.account, User.number, User.key, User.key_text):
            assert found(session, column, text) == [], (text, column)


def test_text_that_is_no_key_of_the_type_becomes_none() -> None:
    assert as_key(Integer(), "-7").value == -7
    assert as_key(String(), "-7") == "-7"
    assert as_key(Uuid(), str(ONE).upper()) == ONE
    assert as_key(Uuid(as_uuid=False), ONE.hex) == str(ONE)
    for kind in (Integer(), Uuid(), Uuid(as_uuid=False), Date(), Boolean()):
        assert as_key(kind, "x") is None
