"""Make rows of recorded calls: shorten, clean and count them.

None of it is done in the request, which only hands over its values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import lru_cache
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from flask_apitokens.core import networks
from flask_apitokens.crypto.tokens import ID_ALPHABET
from flask_apitokens.crypto.tokens import ID_LENGTH
from flask_apitokens.db.models import AGENT_LENGTH
from flask_apitokens.db.models import FAILED
from flask_apitokens.db.models import LABEL_LENGTH
from flask_apitokens.db.models import METHOD_LENGTH
from flask_apitokens.db.models import NAME_LENGTH
from flask_apitokens.db.models import PATH_LENGTH
from flask_apitokens.db.models import REJECTED
from flask_apitokens.db.models import RESULTS
from flask_apitokens.db.models import SUCCEEDED

_Item = TypeVar("_Item")

#: characters that a text column refuses or a page should not show
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: a token or session token of ours after its brand, also with its end cut off
_BEARER = re.compile(
    rf"(_[{ID_ALPHABET}]{{{ID_LENGTH}}})"
    r"(?:_[0-9A-Za-z]{16,}|\.[0-9]+\.[\w.-]+)",
    re.ASCII,
)
#: the largest status and duration that their columns can hold
_LAST_STATUS, _LONGEST = 999, 2**31 - 1
#: calls counted without a pause, see :func:`unhurried`
_IN_A_ROW = 100
#: Seconds. After a pause of 0 the same thread is often the first to run again.
_GIVE_WAY = 0.0005
_NO_TIME, _HOUR = timedelta(), timedelta(hours=1)
_NO_CALLS = [0 for _ in RESULTS]
#: the columns of a call, in the order of a row from :func:`call_rows`
CALL_COLUMNS = (
    "at",
    "account_id",
    "service",
    "token_id",
    "token_name",
    "owner_key",
    "method",
    "rule",
    "path",
    "status",
    "result",
    "code",
    "duration",
    "ip",
    "user_agent",
)
#: those of an hour, as in :func:`hour_rows`
HOUR_COLUMNS = (
    "account_id",
    "service",
    "token_id",
    "hour",
    "owner_key",
    "succeeded",
    "rejected",
    "failed",
)
#: those of a last use, as in :func:`use_rows`
USE_COLUMNS = ("id", "last_used_at", "last_used_ip")


class Call(NamedTuple):
    """One guarded call that waits to be written, as the request handed it over.

    :param at: when it was authenticated or refused, aware.
    :param accepted: whether the guard accepted it: then the token was used.
    :param owner: the owner's primary key; None for a userless token.
    :param path: as WSGI has it: its bytes as Latin-1. So is *user_agent*.
    :param status: of the answer.
    :param code: why the guard refused it.
    :param duration: in seconds.
    :param ip: the client's address; other text is not stored.
    """

    token_id: str
    at: datetime
    ip: str | None = None
    accepted: bool = True
    token_name: str = ""
    account_id: str = ""
    service: str | None = None
    owner: Any = None
    method: str = "GET"
    rule: str = ""
    path: str = ""
    status: int = 200
    code: str | None = None
    duration: float = 0.0
    user_agent: str | None = None


def unhurried(items: Iterable[_Item], in_a_row: int = 1) -> Iterator[_Item]:
    """Yield *items*, with a pause for other threads after each *in_a_row*.

    The GIL lets one thread run at a time. Without a pause, a request would wait five
    milliseconds before Python makes this thread release it.
    """
    for number, item in enumerate(items):
        if number and number % in_a_row == 0:
            time.sleep(_GIVE_WAY)
        yield item


def call_rows(calls: Iterable[Call]) -> Iterator[tuple[Any, ...]]:
    """Return a row for each call, in the order of :data:`CALL_COLUMNS`."""
    return map(_row, calls)


def hour_rows(calls: Iterable[Call]) -> list[tuple[Any, ...]]:
    """Return the counts of each hour, by token and by service of an account.

    They are sorted, so that two processes lock them in the same order. Those of the
    services are last, because all processes write them: so they are locked for a
    shorter time.
    """
    of_tokens: dict[tuple[Any, ...], list[Any]] = {}
    of_services: dict[tuple[Any, ...], list[Any]] = {}
    hour = datetime.min.replace(tzinfo=UTC)
    for call in unhurried(calls, _IN_A_ROW):
        if not _NO_TIME <= call.at - hour < _HOUR:  # Mostly the last call's.
            hour = call.at.replace(minute=0, second=0, microsecond=0)
        where = call.account_id, call.service or ""
        result = 1 + _result(call.status)
        for sums, token_id, owner in (
            (of_tokens, call.token_id, call.owner),
            (of_services, "", None),
        ):
            key = (*where, token_id, hour)
            counts = sums.get(key)
            if counts is None:
                counts = sums[key] = [_key(owner), *_NO_CALLS]
            counts[result] += 1
    return [
        (*key, *counts)
        for sums in (of_tokens, of_services)
        for key, counts in sorted(sums.items())
    ]


def use_rows(calls: Iterable[Call]) -> list[tuple[Any, ...]]:
    """Return the last use of each token, sorted by its id."""
    latest: dict[str, Call] = {}
    for call in unhurried(calls, _IN_A_ROW):
        known = latest.get(call.token_id)
        if call.accepted and (known is None or known.at <= call.at):
            latest[call.token_id] = call
    return [
        (token_id, call.at, address(call.ip))
        for token_id, call in sorted(latest.items())
    ]


def _row(call: Call) -> tuple[Any, ...]:
    return (
        call.at,
        call.account_id,
        call.service or "",
        call.token_id,
        call.token_name[:NAME_LENGTH],
        _key(call.owner),
        _clean(call.method, METHOD_LENGTH),
        _clean(call.rule, PATH_LENGTH),
        _decoded(call.path, PATH_LENGTH),
        min(max(0, call.status), _LAST_STATUS),
        _result(call.status),
        call.code,
        min(max(0, round(call.duration * 1000)), _LONGEST),
        address(call.ip),
        _decoded(call.user_agent, AGENT_LENGTH) if call.user_agent else None,
    )


def _result(status: int) -> int:
    if status < 400:
        return SUCCEEDED
    return REJECTED if status < 500 else FAILED


def _key(owner: Any) -> str:
    return "" if owner is None else str(owner)[:LABEL_LENGTH]


@lru_cache(maxsize=256)
def _decoded(text: str, length: int) -> str:
    text = text.encode("latin-1", "replace").decode("utf-8", "replace")
    # Some clients send a token there too. Its id stays, so that it can be found.
    return _clean(_BEARER.sub(r"\1_…", text), length)


@lru_cache(maxsize=256)
def _clean(text: str, length: int) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:length]


@lru_cache(maxsize=256)
def address(text: str | None) -> str | None:
    """Return the address in *text*, None if it is not one.

    A proxy may pass on any text of a client. Text that the column refuses would fail
    the whole batch at each attempt.
    """
    return networks.address(text)


def mappings(
    columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Return *rows* as SQLAlchemy executes many at once."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
