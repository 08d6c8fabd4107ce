"""Pages and batches of rows: by number, or from one row on.

A numbered page has an offset and a total. A keyset page begins beside a known row, so
that it stays the same page while rows are added above it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import and_
from sqlalchemy import or_
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from flask_apitokens.i18n import number as number_text

T = TypeVar("T")
K = TypeVar("K")

#: Counting rows stops here: the cost of a page must not grow with the table.
COUNT_LIMIT = 10_000
#: Counting the matches of a search stops here, because each row has to be compared.
SEARCH_COUNT_LIMIT = 1_000
#: the rows that an export reads at a time
BATCH_SIZE = 1000
#: the largest integer key that every database stores
MAX_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Years after 2286 are outside the calendar of some databases.
_MAX_MICROSECONDS = 10**16
_MAX_POSITION_LENGTH = 40


def format_count(number: int, limit: int | None = COUNT_LIMIT) -> str:
    """Return a count as text, such as "9,999", or "10,000+" above *limit*.

    :param limit: where counting stopped; ``None`` if every row was counted.
    """
    if limit is None or number <= limit:
        return number_text(number)
    return f"{number_text(limit)}+"


# -- numbered pages ------------------------------------------------------------


@dataclass(frozen=True)
class Page(Generic[T]):
    """One numbered page of a list.

    :param total: the number of matching rows, at most *limit* plus one.
    :param number: the number of this page, from 1.
    :param more: whether another page follows.
    :param limit: where counting stopped; ``None`` if every row was counted.
    """

    items: Sequence[T]
    total: int
    number: int
    size: int
    more: bool = False
    limit: int | None = None

    @property
    def first(self) -> int:
        """The number of the first item on this page, 0 on an empty page."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item on this page, 0 on an empty page."""
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def pages(self) -> int:
        """The number of pages, at least one."""
        return page_count(self.total, self.size)

    @property
    def is_counted(self) -> bool:
        """Whether *total* is exact."""
        return self.limit is None or self.total <= self.limit

    @property
    def counted(self) -> str:
        """The total as text."""
        return format_count(self.total, self.limit)

    @property
    def is_one_of_several(self) -> bool:
        """Whether the list has other pages."""
        return self.more or self.number > 1


def page_count(total: int, size: int) -> int:
    """Return how many pages of *size* rows there are, at least one."""
    return max(1, -(-total // size))


def numbered_page(
    session: Session | scoped_session[Any],
    ordered: Select[Any],
    *,
    total: int,
    number: int,
    size: int,
    limit: int | None = None,
) -> Page[Any]:
    """Read one page of *ordered*; a page number past the end reads the last page.

    :param total: the number of rows, of at most *limit* plus one.
    """
    number = max(number, 1)
    if limit is None or total <= limit:
        number = min(number, page_count(total, size))
    # One row more than is shown tells whether another page follows.
    rows = session.scalars(ordered.limit(size + 1).offset((number - 1) * size)).all()
    return Page(rows[:size], total, number, size, len(rows) > size, limit)


def search_page(
    session: Session | scoped_session[Any],
    keys: Select[Any],
    *,
    load: Callable[[Sequence[Any]], Mapping[Any, T]],
    number: int,
    size: int,
    limit: int | None = None,
) -> Page[T]:
    """Read one page of what a search finds.

    A search compares every row, so its keys are read once, and counted by that.

    :param keys: the ordered keys of the matches; the key is the last column.
    :param load: returns rows by their keys.
    :param limit: where counting stops, unless the page is beyond it; by default
        ``SEARCH_COUNT_LIMIT``.
    """
    last_page = COUNT_LIMIT // size
    number = min(max(number, 1), last_page)
    limit = max(SEARCH_COUNT_LIMIT if limit is None else limit, number * size)
    found = [row[-1] for row in session.execute(keys.limit(limit + 1))]
    number = min(number, page_count(len(found), size))
    shown = found[(number - 1) * size : number * size]
    rows = load(shown) if shown else {}
    # A row may have been deleted between the two statements.
    items = [rows[key] for key in shown if key in rows]
    more = len(found) > number * size and number < last_page
    return Page(items, len(found), number, size, more, limit)


# -- keyset pages --------------------------------------------------------------


@dataclass(frozen=True)
class KeysetPage(Generic[T]):
    """Rows in order, the newest first, between two keys.

    :param newer: how many newer rows are known, 0 on the first page. It is a lower
        bound.
    :param has_older: whether older rows follow.
    :param first: the number of the first row among all matches, if they are counted.
    :param total: the number of all matches, if they are counted.
    """

    items: Sequence[T]
    newer: int
    has_older: bool
    first: int = 1
    total: int = 0

    @property
    def has_newer(self) -> bool:
        """Whether newer rows come before this page."""
        return self.newer > 0


def keyset_page(
    read: Callable[..., Sequence[T]],
    *,
    size: int,
    before: K | None = None,
    after: K | None = None,
    look_ahead: int = 1,
) -> KeysetPage[T]:
    """Read the rows older than *before*, or newer than *after*.

    If fewer newer rows exist than fill a page, the first page is read instead.

    :param read: called with *before*, *after* and *limit* by keyword. It returns the
        rows next to the key that is given: oldest first after a key, else newest first.
    :param look_ahead: how many newer rows than fill the page are read to count them.
    """
    if after is not None:
        rows = read(before=None, after=after, limit=size + look_ahead)
        if len(rows) >= size:
            return KeysetPage(rows[:size][::-1], len(rows) - size, has_older=True)
        before = None
    rows = read(before=before, after=None, limit=size + 1)
    newer = 0 if before is None else 1
    return KeysetPage(rows[:size], newer, has_older=len(rows) > size)


class Position(NamedTuple):
    """The place of a row that is ordered by a moment and then by its key."""

    at: datetime
    id: Any

    def older(self, at: Any, key: Any) -> ColumnElement[bool]:
        """Return the condition that a row is older than this position.

        Not as a comparison of tuples, for which MariaDB uses no index. The first of
        the two conditions is where an index begins to read.
        """
        return and_(at <= self.at, or_(at < self.at, key < self.id))

    def newer(self, at: Any, key: Any) -> ColumnElement[bool]:
        """Return the condition that a row is newer than this position."""
        return and_(at >= self.at, or_(at > self.at, key > self.id))

    def to_text(self) -> str:
        """Return the position for an address: microseconds since 1970, and the key."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def from_text(cls, text: str) -> Position | None:
        """Return the position that :meth:`to_text` wrote; ``None`` for other text."""
        moment, _dash, key = text.partition("-")
        if len(text) > _MAX_POSITION_LENGTH:
            return None
        if not all(part.isascii() and part.isdigit() for part in (moment, key)):
            return None
        if int(moment) >= _MAX_MICROSECONDS or not 0 < int(key) <= MAX_ID:
            return None
        return cls(_EPOCH + timedelta(microseconds=int(moment)), int(key))


def batches(
    read: Callable[[K | None, int], Sequence[T]],
    key: Callable[[T], K],
    *,
    start: K | None = None,
) -> Iterator[Sequence[T]]:
    """Read all rows of a query in batches, the newest first.

    Rows that are added meanwhile are newer than the first batch and left out.

    :param read: called with a key and a limit. It returns the rows older than the key,
        or the newest for ``None``.
    :param key: returns the key of a row.
    :param start: where to begin, if not at the newest row.
    """
    last = start
    while rows := read(last, BATCH_SIZE):
        # Before the caller gets the rows: it may end the session that holds them.
        last = key(rows[-1])
        yield rows
        if len(rows) < BATCH_SIZE:
            return
