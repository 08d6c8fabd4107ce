"""A token table with recorders on it, and the ways its database can fail them."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import create_engine
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from flask_apitokens.db.mapping import bind_models
from flask_apitokens.usage.recorder import Recorder
from flask_apitokens.usage.rows import Call
from flask_apitokens.usage.statements import Tables

#: How long a test waits for what should come at once, before it fails.
DEADLINE = 60.0
#: the public ids of the tokens there are
A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
#: so many seconds later nothing is written for its time
NEVER = 3600.0
SOON = 0.05
START = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


def until(condition: Callable[[], object]) -> None:
    """Wait for a state.

    :raises AssertionError: if it does not come.
    """
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def moment(number: float) -> datetime:
    """The number-th second of the tests' time, to the microsecond."""
    return START + timedelta(seconds=number)


def threads() -> set[threading.Thread]:
    """The threads of recorders, also of those that other tests have left behind."""
    named = "apitokens-usage"
    return {thread for thread in threading.enumerate() if thread.name == named}


class _Base(DeclarativeBase):
    pass


class _User(_Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)


def tables() -> Tables:
    """The tables of the real models, beside a user table of their own."""
    models: Any = bind_models(_Base.metadata, _User)
    classes = models.Token, models.Call, models.CallHour
    return Tables(*[model.__table__ for model in classes])


def record(
    recorder: Recorder, token_id: str, at: datetime, ip: str | None = None, **more: Any
) -> None:
    """Record a call with a token."""
    recorder.record(Call(token_id, at, ip, **more))


class Tokens:
    """The tokens of a database, as a test sees them from the outside."""

    def __init__(self, url: str, **options: Any) -> None:
        self.engine: Engine = create_engine(url, **options)
        self.tables = tables()
        self.table = self.tables.token
        self.recorders: list[Recorder] = []

    def create(self, *ids: str) -> None:
        """Make the tables, with a never used token for each of the ids."""
        _Base.metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(insert(self.table), [_token(name) for name in ids])

    def recorder(self, **options: Any) -> Recorder:
        """A recorder of its own, as each process has one.

        It does not prune periodically. Otherwise a slow test would sometimes find fewer
        calls.
        """
        recorder = Recorder(lambda: self.engine, self.tables, **options)
        recorder._prune_at = math.inf
        self.recorders.append(recorder)
        return recorder

    def last_used(self, token_id: str) -> tuple[datetime | None, str | None]:
        """Time and address of the last use, as stored."""
        columns = self.table.c.last_used_at, self.table.c.last_used_ip
        query = select(*columns).where(self.table.c.id == token_id)
        with self.engine.connect() as connection:
            at, address = connection.execute(query).one()
        return at, address

    def put_away(self) -> None:
        """Close every recorder and the engine."""
        for recorder in self.recorders:
            recorder.close()
        self.engine.dispose()


@contextmanager
def tokens_in(url: str, **options: Any) -> Iterator[Tokens]:
    """The tokens A and B in the database at *url*.

    :param options: for the host's engine.
    """
    made = Tokens(url, **options)
    made.create(A, B)
    try:
        yield made
    finally:
        made.put_away()


def _token(token_id: str) -> dict[str, Any]:
    return {
        "id": token_id,
        "kind": "api",
        "name": token_id,
        "scheme": "native",
        "check_digest": token_id.encode().ljust(16, b"-"),
        "secret_hash": "-",
        "created_at": START,
        "created_by": "a test",
    }


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Another connection has the token table for itself."""
    lock, unlock = {
        "sqlite": ("BEGIN EXCLUSIVE", "ROLLBACK"),
        "postgresql": ("LOCK TABLE apitokens_token", "ROLLBACK"),
        "mysql": ("LOCK TABLES apitokens_token WRITE", "UNLOCK TABLES"),
    }[engine.dialect.name]
    with engine.connect() as connection:
        connection.exec_driver_sql(lock)
        yield
        connection.exec_driver_sql(unlock)


@contextmanager
def without_table(engine: Engine, name: str = "apitokens_token") -> Iterator[None]:
    """A table of ours is not there."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO elsewhere")
    yield
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE elsewhere RENAME TO {name}")


class Relay:
    """A way to a server that can stop to let anything through, without a word."""

    def __init__(self, host: str, port: int, *, listen: int = 0) -> None:
        self._target = (host, port)
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", listen))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """From now on bytes go in and none come out."""
        self._open.clear()

    def thaw(self) -> None:
        """Let through what has gathered and all that follows."""
        self._open.set()

    def close(self) -> None:
        """Cut every connection."""
        self._open.set()
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += client, server
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        # Also after a reset, which the other side would never hear of.
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
