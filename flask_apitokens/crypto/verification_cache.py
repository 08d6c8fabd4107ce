"""Verify a token against its bcrypt hash, and cache the answer in this process.

bcrypt takes about 80 ms of CPU, a thousand times what the rest of a guarded call takes.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from .tokens import rounds_of
from .tokens import run_blocking
from .tokens import verify_hash

log = logging.getLogger("flask_apitokens")

#: the highest bcrypt cost that is run by default: sixteen times the default's time
MOST_ROUNDS = 14


class QueueFull(Exception):
    """The bcrypt queue is full, or a caller waited in it for too long."""


@dataclass
class _InFlight:
    """A verification that runs now. Other threads wait for its answer."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: bool | None = None


class _Check:
    """One run of bcrypt. It prints neither the token nor the hash."""

    __slots__ = ("_stored", "_token", "rounds")

    def __init__(self, token: bytes, stored: str) -> None:
        self._token = token
        self._stored = stored
        self.rounds = rounds_of(stored)

    def run(self) -> bool:
        """Return whether bcrypt accepts the token."""
        return verify_hash(self._token, self._stored)


class _Cache:
    """The verified tokens of one process. A forked child gets its own, with a new key.

    :param workers: how many verifications run at once.
    :param waiting: how many more may wait.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self.pid = os.getpid()
        self.key = secrets.token_bytes(32)
        self.verified: OrderedDict[str, bytes] = OrderedDict()
        self.rejected: OrderedDict[bytes, None] = OrderedDict()
        self.in_flight: dict[bytes, _InFlight] = {}
        self.lock = threading.Lock()
        self.workers = threading.BoundedSemaphore(workers)
        self.queue = threading.BoundedSemaphore(workers + waiting)

    def digest(self, token: bytes, stored: str) -> bytes:
        data = token + stored.encode()
        return hashlib.blake2b(data, digest_size=16, key=self.key).digest()

    def has(self, token_id: str, digest: bytes) -> bool:
        verified = self.verified.get(token_id)
        return verified is not None and hmac.compare_digest(verified, digest)


class Verifier:
    """Verifies tokens, and caches in this process alone what bcrypt answered.

    An entry is bound to the hash that is stored now, by a key that is random in each
    process. A *no* is cached as well: only who has the check digest of a token gets as
    far as bcrypt, and a damaged hash would otherwise cost one run at each call. Neither
    the plaintext nor an unkeyed digest of it is kept. The cache replaces bcrypt only:
    the guard reads the row of the token at every call.

    :param size: the most tokens in the cache; the least recently used one goes first.
    :param most_rounds: the highest bcrypt cost that is run. Each step doubles the time,
        so a row that someone else wrote could keep a core busy for minutes.
    :param workers: how many bcrypt checks run at once; the default is one per core.
    :param waiting: how many more may wait; the next one raises :class:`QueueFull`.
    :param timeout: seconds to wait in the queue.
    """

    def __init__(
        self,
        *,
        size: int = 10_000,
        most_rounds: int = MOST_ROUNDS,
        workers: int | None = None,
        waiting: int = 64,
        timeout: float = 5.0,
    ) -> None:
        self._size = size
        self._most_rounds = most_rounds
        self._workers = workers or os.cpu_count() or 1
        self._waiting = waiting
        self._timeout = timeout
        self._fork_lock = threading.Lock()
        self._cache = _Cache(self._workers, waiting)

    def verify(self, token_id: str, token: bytes, *, stored: str) -> bool:
        """Return whether *token* is the one that the hash *stored* was made of.

        :param token_id: the public id, which is the key in the cache.
        :raises QueueFull: if too many verifications wait already.
        """
        cache = self._cache_of_process()
        try:
            digest = cache.digest(token, stored)
        except (AttributeError, UnicodeEncodeError):
            return False  # SQLite stores bytes in a column of text too
        if cache.has(token_id, digest):
            # Another thread may have evicted it since; then there is nothing to move.
            # suppress() would cost as much as the digest does.
            try:  # noqa: SIM105
                cache.verified.move_to_end(token_id)
            except KeyError:
                pass
            return True
        check = _Check(token, stored)
        # What goes wrong from here on shows the variables of this function too.
        del token, stored
        return self._single_flight(cache, token_id, digest=digest, check=check)

    def _cache_of_process(self) -> _Cache:
        if self._cache.pid != os.getpid():
            # The cache is made at the first use after a fork and not in the fork,
            # because a gevent worker patches the locks in between.
            with self._fork_lock:
                if self._cache.pid != os.getpid():
                    self._cache = _Cache(self._workers, self._waiting)
        return self._cache

    def _single_flight(
        self, cache: _Cache, token_id: str, *, digest: bytes, check: _Check
    ) -> bool:
        """Run bcrypt once, however many threads ask for the same token at once."""
        with cache.lock:
            if cache.has(token_id, digest):
                # Another thread has finished since the first look into the cache.
                return True
            if digest in cache.rejected:
                return False
            flight = cache.in_flight.get(digest)
            leads = flight is None
            if flight is None:
                flight = cache.in_flight[digest] = _InFlight()
        if leads:
            try:
                flight.answer = self._run_bcrypt(cache, check)
                self._add(cache, token_id, digest=digest, answer=flight.answer)
            finally:
                with cache.lock:
                    del cache.in_flight[digest]
                flight.done.set()
        elif not flight.done.wait(self._timeout):
            raise QueueFull
        if flight.answer is None:
            # The thread that ran bcrypt found the queue full, or failed.
            raise QueueFull
        return flight.answer

    def _add(
        self, cache: _Cache, token_id: str, *, digest: bytes, answer: bool
    ) -> None:
        entries: OrderedDict[Any, Any] = cache.verified if answer else cache.rejected
        if answer:
            entries[token_id] = digest
        else:
            entries[digest] = None
        while len(entries) > self._size:
            with suppress(KeyError):
                entries.popitem(last=False)

    def _run_bcrypt(self, cache: _Cache, check: _Check) -> bool:
        if check.rounds > self._most_rounds:
            log.error(
                "a stored bcrypt hash has a cost of %d, and at most %d is run; its "
                "token is refused",
                check.rounds,
                self._most_rounds,
            )
            return False
        if not cache.queue.acquire(blocking=False):
            raise QueueFull
        try:
            if not cache.workers.acquire(timeout=self._timeout):
                raise QueueFull
            try:
                return run_blocking(check.run)
            finally:
                cache.workers.release()
        finally:
            cache.queue.release()
