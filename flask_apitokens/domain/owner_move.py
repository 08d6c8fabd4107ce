"""Move what belongs to a user to another user, or to the user's own changed key.

The audit log keeps what it has: a line names the user of its time.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy import update
from werkzeug.local import LocalProxy

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenMoved
from flask_apitokens.core.user_model import python_type_of
from flask_apitokens.db.models import LABEL_LENGTH
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.db.models import Subscription
from flask_apitokens.db.models import Token
from flask_apitokens.errors import DifferentAccounts
from flask_apitokens.errors import LimitReached
from flask_apitokens.errors import UserNotFound

from . import email_binding
from . import subscriptions
from . import unique_keys

#: the columns of a subscription that are about its request
_REQUEST = (
    *("requested_at", "request_account", "request_reason"),
    *("decided_at", "decided_by", "decision", "decision_reason"),
)


@dataclass(frozen=True)
class _Move:
    """From whom to whom.

    :param former: the row of the user with the old key; None without one.
    """

    ctx: Context
    actor: Actor
    old_id: Any
    new_id: Any
    former: Any
    user: Any

    @property
    def old_label(self) -> str:
        """The name of the former owner; the key alone if the row is gone."""
        if self.former is None:
            return str(self.old_id)
        return self.ctx.user_label(self.former)

    def right_name(self, token: Token) -> bytes:
        """Return the digest of a token's name for the new owner."""
        return unique_keys.live_name_of(self.new_id, token.account_id, name=token.name)


def move_owner(ctx: Context, old: Any, new: Any, *, actor: Actor) -> list[Token]:
    """Give *new* the tokens, subscriptions, requests and usage history of *old*.

    :param old: a user, or a primary key that a user has or had.
    :param new: a user, or the primary key of one.
    :returns: the tokens that have another owner now, the oldest first.
    :raises UserNotFound: if there is no user *new*.
    :raises DifferentAccounts: if the two users belong to different accounts.
    :raises LimitReached: if both have tokens, and together more than the limit.
    """
    old_id, new_id = _key_of(ctx, old), _key_of(ctx, new)
    if old_id == new_id:
        return []
    move = _locked(ctx, old_id, new_id, actor=actor)
    tokens = _tokens(move)
    moving = [token for token in tokens if _moves(move, token)]
    staying = [token for token in tokens if token not in moving]
    _check_limits(ctx, moving, staying)
    names = {token.id: token.name for token in moving}
    _rebind(move, moving)
    _give(move, moving, staying=staying)
    _move_subscriptions(move)
    _move_history(move, tokens)
    for token in moving:
        old_name = names[token.id]
        moved = TokenMoved(
            at=ctx.now(),
            actor=actor,
            token=ctx.snapshot(token, actor, owner=move.user),
            old_owner_id=old_id,
            old_owner_label=move.old_label,
            old_name=None if old_name == token.name else old_name,
        )
        ctx.record(moved)
    ctx.session.flush()
    return moving


def _key_of(ctx: Context, user: Any) -> Any:
    """Return the primary key of a user, or a key as it is; text is converted."""
    if isinstance(user, LocalProxy | ctx.models.user):
        return ctx.models.user_id(user)
    kind = python_type_of(ctx.models.user_key.type)
    return kind(user) if kind in {int, uuid.UUID} and isinstance(user, str) else user


def _locked(ctx: Context, old_id: Any, new_id: Any, *, actor: Actor) -> _Move:
    """Lock both users, so that neither is given a token meanwhile."""
    # The application may have just changed the key, which is not written yet.
    ctx.session.flush()
    there = {key: ctx.lock_user(key) for key in sorted((old_id, new_id), key=str)}
    model = ctx.models.user
    user = ctx.session.get(model, new_id) if there[new_id] else None
    if user is None:
        raise UserNotFound
    former = ctx.session.get(model, old_id) if there[old_id] else None
    if former is not None and ctx.account_of(former) != ctx.account_of(user):
        raise DifferentAccounts
    return _Move(ctx, actor, old_id, new_id, former, user)


