"""Notices that a token expires soon: each is sent once, by any number of processes.

The row of a token has the notice that was sent last. A process claims a notice with an
UPDATE that changes this column, and that finds the row only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import and_
from sqlalchemy import or_
from sqlalchemy import select
from sqlalchemy import update

from flask_apitokens.core.actor import SYSTEM
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenExpiring
from flask_apitokens.db.models import Token

from . import expiry as token_expiry
from . import users as account_users
from . import validation

#: tokens that one SELECT reads
_AT_ONCE = 500


@dataclass(frozen=True)
class Due:
    """An expiry notice that this process has claimed and others do not send.

    :param before: the number of days of the notice that was sent before it.
    """

    event: TokenExpiring
    before: int | None


def due(ctx: Context) -> Iterator[str]:
    """Read the ids of tokens that may have a notice to send.

    Tokens that were rotated, deactivated or revoked need no notice.
    """
    model, last = ctx.models.Token, ""
    wanted = [_is_due(ctx, days) for days in ctx.settings.expiry_notice_days]
    if not wanted:
        return
    longest = timedelta(days=max(ctx.settings.expiry_notice_days))
    while True:
        found = select(model.id).where(
            model.id > last,
            validation.is_usable(ctx, model),
            model.successor_id.is_(None),
            model.expires_at <= ctx.now() + longest,
            or_(*wanted),
        )
        ids = ctx.session.scalars(found.order_by(model.id).limit(_AT_ONCE)).all()
        # The caller works for a while on these ids, without an open transaction.
        ctx.session.rollback()
        yield from ids
        if len(ids) < _AT_ONCE:
            return
        last = ids[-1]


def _is_due(ctx: Context, days: int) -> ColumnElement[bool]:
    model = ctx.models.Token
    unsent = or_(model.noticed_days.is_(None), model.noticed_days > days)
    return and_(token_expiry.is_within(ctx, model, days), unsent)


def claim(ctx: Context, token_id: str) -> Due | None:
    """Claim and record the notice of a token with the fewest days; the caller commits.

    The notices with more days, which were never sent, are skipped.

    :returns: None if nothing is due, or if another process has claimed it.
    """
    model = ctx.models.Token
    token = ctx.session.get(model, token_id, populate_existing=True)
    if token is None or token.expires_at is None:
        return None
    days = _nearest(ctx, token)
    owner = _owner(ctx, token)
    if days is None or (owner is None and not token.userless):
        return None
    if owner is not None and not account_users.is_enabled(ctx, owner):
        # The notice stays due, and is sent if the user is enabled again in time.
        return None
    before = token.noticed_days
    expiring = ctx.snapshot(token, SYSTEM, owner=owner)
    change = update(model).where(
        model.id == token_id,
        validation.is_usable(ctx, model),
        model.successor_id.is_(None),
        _is_due(ctx, days),
    )
    ctx.session.rollback()
    ctx.lock_for_write()
    if not _carried_out(ctx, change.values(noticed_days=days)):
        return None
    event = TokenExpiring(at=ctx.now(), actor=SYSTEM, token=expiring, days=days)
    ctx.record(event)
    return Due(event, before)


def _nearest(ctx: Context, token: Token) -> int | None:
    near = sorted(ctx.settings.expiry_notice_days)
    return next(
        (days for days in near if token_expiry.ends_within(ctx, token, days)), None
    )


def give_back(ctx: Context, due: Due) -> None:
    """Undo a claim, so that the next run sends the notice; the caller commits."""
    model = ctx.models.Token
    ctx.lock_for_write()
    event = due.event
    mine = update(model).where(
        model.id == event.token.id, model.noticed_days == event.days
    )
    _carried_out(ctx, mine.values(noticed_days=due.before))


def _carried_out(ctx: Context, change: Any) -> bool:
    result = ctx.session.execute(change.execution_options(synchronize_session=False))
    return bool(getattr(result, "rowcount", 0))


def _owner(ctx: Context, token: Token) -> Any:
    if token.userless:
        return None
    return ctx.session.get(ctx.models.user, token.owner_id)
