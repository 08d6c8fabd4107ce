"""The columns of our tables.

:mod:`.mapping` maps these classes for each host's user model, which adds what depends
on it: the references to the user, the schema, the constraints and indexes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from sqlalchemy import JSON
from sqlalchemy import BigInteger
from sqlalchemy import Boolean
from sqlalchemy import Integer
from sqlalchemy import SmallInteger
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from .types import BIG_KEY
from .types import MOMENT
from .types import Words
from .types import ascii_string
from .types import binary
from .types import text_string

NAME_LENGTH = 80
LABEL_LENGTH = 255
ACCOUNT_LENGTH = 64
#: of the reasons that users and administrators give each other
REASON_LENGTH = 500
METHOD_LENGTH = 16
PATH_LENGTH = 500
AGENT_LENGTH = 255
#: The result of a call, from its status: below 400, below 500, from 500.
SUCCEEDED, REJECTED, FAILED = RESULTS = range(3)


class Row:
    """The base of all rows: a type checker accepts their columns by keyword."""

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...


class Token(Row):
    """One token: everything but its plaintext."""

    __tablename__ = "apitokens_token"
    #: the public id, which users see as the tracking ID
    id: Mapped[str] = mapped_column(ascii_string(12), primary_key=True)
    kind: Mapped[str] = mapped_column(ascii_string(16))
    name: Mapped[str] = mapped_column(text_string(NAME_LENGTH))
    #: "native" if :func:`.crypto.tokens.check_digest` and bcrypt prove it
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
    #: the reason that the administrator gave the owner
    deactivated_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))
    last_used_at: Mapped[datetime | None] = mapped_column(MOMENT)
    last_used_ip: Mapped[str | None] = mapped_column(ascii_string(45))
    #: the networks it may be used from; None: from everywhere
    networks: Mapped[tuple[str, ...] | None] = mapped_column(Words)
    #: a digest of the owner's address, if tokens end when that changes
    email_digest: Mapped[bytes | None] = mapped_column(binary(16))
    #: A digest of owner and name while the token is live, None afterwards. So a plain
    #: unique constraint keeps names apart, on databases without partial indexes too.
    live_name: Mapped[bytes | None] = mapped_column(binary(32))
    #: The ids of the tokens that this one was rotated to and from. They stay when the
    #: other token is deleted, so they are no foreign keys.
    successor_id: Mapped[str | None] = mapped_column(ascii_string(12))
    predecessor_id: Mapped[str | None] = mapped_column(ascii_string(12))
    #: the last warning sent before its expiry, in days; :mod:`.expiry_notices` sends it
    noticed_days: Mapped[int | None] = mapped_column(Integer)
    #: when it was first used after its expiry, although it has a successor
    late_use_at: Mapped[datetime | None] = mapped_column(MOMENT)
    if TYPE_CHECKING:
        owner_id: Any


class Subscription(Row):
    """Whether a user may use a service, and the last request for it.

    A request for the API as a whole has an empty service.
    """

    __tablename__ = "apitokens_subscription"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    service: Mapped[str] = mapped_column(ascii_string(64))
    #: None until it is switched: then the service's default applies
    active: Mapped[bool | None] = mapped_column(Boolean)
    changed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    changed_by: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    requested_at: Mapped[datetime | None] = mapped_column(MOMENT)
    #: the user's account at that time: only its administrators decide
    request_account: Mapped[str | None] = mapped_column(text_string(ACCOUNT_LENGTH))
    request_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))
    #: when the last request was decided; None again while a later one waits
    decided_at: Mapped[datetime | None] = mapped_column(MOMENT)
    decided_by: Mapped[str | None] = mapped_column(text_string(LABEL_LENGTH))
    #: "approved" or "declined"
    decision: Mapped[str | None] = mapped_column(ascii_string(16))
    decision_reason: Mapped[str | None] = mapped_column(text_string(REASON_LENGTH))
    if TYPE_CHECKING:
        user_id: Any


class ServiceSetting(Row):
    """A service's switch for a whole account; without a row it is on."""

    __tablename__ = "apitokens_service_setting"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH))
    service: Mapped[str] = mapped_column(ascii_string(64))
    active: Mapped[bool] = mapped_column(Boolean)
    changed_at: Mapped[datetime] = mapped_column(MOMENT)
    changed_by: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))


