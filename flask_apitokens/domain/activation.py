"""Deactivate a token for a while, and activate it again."""

from __future__ import annotations

from flask_apitokens.core.actor import Actor
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import TokenActivated
from flask_apitokens.core.events import TokenDeactivated
from flask_apitokens.db.models import Token
from flask_apitokens.errors import Conflict

from . import tokens
from . import validation


def deactivate(ctx: Context, token: Token, reason: str, *, actor: Actor) -> Token:
    """Stop a token until it is activated again.

    A second call changes nothing: the token keeps the first reason.

    :param reason: a text for the owner.
    :raises InvalidReason: if the reason is missing or cannot be stored.
    :raises Conflict: if the token is revoked.
    :raises TokenNotFound: if the row was deleted.
    """
    text = validation.clean_reason(ctx, reason, required=True)
    tokens.lock(ctx, token)
    if token.revoked_at is not None:
        raise Conflict
    if token.deactivated_at is not None:
        return token
    token.deactivated_at, token.deactivated_reason = ctx.now(), text
    stopped = ctx.snapshot(token, actor)
    ctx.record(TokenDeactivated(at=ctx.now(), actor=actor, token=stopped, reason=text))
    ctx.session.flush()
    return token


def activate(ctx: Context, token: Token, *, actor: Actor) -> Token:
    """Let a deactivated token work again. An active token stays as it is.

    :raises Conflict: if the token is revoked.
    :raises TokenNotFound: if the row was deleted.
    """
    tokens.lock(ctx, token)
    if token.revoked_at is not None:
        raise Conflict
    if token.deactivated_at is None:
        return token
    token.deactivated_at = token.deactivated_reason = None
    active = ctx.snapshot(token, actor)
    ctx.record(TokenActivated(at=ctx.now(), actor=actor, token=active))
    ctx.session.flush()
    return token
