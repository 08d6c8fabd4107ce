"""Tokens that stop when their owner's email changes (``APITOKENS_BIND_TO_EMAIL``).

A token keeps a digest of the address at its generation, never the address.
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

#: the highest number of an owner's tokens that are checked
_CHECK_LIMIT = 1000


def digest_of(token_id: str, email: object) -> bytes | None:
    """Return the digest that a token keeps of an address; None without an address.

    The id of the token is part of it, so that two digests do not show whether the
    addresses are the same. Case and white space around the address do not count.
    """
    text = unicodedata.normalize("NFC", str(email or "")).strip().casefold()
    if not text:
        return None
    return hashlib.sha256(f"email/v1\0{token_id}\0{text}".encode()).digest()[:16]


def is_of(token_id: str, kept: Any, *, email: object) -> bool:
    """Return whether *kept* is the digest of *email*."""
    now = digest_of(token_id, email)
    return now is not None and hmac.compare_digest(bytes(kept), now)


def bind(ctx: Context, token: Token, owner: Any) -> None:
    """Bind a new token to the present address of its owner, if the setting is on.

    :raises Exception: whatever ``email_of`` of the host raises, so that no token is
        generated without the binding.
    """
    token.email_digest = digest_of(token.id, email_to_bind(ctx, owner))


def email_to_bind(ctx: Context, owner: Any) -> object:
    """Return the address that new tokens of *owner* are bound to; None for none.

    :raises Exception: whatever ``email_of`` of the host raises.
    """
    if not ctx.settings.bind_to_email or owner is None:
        return None
    return ctx.callbacks.email_of(owner)


def has_moved(ctx: Context, token: Token, owner: Any) -> bool:
    """Return whether the owner's address differs from the one *token* is bound to."""
    kept = token.email_digest
    if not ctx.settings.bind_to_email or kept is None:
        return False
    return not is_of(token.id, kept, email=_email_now(ctx, owner))


def _email_now(ctx: Context, owner: Any) -> object:
    try:
        return ctx.callbacks.email_of(owner)
    except Exception:
        log.exception("email_of failed, so the tokens of this user are refused")
        return None


def count_moved(ctx: Context, owner: Any) -> int:
    """Return the number of *owner*'s tokens that only another address has stopped."""
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
    rows: Iterable[Any] = ctx.session.execute(bound.limit(_CHECK_LIMIT))
    email = _email_now(ctx, owner)
    return sum(not is_of(row.id, row.email_digest, email=email) for row in rows)