def _tokens(move: _Move) -> list[Token]:
    """Return the tokens of both users, locked, the oldest first."""
    model = move.ctx.models.Token
    query = (
        select(model)
        .where(model.owner_id.in_([move.old_id, move.new_id]))
        # The usage recorder locks them in this order.
        .order_by(model.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = move.ctx.session.scalars(query).all()
    return sorted(found, key=lambda token: (token.created_at, token.id))


def _moves(move: _Move, token: Token) -> bool:
    """Return whether a token gets another owner.

    The database may have carried a changed key to the token already. Then the digest
    of its name still has the old key.
    """
    if token.owner_id == move.old_id:
        return True
    has_stale_name = token.live_name not in {None, move.right_name(token)}
    return move.former is None and has_stale_name


def _check_limits(
    ctx: Context, moving: Sequence[Token], staying: Sequence[Token]
) -> None:
    """Check the numbers of live tokens, and of those in the grace of a rotation.

    An owner may be over the limit, for example by an import. So only a sum is refused.
    """
    limit = ctx.settings.max_per_owner
    for is_rotated in (False, True):
        numbers = [
            sum(
                _is_live(ctx, token) and (token.successor_id is not None) == is_rotated
                for token in tokens
            )
            for tokens in (moving, staying)
        ]
        if limit is not None and all(numbers) and sum(numbers) > limit:
            raise LimitReached(limit)


def _is_live(ctx: Context, token: Token) -> bool:
    ended = token.expires_at is not None and token.expires_at <= ctx.now()
    return token.revoked_at is None and not ended


def _rebind(move: _Move, moving: Sequence[Token]) -> None:
    """Tie tokens to the new owner's email address that were tied to the old owner's."""
    ctx = move.ctx
    if move.former is None or not ctx.settings.bind_to_email:
        return
    email = email_binding.email_to_bind(ctx, move.user)
    for token in moving:
        if token.email_digest is None:
            continue
        if not email_binding.has_moved(ctx, token, move.former):
            digest = email_binding.digest_of(token.id, email)
            # Without an address the token stops, rather than being tied to none.
            token.email_digest = digest or token.email_digest


def _give(move: _Move, moving: Sequence[Token], *, staying: Sequence[Token]) -> None:
    """Change the owner, and make the names unique among the new owner's live tokens."""
    ctx = move.ctx
    named = [token for token in (*staying, *moving) if token.live_name is not None]
    for token in named:
        # First all are released, because the names are unique at each moment.
        token.live_name = None
    for token in moving:
        token.owner_id = move.new_id
    ctx.session.flush()
    taken: set[str] = set()
    for token in named:
        # An expired token has a name only until another token asks for it.
        if _is_live(ctx, token):
            token.name = _free_name(token.name, taken)
            taken.add(token.name)
            token.live_name = move.right_name(token)
    ctx.session.flush()


def _free_name(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        suffix = f" ({number})"
        free = name[: NAME_LENGTH - len(suffix)] + suffix
    return free


# -- subscriptions and requests ------------------------------------------------


def _move_subscriptions(move: _Move) -> None:
    ctx, model = move.ctx, move.ctx.models.Subscription
    query = (
        select(model)
        .where(model.user_id.in_([move.old_id, move.new_id]))
        .order_by(model.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = ctx.session.scalars(query).all()
    theirs = {row.service: row for row in rows if row.user_id == move.new_id}
    for row in rows:
        if row.user_id != move.old_id:
            continue
        kept = theirs.get(row.service)
        before = None if kept is None else kept.active
        if kept is None:
            kept = row
            row.user_id = move.new_id
        else:
            _merge(move, kept, other=row)
            ctx.session.delete(row)
        if kept.active != before:
            subscriptions.record_change(ctx, kept, move.user, actor=move.actor)
    ctx.session.flush()


def _merge(move: _Move, kept: Subscription, *, other: Subscription) -> None:
    """Let *kept* allow what either allowed, and keep the request that waits."""
    ctx = move.ctx
    if other.active and not kept.active:
        subscriptions.switch(ctx, kept, active=True, actor=move.actor)
    elif kept.active is None and other.active is not None:
        subscriptions.switch(ctx, kept, active=other.active, actor=move.actor)
    if _rank(other) > _rank(kept):
        for column in _REQUEST:
            setattr(kept, column, getattr(other, column))
    if kept.active and subscriptions.is_waiting(kept):
        subscriptions.approve(ctx, kept, actor=move.actor)
        subscriptions.record_decision(
            ctx, kept, move.user, actor=move.actor, is_logged=False
        )


def _rank(row: Subscription) -> int:
    """Return 0 without a request, 1 for a decided one, 2 for one that waits."""
    if row.requested_at is None:
        return 0
    return 2 if row.decided_at is None else 1


# -- usage history -------------------------------------------------------------


def _move_history(move: _Move, tokens: Sequence[Token]) -> None:
    models, session = move.ctx.models, move.ctx.session
    old, new = (str(key)[:LABEL_LENGTH] for key in (move.old_id, move.new_id))
    accounts = {token.account_id for token in tokens}
    accounts.add(move.ctx.account_of(move.user))
    call, hour = models.Call, models.CallHour
    for model, where in (
        (call, call.owner_key == old),
        # The account is the first column of the index.
        (hour, (hour.owner_key == old) & hour.account_id.in_(accounts)),
    ):
        session.execute(
            update(model)
            .where(where)
            .values(owner_key=new)
            .execution_options(synchronize_session=False)
        )
