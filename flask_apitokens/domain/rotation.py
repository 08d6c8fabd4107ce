"""Rotation: a token gets a successor, and both work until the grace is over.

The successor is a token of its own with another id and another secret; all else that
was said of the old one is said of it too. The old one ends with its grace, never later
than it would have by itself, and is followed by one token only.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from flask_apitokens.audit import log as audit_log
from flask_apitokens.core.callbacks import Notice
from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import SYSTEM
from flask_apitokens.core.context import Actor
from flask_apitokens.core.context import Domain
from flask_apitokens.core.context import Same
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.db.models import Token
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidGrace
from flask_apitokens.errors import InvalidKind
from flask_apitokens.errors import LimitReached
from flask_apitokens.i18n import gettext as _

from . import email_binding
from . import tokens
from . import validation

#: what a successor takes over as it is
INHERITED = (
    *("name", "kind", "service", "scopes", "networks"),
    *("account_id", "userless", "owner_id"),
)


def graces_for(domain: Domain, token: Token) -> tuple[int, ...]:
    """The days that a token may go on working beside its successor.

    Where one token is all an owner may have, there is no grace.
    """
    if domain.settings.max_per_owner == 1 and not token.userless:
        return (0,)
    return domain.settings.rotation_grace


def first_grace(domain: Domain, token: Token) -> int:
    """The grace where nobody says: the shortest there is, but some if there is any."""
    offered = graces_for(domain, token)
    return next((days for days in offered if days), offered[0])


def end_like(domain: Domain, token: Token) -> datetime | None:
    """The end of a successor that lives as long as *token* was to, as far as allowed.

    :returns: none for never.
    """
    longest = domain.settings.expiry_max
    if token.expires_at is not None:
        life = token.expires_at - token.created_at
        most = life if longest is None else timedelta(days=longest)
        # A day less, as a form counts whole ones.
        left = validation.LATEST - timedelta(days=1) - domain.now()
        return domain.now() + min(life, most, left)
    return None if longest is None else domain.now() + timedelta(days=longest)


def can_be_rotated(domain: Domain, token: Token) -> bool:
    """Whether *token* itself lets it; its owner's rights are another question."""
    ended = token.expires_at is not None and token.expires_at <= domain.now()
    stopped = token.revoked_at is not None or token.deactivated_at is not None
    return not ended and not stopped and token.successor_id is None


def rotate(
    domain: Domain,
    token: Token,
    *,
    grace: int | None = None,
    expires_at: datetime | None | Same = SAME,
    actor: Actor,
    form_key: str | None = None,
    shown: bool = False,
) -> tuple[Token, str]:
    """Give *token* a successor; its plaintext is in the answer and nowhere else.

    Of several who rotate one token at once, one does.

    :param grace: days that *token* still works, one of ``APITOKENS_ROTATION_GRACE``;
        by default the shortest that is more than none.
    :param expires_at: the successor's end: an aware moment, ``None`` for never, or
        :data:`SAME` for as long a life as *token* was given, as far as allowed.
    :param form_key: what names the form that asked: the same one rotates nothing twice.
    :param shown: whether the caller shows the plaintext itself, at once.
    :raises AlreadyGenerated: if this form rotated the token before.
    :raises Conflict: if the token has a successor, or does not work any more.
    :raises TokenNotFound: if its row is gone.
    :raises DomainError: whichever of its kinds tells what to change.
    """
    offered = graces_for(domain, token)
    days = first_grace(domain, token) if grace is None else grace
    if days not in offered:
        raise InvalidGrace(offered)
    minted = crypto_tokens.mint(domain.settings.brand)
    # Before anybody is kept waiting: this takes its time.
    digests = tokens.digests(domain, minted)
    tokens.hold(domain, token)
    once = None if form_key is None else tokens.form_digest(token.owner_id, form_key)
    if not can_be_rotated(domain, token):
        again = once is not None and tokens.event_with(domain, once, lock=True)
        raise AlreadyGenerated if again else Conflict
    end = end_like(domain, token) if isinstance(expires_at, Same) else expires_at
    _check(domain, token, end, days)
    successor = domain.models.Token(
        **digests,
        **{column: getattr(token, column) for column in INHERITED},
        created_at=domain.now(),
        created_by=actor.label,
        shown_at=domain.now() if shown else None,
        expires_at=end,
        predecessor_id=token.id,
        live_name=token.live_name,
    )
    email_binding.bind(domain, successor, _owner(domain, token))
    _replace(domain, token, successor, days, actor=actor, once=once)
    domain.notify("token_rotated", token=token, successor=successor, actor=actor)
    text = _("%(who)s rotated your token “%(name)s”.", who=actor.label, name=token.name)
    tokens.tell_owner(domain, "token_rotated", token, text, actor=actor)
    return successor, minted.plaintext


