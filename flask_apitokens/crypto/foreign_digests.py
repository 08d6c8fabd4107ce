"""Imported tokens: their allowed text, their keyed digests, their strength.

A token that another system made is looked up by its HMAC-SHA-256 under a pepper. If
that system stored a digest of the token, the HMAC is of the digest. A digest without a
key is never stored here.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import math
import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from .peppers import Pepper

#: the token itself, and the digests that other systems store
KINDS = ("plain", "sha256", "sha512", "sha512-unhex")
DIGESTS = KINDS[1:]
#: the characters of a digest in hexadecimal
LENGTHS = {"sha256": 64, "sha512": 128, "sha512-unhex": 128}
#: characters; a shorter token can be guessed by trying all of them
SHORTEST = 8
LONGEST = 512
#: bits by length and alphabet; an imported token with fewer counts as weak
STRONG_BITS = 80
STRENGTHS = ("weak", "strong", "unknown")

#: RFC 6750's b64token, "=" anywhere; the number and the bar are how Sanctum sends it
_TEXT = re.compile(r"(?:[0-9]{1,20}\|)?([A-Za-z0-9._~+/=-]+)")
_FEW = 4


def canonical(text: str) -> bytes | None:
    """Return the token in a presented text, or None if it cannot be a token.

    ``17|abc…`` becomes ``abc…``: Laravel's Sanctum puts the number of a row in front
    and accepts its tokens without it too.
    """
    found = _TEXT.fullmatch(text) if len(text) <= LONGEST else None
    return found[1].encode("ascii") if found else None


class KeyedDigest(NamedTuple):
    """A token, or a foreign digest of it, keyed with one pepper.

    :param material: the token or the foreign digest.
    :param digest: the HMAC that the token is looked up by.
    """

    pepper: Pepper
    kind: str
    material: bytes
    digest: bytes

    @classmethod
    def of(cls, pepper: Pepper, kind: str, material: bytes) -> KeyedDigest:
        """Key *material*, a token or a foreign digest of one, with *pepper*."""
        digest = _keyed(b"lookup/v1", pepper, kind, material)
        return cls(pepper, kind, material, digest)

    def __repr__(self) -> str:
        return f"KeyedDigest({self.pepper!r}, {self.kind!r})"

    @property
    def check(self) -> bytes:
        """The 16 bytes that the token's row has."""
        return self.digest[:16]

    @property
    def secret(self) -> bytes:
        """The input of bcrypt, which is keyed with the pepper too."""
        return _keyed(b"bcrypt/v1", self.pepper, self.kind, self.material)


def _keyed(purpose: bytes, pepper: Pepper, kind: str, material: bytes) -> bytes:
    message = b"\0".join((purpose, kind.encode(), material))
    return hmac.digest(pepper.secret, message, "sha256")


class PepperSet:
    """The peppers of an application, the newest first.

    :param peppers: at least one.
    :param brand: the first word of the application's own tokens.
    """

    def __init__(self, peppers: Sequence[Pepper], brand: str) -> None:
        self.peppers = tuple(peppers)
        self._own = re.compile(
            rf"{brand}_[^_]{{12}}_[0-9A-Za-z]{{38}}|{brand}s_.*".encode(), re.DOTALL
        )

    @property
    def newest(self) -> Pepper:
        """The pepper that new hashes use."""
        return self.peppers[0]

    @property
    def size(self) -> int:
        """The number of keyed digests that a token has."""
        return len(self.peppers) * len(KINDS)

    def is_own(self, token: bytes) -> bool:
        """Return whether *token* has the shape of the application's own tokens.

        A typing error in one of those must not cost a query.
        """
        return self._own.fullmatch(token) is not None

    def keyed_digest(self, kind: str, material: bytes) -> KeyedDigest:
        """Key *material* with the newest pepper."""
        return KeyedDigest.of(self.newest, kind, material)

    def keyed_digests(self, token: bytes) -> list[KeyedDigest]:
        """Return each digest that *token* may be stored under, always as many."""
        materials = digests_by_kind(token)
        return [
            KeyedDigest.of(pepper, kind, materials[kind])
            for pepper in self.peppers
            for kind in KINDS
        ]

    def keyed_digests_of(self, kind: str, material: bytes) -> list[KeyedDigest]:
        """Key a foreign digest with each pepper."""
        return [KeyedDigest.of(pepper, kind, material) for pepper in self.peppers]


def digests_by_kind(token: bytes) -> dict[str, bytes]:
    """Return, by kind, the token and the digests that other systems store of it."""
    sha512 = hashlib.sha512(token).digest()
    try:
        unhex = hashlib.sha512(binascii.unhexlify(token)).digest()
    except ValueError:
        unhex = sha512
    return {
        "plain": token,
        "sha256": hashlib.sha256(token).digest(),
        "sha512": sha512,
        "sha512-unhex": unhex,
    }


def strength_of(token: bytes) -> str:
    """Return one of :data:`STRENGTHS`, by the token's length and alphabet.

    Only this word is stored, and neither length nor alphabet.
    """
    text = token.decode("ascii")
    signs = set(text) - set(string.ascii_letters + string.digits)
    plain = "".join(char for char in text if char not in signs)
    if set(plain) <= set(string.digits):
        alphabet = 10
    elif set(plain) <= set("0123456789abcdef") or set(plain) <= set("0123456789ABCDEF"):
        alphabet = 16
    else:
        alphabet = 26 * (plain.lower() != plain) + 26 * (plain.upper() != plain)
        alphabet += 10 * any(char.isdigit() for char in plain)
    # Punctuation adds no strength: mostly it separates, as in a UUID.
    bits = len(plain) * math.log2(alphabet)
    return "weak" if bits < STRONG_BITS or len(set(plain)) <= _FEW else "strong"
