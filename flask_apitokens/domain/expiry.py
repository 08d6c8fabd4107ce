"""When a token's end is near: the same for chips, filters, figures and notices.

Something is near, so many days before it, only for who has been there for as many days:
a token that lives for a week does not begin by ending soon.
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
    """Whether a token ends within *days*, and is as old."""
    now, span = ctx.now(), timedelta(days=days)
    return and_(model.expires_at <= now + span, model.created_at <= now - span)


def ends_within(ctx: Context, token: Token, days: int) -> bool:
    """The same of a token at hand."""
    now, span = ctx.now(), timedelta(days=days)
    near = token.expires_at is not None and token.expires_at <= now + span
    return near and token.created_at <= now - span


def is_near(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Whether a token ends soon: in its last days, or at least on its last day.

    Neither true nor false of a token that does not expire.
    """
    days = ctx.settings.expiring_days
    last = ctx.now() + timedelta(days=days)
    either = or_(is_within(ctx, model, days), is_within(ctx, model, 1))
    # Said by itself first: an index serves it.
    return and_(model.expires_at <= last, either)


def ends_soon(ctx: Context, token: Token) -> bool:
    """The same of a token at hand."""
    days = ctx.settings.expiring_days
    return ends_within(ctx, token, days) or ends_within(ctx, token, 1)


def days_of_warning(ctx: Context, life: int) -> int:
    """For how many days a token is marked that lives for *life* days."""
    days = ctx.settings.expiring_days
    return max(0, min(life - 1, 1), min(days, life - days))


def outlives(ctx: Context, model: type[Token]) -> ColumnElement[bool]:
    """Whether a token works on for longer than a new one may: it is older than that.

    With the day of grace that a new one has, whose last day is chosen as a date.
    """
    longest = ctx.settings.expiry_max
    if longest is None:
        return false()
    last = ctx.now() + timedelta(days=longest + 1)
    return or_(model.expires_at.is_(None), model.expires_at > last)
