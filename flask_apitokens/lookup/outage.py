"""An outage of the database, as the guard meets it: told when it begins and ends."""

from __future__ import annotations

import logging
import threading
import time

from flask_apitokens.db import engines

log = logging.getLogger("flask_apitokens")

#: Seconds between two beginnings that are logged. A database that answers now and then
#: would fill the log.
_PAUSE = 5.0


class Outage:
    """Counts the calls that are refused meanwhile, and logs one line at each end.

    :param what: what does not work, as the beginning of both lines.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._logged_at = -_PAUSE
        self._is_logged = False
        self._refused = 0
        #: whether the last attempt failed; read at each call
        self.is_on = False

    def add(self, error: BaseException, *, with_traceback: bool = False) -> bool:
        """Count a refused call; return whether its reason was logged."""
        with self._lock:
            self._refused = self._refused + 1 if self.is_on else 1
            self.is_on = True
            now = time.monotonic()
            if self._is_logged or now < self._logged_at + _PAUSE:
                return False
            self._is_logged, self._logged_at = True, now
        log.error(
            "%s could not be looked up, so calls are answered with 503: %s",
            self._what,
            engines.reason(error),
            exc_info=engines.without_values(error) if with_traceback else None,
        )
        return True

    def end(self) -> None:
        """Note that the database has answered."""
        with self._lock:
            was_logged, refused = self._is_logged, self._refused
            self.is_on = self._is_logged = False
        if was_logged:
            log.warning("%s are looked up again; %d calls failed", self._what, refused)
