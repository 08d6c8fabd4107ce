"""Single-token mode: a user has one token, which is overwritten by a new one.

It is on where ``APITOKENS_MAX_PER_OWNER`` is 1. A user who has more tokens from earlier
sees the list of them until at most one is left.
"""

from __future__ import annotations

from typing import Any

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _

from . import validation
from .token_list import owned_by


def is_on(ctx: Context) -> bool:
    """Return whether a user may have only one token."""
    return ctx.settings.max_per_owner == 1


def live_of(ctx: Context, owner: Any) -> list[Token]:
    """Return the newest live tokens of *owner*, at most two."""
    model = ctx.models.Token
    live = owned_by(ctx, owner).where(
        validation.is_live(ctx, model), model.successor_id.is_(None)
    )
    newest = live.order_by(model.created_at.desc(), model.id.desc())
    return list(ctx.session.scalars(newest.limit(2)))


def shown_of(ctx: Context, owner: Any) -> Token | None:
    """Return the live token of *owner*, else the one that expired last."""
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
    """Return the name of a token that is generated without one.

    Empty outside single-token mode, where the user chooses the name.
    """
    return _("Web API token") if is_on(ctx) else ""
