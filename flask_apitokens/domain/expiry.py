"""Whether a token expires soon, alike for badges, filters, counts and notices.

A token is "expiring" only if it is also older than the warning period. So a token with
a life of a week is not "expiring" from its first day.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement
from sqlalchemy import and_
from sqlalchemy import false
from sqlalchemy import or_

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token


def is_within(ctx: Context, model: type[Token], days: int) -> ColumnElement[bool]:
    """Return whether a token expires within *days* and is at least *days* old."""
    now, span = ctx.now(), timedelta(days=days)
    return and_(model.expires_at <= now + span, model.created_at <= now - span)


def ends_within(ctx: Context, token: Token, days: int) -> bool:
    """Return the same as :func:`is_within` for a loaded token."""
    now, span = ctx.now(), timedelta(days=days)
    near = token.expires_at is not None and token.expires_at <= now + span
    return near and token.created_at <= now - span


def is_near(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Return whether a token expires soon: in its warning period, or on its last day.

    The condition is NULL for a token that never expires.
    """
    days = ctx.settings.expiring_days
    last = ctx.now() + timedelta(days=days)
    either = or_(is_within(ctx, model, days), is_within(ctx, model, 1))
    # This condition follows from the other one, and the database has an index for it.
    return and_(model.expires_at <= last, either)


def ends_soon(ctx: Context, token: Token) -> bool:
    """Return the same as :func:`is_near` for a loaded token."""
    days = ctx.settings.expiring_days
    return ends_within(ctx, token, days) or ends_within(ctx, token, 1)


def days_of_warning(ctx: Context, life: int) -> int:
    """Return the length of the warning period of a token with a life of *life* days."""
    days = ctx.settings.expiring_days
    return max(0, min(life - 1, 1), min(days, life - days))


def outlives(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Return whether a token expires later than a new token could.

    Such a token was generated before ``APITOKENS_EXPIRY_MAX`` was lowered.
    """
    longest = ctx.settings.expiry_max
    if longest is None:
        return false()
    # One more day, because the form takes a date, which means the end of that day.
    last = ctx.now() + timedelta(days=longest + 1)
    return or_(model.expires_at.is_(None), model.expires_at > last)
