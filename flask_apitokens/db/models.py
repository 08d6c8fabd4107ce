"""The tables, in the host's metadata, on a declarative base of our own.

``db.create_all()`` and Flask-Migrate see them; the host's base class, whichever of
the five Flask-SQLAlchemy supports, is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

from sqlalchemy import JSON
from sqlalchemy import BigInteger
from sqlalchemy import Boolean
from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import Index
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import SmallInteger
from sqlalchemy import Table
from sqlalchemy import UniqueConstraint
from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Mapper
from sqlalchemy.orm import mapped_column
from werkzeug.local import LocalProxy

from flask_apitokens.errors import ConfigurationError

from .types import BIG_KEY
from .types import MOMENT
from .types import Words
from .types import ascii_string
from .types import binary
from .types import text_string

NAME_LENGTH = 80
LABEL_LENGTH = 255
ACCOUNT_LENGTH = 64
#: of what people write to each other: why access is wanted, why it is taken away
REASON_LENGTH = 500
METHOD_LENGTH = 16
PATH_LENGTH = 500
AGENT_LENGTH = 255
#: how a call ended: under 400, from 400, from 500
SUCCEEDED, REJECTED, FAILED = RESULTS = range(3)


class Row:
    """What all our rows have in common for a type checker: columns by keyword."""

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...


class TokenMixin(Row):
    """One token: everything but its plaintext."""

    #: the public id, the tracking ID people see
    id: Mapped[str] = mapped_column(ascii_string(12), primary_key=True)
    kind: Mapped[str] = mapped_column(ascii_string(16))
    name: Mapped[str] = mapped_column(text_string(NAME_LENGTH))
    #: which digests recognise it; "native" is :func:`secret.check_digest` with bcrypt
    scheme: Mapped[str] = mapped_column(ascii_string(16))
    check_digest: Mapped[bytes] = mapped_column(binary(16))
    secret_hash: Mapped[str] = mapped_column(ascii_string(100))
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH), default="")
    userless: Mapped[bool] = mapped_column(Boolean, default=False)
    service: Mapped[str | None] = mapped_column(ascii_string(64))
    scopes: Mapped[tuple[str, ...]] = mapped_column(Words, default=())
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    created_by: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    #: when the response that carries the plaintext was sent; None: never
    shown_at: Mapped[datetime | None] = mapped_column(MOMENT)
    expires_at: Mapped[datetime | None] = mapped_column(MOMENT)
    revoked_at: Mapped[datetime | None] = mapped_column(MOMENT)
    deactivated_at: Mapped[datetime | None] = mapped_column(MOMENT)
    #: why, as the administrator who did it told the owner
    deactivated_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))
    last_used_at: Mapped[datetime | None] = mapped_column(MOMENT)
    last_used_ip: Mapped[str | None] = mapped_column(ascii_string(45))
    #: the ranges of addresses it may be used from; None: from everywhere
    networks: Mapped[tuple[str, ...] | None] = mapped_column(Words)
    #: what is kept of the owner's address, where tokens end with it
    email_digest: Mapped[bytes | None] = mapped_column(binary(16))
    #: a digest of owner and name while the token is live, None after: a plain unique
    #: constraint then keeps names apart on databases without partial indexes too
    live_name: Mapped[bytes | None] = mapped_column(binary(32), unique=True)
    #: the ids of the token that took its place and of the one whose place it took; a
    #: token is followed by one other, and keeps that when the other is deleted
    successor_id: Mapped[str | None] = mapped_column(ascii_string(12))
    predecessor_id: Mapped[str | None] = mapped_column(ascii_string(12), unique=True)
    #: days before its end that were noticed last; notices go by :mod:`.notices`
    noticed_days: Mapped[int | None] = mapped_column(Integer)
    #: when it was first used past its end, although another had taken its place
    late_use_at: Mapped[datetime | None] = mapped_column(MOMENT)


class SubscriptionMixin(Row):
    """Whether a user may use a service, and whether they asked to.

    A request for the API as a whole has an empty service.
    """

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    service: Mapped[str] = mapped_column(ascii_string(64))
    #: none where nobody switched it yet: the service's default holds
    active: Mapped[bool | None] = mapped_column(Boolean)
    changed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    changed_by: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    requested_at: Mapped[datetime | None] = mapped_column(MOMENT)
    #: the account of who asked, then: its administrators answer, and no others
    request_account: Mapped[str | None] = mapped_column(text_string(ACCOUNT_LENGTH))
    request_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))
    #: when the last request was decided; a later request waits with none again
    decided_at: Mapped[datetime | None] = mapped_column(MOMENT)
    decided_by: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    #: "approved" or "declined"
    decision: Mapped[str | None] = mapped_column(ascii_string(16))
    decision_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))


class ServiceSettingMixin(Row):
    """A service's switch for a whole account; no row means on."""

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH))
    service: Mapped[str] = mapped_column(ascii_string(64))
    active: Mapped[bool] = mapped_column(Boolean)
    changed_at: Mapped[datetime] = mapped_column(MOMENT)
    changed_by: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))


