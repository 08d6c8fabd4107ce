"""The audit log: appended to by every change, read by pages; nothing edits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from .domain import Actor
from .domain import Domain
from .models import LABEL_LENGTH
from .models import Event
from .models import Token


@dataclass(frozen=True)
class Subject:
    """Whom an act concerns: a user, kept as text."""

    id: str | None = None
    label: str | None = None

    @classmethod
    def of(cls, domain: Domain, user: Any) -> Subject:
        """The subject for *user*; nobody for ``None``."""
        if user is None:
            return cls()
        label = domain.user_label(user)[:LABEL_LENGTH]
        return cls(domain.key_text(user)[:LABEL_LENGTH], label)


def note_token(
    domain: Domain,
    action: str,
    token: Token,
    *,
    actor: Actor,
    subject: Subject | None = None,
    form_key: bytes | None = None,
    **detail: Any,
) -> None:
    """Append what happened to a token.

    :param action: "generated", "renamed", "revoked", "deleted", "deactivated",
        "activated".
    :param subject: the owner, where it is at hand; else its key alone is kept.
    :param form_key: the digest of the form that asked, unique over all events.
    :param detail: plain values worth reading later; never a plaintext.
    """
    subject = subject or Subject(None if token.userless else str(token.owner_id))
    _append(
        domain,
        action,
        token.account_id,
        actor=actor,
        token_id=token.id,
        token_name=token.name,
        service=token.service,
        subject_id=subject.id,
        subject_label=subject.label,
        detail=detail,
        form_key=form_key,
    )


def note_user(
    domain: Domain, action: str, service: str, *, user: Any, actor: Actor, **detail: Any
) -> None:
    """Append what was done about a user's access to a service.

    :param action: "subscription-activated", "subscription-deactivated",
        "access-requested", "access-withdrawn", "access-approved", "access-declined".
    :param service: a slug; empty for the API as a whole.
    """
    subject = Subject.of(domain, user)
    _append(
        domain,
        action,
        domain.account_of(user),
        actor=actor,
        service=service or None,
        subject_id=subject.id,
        subject_label=subject.label,
        detail=detail,
    )


def note_service(
    domain: Domain, action: str, service: str, *, account_id: str, actor: Actor
) -> None:
    """Append that a service was switched for a whole account.

    :param action: "service-enabled" or "service-disabled".
    """
    _append(domain, action, account_id, actor=actor, service=service, detail={})


def _append(
    domain: Domain, action: str, account_id: str, *, actor: Actor, **values: Any
) -> None:
    domain.session.add(
        domain.models.Event(
            at=domain.now(),
            action=action,
            account_id=account_id,
            actor_id=actor.id,
            actor_label=actor.label,
            ip=actor.ip,
            **values,
        )
    )


def events_of(domain: Domain, token_id: str, *, limit: int = 50) -> Sequence[Event]:
    """The newest events of one token, newest first.

    :param limit: how many at most.
    """
    model = domain.models.Event
    query = (
        select(model)
        .where(model.token_id == token_id)
        .order_by(model.id.desc())
        .limit(limit)
    )
    return domain.session.scalars(query).all()
