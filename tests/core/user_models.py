"""A user class with attributes of every sort, for tests of what they are."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import JSON
from sqlalchemy import Boolean
from sqlalchemy import Date
from sqlalchemy import Enum
from sqlalchemy import ForeignKey
from sqlalchemy import Integer
from sqlalchemy import String
from sqlalchemy import Text
from sqlalchemy import Uuid
from sqlalchemy import func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import column_property
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship
from sqlalchemy.orm import synonym


class Base(DeclarativeBase):
    """The base of these models alone."""


class Other(Base):
    """A model that is not the user model."""

    __tablename__ = "hooks_other"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str | None] = mapped_column(String(80))


class User(Base):
    """A user with every sort of attribute."""

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
    other_id: Mapped[int | None] = mapped_column(ForeignKey(Other.id))
    other: Mapped[Other | None] = relationship(Other)
    alias = synonym("account")
    upper = column_property(account + "!")

    @property
    def told(self) -> str:
        """Return what is not in the database."""
        return "told"

    @hybrid_property
    def mixed(self) -> Any:
        """Return a column under another name."""
        return self.account

    @hybrid_property
    def lower(self) -> Any:
        """Return what no column has."""
        return (self.account or "").lower()

    @lower.inplace.expression
    @classmethod
    def _lower(cls) -> Any:
        return func.lower(cls.account)


class Member(User):
    """A user of a class of its own, in two tables (joined inheritance)."""

    __tablename__ = "hooks_member"
    id: Mapped[int] = mapped_column(ForeignKey(User.id), primary_key=True)
    team: Mapped[str | None] = mapped_column(String(80))