class EventMixin(Row):
    """A line of the audit log: it outlives the token and the user it tells of."""

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)
    action: Mapped[str] = mapped_column(ascii_string(32))
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH))
    token_id: Mapped[str | None] = mapped_column(ascii_string(12))
    token_name: Mapped[str | None] = mapped_column(text_string(NAME_LENGTH))
    service: Mapped[str | None] = mapped_column(ascii_string(64))
    subject_id: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    subject_label: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    actor_id: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    actor_label: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    ip: Mapped[str | None] = mapped_column(ascii_string(45))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    #: a digest of the form this came from: a form sent twice meets the constraint
    form_key: Mapped[bytes | None] = mapped_column(binary(32), unique=True)


class CallMixin(Row):
    """One call of a guarded route, as long as the usage history keeps it.

    It outlives the token, whose name stands here as it was. Of the owner there is only
    the key: who is deleted leaves no name behind.
    """

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    #: when it was judged
    at: Mapped[datetime] = mapped_column(MOMENT)
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH))
    #: empty for a token that is bound to no service
    service: Mapped[str] = mapped_column(ascii_string(64))
    token_id: Mapped[str] = mapped_column(ascii_string(12))
    token_name: Mapped[str] = mapped_column(text_string(NAME_LENGTH))
    #: the owner's primary key as text; empty for a userless token
    owner_key: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    method: Mapped[str] = mapped_column(text_string(METHOD_LENGTH))
    #: the route as the host wrote it, such as ``/jobs/<int:id>``
    rule: Mapped[str] = mapped_column(text_string(PATH_LENGTH))
    #: as the client asked for it, without the query string
    path: Mapped[str] = mapped_column(text_string(PATH_LENGTH))
    status: Mapped[int] = mapped_column(SmallInteger)
    #: one of :data:`RESULTS`, from the status: what people filter by
    result: Mapped[int] = mapped_column(SmallInteger)
    #: why the guard refused it, a code of :mod:`flask_apitokens.errors`
    code: Mapped[str | None] = mapped_column(ascii_string(32))
    #: from the guard until the response was closed, in whole milliseconds
    duration: Mapped[int] = mapped_column(Integer)
    ip: Mapped[str | None] = mapped_column(ascii_string(45))
    user_agent: Mapped[str | None] = mapped_column(text_string(AGENT_LENGTH))


class CallHourMixin(Row):
    """How many calls there were in an hour: of one token, or of a whole service.

    The row of a service (and of no service) has an empty token and owner. Figures are
    added up from these, whatever the number of calls.
    """

    account_id: Mapped[str] = mapped_column(
        text_string(ACCOUNT_LENGTH), primary_key=True
    )
    service: Mapped[str] = mapped_column(ascii_string(64), primary_key=True)
    token_id: Mapped[str] = mapped_column(ascii_string(12), primary_key=True)
    #: its first moment
    hour: Mapped[datetime] = mapped_column(MOMENT, primary_key=True)
    owner_key: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    succeeded: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)


class ImportMixin(Row):
    """How a token that another system made is recognised.

    It outlives its token: what was deleted here is not brought back by importing the
    same file once more.
    """

    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    #: the keyed digest that the guard looks for
    digest: Mapped[bytes] = mapped_column(binary(32), unique=True)
    #: where the other system's own digest was imported and the token has been used
    #: since: the keyed digest of that, so that it is known as imported
    source: Mapped[bytes | None] = mapped_column(binary(32), unique=True)
    #: the id of the pepper that both are keyed with
    pepper: Mapped[str] = mapped_column(ascii_string(16))
    #: one of :data:`imported.STRENGTHS`: all that is kept of length and alphabet
    strength: Mapped[str] = mapped_column(ascii_string(8))


class Token(TokenMixin):
    """What code outside this module calls a token; the mapped class is per host."""

    owner_id: Any


class Subscription(SubscriptionMixin):
    """What code outside this module calls a subscription."""

    user_id: Any


class ServiceSetting(ServiceSettingMixin):
    """What code outside this module calls a service setting."""


class Event(EventMixin):
    """What code outside this module calls an event."""


class Call(CallMixin):
    """What code outside this module calls a recorded call."""


class CallHour(CallHourMixin):
    """What code outside this module calls the calls of an hour."""


class Import(ImportMixin):
    """What code outside this module calls an import."""

    token_id: Any


