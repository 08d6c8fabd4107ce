"""Single-token mode: one token a user, shown by itself and replaced in one go.

It is on where ``APITOKENS_MAX_PER_OWNER`` is 1. Who holds more than one, from before it
was turned on, sees the list until no more than one of them is left.
"""

from __future__ import annotations

from typing import Any

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _

from . import validation
from .token_list import owned_by


def is_on(ctx: Context) -> bool:
    """Whether one token is all a user may have."""
    return ctx.settings.max_per_owner == 1


def live_of(ctx: Context, owner: Any) -> list[Token]:
    """The live tokens of *owner*, two of them at most."""
    model = ctx.models.Token
    live = owned_by(ctx, owner).where(
        validation.is_live(ctx, model), model.successor_id.is_(None)
    )
    newest = live.order_by(model.created_at.desc(), model.id.desc())
    return list(ctx.session.scalars(newest.limit(2)))


def shown_of(ctx: Context, owner: Any) -> Token | None:
    """The token to be shown, where at most one is live: that, or the last to expire."""
    live = live_of(ctx, owner)
    if live:
        return live[0]
    model = ctx.models.Token
    expired = owned_by(ctx, owner).where(
        model.revoked_at.is_(None), model.successor_id.is_(None)
    )
    return ctx.session.scalars(
        expired.order_by(model.expires_at.desc(), model.id.desc()).limit(1)
    ).one_or_none()


def suggested_name(ctx: Context) -> str:
    """What the token is called if nobody names it; empty where several have names."""
    return _("Web API token") if is_on(ctx) else ""
