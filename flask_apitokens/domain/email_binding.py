"""Tokens that end with their owner's email address (``APITOKENS_BIND_TO_EMAIL``).

A token keeps a digest of the address it was generated under, never the address itself.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import unicodedata
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.db.models import Token

log = logging.getLogger("flask_apitokens")

#: tokens of one owner that are looked through for those of another address
_MOST = 1000


def digest_of(token_id: str, email: object) -> bytes | None:
    """What a token keeps of an address; none where there is no address.

    It is another one for each token, so that rows do not tell whose are the same. Case
    and white space around it make no other address.
    """
    text = unicodedata.normalize("NFC", str(email or "")).strip().casefold()
    if not text:
        return None
    return hashlib.sha256(f"email/v1\0{token_id}\0{text}".encode()).digest()[:16]


def is_of(token_id: str, kept: Any, email: object) -> bool:
    """Whether *kept* is the digest of *email*."""
    now = digest_of(token_id, email)
    return now is not None and hmac.compare_digest(bytes(kept), now)


def bind(ctx: Context, token: Token, owner: Any) -> None:
    """Tie a new token to the address that its owner has now, where the host wants it.

    :raises Exception: whatever ``email_of`` of the host raises: better no token than
        one that is tied to nothing.
    """
    token.email_digest = digest_of(token.id, email_to_bind(ctx, owner))


def email_to_bind(ctx: Context, owner: Any) -> object:
    """The address that new tokens of *owner* are tied to; none where to none.

    :raises Exception: whatever ``email_of`` of the host raises.
    """
    if not ctx.settings.bind_to_email or owner is None:
        return None
    return ctx.callbacks.email_of(owner)


def has_moved(ctx: Context, token: Token, owner: Any) -> bool:
    """Whether the owner's address is no longer the one that *token* is tied to."""
    kept = token.email_digest
    if not ctx.settings.bind_to_email or kept is None:
        return False
    return not is_of(token.id, kept, _email_now(ctx, owner))


def _email_now(ctx: Context, owner: Any) -> object:
    try:
        return ctx.callbacks.email_of(owner)
    except Exception:
        log.exception("email_of failed, so the tokens of this user are refused")
        return None


def count_moved(ctx: Context, owner: Any) -> int:
    """How many tokens of *owner* would work but for another address."""
    if not ctx.settings.bind_to_email:
        return 0
    from . import (
        validation,  # the guard, which asks for digests alone, has no use for it
    )

    model = ctx.models.Token
    bound = select(model.id, model.email_digest).where(
        model.owner_id == ctx.models.user_id(owner),
        model.email_digest.is_not(None),
        validation.is_usable(ctx, model),
    )
    rows: Iterable[Any] = ctx.session.execute(bound.limit(_MOST))
    email = _email_now(ctx, owner)
    return sum(not is_of(row.id, row.email_digest, email) for row in rows)
