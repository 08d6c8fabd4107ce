"""The audit log: appended to by every change, read by pages; nothing edits it.

Only its own age takes a line away, where ``APITOKENS_AUDIT_RETENTION_DAYS`` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import Select
from sqlalchemy import delete
from sqlalchemy import select

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.db.models import LABEL_LENGTH
from flask_apitokens.db.models import Event
from flask_apitokens.db.models import Token

#: lines that :func:`prune` removes at a time
PRUNED_AT_ONCE = 1000


@dataclass(frozen=True)
class Subject:
    """Whom an act concerns: a user, kept as text."""

    id: str | None = None
    label: str | None = None

    @classmethod
    def of(cls, ctx: Context, user: Any) -> Subject:
        """The subject for *user*; nobody for ``None``."""
        if user is None:
            return cls()
        label = ctx.user_label(user)[:LABEL_LENGTH]
        return cls(ctx.key_text(user)[:LABEL_LENGTH], label)


def note_token(
    ctx: Context,
    action: str,
    token: Token,
    *,
    actor: Actor,
    subject: Subject | None = None,
    form_key: bytes | None = None,
    **detail: Any,
) -> None:
    """Append what happened to a token.

    :param action: "generated", "imported", "renamed", "rotated", "late-use", "revoked",
        "deleted", "deactivated", "activated".
    :param subject: the owner, where it is at hand.
    :param form_key: the digest of the form that asked, unique over all events.
    :param detail: plain values worth reading later; never a plaintext.
    """
    subject = subject or _owner_of(ctx, token, actor)
    _append(
        ctx,
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


def _owner_of(ctx: Context, token: Token, actor: Actor) -> Subject:
    """The owner of *token* as text, which people still find when the owner is gone."""
    if token.userless:
        return Subject()
    key = str(token.owner_id)
    if actor.id == key:
        return Subject(key, actor.label)
    owner = ctx.session.get(ctx.models.user, token.owner_id)
    # Who has left is called by a name that is another account's to know.
    there = owner is not None and ctx.account_of(owner) == token.account_id
    return Subject.of(ctx, owner) if there else Subject(key)


def note_user(
    ctx: Context, action: str, service: str, *, user: Any, actor: Actor, **detail: Any
) -> None:
    """Append what was done about a user's access to a service.

    :param action: "subscription-activated", "subscription-deactivated",
        "access-requested", "access-withdrawn", "access-approved", "access-declined".
    :param service: a slug; empty for the API as a whole.
    """
    subject = Subject.of(ctx, user)
    _append(
        ctx,
        action,
        ctx.account_of(user),
        actor=actor,
        service=service or None,
        subject_id=subject.id,
        subject_label=subject.label,
        detail=detail,
    )


def note_service(
    ctx: Context, action: str, service: str, *, account_id: str, actor: Actor
) -> None:
    """Append that a service was switched for a whole account.

    :param action: "service-enabled" or "service-disabled".
    """
    _append(ctx, action, account_id, actor=actor, service=service, detail={})


def _append(
    ctx: Context, action: str, account_id: str, *, actor: Actor, **values: Any
) -> None:
    ctx.session.add(
        ctx.models.Event(
            at=ctx.now(),
            action=action,
            account_id=account_id,
            actor_id=actor.id,
            actor_label=actor.label,
            ip=actor.ip,
            **values,
        )
    )


def events_of(ctx: Context, token_id: str, *, limit: int = 50) -> Sequence[Event]:
    """The newest events of one token, newest first.

    :param limit: how many at most.
    """
    model = ctx.models.Event
    of_token = kept(ctx).where(model.token_id == token_id)
    return ctx.session.scalars(of_token.order_by(model.id.desc()).limit(limit)).all()


# -- retention -----------------------------------------------------------------


def kept(ctx: Context) -> Select[Event]:
    """Where every query starts: what is past retention is not there for anybody."""
    model = ctx.models.Event
    start = _start(ctx)
    return select(model) if start is None else select(model).where(model.at >= start)


def _start(ctx: Context) -> datetime | None:
    days = ctx.settings.audit_retention_days
    return None if days is None else ctx.now() - timedelta(days=days)


def prune(ctx: Context) -> Iterator[int]:
    """Remove what is past retention, oldest first; nothing where there is none.

    To be committed after each batch, so that no lock and no transaction grows. Two of
    them at once merely share the work: both go up the keys, and what one removed the
    other passes over.

    :returns: the number removed with each batch.
    """
    model, start = ctx.models.Event, _start(ctx)
    last: int | None = None
    while start is not None:
        # As the pages delete: first the right to write, where there is one for all.
        ctx.lock_for_write()
        old = select(model.id).where(model.at < start)
        old = old if last is None else old.where(model.id > last)
        ids = ctx.session.scalars(old.order_by(model.id).limit(PRUNED_AT_ONCE)).all()
        if not ids:
            return
        last = ids[-1]
        ended = delete(model).where(model.id.in_(ids))
        result = ctx.session.execute(ended.execution_options(synchronize_session=False))
        yield getattr(result, "rowcount", len(ids))
