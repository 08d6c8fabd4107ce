"""Single-token mode: one token a user, shown by itself and replaced in one go.

It is on where ``APITOKENS_MAX_PER_OWNER`` is 1. Who holds more than one, from before it
was turned on, sees the list until no more than one of them is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_apitokens.core.context import Domain
from flask_apitokens.db.models import Token
from flask_apitokens.i18n import gettext as _
from flask_apitokens.web.presenters.tokens import Row

from . import validation
from .token_list import owned_by


@dataclass(frozen=True)
class Single:
    """What stands on the page in place of a list.

    :param row: the token; none where there is none, or it was revoked.
    :param generate_url: where another one is generated; empty where none can be.
    """

    row: Row | None
    generate_url: str


def is_on(domain: Domain) -> bool:
    """Whether one token is all a user may have."""
    return domain.settings.max_per_owner == 1


def live_of(domain: Domain, owner: Any) -> list[Token]:
    """The live tokens of *owner*, two of them at most."""
    model = domain.models.Token
    live = owned_by(domain, owner).where(
        validation.is_live(domain, model), model.successor_id.is_(None)
    )
    newest = live.order_by(model.created_at.desc(), model.id.desc())
    return list(domain.session.scalars(newest.limit(2)))


def shown_of(domain: Domain, owner: Any) -> Token | None:
    """The token to be shown, where at most one is live: that, or the last to expire."""
    live = live_of(domain, owner)
    if live:
        return live[0]
    model = domain.models.Token
    expired = owned_by(domain, owner).where(
        model.revoked_at.is_(None), model.successor_id.is_(None)
    )
    return domain.session.scalars(
        expired.order_by(model.expires_at.desc(), model.id.desc()).limit(1)
    ).one_or_none()


def suggested_name(domain: Domain) -> str:
    """What the token is called if nobody names it; empty where several have names."""
    return _("Web API token") if is_on(domain) else ""
