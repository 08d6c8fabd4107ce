"""The memory of bcrypt's yes."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field

from .tokens import run_blocking
from .tokens import verify_hash


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
