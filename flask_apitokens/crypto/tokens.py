"""Token strings: mint, parse, checksum, digest, bcrypt; and the memory of bcrypt's yes.

``<brand>_<id>_<secret><crc>``: a brand scanners can find, a public id, 32 base62
characters of secret (190 bits) and a CRC-32 that catches a typing slip without a query.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import string
import sys
import threading
import zlib
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import bcrypt

#: Crockford's base32 in lower case: no i, l, o, u to misread on a screen.
ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 12
SECRET_LENGTH = 32
CRC_LENGTH = 6
#: The digest scheme of a native token; imported tokens bring schemes of their own.
NATIVE = "native"
#: that of a token which another system made, see :mod:`.imported`
IMPORTED = "imported"

#: every two digits of base 62 in a row; as objects in a list they took 165 KiB
_PAIRS = "".join(a + b for a in BASE62 for b in BASE62).encode()
_ID_BYTES = ID_ALPHABET.encode()
_TAIL = SECRET_LENGTH + CRC_LENGTH

Answer = TypeVar("Answer")


class Minted(NamedTuple):
    """A new token: its public id and the plaintext nobody will see again."""

    id: str
    plaintext: str


def crc_of(head: bytes) -> bytes:
    """The six base62 characters that end a token (CRC-32, big-endian, zero-padded)."""
    high, low = divmod(zlib.crc32(head), 3844)
    top, middle = divmod(high, 3844)
    top, middle, low = 2 * top, 2 * middle, 2 * low
    return _PAIRS[top : top + 2] + _PAIRS[middle : middle + 2] + _PAIRS[low : low + 2]


def mint(brand: str) -> Minted:
    """Make a new token.

    :param brand: the word in front, ``[a-z][a-z0-9]{1,15}``.
    """
    public = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
    secret = "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))
    head = f"{brand}_{public}_{secret}"
    return Minted(public, head + crc_of(head.encode()).decode())


def without_plaintexts(brand: str, text: str) -> str:
    """*text* with each whole token of ours in it, or session, cut to its id."""
    public = f"_[{ID_ALPHABET}]{{{ID_LENGTH}}}"
    text = re.sub(f"({brand}{public})_[0-9A-Za-z]{{20,}}", r"\1_…", text)
    return re.sub(f"({brand}s{public})[.][0-9A-Za-z._-]{{20,}}", r"\1.…", text)


def parser(brand: str) -> Callable[[bytes], str | None]:
    """Make the function that finds the public id in a token of *brand*.

    It answers ``None`` for another shape or a wrong checksum, without any look-up.
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
    """The 16 bytes that recognise a token before bcrypt is asked."""
    return hashlib.sha256(b"check/v1\0" + token).digest()[:16]


def _bcrypt_input(token: bytes) -> bytes:
    # bcrypt refuses more than 72 bytes and stops at NUL: base64 of a digest has
    # neither trouble.
    return b64encode(hashlib.sha256(b"bcrypt/v1\0" + token).digest())


def hash_token(token: bytes, rounds: int) -> str:
    """What is stored at rest: ``$2b$…`` with 2**\\ *rounds* iterations."""
    return bcrypt.hashpw(_bcrypt_input(token), bcrypt.gensalt(rounds)).decode()


def rounds_of(stored: str) -> int:
    """The cost of a stored hash, 0 where it is damaged."""
    parts = stored.split("$")
    return int(parts[2]) if len(parts) == 4 and parts[2].isdecimal() else 0


def verify_hash(token: bytes, stored: str) -> bool:
    """Ask bcrypt; a damaged stored hash is a no."""
    try:
        return bcrypt.checkpw(_bcrypt_input(token), stored.encode())
    except ValueError:
        return False


class QueueFull(Exception):
    """Too many first sights wait for bcrypt already."""


@dataclass
class _Flight:
    done: threading.Event = field(default_factory=threading.Event)
    answer: bool | None = None


