"""The token that a request was accepted with."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session

from flask_apitokens.crypto.plaintext import Plaintext
from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.refusals import TemporarilyUnavailable
from flask_apitokens.state import State

#: the attribute of a request that has the accepted token. ``g`` would not do: it
#: outlives the request if a test pushes an application context of its own. Nor would
#: the WSGI environment: all events of a socket have that of its handshake
ATTRIBUTE = "apitokens_token"

_CUT = "…".encode().decode("latin-1")


class CurrentToken:
    """The token of a request: plain values, not a row of the session."""

    __slots__ = ("_imported", "_owner", "_state", "accepted_at", "found", "id")

    def __init__(
        self,
        state: State,
        token_id: str,
        found: TokenRow,
        *,
        imported: Plaintext | None = None,
    ) -> None:
        self._state = state
        #: the row that the look-up read
        self.found = found
        self._owner: Any = None
        self._imported = imported
        #: the public id
        self.id = token_id
        #: when it was authenticated, aware and in UTC
        self.accepted_at = datetime.now(UTC)

    def __bool__(self) -> bool:
        """Whether there is a token: ``if current_token`` in a view where it may not be.

        Without this method, a type checker calls the question always true.
        """
        return True

    def cut_from(self, text: str) -> str:
        """Return *text* without the plaintext, if this is an imported token.

        A token of our own is known by its form alone, wherever it is.

        :param text: as WSGI has it: its bytes as Latin-1.
        """
        if self._imported is None:
            return text
        return text.replace(self._imported.reveal(), _CUT)

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

        :raises TemporarilyUnavailable: if the database does not answer; unless it is
            caught, the call is answered with 503.
        """
        if self._owner is None and not self.found.userless:
            self._owner = self._load_owner()
        return self._owner

    def _load_owner(self) -> Any:
        state = self._state
        session: Any = state.db.session
        own: Session = session() if isinstance(session, scoped_session) else session
        # What the host has begun cannot be begun anew here: its changes would be lost.
        begun = own.in_transaction()
        for is_last in (begun, True):
            try:
                # A flush would write what the host has not finished, and could fail.
                with own.no_autoflush:
                    owner = own.get(state.models.user, self.found.owner_id)
            except (SQLAlchemyError, OSError) as error:
                if not begun:
                    own.rollback()
                # The server may have closed the pooled connections since their last
                # use. The pool opens new ones then.
                if is_last or not getattr(error, "connection_invalidated", False):
                    state.owner_outage.add(error)
                    raise TemporarilyUnavailable from None
            else:
                break
        if state.owner_outage.is_on:
            state.owner_outage.end()
        return owner
