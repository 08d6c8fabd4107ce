"""The plugin's state for one application: ``app.extensions["apitokens"]``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractContextManager
from contextlib import contextmanager
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
from flask import has_app_context
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session
from werkzeug.local import LocalProxy

from flask_apitokens.core.callbacks import Callbacks
from flask_apitokens.core.context import Context
from flask_apitokens.core.events import DomainEvent
from flask_apitokens.db import engines
from flask_apitokens.db.mapping import Models
from flask_apitokens.usage.recorder import Recorder

from .catalog import Catalog
from .config import Settings
from .crypto.places import Places
from .crypto.places import places_of
from .crypto.verification_cache import Verifier
from .errors import ConfigurationError
from .errors import Conflict
from .lookup.finder import TokenFinder
from .lookup.outage import Outage

if TYPE_CHECKING:
    from flask_apitokens.crypto.foreign_digests import PepperSet

    from .refusals import Refusal

KEY = "apitokens"
#: how often a transaction is tried that the database ended in favour of another one,
#: and how often after another error of the database, such as a lost connection
_ATTEMPTS, _OUTAGE_ATTEMPTS = 12, 3
#: seconds before another attempt, at most
_PAUSE = 0.2
_Made = TypeVar("_Made")


class HostDatabase(Protocol):
    """What the plugin needs of the application's database."""

    @property
    def session(self) -> Session | scoped_session[Any]:
        """The session of the present application context."""

    @property
    def engine(self) -> Engine:
        """The engine of the table of users, which writes go to."""

    def session_set_aside(self) -> AbstractContextManager[None]:
        """Keep the session out of a context that is entered in a ``with`` block."""

    def new_session(self) -> AbstractContextManager[None]:
        """Replace the session within a ``with`` block by a new one."""


@dataclass(frozen=True)
class Protection:
    """A guarded blueprint: all its views need a token, except the open ones."""

    blueprint: Blueprint
    policy: Any
    open_views: frozenset[str]


class Extension(Protocol):
    """The part of :class:`~flask_apitokens.APITokens` that ``init_app`` leaves open."""

    catalog: Catalog
    #: makes another body of a refusal; its challenge stays
    refusal_handler: Callable[[Refusal], Any] | None
    protected: dict[Any, Protection]


@dataclass
class State:
    """Built once by ``init_app``; only its caches change afterwards."""

    app: Flask
    db: HostDatabase
    settings: Settings
    extension: Extension
    models: Models
    #: the host's callables, bound to its user model
    callbacks: Callbacks
    recorder: Recorder
    finder: TokenFinder
    #: whether only the user object, and no column, tells that the user is active
    asks_user: bool
    #: returns the public id in a token of our brand, or None
    parse: Callable[[bytes], str | None]
    #: the first characters of a session token
    session_prefix: bytes
    verifier: Verifier = field(default_factory=Verifier)
    #: ids of ended tokens whose use was checked, see :mod:`.guard.late_use`
    late_use_checked: set[str] = field(default_factory=set)
    #: the peppers of imported tokens, None without ``APITOKENS_PEPPERS``
    pepper_set: PepperSet | None = None
    #: the ids of imported tokens that this process is re-keying now
    rekeying: set[str] = field(default_factory=set)
    #: the endpoints and damaged rows that this process has warned of
    warned_of: set[str] = field(default_factory=set)
    #: of the database, while tokens or their owners cannot be looked up
    outage: Outage = field(default_factory=lambda: Outage("tokens"))
    owner_outage: Outage = field(default_factory=lambda: Outage("owners of tokens"))
    #: the same for what pages and endpoints show
    page_outage: Outage = field(default_factory=lambda: Outage("rows of pages"))
    #: whether this process has checked which peppers are missing
    peppers_looked_at: bool = False
    #: where a route looks for a token that has no places of its own
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        """Derive what the settings tell."""
        self.places = places_of(self.settings.schemes, self.settings.headers)

    @property
    def catalog(self) -> Catalog:
        """The services the host declared."""
        return self.extension.catalog

    @property
    def protected(self) -> dict[Any, Protection]:
        """The guarded blueprints."""
        return self.extension.protected

    def warns_once(self, subject: str) -> bool:
        """Return whether *subject* is new here; a second call returns False."""
        is_new = subject not in self.warned_of
        self.warned_of.add(subject)
        return is_new

    def context(self) -> Context:
        """Return the context of domain functions, on the host's session."""
        return Context(
            session=self.db.session,
            models=self.models,
            settings=self.settings,
            catalog=self.catalog,
            callbacks=self.callbacks,
            deliver=self.deliver,
        )

    @contextmanager
    def app_context(self) -> Iterator[None]:
        """Enter the context of the application, unless it is the present one."""
        # A session may be committed outside an application, or inside another one.
        if has_app_context() and current_app._get_current_object() is self.app:  # type: ignore[attr-defined]
            yield
            return
        # An application whose session belongs to the thread removes it when a context
        # ends. The rows of the code outside would be detached.
        with self.db.session_set_aside(), self.app.app_context():
            yield

    def close(self) -> bool:
        """Write what is recorded; close our connections, and end our thread.

        :returns: whether everything is written.
        """
        self.finder.close()
        return self.recorder.close()

    def deliver(self, event: DomainEvent) -> bool:
        """Hand a committed event to its subscribers, inside this application.

        :returns: whether all of them succeeded.
        """
        from .domain import delivery  # a process that only guards calls needs it not

        # In a session of its own. The one that has committed may be inside ``with
        # session.begin():``, which refuses further statements. And the transaction of
        # a subscriber, or its error, would remain in it for the host's next statement.
        with self.app_context(), self.db.new_session():
            return delivery.deliver(self.context(), event, sender=self.app)

    @property
    def engine(self) -> Engine:
        """The primary's engine, even if the host's session sends reads to a replica."""
        return self.db.engine


def commit_change(
    ctx: Context,
    change: Callable[[], _Made],
    *,
    before_commit: Callable[[], None] = lambda: None,
) -> _Made:
    """Make a change and commit it, again where it gave way to another.

    Of two transactions that wait for each other, MariaDB and PostgreSQL roll one back
    and expect the client to begin it anew. Above READ COMMITTED, so does PostgreSQL
    with the second of two that change the same.

    :param change: calls domain functions; it is called again after a deadlock.
    :param before_commit: called once the change is made, before each commit.
    :raises Conflict: if it gave way each time.
    """
    for attempt in range(_ATTEMPTS):
        try:
            made = change()
            before_commit()
            ctx.session.commit()
        except OperationalError as error:
            ctx.session.rollback()
            if not engines.gave_way(error) and attempt >= _OUTAGE_ATTEMPTS - 1:
                raise
        except Conflict as error:
            # Above READ COMMITTED it may be the row of another request that this
            # transaction cannot read. A new one can.
            if attempt or not isinstance(error.__context__, IntegrityError):
                raise
            ctx.session.rollback()
        else:
            engines.read_committed_next(ctx.session)
            return made
        # At random, so that those who gave way do not meet again.
        time.sleep(random.uniform(0, min(0.01 * 2**attempt, _PAUSE)))  # noqa: S311
    raise Conflict


def state_of(app: Flask) -> State:
    """Return the plugin's state of *app*.

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
