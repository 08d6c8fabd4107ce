"""The tables of the application. The plugin adds its own to the same `db`."""

from functools import cache

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from werkzeug.security import check_password_hash
from werkzeug.security import generate_password_hash


class Base(DeclarativeBase):
    """The base class of the models."""


db = SQLAlchemy(model_class=Base)


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    """A user who can log in."""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[str] = mapped_column(String(32), index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    may_use_api: Mapped[bool] = mapped_column(default=True)

    def set_password(self, password: str) -> None:
        """Store the hash of a new password."""
        self.password_hash = generate_password_hash(password)

    @classmethod
    def with_email(cls, email: str) -> "User | None":
        """Return the user with this address, or None."""
        return db.session.scalar(select(cls).where(cls.email == email.strip().lower()))

    @classmethod
    def with_password(cls, email: str, password: str) -> "User | None":
        """Return the user with this address and password, or None."""
        user = cls.with_email(email)
        # For an unknown address a hash is computed too. Else the response time would
        # reveal which addresses exist.
        stored = user.password_hash if user else _dummy_hash()
        return user if check_password_hash(stored, password) else None


@cache
def _dummy_hash() -> str:
    return generate_password_hash("")
