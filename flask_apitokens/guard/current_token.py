"""The token that a request was accepted with."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Any

from flask_apitokens.lookup.native import TokenRow
from flask_apitokens.state import State


class CurrentToken:
    """The token a request was accepted with; plain values, no row of the session."""

    __slots__ = ("_owner", "_state", "accepted_at", "found", "id")

    def __init__(self, state: State, token_id: str, found: TokenRow) -> None:
        self._state = state
        #: what the look-up found
        self.found = found
        self._owner: Any = None
        #: the public id
        self.id = token_id
        #: the moment it was judged at
        self.accepted_at = datetime.now(UTC)

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self.found.name

    @property
    def kind(self) -> str:
        """ "api", "access", or "session" for what the log-in endpoint handed out."""
        return self.found.kind

    @property
    def service(self) -> str | None:
        """The slug of the service it is bound to."""
        return self.found.service

    @property
    def scopes(self) -> frozenset[str]:
        """What it may do in that service."""
        return frozenset(self.found.scopes or ())

    @property
    def is_userless(self) -> bool:
        """Whether it acts for nobody."""
        return bool(self.found.userless)

    @property
    def owner_id(self) -> Any:
        """The primary key of the user it acts for."""
        return self.found.owner_id

    @property
    def account_id(self) -> str:
        """The account it was generated in."""
        return self.found.account_id

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, aware and in UTC; of a session, when that ends."""
        return self.found.expires_at

    @property
    def owner(self) -> Any:
        """The user it acts for, loaded at the first look; none for a userless one."""
        if self._owner is None and not self.found.userless:
            state = self._state
            key, session = self.found.owner_id, state.db.session
            # What the host has not flushed yet is none of our business.
            with session.no_autoflush:
                self._owner = session.get(state.models.user, key)
        return self._owner
