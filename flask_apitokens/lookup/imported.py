"""The guard's SELECT for a token of another system: by its keyed digests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy import bindparam
from sqlalchemy import select

from flask_apitokens.db.mapping import Models


def select_by_digests(models: Models, tokens: Select[Any], number: int) -> Select[Any]:
    """Return the SELECT of the token that one of *number* digests belongs to.

    :param tokens: from :func:`.native.select_tokens`.
    """
    token, imported = models.Token, models.Import
    digests = [
        bindparam(f"digest_{place}", type_=imported.digest.type)
        for place in range(number)
    ]
    # A subquery instead of another join: the database answers it first, by an index,
    # which an outer join would prevent.
    ids = select(imported.token_id).where(imported.digest.in_(digests))
    # There are two rows if a digest was imported after its token, because the import
    # could not tell that they belong together. The older one applies, so
    # importing the same token again gains nothing.
    return tokens.where(token.id.in_(ids)).order_by(token.created_at, token.id)
