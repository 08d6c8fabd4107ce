"""Map our tables in the host's metadata, on a declarative base of our own.

``db.create_all()`` and Flask-Migrate see them there. The host's own base class,
whichever of the five that Flask-SQLAlchemy supports, is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import TypeVar

from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import Index
from sqlalchemy import MetaData
from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy import Table
from sqlalchemy import UniqueConstraint
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapper
from sqlalchemy.orm import mapped_column
from sqlalchemy.schema import SchemaItem
from sqlalchemy.schema import conv
from werkzeug.local import LocalProxy

from flask_apitokens.errors import ConfigurationError

from .batch_mode import keep_rows_in_batch_mode
from .models import Call
from .models import CallHour
from .models import Event
from .models import Import
from .models import Row
from .models import ServiceSetting
from .models import Subscription
from .models import Token
from .owner_collation import follow_collation_of_users
from .types import ascii_string

_Row = TypeVar("_Row", bound=Row)


@dataclass(frozen=True, kw_only=True)
class Models:
    """The mapped classes of one host, and its user model."""

    Token: type[Token]
    Subscription: type[Subscription]
    ServiceSetting: type[ServiceSetting]
    Event: type[Event]
    Call: type[Call]
    CallHour: type[CallHour]
    Import: type[Import]
    user: type[Any]
    user_key: Column[Any]

    @property
    def classes(self) -> tuple[type[Any], ...]:
        """The classes of our tables."""
        return (
            self.Token,
            self.Subscription,
            self.ServiceSetting,
            self.Event,
            self.Call,
            self.CallHour,
            self.Import,
        )

    @property
    def tables(self) -> tuple[Table, ...]:
        """All our tables."""
        return tuple(model.__table__ for model in self.classes)

    @property
    def needed_tables(self) -> tuple[Table, ...]:
        """All our tables, and before them those of the users."""
        of_users = inspect(self.user).tables
        return (*(each for each in of_users if isinstance(each, Table)), *self.tables)

    def user_id(self, user: Any) -> Any:
        """Return the primary key of *user*, without a query for a detached one.

        A new user is flushed, because the key may come from the database.

        :param user: a row of the host's user model, or a proxy of one such as
            ``current_user``.
        :raises ValueError: if the user has no key yet and is in no session.
        """
        if isinstance(user, LocalProxy):
            user = user._get_current_object()
        state = inspect(user)
        if state.identity is None and state.session is not None:
            state.session.flush()
        if state.identity is not None:
            return state.identity[0]
        name = inspect(self.user).get_property_by_column(self.user_key).key
        key = getattr(user, name)
        if key is None:
            raise ValueError(f"{user!r} has no key yet: add it to the session first")
        return key


def bind_models(metadata: MetaData, user_model: type[Any]) -> Models:
    """Map our tables beside the host's user table, once for each metadata.

    :param metadata: that of the host's user table, so that its bind key is ours too.
    :param user_model: the host's mapped class.
    :returns: the same object for the same *metadata* and *user_model*.
    :raises ConfigurationError: if the primary key of *user_model* has more than one
        column, or our tables already refer to another user model.
    """
    known: dict[type[Any], Models] = metadata.info.setdefault("apitokens", {})
    if user_model in known:
        return known[user_model]
    if known:
        raise ConfigurationError(
            "one db serves one user model: the tables of flask_apitokens already "
            f"refer to {next(iter(known)).__name__}"
        )
    keep_rows_in_batch_mode()
    follow_collation_of_users()
    models = known[user_model] = _map(metadata, user_model)
    return models


def user_key_of(user_model: type[Any]) -> Column[Any]:
    """Return the primary key column of the host's user table.

    :raises ConfigurationError: for a class that is not mapped or a composite key.
    """
    mapper = inspect(user_model, raiseerr=False)
    if not isinstance(mapper, Mapper):
        raise ConfigurationError(
            f"{user_model!r} is not a mapped class; give APITokens your User model"
        )
    key = mapper.primary_key
    if len(key) != 1 or not isinstance(key[0], Column):
        columns = ", ".join(str(column) for column in key)
        raise ConfigurationError(
            f"{user_model.__name__} has the primary key ({columns}); "
            "flask_apitokens needs a single column"
        )
    return key[0]


def _map(metadata: MetaData, user_model: type[Any]) -> Models:
    user_key = user_key_of(user_model)

    class Base(DeclarativeBase):
        __table_args__ = {"schema": user_key.table.schema}

    Base.metadata = metadata
    token = _map_token(Base, user_key)
    return Models(
        Token=token,
        Subscription=_map_subscription(Base, user_key),
        ServiceSetting=_map_service_setting(Base),
        Event=_map_event(Base),
        Call=_map_call(Base),
        CallHour=_map_call_hour(Base),
        Import=_map_import(Base, token),
        user=user_model,
        user_key=user_key,
    )


def _map_token(base: type[DeclarativeBase], user_key: Column[Any]) -> type[Token]:
    return _mapped(
        Token,
        base,
        _primary_key("pk_apitokens_token", "id"),
        # MariaDB refuses to drop the last index that a foreign key needs. A downgrade
        # drops the indexes before their table, and an upgrade drops what has gone
        # before it creates what is new. With both of these, whichever of them an
        # earlier version had, one is always left. (Unique because the id is.)
        _unique("uq_apitokens_token_owner", "owner_id", "created_at", "id"),
        _index("ix_apitokens_token_owner", "owner_id", "created_at", "id"),
        _unique("uq_apitokens_token_live_name", "live_name"),
        _unique("uq_apitokens_token_predecessor_id", "predecessor_id"),
        _index("ix_apitokens_token_account", "account_id", "created_at", "id"),
        _index("ix_apitokens_token_expiry", "account_id", "expires_at"),
        _index("ix_apitokens_token_use", "account_id", "last_used_at"),
        _index(
            "ix_apitokens_token_service",
            *("account_id", "service", "userless", "created_at", "id"),
        ),
        owner_id=_owner("fk_apitokens_token_owner_id", user_key, nullable=True),
    )


def _map_subscription(
    base: type[DeclarativeBase], user_key: Column[Any]
) -> type[Subscription]:
    return _mapped(
        Subscription,
        base,
        _primary_key("pk_apitokens_subscription", "id"),
        _unique("uq_apitokens_subscription", "user_id", "service"),
        _index("ix_apitokens_subscription", "service", "active", "user_id"),
        _index("ix_apitokens_subscription_request", "requested_at", "decided_at"),
        user_id=_owner("fk_apitokens_subscription_user_id", user_key, nullable=False),
    )


def _map_service_setting(base: type[DeclarativeBase]) -> type[ServiceSetting]:
    return _mapped(
        ServiceSetting,
        base,
        _primary_key("pk_apitokens_service_setting", "id"),
        _unique("uq_apitokens_setting", "account_id", "service"),
    )


def _map_event(base: type[DeclarativeBase]) -> type[Event]:
    return _mapped(
        Event,
        base,
        _primary_key("pk_apitokens_event", "id"),
        _unique("uq_apitokens_event_form_key", "form_key"),
        _index("ix_apitokens_event_token", "token_id", "id"),
        _index("ix_apitokens_event_account", "account_id", "id"),
    )


def _map_call(base: type[DeclarativeBase]) -> type[Call]:
    return _mapped(
        Call,
        base,
        _primary_key("pk_apitokens_call", "id"),
        _index("ix_apitokens_call_at", "at"),
        _index("ix_apitokens_call_account", "account_id", "at", "id"),
        _index("ix_apitokens_call_service", "account_id", "service", "at", "id"),
        _index(
            "ix_apitokens_call_result",
            *("account_id", "result", "at", "id", "token_id"),
        ),
        _index("ix_apitokens_call_token", "token_id", "at", "id"),
        _index("ix_apitokens_call_owner", "owner_key", "at", "id"),
    )


def _map_call_hour(base: type[DeclarativeBase]) -> type[CallHour]:
    return _mapped(
        CallHour,
        base,
        _primary_key(
            "pk_apitokens_call_hour", "account_id", "service", "token_id", "hour"
        ),
        _index("ix_apitokens_call_hour", "hour"),
        _index("ix_apitokens_call_hour_token", "account_id", "token_id", "hour"),
        _index("ix_apitokens_call_hour_owner", "account_id", "owner_key", "hour"),
    )


def _map_import(base: type[DeclarativeBase], token: type[Token]) -> type[Import]:
    return _mapped(
        Import,
        base,
        _primary_key("pk_apitokens_import", "id"),
        _unique("uq_apitokens_import_digest", "digest"),
        _unique("uq_apitokens_import_source", "source"),
        # Not an index: the foreign key needs it, see above.
        _unique("uq_apitokens_import_token", "token_id"),
        token_id=mapped_column(
            ascii_string(12),
            ForeignKey(
                token.id,
                name=conv("fk_apitokens_import_token_id"),
                ondelete="SET NULL",
                # An id never changes. But Alembic compares options and not names, and
                # earlier versions left the name to the database.
                onupdate="CASCADE",
            ),
        ),
    )


def _owner(name: str, user_key: Column[Any], *, nullable: bool) -> Any:
    # The column takes its type from the host's key. The row is deleted with the user:
    # a token without its owner must never look userless. It follows a changed key.
    reference = ForeignKey(
        user_key, name=conv(name), ondelete="CASCADE", onupdate="CASCADE"
    )
    return mapped_column(reference, nullable=nullable)


# Every constraint and index has a name, because Alembic cannot drop one without on
# SQLite. conv() keeps it as it is, whatever naming convention the host's metadata has:
# so they have the same names in every host.


def _primary_key(name: str, *columns: str) -> SchemaItem:
    return PrimaryKeyConstraint(*columns, name=conv(name))


def _unique(name: str, *columns: str) -> SchemaItem:
    return UniqueConstraint(*columns, name=conv(name))


def _index(name: str, *columns: str) -> SchemaItem:
    return Index(conv(name), *columns)


def _mapped(
    row: type[_Row],
    base: type[DeclarativeBase],
    *constraints: SchemaItem,
    **columns: Any,
) -> type[_Row]:
    """Map *row* in the schema of the user table.

    :param columns: those that depend on the host.
    """
    members = {"__table_args__": (*constraints, base.__table_args__), **columns}
    return type(f"Api{row.__name__}", (row, base), members)
