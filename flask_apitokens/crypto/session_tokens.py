"""Session tokens: what an access token is exchanged for at the log-in endpoint.

``<brand>s_<id>.<end>.<binding>.<signature>``: the id of the access token, the moment
the session ends, and what ties it to the very text of that token. It is signed with the
application's ``SECRET_KEY`` and stored nowhere: a genuine one costs no bcrypt, a forged
one no query, and the row behind it is read at each call like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import NamedTuple

from itsdangerous import BadSignature
from itsdangerous import Signer

from flask_apitokens.errors import ConfigurationError

from .tokens import ID_ALPHABET
from .tokens import ID_LENGTH

_SALT = b"flask_apitokens/session/v1"
#: what 48 bytes are in base64: reading it passes over any other character
_SIGNED = re.compile(rb".*\.[A-Za-z0-9_-]{64}", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Claim(NamedTuple):
    """What a session token says, once its signature was found genuine."""

    token_id: str
    expires_at: datetime
    binding: str

    def fits(self, check_digest: bytes) -> bool:
        """Whether the token is still the one that the session was given for."""
        return hmac.compare_digest(self.binding, _binding(check_digest))


def prefix(brand: str) -> bytes:
    """What a session token begins with, and no other token does."""
    return f"{brand}s_".encode()


def keys_of(config: Mapping[str, Any]) -> list[bytes]:
    """The keys of an application, oldest first: the last one signs, all verify.

    :param config: has ``SECRET_KEY`` and may have ``SECRET_KEY_FALLBACKS``, as Flask's
        own sessions know them.
    """
    newest = config.get("SECRET_KEY")
    keys = [*(config.get("SECRET_KEY_FALLBACKS") or ()), newest] if newest else []
    return [key.encode() if isinstance(key, str) else key for key in keys]


def issue(
    brand: str,
    keys: Sequence[bytes],
    *,
    token_id: str,
    check_digest: bytes,
    expires_at: datetime,
) -> str:
    """Make a session token.

    :param keys: from :func:`keys_of`.
    :param check_digest: of the access token, as its row has it now.
    :param expires_at: an aware moment, not after the end of the access token.
    :raises ConfigurationError: if there is no key to sign with.
    """
    if not keys:
        raise ConfigurationError(
            "the log-in endpoint of flask_apitokens signs sessions with SECRET_KEY, "
            "which is not set"
        )
    end = (expires_at - _EPOCH) // _MICROSECOND
    said = f"{token_id}.{end}.{_binding(check_digest)}".encode()
    return _signer(keys).sign(prefix(brand) + said).decode("ascii")


def read(brand: str, keys: Sequence[bytes], token: bytes) -> Claim | None:
    """What a session token says; none for anything that we did not sign.

    Whether it has ended, and whether its access token still stands, is for the caller
    to find out.

    :param keys: from :func:`keys_of`.
    """
    start = prefix(brand)
    if not keys or not token.startswith(start) or not _SIGNED.fullmatch(token):
        return None
    try:
        said = _signer(keys).unsign(token).removeprefix(start).decode("ascii")
    except BadSignature:
        return None
    token_id, end, binding = said.split(".")
    return Claim(token_id, _EPOCH + int(end) * _MICROSECOND, binding)


def id_in(brand: str, text: str) -> str | None:
    """The public id in what looks like a session token, genuine or not."""
    looks = rf"{brand}s_([{ID_ALPHABET}]{{{ID_LENGTH}}})\.[0-9]+\.[\w-]+\.[\w-]+"
    found = re.fullmatch(looks, text, re.ASCII)
    return found and found[1]


def _signer(keys: Sequence[bytes]) -> Signer:
    # Of a size that base64 has one spelling for: no two texts are one session.
    return Signer(keys, _SALT, key_derivation="hmac", digest_method=hashlib.sha384)


def _binding(check_digest: bytes) -> str:
    # Not the digest itself: what leaves the house helps nobody to find it.
    digest = hashlib.sha256(b"session/v1\0" + bytes(check_digest)).digest()[:15]
    return urlsafe_b64encode(digest).decode("ascii")
