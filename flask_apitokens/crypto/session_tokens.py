"""Session tokens, which the log-in endpoint gives in exchange for an access token.

``<brand>s_<id>.<end>.<binding>.<signature>`` has the id of the access token, the moment
the session ends, and a digest that binds it to the text of that token. It is signed
with the application's ``SECRET_KEY`` and stored nowhere. A genuine one needs no bcrypt
and a forged one no query. The row of the access token is read at each call, as for any
token.
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
#: 48 bytes in base64; the decoder ignores any other character, so check them first
_SIGNED = re.compile(rb".*\.[A-Za-z0-9_-]{64}", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Claim(NamedTuple):
    """The content of a session token whose signature is valid."""

    token_id: str
    expires_at: datetime
    binding: str

    def fits(self, check_digest: bytes) -> bool:
        """Return whether the session was issued for the token with this digest."""
        return hmac.compare_digest(self.binding, _binding(check_digest))


def prefix(brand: str) -> bytes:
    """Return the first characters of a session token; no other token has them."""
    return f"{brand}s_".encode()


def keys_of(config: Mapping[str, Any]) -> list[bytes]:
    """Return the keys of an application, oldest first: the last signs, all verify.

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
    """Issue a session token.

    :param keys: from :func:`keys_of`.
    :param check_digest: the digest in the row of the access token.
    :param expires_at: aware, and not after the end of the access token.
    :raises ConfigurationError: if ``SECRET_KEY`` is not set.
    """
    if not keys:
        raise ConfigurationError(
            "the log-in endpoint of flask_apitokens signs sessions with SECRET_KEY, "
            "which is not set"
        )
    end = (expires_at - _EPOCH) // _MICROSECOND
    said = f"{token_id}.{end}.{_binding(check_digest)}".encode()
    return _signer(keys).sign(prefix(brand) + said).decode("ascii")


def read(token: bytes, *, brand: str, keys: Sequence[bytes]) -> Claim | None:
    """Return the content of a session token, or None if its signature is not ours.

    The caller checks whether the session has ended and whether its access token is
    still valid.

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
    """Return the public id in a text of a session token's shape, signed or not."""
    looks = rf"{brand}s_([{ID_ALPHABET}]{{{ID_LENGTH}}})\.[0-9]+\.[\w-]+\.[\w-]+"
    found = re.fullmatch(looks, text, re.ASCII)
    return found and found[1]


def _signer(keys: Sequence[bytes]) -> Signer:
    # 48 bytes fill their base64 text completely, so that two different texts cannot
    # have the same signature.
    return Signer(keys, _SALT, key_derivation="hmac", digest_method=hashlib.sha384)


def _binding(check_digest: bytes) -> str:
    # Not the digest itself, because the client sees the session token.
    digest = hashlib.sha256(b"session/v1\0" + bytes(check_digest)).digest()[:15]
    return urlsafe_b64encode(digest).decode("ascii")
