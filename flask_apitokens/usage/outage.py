"""An outage of the database that recorded calls are written to."""

from __future__ import annotations

import logging
import time

from flask_apitokens.db import engines
from flask_apitokens.db import schema_check

#: seconds between two attempts in an outage, at most
LONGEST_PAUSE = 30.0

_log = logging.getLogger("flask_apitokens.usage")


class Outage:
    """When to try again, and what was logged, while writes fail.

    :param first_pause: seconds before the second attempt. Each further pause is twice
        as long.
    """

    def __init__(self, first_pause: float) -> None:
        #: the failed writes since the process began
        self.failures = 0
        self._first_pause = first_pause
        self._in_a_row = 0
        self._retry_at = 0.0
        self._is_logged = False

    @property
    def is_on(self) -> bool:
        """Whether the last write failed."""
        return self._in_a_row > 0

    def remaining(self) -> float:
        """Return the seconds until the next attempt is due, 0 if one is."""
        return max(0.0, self._retry_at - time.monotonic())

    def add_failure(self, error: Exception) -> None:
        """Count a failure, lengthen the pause, and log the first one."""
        self.failures += 1
        self._in_a_row += 1
        pause = self._first_pause * 2 ** min(self._in_a_row, 16)
        self._retry_at = time.monotonic() + min(pause, LONGEST_PAUSE)
        self.log_once("%s", reason(error))

    def log_once(self, message: str, *details: object) -> None:
        """Log *message*, unless one was logged since the outage began."""
        if not self._is_logged:
            self._is_logged = True
            text = "Recorded calls are not written for now, no call fails for it: "
            _log.warning(text + message, *details)

    def end(self, dropped: int) -> None:
        """End the outage, and log its end if its beginning was logged.

        :param dropped: the calls lost since the process began.
        """
        self._in_a_row = 0
        self._retry_at = 0.0
        if self._is_logged:
            self._is_logged = False
            _log.warning(
                "Recorded calls are written again; %d were dropped since the process "
                "began",
                dropped,
            )


def reason(error: Exception) -> str:
    """Return one line that says what went wrong, without the statement's values."""
    line = engines.reason(error)
    if schema_check.is_about_schema(error):
        return f"{line} - {schema_check.WHAT_TO_DO}"
    return line
