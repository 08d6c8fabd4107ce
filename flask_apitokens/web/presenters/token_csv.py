"""The cells of a token in a CSV file."""

from __future__ import annotations

from collections.abc import Sequence

from flask_apitokens.core.csv_export import at
from flask_apitokens.db.models import Token

from .tokens import Row

#: the head of a file of tokens
TOKEN_HEADER = (
    *("token_id", "name", "kind", "service", "scopes", "owner", "owner_id"),
    *("created", "created_by", "expires", "last_used", "last_used_ip"),
    *("status", "reason"),
)


def token_cells(token: Token, row: Row) -> Sequence[str | None]:
    """A token as a line below :data:`TOKEN_HEADER`; never a digest of it.

    :param row: the token as the administrators' list shows it.
    """
    return (
        *(token.id, token.name, token.kind, token.service, " ".join(token.scopes)),
        *(row.owner, "" if token.owner_id is None else str(token.owner_id)),
        *(at(token.created_at), token.created_by, at(token.expires_at)),
        *(at(token.last_used_at), token.last_used_ip, row.status),
        # A paused one says what for.
        row.note.text if row.status == "paused" else row.reason,
    )
