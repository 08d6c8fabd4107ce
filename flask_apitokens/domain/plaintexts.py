"""Cut the secrets of tokens out of texts that are stored or shown again.

People paste a token where a name or a reason is asked for, and a leaked token into the
reason of a deactivation.
"""

from __future__ import annotations

import re

from sqlalchemy import select

from flask_apitokens.core.context import Context
from flask_apitokens.crypto import tokens as crypto_tokens

#: what may be a token of another system
_WORD = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")
#: words of one text that are looked up
_MOST_WORDS = 20


def without_plaintexts(ctx: Context, text: str) -> str:
    """Return *text* with each token cut down to its id.

    A token of another system has no id in its text and becomes "…". Only one that was
    imported is known.
    """
    text = crypto_tokens.without_plaintexts(ctx.settings.brand, text)
    if ctx.settings.peppers:
        for word in _imported_in(ctx, text):
            text = text.replace(word, "…")
    return text


def _imported_in(ctx: Context, text: str) -> list[str]:
    """Return the words of *text* that are imported tokens."""
    # Only for hosts that imported tokens.
    from flask_apitokens.crypto.foreign_digests import PepperSet

    pepper_set = PepperSet(ctx.settings.peppers, ctx.settings.brand)
    words = {
        keyed.digest: word
        for word in dict.fromkeys(_WORD.findall(text)[:_MOST_WORDS])
        for keyed in pepper_set.keyed_digests(word.encode())
    }
    if not words:
        return []
    digest = ctx.models.Import.digest
    found = ctx.session.scalars(select(digest).where(digest.in_(list(words))))
    return [words[bytes(each)] for each in found]