class _Memory:
    """What one process knows; a forked child gets an empty one with its own key."""

    def __init__(self, workers: int, waiting: int) -> None:
        self.pid = os.getpid()
        self.key = secrets.token_bytes(32)
        self.known: OrderedDict[str, bytes] = OrderedDict()
        self.flights: dict[bytes, _Flight] = {}
        self.lock = threading.Lock()
        self.turns = threading.BoundedSemaphore(workers)
        self.places = threading.BoundedSemaphore(workers + waiting)

    def mark(self, token: bytes, stored: str) -> bytes:
        data = token + stored.encode()
        return hashlib.blake2b(data, digest_size=16, key=self.key).digest()

    def knows(self, token_id: str, mark: bytes) -> bool:
        known = self.known.get(token_id)
        return known is not None and hmac.compare_digest(known, mark)


class Verifier:
    """Remembers, in this process alone, that bcrypt said yes to a token.

    A memory is bound to the very hash that is stored now, under a key that is random
    in each process; neither the plaintext nor an unkeyed digest of it is kept. It
    never authorises by itself: the row is read on every call.

    :param size: how many tokens are remembered; the longest unused goes first.
    :param workers: how many bcrypt checks run at once; default, one a core.
    :param waiting: how many may wait for their turn; one more is :class:`QueueFull`.
    :param patience: seconds to wait for a turn.
    """

    def __init__(
        self,
        *,
        size: int = 10_000,
        workers: int | None = None,
        waiting: int = 64,
        patience: float = 5.0,
    ) -> None:
        self._size = size
        self._workers = workers or os.cpu_count() or 1
        self._waiting = waiting
        self._patience = patience
        self._birth = threading.Lock()
        self._memory = _Memory(self._workers, waiting)

    def _here(self) -> _Memory:
        if self._memory.pid != os.getpid():
            # Made at the first use after the fork, not in it: a gevent worker patches
            # the locks in between.
            with self._birth:
                if self._memory.pid != os.getpid():
                    self._memory = _Memory(self._workers, self._waiting)
        return self._memory

    def verify(self, token_id: str, token: bytes, stored: str) -> bool:
        """Whether *token* is the one behind the hash *stored*.

        :param token_id: the public id, the key of the memory.
        :raises Busy: if too many first sights wait already.
        """
        memory = self._here()
        mark = memory.mark(token, stored)
        if memory.knows(token_id, mark):
            # Another thread may have dropped it since: then there is nothing to move.
            # (suppress() would cost as much as the mark does.)
            try:  # noqa: SIM105
                memory.known.move_to_end(token_id)
            except KeyError:
                pass
            return True
        return self._fly(memory, token_id, mark, token, stored)

    def _fly(
        self, memory: _Memory, token_id: str, mark: bytes, token: bytes, stored: str
    ) -> bool:
        with memory.lock:
            if memory.knows(token_id, mark):
                # The one who asked landed between our first look and this one.
                return True
            flight = memory.flights.get(mark)
            leads = flight is None
            if flight is None:
                flight = memory.flights[mark] = _Flight()
        if leads:
            try:
                flight.answer = self._ask(memory, token, stored)
                if flight.answer:
                    self._remember(memory, token_id, mark)
            finally:
                with memory.lock:
                    del memory.flights[mark]
                flight.done.set()
        elif not flight.done.wait(self._patience):
            raise QueueFull
        if flight.answer is None:
            raise QueueFull
        return flight.answer

    def _remember(self, memory: _Memory, token_id: str, mark: bytes) -> None:
        memory.known[token_id] = mark
        while len(memory.known) > self._size:
            with suppress(KeyError):
                memory.known.popitem(last=False)

    def _ask(self, memory: _Memory, token: bytes, stored: str) -> bool:
        if not memory.places.acquire(blocking=False):
            raise QueueFull
        try:
            if not memory.turns.acquire(timeout=self._patience):
                raise QueueFull
            try:
                return run_blocking(verify_hash, token, stored)
            finally:
                memory.turns.release()
        finally:
            memory.places.release()


def run_blocking(work: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run bcrypt where it stops nobody: it frees the GIL, but not a gevent hub."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return work(*arguments)
    from gevent import get_hub

    answer: Answer = get_hub().threadpool.apply(work, arguments)
    return answer