def _check(domain: Domain, token: Token, end: datetime | None, days: int) -> None:
    """Whether such a token could be generated now, by whoever owns this one.

    :raises DomainError: saying what speaks against it.
    """
    owner = _owner(domain, token)
    if owner is not None and domain.account_of(owner) != token.account_id:
        raise Conflict
    if token.kind not in domain.settings.kinds:
        raise InvalidKind
    validation.checked_service(domain, owner, token.service, token.account_id)
    validation.check_expiry(domain, token.kind, end)
    limit = domain.settings.max_per_owner
    # Without a grace there is not one more token afterwards.
    if limit is None or token.userless or token.predecessor_id is None or not days:
        return
    model = domain.models.Token
    elder = select(model.id).where(
        model.id == token.predecessor_id, validation.is_live(domain, model)
    )
    if domain.session.scalar(elder) is not None:
        # A token in its grace does not count, so there must not be a chain of them.
        raise LimitReached(limit)


def _check_graces(domain: Domain, token: Token) -> None:
    """Look whether *token*, rotated by now, is one too many in its grace.

    None of them counts as a token, so whoever revokes each new one could have any
    number of old ones.

    :raises LimitReached: if its owner has more of them than tokens are allowed.
    """
    limit = domain.settings.max_per_owner
    if limit is None or token.userless:
        return
    model = domain.models.Token
    waiting = select(model.id).where(
        model.owner_id == token.owner_id,
        validation.is_live(domain, model),
        model.successor_id.is_not(None),
    )
    # A locking read sees what was committed since this transaction began.
    if len(domain.session.scalars(waiting.with_for_update()).all()) > limit:
        raise LimitReached(limit)


def _owner(domain: Domain, token: Token) -> Any:
    if token.userless:
        return None
    return domain.session.get(domain.models.user, token.owner_id)


def _replace(
    domain: Domain,
    token: Token,
    successor: Token,
    days: int,
    *,
    actor: Actor,
    once: bytes | None,
) -> None:
    """Store the successor in the place of *token*, which nobody else changes now."""
    now = domain.now()
    try:
        with domain.session.begin_nested():
            token.live_name, token.successor_id = None, successor.id
            if days:
                over = now + timedelta(days=days)
                token.expires_at = min(token.expires_at or over, over)
            else:
                # Not by the clock: another host's may be late.
                token.revoked_at = now
            # First of all the name: it is given to one row at a time.
            domain.session.flush()
            domain.session.add(successor)
            _note(domain, token, successor, days, actor=actor, once=once)
            domain.session.flush()
            if days:
                _check_graces(domain, token)
    except IntegrityError:
        domain.session.refresh(token)
        again = once is not None and tokens.event_with(domain, once, lock=True)
        raise AlreadyGenerated() if again else Conflict() from None


def _note(
    domain: Domain,
    token: Token,
    successor: Token,
    days: int,
    *,
    actor: Actor,
    once: bytes | None,
) -> None:
    subject = audit_log.Subject.of(domain, _owner(domain, token))
    audit_log.note_token(
        *(domain, "rotated", token),
        actor=actor,
        subject=subject,
        successor=successor.id,
        grace=days,
    )
    audit_log.note_token(
        domain,
        "generated",
        successor,
        actor=actor,
        subject=subject,
        form_key=once,
        kind=successor.kind,
        scopes=list(successor.scopes),
        predecessor=token.id,
        **({"networks": list(successor.networks)} if successor.networks else {}),
    )


# -- after the grace -------------------------------------------------------------


def note_late_use(domain: Domain, token_id: str, *, ip: str | None) -> bool:
    """Record that a token was presented past its end, although another took its place.

    Its owner is told, once for each token, so that what still uses it is found. Of the
    one in its place nothing changes.

    :param ip: the address it came from.
    :returns: whether this was the first time, and there is something to commit.
    """
    model = domain.models.Token
    unknown = select(model.id).where(
        model.id == token_id,
        model.successor_id.is_not(None),
        model.late_use_at.is_(None),
    )
    if domain.session.scalar(unknown) is None:
        return False
    domain.session.rollback()
    domain.begin_writing()
    claim = (
        update(model)
        .where(model.id == token_id, model.late_use_at.is_(None))
        .values(late_use_at=domain.now())
        .execution_options(synchronize_session=False)
    )
    if not getattr(domain.session.execute(claim), "rowcount", 0):
        return False
    token = tokens.find_any(domain, token_id)
    actor = Actor(SYSTEM.label, ip=ip)
    audit_log.note_token(domain, "late-use", token, actor=actor)
    domain.tell_later(_late_notice(domain, token, actor))
    return True


def _late_notice(domain: Domain, token: Token, actor: Actor) -> Notice:
    text = _(
        "Your token “%(name)s” (%(id)s) was rotated and has stopped working, but "
        "something at %(ip)s still uses it.",
        name=token.name,
        id=token.id,
        ip=actor.ip or _("an unknown address"),
    )
    owner = _owner(domain, token)
    return Notice("rotated_token_used", text, token.account_id, owner, token)
