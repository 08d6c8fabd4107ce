"""Imported tokens: the text of one, its keyed digests, its strength.

A token that another system made is looked up by its HMAC-SHA-256 under a pepper. If
that system stored a digest instead of the token, the HMAC is computed of that digest.
So a digest without a key is never stored here.
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

#: the token itself, and the digests that other systems store instead
KINDS = ("plain", "sha256", "sha512", "sha512-unhex")
DIGESTS = KINDS[1:]
#: how many hexadecimal digits a digest has
LENGTHS = {"sha256": 64, "sha512": 128, "sha512-unhex": 128}
#: a shorter token could be guessed by trying
SHORTEST = 8
LONGEST = 512
#: an imported token with fewer bits, by length and alphabet, is weak
STRONG_BITS = 80
STRENGTHS = ("weak", "strong", "unknown")

#: the b64token of RFC 6750 with "=" anywhere; Sanctum sends a number and a bar first
_TEXT = re.compile(r"(?:[0-9]{1,20}\|)?([A-Za-z0-9._~+/=-]+)")
_FEW = 4


def canonical(text: str) -> bytes | None:
    """Return the token in a presented text; None if the text cannot be one.

    The token in ``17|abc…`` is ``abc…``: Laravel's Sanctum sends the id of a row first,
    and also accepts its tokens without it.
    """
    found = _TEXT.fullmatch(text) if len(text) <= LONGEST else None
    return found[1].encode("ascii") if found else None


def can_be_imported(text: str) -> bool:
    """Return whether *text* has the characters and the length of an imported token."""
    token = canonical(text)
    return token is not None and len(token) >= SHORTEST


class KeyedDigest(NamedTuple):
    """The HMAC of a token, or of another system's digest of it, under one pepper.

    :param kind: one of :data:`KINDS`: what the HMAC was computed of.
    :param material: the token or the digest.
    :param digest: the HMAC, by which the token is looked up.
    """

    pepper: Pepper
    kind: str
    material: bytes
    digest: bytes

    @classmethod
    def of(cls, pepper: Pepper, *, kind: str, material: bytes) -> KeyedDigest:
        """Compute the HMAC of a token, or of a digest of it, under *pepper*."""
        digest = _keyed(pepper, purpose=b"lookup/v1", kind=kind, material=material)
        return cls(pepper, kind, material, digest)

    def __repr__(self) -> str:
        return f"KeyedDigest({self.pepper!r}, {self.kind!r})"

    @property
    def check(self) -> bytes:
        """Return the 16 bytes that are stored in the token's row."""
        return self.digest[:16]

    @property
    def secret(self) -> bytes:
        """Return the input of bcrypt, which is useless without the pepper too."""
        return _keyed(
            self.pepper, purpose=b"bcrypt/v1", kind=self.kind, material=self.material
        )


def _keyed(pepper: Pepper, *, purpose: bytes, kind: str, material: bytes) -> bytes:
    message = b"\0".join((purpose, kind.encode(), material))
    return hmac.digest(pepper.secret, message, "sha256")


class PepperSet:
    """The peppers of an application, the newest first.

    :param peppers: at least one.
    :param brand: the first word of the application's native tokens.
    """

    def __init__(self, peppers: Sequence[Pepper], brand: str) -> None:
        self.peppers = tuple(peppers)
        self._own = re.compile(
            rf"{brand}_[^_]{{12}}_[0-9A-Za-z]{{38}}|{brand}s_.*".encode(), re.DOTALL
        )

    @property
    def newest(self) -> Pepper:
        """Return the pepper that new hashes use."""
        return self.peppers[0]

    @property
    def size(self) -> int:
        """Return how many keyed digests a token has."""
        return len(self.peppers) * len(KINDS)

    def is_own(self, token: bytes) -> bool:
        """Return whether *token* has the form of a native token.

        A mistyped native token is then refused without a query.
        """
        return self._own.fullmatch(token) is not None

    def keyed_digest(self, kind: str, material: bytes) -> KeyedDigest:
        """Return the keyed digest of *material* under the newest pepper."""
        return KeyedDigest.of(self.newest, kind=kind, material=material)

    def keyed_digests(self, token: bytes) -> list[KeyedDigest]:
        """Return every keyed digest under which *token* may be stored."""
        materials = digests_by_kind(token)
        return [
            KeyedDigest.of(pepper, kind=kind, material=materials[kind])
            for pepper in self.peppers
            for kind in KINDS
        ]

    def keyed_digests_of(self, kind: str, material: bytes) -> list[KeyedDigest]:
        """Return the keyed digests of another system's digest, one for each pepper."""
        return [
            KeyedDigest.of(pepper, kind=kind, material=material)
            for pepper in self.peppers
        ]


def digests_by_kind(token: bytes) -> dict[str, bytes]:
    """Return the token and the digests that other systems would store, by kind."""
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
    """Return one of :data:`STRENGTHS`, by the token's length and alphabet."""
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
    # Punctuation adds no bits: in a UUID, for example, it only separates. A token with
    # hardly any different characters is weak, however long it is.
    bits = len(plain) * math.log2(alphabet)
    return "weak" if bits < STRONG_BITS or len(set(plain)) <= _FEW else "strong"
