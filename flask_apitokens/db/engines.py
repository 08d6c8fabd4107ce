"""What the host configured on its engine, as far as our own connections follow it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.pool import StaticPool


def shares_connection(engine: Engine) -> bool:
    """Return whether the pool lends one connection to a whole thread or process.

    It does for in-memory SQLite, where another connection has another database.
    """
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


def isolation_level(engine: Engine) -> Any:
    """Return the isolation level that the host set on *engine*; None for no level."""
    level = engine.get_execution_options().get("isolation_level")
    # SQLAlchemy has no public name for the argument of create_engine.
    level = level or getattr(engine.dialect, "_on_connect_isolation_level", None)
    return level and level.upper().replace("_", " ")


def is_autocommit(engine: Engine) -> bool:
    """Return whether the host's connections commit each statement at once."""
    return bool(isolation_level(engine) == "AUTOCOMMIT")
