"""What the plugin knows of one application: ``app.extensions["apitokens"]``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol
from typing import TypeVar
from typing import cast

from flask import Blueprint
from flask import Flask
from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine
from sqlalchemy import Select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.local import LocalProxy

from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.context import Context
from flask_apitokens.db.mapping import Models
from flask_apitokens.usage.recorder import Recorder

from . import signals
from .catalog import Catalog
from .config import Settings
from .crypto.verification_cache import Verifier
from .errors import ConfigurationError
from .lookup import native

if TYPE_CHECKING:
    from flask_apitokens.crypto.foreign_digests import PepperSet
    from flask_apitokens.lookup.imported import FoundImport
    from flask_apitokens.lookup.imported import ImportedLookup

    from .refusals import Refusal

KEY = "apitokens"
#: how often a transaction is begun that was rolled back to end a deadlock
_ATTEMPTS = 3
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Protection:
    """A blueprint every view of which is guarded, but for the open ones."""

    blueprint: Blueprint
    policy: Any
    open_views: frozenset[str]


class Extension(Protocol):
    """What of :class:`~flask_apitokens.APITokens` may change until requests come."""

    catalog: Catalog
    #: makes another body of a refusal; its challenge stays
    refusal_handler: Callable[[Refusal], Any] | None
    protected: dict[Any, Protection]
    #: whether a look-up was made while no service was declared: it asks for none
    sealed: bool


@dataclass
class State:
    """Made once by ``init_app``; only its caches change afterwards."""

    app: Flask
    db: SQLAlchemy
    settings: Settings
    extension: Extension
    models: Models
    #: the host's decisions, for its own user model
    callbacks: Callbacks
    recorder: Recorder
    #: whether "is active" is a question to the user object, not a column
    asks_user: bool
    #: finds the public id in a token of our brand
    parse: Callable[[bytes], str | None]
    #: what a session token begins with
    session_prefix: bytes
    verifier: Verifier = field(default_factory=Verifier)
    #: ids of ended tokens whose use was checked, see :mod:`.guard.late_use`
    late_use_checked: set[str] = field(default_factory=set)
    #: the peppers of imported tokens; none where there are none
    pepper_set: PepperSet | None = None
    #: the ids of imported tokens that this process is storing anew
    rekeying: set[str] = field(default_factory=set)
    #: whether this process has looked which peppers are missing
    peppers_looked_at: bool = False
    _lookup: native.Lookup | None = None
    _imported: ImportedLookup | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def catalog(self) -> Catalog:
        """The services the host declared."""
        return self.extension.catalog

    @property
    def protected(self) -> dict[Any, Protection]:
        """The guarded blueprints."""
        return self.extension.protected

    def context(self) -> Context:
        """The surroundings of domain functions, on the host's session."""
        return Context(
            session=self.db.session,
            models=self.models,
            settings=self.settings,
            catalog=self.catalog,
            callbacks=self.callbacks,
            notify=self.notify,
        )

    def notify(self, name: str, **values: Any) -> None:
        """Send the signal *name* of :mod:`flask_apitokens.signals`."""
        getattr(signals, name).send(self.app, **values)

    @property
    def engine(self) -> Engine:
        """The primary's engine, whatever the host's session routes reads to."""
        metadata = self.models.tables[0].metadata
        return self.db.engines[metadata.info.get("bind_key")]

    def find(self, token_id: str) -> native.TokenRow | None:
        """The row behind a public id, read now.

        :raises lookup.Unavailable: if the database does not answer.
        """
        if self.settings.lookup == "session":
            return self._find_in_session(token_id)
        finder = self._lookup or self._make_lookup()
        return finder.find(token_id)

    def _make_lookup(self) -> native.Lookup:
        with self._lock:
            if self._lookup is None:
                self.extension.sealed |= not self.catalog
                self._lookup = native.Lookup(self._query(), self._real_engine())
            return self._lookup

    def find_imported(self, digests: Sequence[bytes]) -> FoundImport | None:
        """The row and the id of the token that one of *digests* is of, read now.

        :raises lookup.Unavailable: if the database does not answer.
        """
        from .lookup import (
            imported as imported_lookup,  # for hosts that imported tokens alone
        )

        if self.settings.lookup == "session":
            where = {"mapper": self.models.Token}
            query = self._query_imported(len(digests))
            return imported_lookup.find_in_session(
                lambda: self.db.session.connection(bind_arguments=where), query, digests
            )
        if self._imported is None:
            beside, engine = self._lookup or self._make_lookup(), self._real_engine()
            query = self._query_imported(len(digests))
            made = imported_lookup.ImportedLookup(query, engine, beside)
            self._imported = made
        return self._imported.find_any(digests)

    def _query_imported(self, number: int) -> Select[Any]:
        from .lookup import imported as imported_lookup

        joined = native.joined(self.models, **self._wanted())
        return imported_lookup.statement(self.models, joined, number)

    def _real_engine(self) -> Engine:
        engine: object = self.engine
        if not isinstance(engine, Engine):
            raise ConfigurationError(
                f"db.engines has a {type(engine).__name__} in the place of its engine, "
                "as tests put it there that keep all in one transaction: they need "
                'APITOKENS_LOOKUP = "session"; see docs/how-to/testing.md'
            )
        return engine

    def _query(self) -> Select[Any]:
        return native.statement(self.models, **self._wanted())

    def _wanted(self) -> dict[str, Any]:
        return {
            "with_services": bool(self.catalog),
            "account": self.callbacks.account_column,
            "permission": self.callbacks.permission_column,
            "bound_to_email": self.settings.bind_to_email,
            "email": self.callbacks.email_column,
        }

    def _find_in_session(self, token_id: str) -> native.TokenRow | None:
        where = {"mapper": self.models.Token}
        try:
            connection = self.db.session.connection(bind_arguments=where)
            return native.find_on(connection, self._query(), token_id)
        except SQLAlchemyError as error:
            raise native.Unavailable(str(error)) from error


def commit(ctx: Context) -> None:
    """Commit what an edge was asked for, then tell people what there is to tell."""
    ctx.session.commit()
    if not ctx.tell():
        # It may have left the session in the middle of something that failed.
        ctx.session.rollback()


def commit_change(
    ctx: Context,
    change: Callable[[], _Made],
    *,
    before_commit: Callable[[], None] = lambda: None,
) -> _Made:
    """Make a change and commit it, again where the database gave way to another.

    Of two transactions that wait for each other, MariaDB and PostgreSQL roll one back
    and expect the client to begin it anew.

    :param change: calls domain functions; it is called again after a deadlock.
    :param before_commit: called once the change is made, before each commit.
    """
    for attempt in range(_ATTEMPTS):
        try:
            made = change()
            before_commit()
            commit(ctx)
        except OperationalError:
            if attempt == _ATTEMPTS - 1:
                raise
            ctx.session.rollback()
            ctx.notices.clear()
        else:
            return made
    raise AssertionError("unreachable")


def state_of(app: Flask) -> State:
    """The state of *app*.

    :raises ConfigurationError: if the plugin was not registered on it.
    """
    state = app.extensions.get(KEY)
    if state is None:
        raise ConfigurationError(
            "flask_apitokens is not registered on this application; call "
            "APITokens(db, User).init_app(app)"
        )
    return cast("State", state)


def _current() -> State:
    return state_of(current_app)


#: the state of the current application
current_apitokens = cast("State", LocalProxy(_current))
