"""Rotation: a token gets a successor, and both work until the grace ends.

The successor has another id and another secret, and the same name, service, scopes,
networks and owner. The old token expires with the grace, or earlier if it was to expire
earlier. A token has at most one successor.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import SAME
from flask_apitokens.core.context import Context
from flask_apitokens.core.context import Same
from flask_apitokens.core.events import RotatedTokenUsed
from flask_apitokens.core.events import TokenGenerated
from flask_apitokens.core.events import TokenRevoked
from flask_apitokens.core.events import TokenRotated
from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.db.models import Token
from flask_apitokens.errors import AlreadyGenerated
from flask_apitokens.errors import Conflict
from flask_apitokens.errors import InvalidGrace
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import UserNotFound

from . import email_binding
from . import tokens
from . import unique_keys
from . import validation

#: the columns that a successor inherits
INHERITED = (
    *("name", "kind", "service", "scopes", "networks"),
    *("account_id", "userless", "owner_id"),
)


def graces_for(ctx: Context, token: Token) -> tuple[int, ...]:
    """Return the days to choose from that a token still works beside its successor.

    There is no grace where ``APITOKENS_MAX_PER_OWNER`` is 1.
    """
    if ctx.settings.max_per_owner == 1 and not token.userless:
        return (0,)
    return ctx.settings.rotation_grace


def first_grace(ctx: Context, token: Token) -> int:
    """Return the default grace: the shortest of more than 0 days, else 0."""
    offered = graces_for(ctx, token)
    return next((days for days in offered if days), offered[0])


def end_like(ctx: Context, token: Token) -> datetime | None:
    """Return the expiry that gives a successor the same life as *token* was given.

    It is never later than the settings allow.

    :returns: an aware moment; None for never.
    """
    longest = ctx.settings.expiry_max
    if token.expires_at is not None:
        life = token.expires_at - token.created_at
        most = life if longest is None else timedelta(days=longest)
        # A form counts whole days, so the last day is left out.
        left = validation.LATEST - timedelta(days=1) - ctx.now()
        return ctx.now() + min(life, most, left)
    return None if longest is None else ctx.now() + timedelta(days=longest)


def can_be_rotated(ctx: Context, token: Token) -> bool:
    """Return whether *token* works and has no successor.

    This does not check the rights of its owner.
    """
    ended = token.expires_at is not None and token.expires_at <= ctx.now()
    stopped = token.revoked_at is not None or token.deactivated_at is not None
    return not ended and not stopped and token.successor_id is None


def rotate(
    ctx: Context,
    token: Token,
    *,
    grace: int | None = None,
    expires_at: datetime | None | Same = SAME,
    actor: Actor,
    form_key: str | None = None,
    shown: bool = False,
) -> tuple[Token, Plaintext]:
    """Give *token* a successor. Of several requests at once, one succeeds.

    :param grace: days that *token* still works, one of ``APITOKENS_ROTATION_GRACE``;
        by default the shortest that is more than 0.
    :param expires_at: an aware moment, None for never, :data:`SAME` for the same life.
    :param form_key: the hidden field that names the submitted form.
    :param shown: whether the caller shows the plaintext at once.
    :returns: the successor and its plaintext, which is stored nowhere.
    :raises AlreadyGenerated: if this form rotated the token before.
    :raises Conflict: if the token has a successor, or does not work any more.
    :raises TokenNotFound: if the row was deleted.
    :raises DomainError: another of its subclasses, whose message says what to change.
    """
    offered = graces_for(ctx, token)
    days = first_grace(ctx, token) if grace is None else grace
    if days not in offered:
        raise InvalidGrace(offered)
    once = unique_keys.form_digest(token.owner_id, form_key)
    _check_open(ctx, token, once)
    end = end_like(ctx, token) if isinstance(expires_at, Same) else expires_at
    _check(ctx, token, end=end, days=days)
    minted = crypto_tokens.mint(ctx.settings.brand)
    # bcrypt is slow. So it runs after all checks, and before the lock that other
    # requests wait for; then the checks are made again.
    hashed = minted.hashed(ctx.settings.bcrypt_rounds)
    if not tokens.lock(ctx, token):
        raise UserNotFound
    _check_open(ctx, token, once)
    _check(ctx, token, end=end, days=days)
    successor = _successor(ctx, token, hashed, end=end, actor=actor, shown=shown)
    _replace(ctx, token, successor, days=days, actor=actor, once=once)
    return successor, minted.plaintext


def _check_open(ctx: Context, token: Token, once: bytes | None) -> None:
    """Check that *token* can be rotated, and was not by the same form.

    :raises AlreadyGenerated: if the form with the digest *once* rotated it.
    :raises Conflict: if it does not work any more or was rotated otherwise.
    """
    if not can_be_rotated(ctx, token):
        again = unique_keys.is_form_used(ctx, once, lock=True)
        raise AlreadyGenerated if again else Conflict


def _check(ctx: Context, token: Token, *, end: datetime | None, days: int) -> None:
    """Check that the owner could generate such a token now.

    :raises DomainError: one of its subclasses, whose message says what prevents it.
    """
    owner = _owner(ctx, token)
    if owner is not None and ctx.account_of(owner) != token.account_id:
        raise Conflict
    validation.check_kind(ctx, token.kind)
    validation.checked_service(ctx, owner, token.service, account_id=token.account_id)
    validation.check_expiry(ctx, token.kind, end)
    limit = ctx.settings.max_per_owner
    # Without a grace the number of working tokens stays the same.
    if limit is None or token.userless or token.predecessor_id is None or not days:
        return
    model = ctx.models.Token
    elder = select(model.id).where(
        model.id == token.predecessor_id, validation.is_live(ctx, model)
    )
    if ctx.session.scalar(elder) is not None:
        # A token in its grace does not count against the limit. Without this check, an
        # owner could rotate again and again and keep a chain of working tokens.
        raise LimitReached(limit)


def _check_graces(ctx: Context, token: Token) -> None:
    """Check the number of the owner's tokens that are in their grace.

    A token in its grace does not count against the limit. Without this check, an owner
    who rotates a token and revokes its successor could collect any number of them.

    :raises LimitReached: if the owner has more of them than the limit of tokens.
    """
    limit = ctx.settings.max_per_owner
    if limit is None or token.userless:
        return
    model = ctx.models.Token
    waiting = select(model.id).where(
        model.owner_id == token.owner_id,
        validation.is_live(ctx, model),
        model.successor_id.is_not(None),
    )
    # Only a locking read sees what was committed since this transaction began.
    if len(ctx.session.scalars(waiting.with_for_update()).all()) > limit:
        raise LimitReached(limit)


def _successor(
    ctx: Context,
    token: Token,
    hashed: crypto_tokens.Hashed,
    *,
    end: datetime | None,
    actor: Actor,
    shown: bool,
) -> Token:
    successor = ctx.models.Token(
        **{column: getattr(token, column) for column in INHERITED},
        created_at=ctx.now(),
        created_by=actor.label,
        shown_at=ctx.now() if shown else None,
        expires_at=end,
        predecessor_id=token.id,
        live_name=token.live_name,
    )
    hashed.store_in(successor)
    email_binding.bind(ctx, successor, _owner(ctx, token))
    return successor


def _owner(ctx: Context, token: Token) -> Any:
    if token.userless:
        return None
    return ctx.session.get(ctx.models.user, token.owner_id)


def _replace(
    ctx: Context,
    token: Token,
    successor: Token,
    *,
    days: int,
    actor: Actor,
    once: bytes | None,
) -> None:
    """Store the successor, and end *token*, which the caller has locked."""
    now = ctx.now()
    try:
        with ctx.savepoint():
            token.live_name, token.successor_id = None, successor.id
            if days:
                over = now + timedelta(days=days)
                token.expires_at = min(token.expires_at or over, over)
            else:
                # Revoked, not expired now: the clock of another server may be late.
                token.revoked_at = now
            # The name is unique, so the old row must release it first.
            ctx.session.flush()
            ctx.session.add(successor)
            _record(ctx, token, successor, days=days, actor=actor, once=once)
            ctx.session.flush()
            if days:
                _check_graces(ctx, token)
    except IntegrityError:
        ctx.session.refresh(token)
        again = unique_keys.is_form_used(ctx, once, lock=True)
        raise AlreadyGenerated() if again else Conflict() from None


def _record(
    ctx: Context,
    token: Token,
    successor: Token,
    *,
    days: int,
    actor: Actor,
    once: bytes | None,
) -> None:
    owner, at = _owner(ctx, token), ctx.now()
    old = ctx.snapshot(token, actor, owner=owner)
    new = ctx.snapshot(successor, actor, owner=owner)
    ctx.record(TokenRotated(at=at, actor=actor, token=old, successor=new, grace=days))
    ctx.record(
        TokenGenerated(at=at, actor=actor, token=new, predecessor_id=old.id),
        form_key=once,
    )
    if not days:
        # The row of the rotation, with a grace of 0, says so in the audit log.
        ctx.record(
            TokenRevoked(at=at, actor=actor, token=old, successor_id=new.id),
            is_logged=False,
        )


# -- after the grace -------------------------------------------------------------


def note_late_use(ctx: Context, token_id: str, *, ip: str | None) -> bool:
    """Record the first use of a rotated token after its end.

    The owner is told once, and can find the program that still uses the old token. The
    successor is not affected.

    :param ip: the address that the token came from.
    :returns: whether this was the first use, so that the caller must commit.
    """
    model = ctx.models.Token
    unknown = select(model.id).where(
        model.id == token_id,
        model.successor_id.is_not(None),
        model.late_use_at.is_(None),
    )
    if ctx.session.scalar(unknown) is None:
        return False
    ctx.session.rollback()
    ctx.lock_for_write()
    claim = (
        update(model)
        .where(model.id == token_id, model.late_use_at.is_(None))
        .values(late_use_at=ctx.now())
        .execution_options(synchronize_session=False)
    )
    if not getattr(ctx.session.execute(claim), "rowcount", 0):
        return False
    actor = Actor(SYSTEM.label, ip=ip)
    token = ctx.snapshot(tokens.find_token(ctx, token_id), actor)
    ctx.record(RotatedTokenUsed(at=ctx.now(), actor=actor, token=token))
    return True
