"""The bounded buffer between the requests and the thread that writes their calls."""

from __future__ import annotations

import threading
from collections import deque

from .rows import Call


class CallBuffer(deque[Call]):
    """Calls that wait to be written, the oldest first.

    A request only appends, which needs no lock. The other methods hold one for moments.

    :param max_rows: how many calls may wait; :meth:`trim` drops the oldest of more.
    """

    def __init__(self, max_rows: int) -> None:
        super().__init__()
        self.max_rows = max_rows
        #: calls lost since the process began: the buffer was full, or a row invalid
        self.dropped = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> list[Call]:
        """Remove and return the oldest calls, *count* at most."""
        with self._lock:
            return [self.popleft() for _ in range(min(count, len(self)))]

    def put_back(self, calls: list[Call]) -> None:
        """Return calls of :meth:`take` that could not be written."""
        with self._lock:
            self.extendleft(reversed(calls))

    def trim(self) -> bool:
        """Drop the oldest calls if there are too many; return whether there were."""
        with self._lock:
            surplus = max(0, len(self) - self.max_rows)
            for _ in range(surplus):
                self.popleft()
            self.dropped += surplus
        return surplus > 0

    def count_dropped(self, count: int) -> None:
        """Count calls of :meth:`take` that no write can store."""
        with self._lock:
            self.dropped += count
