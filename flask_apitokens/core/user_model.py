"""The host's user model: which of its attributes are columns, and their values."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask_login import UserMixin
from sqlalchemy import BigInteger
from sqlalchemy import Column
from sqlalchemy import Enum
from sqlalchemy import Select
from sqlalchemy import Uuid
from sqlalchemy import false
from sqlalchemy import inspect
from sqlalchemy import literal
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.exc import UnmappedColumnError

from flask_apitokens.db.types import is_exactly


def own_column(
    user_model: type[Any], attribute: object
) -> InstrumentedAttribute[Any] | None:
    """Return the attribute of *user_model* that maps the column behind *attribute*.

    A synonym, a hybrid whose expression is a column, and a column of a parent class
    lead to the same column. Return None for anything else: another model's column, a
    relationship, an expression.
    """
    mapper: Mapper[Any] = inspect(user_model)
    # An attribute of a mapped class tells what it reads; a table's column is itself.
    element = getattr(attribute, "__clause_element__", lambda: attribute)()
    if not isinstance(element, Column):
        return None
    try:
        mapped = mapper.get_property_by_column(element)
    except UnmappedColumnError:
        return None
    found: InstrumentedAttribute[Any] = getattr(user_model, mapped.key)
    return found


def column_named(user_model: type[Any], name: str) -> Any:
    """Return the attribute *name* of *user_model*, or None if it is not a column.

    An expression is not one: it would bring parameters of its own into the guard's
    SELECT, and the loaded user has its value as well.
    """
    mapper: Mapper[Any] = inspect(user_model)
    found = mapper.column_attrs.get(name)
    is_column = found is not None and isinstance(found.columns[0], Column)
    return getattr(user_model, name) if is_column else None


def users_by_column(
    user_model: type[Any], column: InstrumentedAttribute[Any] | None
) -> Callable[[str], Select[Any]]:
    """``users_of`` for a host that has no accounts, or whose accounts are a column."""

    def users_of(account_id: str) -> Select[Any]:
        if column is None:
            return select(user_model)
        if not account_id:
            return select(user_model).where(column.is_(None) | _equal(column, ""))
        return select(user_model).where(_equal(column, account_id))

    return users_of


def can_be_compared_with_text(column_type: Any) -> bool:
    """Whether any text can be looked for in a column of this type, see as_key."""
    if isinstance(column_type, Enum):
        return False  # it takes the words it knows, and fails at any other
    known = python_type_of(column_type) in {int, str, uuid.UUID}
    return known or isinstance(column_type, Uuid)


def _equal(column: Any, text: str) -> Any:
    value = as_key(column.type, text)
    if isinstance(value, str) and not isinstance(column.type, Uuid):
        return is_exactly(column, value)
    return false() if value is None else column == value


def as_key(column_type: Any, text: str) -> Any:
    """*text* as a value that a column of this type can be compared with, or none."""
    python_type = python_type_of(column_type)
    if python_type is int:
        # What every database can compare with an integer.
        digits = text.removeprefix("-")
        fits = digits.isascii() and digits.isdigit() and len(digits) <= 18
        # As a column of 32 bits PostgreSQL would refuse to look at a longer one.
        return literal(int(text), BigInteger()) if fits else None
    if python_type is uuid.UUID or isinstance(column_type, Uuid):
        try:
            key = uuid.UUID(text)
        except ValueError:
            return None
        return key if python_type is uuid.UUID else str(key)
    return text if python_type is str else None


def python_type_of(column_type: Any) -> type[Any] | None:
    """What the values of a column are in Python, where its type tells."""
    try:
        found: type[Any] = column_type.python_type
    except NotImplementedError:
        return None
    return found


def active_column(user_model: type[Any]) -> Any:
    """The column that says whether a user is active, where it is one."""
    if not has_own_is_active(user_model):
        return column_named(user_model, "active")
    return column_named(user_model, "is_active")


def has_own_is_active(user_model: type[Any]) -> bool:
    """Whether the class says more about it than Flask-Login's mixin does."""
    own = getattr(user_model, "is_active", None)
    return own is not None and own is not UserMixin.is_active
