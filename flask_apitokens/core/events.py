"""Events: frozen values that say what was done. Here are those about tokens.

A domain function records an event with :meth:`.context.Context.record`. The same call
appends the row of the audit log. The subscribers get the event after the commit.

An event has no row of the database and no plaintext. Rows are described by snapshots,
which stay readable when the row is changed or deleted later.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from dataclasses import fields
from datetime import datetime
from typing import Any
from typing import ClassVar

from flask_apitokens.db.models import LABEL_LENGTH

from .actor import Actor
from .snapshots import TokenSnapshot


@dataclass(frozen=True, kw_only=True)
class DomainEvent(ABC):
    """One act.

    :param at: an aware moment in UTC.
    :param actor: the person or program that did it.
    """

    #: the name of the signal, see :mod:`flask_apitokens.signals`
    SIGNAL: ClassVar[str]
    #: the action in the audit log; empty if the event has no row there
    ACTION: ClassVar[str] = ""

    at: datetime
    actor: Actor

    @property
    def action(self) -> str:
        """The action in the audit log; empty if the event has no row there."""
        return self.ACTION

    @property
    def detail(self) -> dict[str, Any]:
        """More about the event for the audit log, as JSON has it."""
        return {}

    def values(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def log_columns(self) -> dict[str, Any]:
        """Return the columns of its row in the audit log."""
        return {
            "at": self.at,
            "action": self.action,
            "actor_id": self.actor.id,
            "actor_label": self.actor.label,
            "ip": self.actor.ip,
            "detail": self.detail,
            **self._about(),
        }

    @abstractmethod
    def _about(self) -> dict[str, Any]:
        """Return the columns that say what the event is about."""


def subject_columns(key: Any, label: str | None) -> dict[str, str | None]:
    """Return the columns of the user whom an event is about."""
    return {
        "subject_id": None if key is None else str(key)[:LABEL_LENGTH],
        "subject_label": label and label[:LABEL_LENGTH],
    }


# -- tokens --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TokenEvent(DomainEvent):
    """An event about one token, as it is after the act."""

    token: TokenSnapshot

    def _about(self) -> dict[str, Any]:
        token = self.token
        return {
            "account_id": token.account_id,
            "token_id": token.id,
            "token_name": token.name,
            "service": token.service,
            **subject_columns(token.owner_id, token.owner_label),
        }


@dataclass(frozen=True, kw_only=True)
class TokenGenerated(TokenEvent):
    """A token was generated.

    :param predecessor_id: the id of the token that was rotated; None if none was.
    """

    SIGNAL = "token_generated"
    ACTION = "generated"

    predecessor_id: str | None = None

    @property
    def detail(self) -> dict[str, Any]:
        """Kind, scopes, and what else distinguishes this token."""
        token = self.token
        detail: dict[str, Any] = {"kind": token.kind, "scopes": list(token.scopes)}
        if self.predecessor_id is not None:
            detail["predecessor"] = self.predecessor_id
        if token.networks:
            detail["networks"] = list(token.networks)
        return detail


@dataclass(frozen=True, kw_only=True)
class TokenImported(TokenEvent):
    """A token of another system was imported.

    :param strength: how hard the token is to guess.
    :param form: "plain", or the digest that was imported.
    """

    SIGNAL = "token_imported"
    ACTION = "imported"

    strength: str
    form: str

    @property
    def detail(self) -> dict[str, Any]:
        """Strength and form."""
        return {"strength": self.strength, "form": self.form}


@dataclass(frozen=True, kw_only=True)
class TokenRenamed(TokenEvent):
    """A token has another name."""

    SIGNAL = "token_renamed"
    ACTION = "renamed"

    old_name: str

    @property
    def detail(self) -> dict[str, Any]:
        """The former name."""
        return {"old_name": self.old_name}


@dataclass(frozen=True, kw_only=True)
class TokenMoved(TokenEvent):
    """A token has another owner, or its owner another key.

    :param old_owner_id: the primary key of the former owner.
    :param old_owner_label: the name of the former owner; the key if the row is gone.
    :param old_name: the former name if the new owner had a token of that name.
    """

    SIGNAL = "token_moved"
    ACTION = "moved"

    old_owner_id: Any
    old_owner_label: str
    old_name: str | None = None

    @property
    def detail(self) -> dict[str, Any]:
        """The former owner, and the former name if it is another one now."""
        detail = {"from": str(self.old_owner_id), "from_label": self.old_owner_label}
        return detail | ({} if self.old_name is None else {"old_name": self.old_name})


@dataclass(frozen=True, kw_only=True)
class TokenRotated(TokenEvent):
    """A token has a successor.

    :param grace: days that the token still works; 0 if it is revoked at once.
    """

    SIGNAL = "token_rotated"
    ACTION = "rotated"

    successor: TokenSnapshot
    grace: int

    @property
    def detail(self) -> dict[str, Any]:
        """The id of the successor, and the grace."""
        return {"successor": self.successor.id, "grace": self.grace}


@dataclass(frozen=True, kw_only=True)
class RotatedTokenUsed(TokenEvent):
    """A token was presented after its end, although a successor exists."""

    SIGNAL = "rotated_token_used"
    ACTION = "late-use"


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(TokenEvent):
    """A token was revoked.

    :param successor_id: the id of the successor if a rotation without grace revoked
        the token; else None.
    """

    SIGNAL = "token_revoked"
    ACTION = "revoked"

    successor_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class TokenDeleted(TokenEvent):
    """A token was deleted.

    :param owner_deleted: whether it was deleted because its owner was.
    """

    SIGNAL = "token_deleted"
    ACTION = "deleted"

    owner_deleted: bool = False

    @property
    def detail(self) -> dict[str, Any]:
        """Why, if not because an actor deleted this token."""
        return {"why": "owner deleted"} if self.owner_deleted else {}


@dataclass(frozen=True, kw_only=True)
class TokenDeactivated(TokenEvent):
    """A token does not work until it is activated again."""

    SIGNAL = "token_deactivated"
    ACTION = "deactivated"

    reason: str

    @property
    def detail(self) -> dict[str, Any]:
        """The reason."""
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class TokenActivated(TokenEvent):
    """A deactivated token works again."""

    SIGNAL = "token_activated"
    ACTION = "activated"


@dataclass(frozen=True, kw_only=True)
class TokenExpiring(TokenEvent):
    """A token expires soon; its owner is to be told.

    :param days: the item of ``APITOKENS_EXPIRY_NOTICE_DAYS`` that is due.
    """

    SIGNAL = "notice_due"

    days: int
