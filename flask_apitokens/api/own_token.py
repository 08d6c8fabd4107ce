"""``GET /self``: what a token may know about itself."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from flask_apitokens.core.utc import rfc3339
from flask_apitokens.guard.decorator import current_token

from .shared import owner_label
from .shared import token_row


def own_token() -> ResponseReturnValue:
    """Return the id, name, owner, scopes and times of the token of the request."""
    token, row = current_token, token_row(current_token.id)
    return {
        "id": token.id,
        "name": token.name,
        "kind": token.kind,
        "owner": owner_label(token),
        "account_id": token.account_id,
        "service": token.service,
        "scopes": sorted(token.scopes),
        "networks": list(row.networks or ()),
        "created_at": rfc3339(row.created_at),
        "expires_at": token.expires_at and rfc3339(token.expires_at),
        "last_used_at": row.last_used_at and rfc3339(row.last_used_at),
    }
