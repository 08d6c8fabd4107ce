"""The guard's one SELECT where the token is another system's: by a keyed digest."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Engine
from sqlalchemy import Select
from sqlalchemy import bindparam
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from flask_apitokens.db.mapping import Models

from .native import Lookup
from .native import TokenRow
from .native import Unavailable

#: the public id of a token and all that :class:`TokenRow` has of it
FoundImport = tuple[str, TokenRow]


def statement(models: Models, joined: Select[Any], number: int) -> Select[Any]:
    """The token behind any of so many digests.

    :param joined: from :func:`lookup.joined`; the id is one column more, the last.
    """
    token, known = models.Token, models.Import
    digests = [bindparam(name, type_=known.digest.type) for name in _names(number)]
    # A subquery, and not one more join: it is answered first, by an index, wherever
    # an outer join would be in its way.
    theirs = select(known.token_id).where(known.digest.in_(digests))
    found = joined.add_columns(token.id).where(token.id.in_(theirs))
    # There are two where a digest was imported after its token: nobody can tell that
    # they belong together, and whoever came second gets nothing by it.
    return found.order_by(token.created_at, token.id)


def _names(number: int) -> list[str]:
    return [f"digest_{place}" for place in range(number)]


def find_on(
    connection: Connection, query: Select[Any], digests: Sequence[bytes]
) -> FoundImport | None:
    """Find a token on a Core connection, inside whatever transaction it is in."""
    names = _names(len(digests))
    row = connection.execute(query, dict(zip(names, digests, strict=True))).first()
    if row is None:
        return None
    blanks = (None,) * (len(TokenRow._fields) - len(row) + 1)
    return row[-1], TokenRow._make((*row[:-1], *blanks))


class ImportedLookup(Lookup):
    """Finds a token by the digests it may be stored under.

    :param query: from :func:`statement`.
    :param beside: finds tokens by id; its connections serve both.
    """

    def __init__(self, query: Select[Any], engine: Engine, beside: Lookup) -> None:
        super().__init__(query, engine, beside)
        # The id is no part of what is found.
        lacking = len(TokenRow._fields) - len(query.selected_columns) + 1
        self._blanks = (None,) * lacking

    def find_any(self, digests: Sequence[bytes]) -> FoundImport | None:
        """The token that one of *digests* is of, read now.

        :raises Unavailable: if the database does not answer.
        """
        arguments: Any = tuple(digests)
        if not self._positional:
            arguments = dict(zip(_names(len(digests)), digests, strict=True))
        found: FoundImport | None
        try:
            if self._connections is not None:
                found = self._find_fast(self._connections, arguments)
                return found
            if self._shared is not None:
                found = self._find_shared(self._shared, arguments)
                return found
            with self._engine.connect() as connection:
                return find_on(connection, self._query, digests)
        except self._failures as error:
            raise Unavailable(str(error)) from error

    def _converted(self, row: Any, cursor: Any) -> FoundImport:
        return row[-1], super()._converted(row[:-1], cursor)


def find_in_session(
    connect: Callable[[], Connection], query: Select[Any], digests: Sequence[bytes]
) -> FoundImport | None:
    """As :func:`find_on`, for a look-up on the session's connection.

    :raises Unavailable: if the database does not answer.
    """
    try:
        return find_on(connect(), query, digests)
    except SQLAlchemyError as error:
        raise Unavailable(str(error)) from error