@dataclass(frozen=True)
class Models:
    """The mapped classes of one host and what is known of its user model."""

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
    def tables(self) -> tuple[Table, ...]:
        """Our tables, for checks that they exist."""
        classes: tuple[type[Any], ...] = (
            self.Token,
            self.Subscription,
            self.ServiceSetting,
            self.Event,
            self.Call,
            self.CallHour,
            self.Import,
        )
        return tuple(model.__table__ for model in classes)

    def user_id(self, user: Any) -> Any:
        """The primary key of *user*, without a query for a detached one.

        A new user of a session is flushed: the key may come from the database.

        :param user: a row of the host's, or a proxy of one such as ``current_user``.
        :raises ValueError: for a user who has no key yet and is in no session.
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
    """Map our tables beside the host's user table; twice gives the same classes.

    :param metadata: of the host's user table, so that its bind key is ours as well.
    :param user_model: the host's mapped class.
    :raises ConfigurationError: if its primary key has more than one column.
    """
    known: dict[type[Any], Models] = metadata.info.setdefault("apitokens", {})
    if user_model in known:
        return known[user_model]
    if known:
        raise ConfigurationError(
            "one db serves one user model: the tables of flask_apitokens already "
            f"refer to {next(iter(known)).__name__}"
        )
    models = _map(metadata, user_model)
    known[user_model] = models
    return models


def user_key_of(user_model: type[Any]) -> Column[Any]:
    """The single primary key column of the host's user table.

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


def _owner(user_key: Column[Any], *, nullable: bool) -> Any:
    # The column takes its type from the host's key. The row goes with the user: a
    # token whose owner is gone must never look userless.
    reference = ForeignKey(user_key, ondelete="CASCADE")
    return mapped_column(reference, nullable=nullable)


def _map(metadata: MetaData, user_model: type[Any]) -> Models:
    user_key = user_key_of(user_model)
    options = {"schema": user_key.table.schema}

    class Base(DeclarativeBase):
        pass

    Base.metadata = metadata

    class ApiToken(TokenMixin, Base):
        __tablename__ = "apitokens_token"
        owner_id: Mapped[Any] = _owner(user_key, nullable=True)
        __table_args__ = (
            # Unique because the id is. Not an index: a migration's way back drops one
            # by itself before its table, which MariaDB refuses, since the foreign key
            # leans on it.
            UniqueConstraint(
                "owner_id", "created_at", "id", name="uq_apitokens_token_owner"
            ),
            Index("ix_apitokens_token_account", "account_id", "created_at", "id"),
            Index("ix_apitokens_token_expiry", "account_id", "expires_at"),
            Index("ix_apitokens_token_use", "account_id", "last_used_at"),
            Index(
                "ix_apitokens_token_service",
                *("account_id", "service", "userless", "created_at", "id"),
            ),
            options,
        )

    class ApiSubscription(SubscriptionMixin, Base):
        __tablename__ = "apitokens_subscription"
        user_id: Mapped[Any] = _owner(user_key, nullable=False)
        __table_args__ = (
            UniqueConstraint("user_id", "service", name="uq_apitokens_subscription"),
            Index("ix_apitokens_subscription", "service", "active", "user_id"),
            Index("ix_apitokens_subscription_request", "requested_at", "decided_at"),
            options,
        )

    class ApiServiceSetting(ServiceSettingMixin, Base):
        __tablename__ = "apitokens_service_setting"
        __table_args__ = (
            UniqueConstraint("account_id", "service", name="uq_apitokens_setting"),
            options,
        )

    class ApiEvent(EventMixin, Base):
        __tablename__ = "apitokens_event"
        __table_args__ = (
            Index("ix_apitokens_event_token", "token_id", "id"),
            Index("ix_apitokens_event_account", "account_id", "id"),
            options,
        )

    class ApiCall(CallMixin, Base):
        __tablename__ = "apitokens_call"
        __table_args__ = (
            Index("ix_apitokens_call_at", "at"),
            Index("ix_apitokens_call_account", "account_id", "at", "id"),
            Index("ix_apitokens_call_service", "account_id", "service", "at", "id"),
            Index(
                "ix_apitokens_call_result",
                *("account_id", "result", "at", "id", "token_id"),
            ),
            Index("ix_apitokens_call_token", "token_id", "at", "id"),
            Index("ix_apitokens_call_owner", "owner_key", "at", "id"),
            options,
        )

    class ApiCallHour(CallHourMixin, Base):
        __tablename__ = "apitokens_call_hour"
        __table_args__ = (
            Index("ix_apitokens_call_hour", "hour"),
            Index("ix_apitokens_call_hour_token", "account_id", "token_id", "hour"),
            Index("ix_apitokens_call_hour_owner", "account_id", "owner_key", "hour"),
            options,
        )

    class ApiImport(ImportMixin, Base):
        __tablename__ = "apitokens_import"
        token_id: Mapped[str | None] = mapped_column(
            ascii_string(12), ForeignKey(ApiToken.id, ondelete="SET NULL")
        )
        # Not an index, for the reason above.
        __table_args__ = (
            UniqueConstraint("token_id", name="uq_apitokens_import_token"),
            options,
        )

    return Models(
        Token=cast("type[Token]", ApiToken),
        Subscription=cast("type[Subscription]", ApiSubscription),
        ServiceSetting=cast("type[ServiceSetting]", ApiServiceSetting),
        Event=cast("type[Event]", ApiEvent),
        Call=cast("type[Call]", ApiCall),
        CallHour=cast("type[CallHour]", ApiCallHour),
        Import=cast("type[Import]", ApiImport),
        user=user_model,
        user_key=user_key,
    )
