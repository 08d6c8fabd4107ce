"""The token that a request was accepted with."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.state import State

#: the key of the accepted token in the WSGI environment of its request. ``g`` would not
#: do: it outlives the request if a test pushes an application context of its own
ENVIRON_KEY = "flask_apitokens.token"


class CurrentToken:
    """The token of a request: plain values, not a row of the session."""

    __slots__ = ("_owner", "_state", "accepted_at", "found", "id")

    def __init__(self, state: State, token_id: str, found: TokenRow) -> None:
        self._state = state
        #: the row that the look-up read
        self.found = found
        self._owner: Any = None
        #: the public id
        self.id = token_id
        #: when it was authenticated, aware and in UTC
        self.accepted_at = datetime.now(UTC)

    @property
    def name(self) -> str:
        """The name that its owner gave it."""
        return self.found.name

    @property
    def kind(self) -> str:
        """The kind: "api", "access", or "session".

        A session is what the log-in endpoint handed out for an access token.
        """
        return self.found.kind

    @property
    def service(self) -> str | None:
        """The slug of the service it is bound to; None if it has none."""
        return self.found.service

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes it has in that service."""
        return frozenset(self.found.scopes or ())

    @property
    def is_userless(self) -> bool:
        """Whether it has no owner."""
        return bool(self.found.userless)

    @property
    def owner_id(self) -> Any:
        """The primary key of its owner; None if it is userless."""
        return self.found.owner_id

    @property
    def account_id(self) -> str:
        """The account it was generated in."""
        return self.found.account_id

    @property
    def expires_at(self) -> datetime | None:
        """When it expires, aware and in UTC; None if it never does.

        For a session it is when the session ends.
        """
        return self.found.expires_at

    @property
    def owner(self) -> Any:
        """The user it acts for, loaded on first access; None if it is userless.

        :raises sqlalchemy.exc.SQLAlchemyError: if the database does not answer.
        """
        if self._owner is None and not self.found.userless:
            state = self._state
            key, session = self.found.owner_id, state.db.session
            # A flush here would write what the host has not finished, and could fail.
            with session.no_autoflush:
                self._owner = session.get(state.models.user, key)
        return self._owner