class Event(Row):
    """A line of the audit log. It outlives the token and the user it is about."""

    __tablename__ = "apitokens_event"
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
    #: A digest of the form that caused it. A form sent twice violates the constraint.
    form_key: Mapped[bytes | None] = mapped_column(binary(32))


class Call(Row):
    """One call of a guarded route, as long as the usage history keeps it.

    It outlives the token, so it has a copy of the token's name. Of the owner it has the
    key alone, so that a deleted user leaves no name behind.
    """

    __tablename__ = "apitokens_call"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    #: when it was authenticated or refused
    at: Mapped[datetime] = mapped_column(MOMENT)
    account_id: Mapped[str] = mapped_column(text_string(ACCOUNT_LENGTH))
    #: empty for a token that is bound to no service
    service: Mapped[str] = mapped_column(ascii_string(64))
    token_id: Mapped[str] = mapped_column(ascii_string(12))
    token_name: Mapped[str] = mapped_column(text_string(NAME_LENGTH))
    #: the owner's primary key as text; empty for a userless token
    owner_key: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    method: Mapped[str] = mapped_column(text_string(METHOD_LENGTH))
    #: the URL rule of the route, such as ``/jobs/<int:id>``
    rule: Mapped[str] = mapped_column(text_string(PATH_LENGTH))
    #: the path that the client requested, without the query string
    path: Mapped[str] = mapped_column(text_string(PATH_LENGTH))
    status: Mapped[int] = mapped_column(SmallInteger)
    #: one of :data:`RESULTS`, for filters
    result: Mapped[int] = mapped_column(SmallInteger)
    #: why the guard refused it, a code of :mod:`flask_apitokens.errors`
    code: Mapped[str | None] = mapped_column(ascii_string(32))
    #: from the guard until the response was closed, in milliseconds
    duration: Mapped[int] = mapped_column(Integer)
    ip: Mapped[str | None] = mapped_column(ascii_string(45))
    user_agent: Mapped[str | None] = mapped_column(text_string(AGENT_LENGTH))


class CallHour(Row):
    """The number of calls in an hour: of one token, or of a whole service.

    The row of a service (also of no service) has an empty token and owner. Totals are
    summed from these rows, so their cost does not grow with the number of calls.
    """

    __tablename__ = "apitokens_call_hour"
    account_id: Mapped[str] = mapped_column(
        text_string(ACCOUNT_LENGTH), primary_key=True
    )
    service: Mapped[str] = mapped_column(ascii_string(64), primary_key=True)
    token_id: Mapped[str] = mapped_column(ascii_string(12), primary_key=True)
    #: the first moment of the hour
    hour: Mapped[datetime] = mapped_column(MOMENT, primary_key=True)
    owner_key: Mapped[str] = mapped_column(text_string(LABEL_LENGTH))
    succeeded: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)


class Import(Row):
    """How a token that another system generated is recognized.

    It outlives its token, so that a second import of the same file does not bring back
    a token that was deleted.
    """

    __tablename__ = "apitokens_import"
    id: Mapped[int] = mapped_column(BIG_KEY, primary_key=True)
    #: the keyed digest that the guard looks for
    digest: Mapped[bytes] = mapped_column(binary(32))
    #: The keyed digest of the other system's own digest, if that was imported and the
    #: token was used since. A second import recognizes the token by it.
    source: Mapped[bytes | None] = mapped_column(binary(32))
    #: the id of the pepper that both are keyed with
    pepper: Mapped[str] = mapped_column(ascii_string(16))
    #: one of :data:`.foreign_digests.STRENGTHS`, all that is kept of the token's text
    strength: Mapped[str] = mapped_column(ascii_string(8))
    if TYPE_CHECKING:
        token_id: Any
