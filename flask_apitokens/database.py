"""The session and the engine of an application, whichever extension provides them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import Engine
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session
from sqlalchemy.orm import scoped_session
from sqlalchemy.orm import sessionmaker

from flask_apitokens.db.mapping import Models

from .errors import ConfigurationError
from .state import HostDatabase


class Database:
    """The database of an application on plain SQLAlchemy.

    ``APITokens(Database(Session, engine), User)``. The application removes the session
    at the end of each application context, as SQLAlchemy's documentation of
    ``scoped_session`` describes.

    :param session: a ``scoped_session``.
    :param engine: the engine of the table of users; with replicas, the primary's.
    :raises ConfigurationError: if one of them is anything else.
    """

    def __init__(self, session: scoped_session[Any], engine: Engine) -> None:
        given: tuple[object, object] = (session, engine)
        if not isinstance(given[0], scoped_session) or not isinstance(given[1], Engine):
            raise ConfigurationError(
                "Database(session, engine) needs a scoped_session and an Engine: "
                "scoped_session(sessionmaker(engine))"
            )
        self.session = session
        self.engine = engine

    @contextmanager
    def session_set_aside(self) -> Iterator[None]:
        """Put the present session aside, which the end of a context may remove."""
        registry = self.session.registry
        present = registry() if registry.has() else None
        registry.clear()
        try:
            yield
        finally:
            if present is not None:
                registry.set(present)

    @contextmanager
    def new_session(self) -> Iterator[None]:
        """Replace the session by a new one."""
        with Database.session_set_aside(self):
            try:
                yield
            finally:
                self.session.remove()


class _FlaskSQLAlchemy(Database):
    """The database of Flask-SQLAlchemy, whose table of users may have a bind key."""

    def __init__(self, db: Any, bind_key: str | None) -> None:
        self.session = db.session
        self._db = db
        self._bind_key = bind_key

    @contextmanager
    def session_set_aside(self) -> Iterator[None]:
        """Do nothing: each context has a session of its own."""
        yield

    @property
    def engine(self) -> Engine:  # type: ignore[override]
        """The primary's, even if the session sends reads to a replica."""
        engines = self._db.engines
        if self._bind_key not in engines:
            raise ConfigurationError(
                f"db has no engine for the bind key {self._bind_key!r} of the table of "
                f"users; it has {', '.join(map(repr, engines)) or 'none'}"
            )
        engine: Engine = engines[self._bind_key]
        return engine


class _Lite:
    """The database of Flask-SQLAlchemy-Lite, which has a plain session on ``g``."""

    def __init__(self, db: Any, models: Models) -> None:
        self._db = db
        self._models = models
        self._routed: bool | None = None

    @property
    def session(self) -> Session:
        """The default session of the application context."""
        if self._routed is None:
            # Not before: the application may register *db* after the plugin.
            maker, engine = self._db.sessionmaker, self.engine
            self._routed = _route(maker, self._models, engine=engine)
        session: Session = self._db.session
        if self._routed and session.get_bind(self._models.Token) is not self.engine:
            # The application has used this session before it was routed.
            for model in self._models.classes:
                session.bind_mapper(model, self.engine)
        return session

    @property
    def engine(self) -> Engine:
        """The engine of the user model, by the binds of the session."""
        try:
            return _bind_of(self._db.sessionmaker, self._models.user)
        except UnboundExecutionError:
            raise ConfigurationError(
                "flask_apitokens needs an engine that is not async for the user model: "
                "set SQLALCHEMY_ENGINES"
            ) from None

    @contextmanager
    def session_set_aside(self) -> Iterator[None]:
        """Do nothing: each context has a session of its own."""
        yield

    @contextmanager
    def new_session(self) -> Iterator[None]:
        """Replace the session by a new one."""
        sessions: dict[str, Session] = g.setdefault("_sqlalchemy_sessions", {})
        present = sessions.pop("default", None)
        try:
            yield
        finally:
            if "default" in sessions:
                sessions.pop("default").close()
            if present is not None:
                sessions["default"] = present


def database_of(db: Any, models: Models) -> HostDatabase:
    """Return the session and the engine that *db* provides.

    :param db: what the application gives ``APITokens``.
    :raises ConfigurationError: if it is nothing that provides both.
    """
    if isinstance(db, Database):
        _route(db.session.session_factory, models, engine=db.engine)
        return db
    lite = sys.modules.get("flask_sqlalchemy_lite")
    if lite is not None and isinstance(db, lite.SQLAlchemy):
        return _Lite(db, models)
    if hasattr(type(db), "engines") and hasattr(db, "session"):
        bind_key = models.tables[0].metadata.info.get("bind_key")
        return _FlaskSQLAlchemy(db, bind_key)
    raise ConfigurationError(
        "APITokens needs the SQLAlchemy object of Flask-SQLAlchemy or of "
        "Flask-SQLAlchemy-Lite, or flask_apitokens.Database(session, engine) with a "
        f"scoped_session and its engine; it was given {type(db).__name__!r}"
    )


def _route(maker: Any, models: Models, *, engine: Engine) -> bool:
    """Let our classes use *engine*, where the session has an engine for each class.

    :returns: whether that was necessary.
    """
    try:
        if _bind_of(maker, models.Token) is _bind_of(maker, models.user):
            return False
    except UnboundExecutionError:
        pass
    if isinstance(maker, sessionmaker):
        binds = maker.kw.get("binds") or {}
        maker.configure(binds={**binds, **dict.fromkeys(models.classes, engine)})
    return True


def _bind_of(maker: Any, model: type[Any]) -> Engine:
    with maker() as session:
        engine: Engine = session.get_bind(model)
        return engine
