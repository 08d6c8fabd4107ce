"""The text of a token: mint, parse, checksum, digest, bcrypt.

``<brand>_<id>_<secret><crc>``: a brand scanners can find, a public id, 32 base62
characters of secret (190 bits) and a CRC-32 that catches a typing slip without a query.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import bcrypt

from .plaintext import Plaintext

#: Crockford's base32 in lower case: without i, l, o and u, which are easily misread
ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
SECRET_LENGTH = 32
CRC_LENGTH = 6
#: the scheme of a token that this package minted
NATIVE = "native"
#: the scheme of a token that another system made, see :mod:`.foreign_digests`
IMPORTED = "imported"

#: all pairs of base62 digits in one string; a list of them would take 165 KiB
_PAIRS = "".join(a + b for a in BASE62 for b in BASE62).encode()
_ID_BYTES = ID_ALPHABET.encode()
_TAIL = SECRET_LENGTH + CRC_LENGTH

_BCRYPT = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")

Answer = TypeVar("Answer")


class Hashed(NamedTuple):
    """What is stored of a new token: its public id and digests, and no plaintext."""

    id: str
    check_digest: bytes
    secret_hash: str

    def store_in(self, row: Any) -> None:
        """Set the columns of a token's row."""
        row.id, row.scheme = self.id, NATIVE
        row.check_digest, row.secret_hash = self.check_digest, self.secret_hash

    def __repr__(self) -> str:
        return f"Hashed({self.id!r})"


class Minted(NamedTuple):
    """A new token: its public id, and its plaintext, which is shown once."""

    id: str
    plaintext: Plaintext

    def hashed(self, rounds: int) -> Hashed:
        """Return what is stored of the token.

        :param rounds: the cost of bcrypt, which is slow.
        """
        return Hashed(
            self.id,
            check_digest(self.plaintext.ascii),
            run_blocking(hash_token, self.plaintext.ascii, rounds),
        )


def crc_of(head: bytes) -> bytes:
    """Return the last six characters of a token: the CRC-32 of *head* in base62.

    The number is big-endian and zero-padded.
    """
    high, low = divmod(zlib.crc32(head), 3844)
    top, middle = divmod(high, 3844)
    top, middle, low = 2 * top, 2 * middle, 2 * low
    return _PAIRS[top : top + 2] + _PAIRS[middle : middle + 2] + _PAIRS[low : low + 2]


def mint(brand: str) -> Minted:
    """Mint a token from the operating system's randomness.

    :param brand: the word in front, ``[a-z][a-z0-9]{1,15}``.
    :returns: the public id and the plaintext.
    """
    public = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    secret = "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))
    head = f"{brand}_{public}_{secret}"
    return Minted(public, Plaintext(head + crc_of(head.encode()).decode()))


def without_plaintexts(brand: str, text: str) -> str:
    """Return *text* with each complete token or session token cut down to its id."""
    public = f"_[{ID_ALPHABET}]{{{ID_LENGTH}}}"
    text = re.sub(f"({brand}{public})_[0-9A-Za-z]{{20,}}", r"\1_…", text)
    return re.sub(f"({brand}s{public})[.][0-9A-Za-z._-]{{20,}}", r"\1.…", text)


def has_form(brand: str, token: bytes) -> bool:
    """Return whether *token* has the length and signs of a token of *brand*."""
    form = f"{brand}_[{ID_ALPHABET}]{{{ID_LENGTH}}}_[0-9A-Za-z]{{{_TAIL}}}"
    return re.fullmatch(form.encode(), token) is not None


def parser(brand: str) -> Callable[[bytes], str | None]:
    """Return a function that finds the public id in a token of *brand*.

    The function returns None for another shape or a wrong checksum.
    """
    prefix = f"{brand}_".encode()
    start = len(prefix)
    end = start + ID_LENGTH
    length = end + 1 + _TAIL

    def parse(token: bytes) -> str | None:
        if len(token) != length or not token.startswith(prefix) or token[end] != 95:
            return None
        public = token[start:end]
        if public.translate(None, _ID_BYTES) or not token[end + 1 :].isalnum():
            return None
        if crc_of(token[:-CRC_LENGTH]) != token[-CRC_LENGTH:]:
            return None
        return public.decode("ascii")

    return parse


def check_digest(token: bytes) -> bytes:
    """Return the 16 bytes that identify a token before bcrypt is run."""
    return hashlib.sha256(b"check/v1\0" + token).digest()[:16]


def _bcrypt_input(token: bytes) -> bytes:
    # bcrypt refuses more than 72 bytes and stops at a NUL. The base64 text of a digest
    # is shorter than that and has no NUL.
    return b64encode(hashlib.sha256(b"bcrypt/v1\0" + token).digest())


def hash_token(token: bytes, rounds: int) -> str:
    """Return the bcrypt hash to store: ``$2b$…`` with 2**\\ *rounds* iterations."""
    return bcrypt.hashpw(_bcrypt_input(token), bcrypt.gensalt(rounds)).decode()


def rounds_of(stored: str) -> int:
    """Return the cost of a stored hash, or 0 if the hash is damaged."""
    parts = stored.split("$")
    return int(parts[2]) if len(parts) == 4 and parts[2].isdecimal() else 0


def verify_hash(token: bytes, stored: str) -> bool:
    """Return whether bcrypt accepts *token*; a damaged hash accepts none."""
    # bcrypt before 4.2 panics at a hash that is cut off, which is no Exception; each
    # reads "+31" as a cost, which rounds_of() does not.
    if not _BCRYPT.fullmatch(stored):
        return False
    try:
        return bcrypt.checkpw(_bcrypt_input(token), stored.encode())
    except ValueError:
        return False


def run_blocking(work: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run a blocking call in gevent's thread pool when gevent is active.

    bcrypt releases the GIL, so other threads run, but it would block a gevent hub.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return work(*arguments)
    from gevent import get_hub

    answer: Answer = get_hub().threadpool.apply(work, arguments)
    return answer
