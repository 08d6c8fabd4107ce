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

from flask_apitokens.core.context import Domain
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


def bind(domain: Domain, token: Token, owner: Any) -> None:
    """Tie a new token to the address that its owner has now, where the host wants it.

    :raises Exception: whatever ``email_of`` of the host raises: better no token than
        one that is tied to nothing.
    """
    token.email_digest = digest_of(token.id, email_to_bind(domain, owner))


def email_to_bind(domain: Domain, owner: Any) -> object:
    """The address that new tokens of *owner* are tied to; none where to none.

    :raises Exception: whatever ``email_of`` of the host raises.
    """
    if not domain.settings.bind_to_email or owner is None:
        return None
    return domain.hooks.email_of(owner)


def has_moved(domain: Domain, token: Token, owner: Any) -> bool:
    """Whether the owner's address is no longer the one that *token* is tied to."""
    kept = token.email_digest
    if not domain.settings.bind_to_email or kept is None:
        return False
    return not is_of(token.id, kept, _email_now(domain, owner))


def _email_now(domain: Domain, owner: Any) -> object:
    try:
        return domain.hooks.email_of(owner)
    except Exception:
        log.exception("email_of failed, so the tokens of this user are refused")
        return None


def count_moved(domain: Domain, owner: Any) -> int:
    """How many tokens of *owner* would work but for another address."""
    if not domain.settings.bind_to_email:
        return 0
    from . import (
        validation,  # the guard, which asks for digests alone, has no use for it
    )

    model = domain.models.Token
    bound = select(model.id, model.email_digest).where(
        model.owner_id == domain.models.user_id(owner),
        model.email_digest.is_not(None),
        validation.is_usable(domain, model),
    )
    rows: Iterable[Any] = domain.session.execute(bound.limit(_MOST))
    email = _email_now(domain, owner)
    return sum(not is_of(row.id, row.email_digest, email) for row in rows)
