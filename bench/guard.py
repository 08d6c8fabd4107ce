"""``python -m bench guard``: the cost of a guarded call on one database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask_apitokens.crypto import tokens as crypto_tokens
from flask_apitokens.crypto.verification_cache import Verifier

from . import databases
from . import memory
from . import rows
from .hosts import Host
from .hosts import host_by_hand
from .hosts import host_with_plugin
from .measure import Figures
from .measure import Route
from .measure import call_often
from .measure import interleave
from .measure import warm_up
from .memory import Resident
from .rows import Tokens
from .statements import Watch

OPEN = "unguarded route"
YARDSTICK = "yardstick"
HTTPAUTH = "Flask-HTTPAuth, ORM"
OPEN_BESIDE = "unguarded, plugin registered"
WARM = "plugin, warm"
EXPIRING = "plugin, warm, token that expires"
CHECKSUM = "plugin, bad checksum"
UNKNOWN = "plugin, unknown id"
REVOKED = "plugin, revoked token"
COLD = "plugin, first sight"
BCRYPT = "bcrypt alone"
GROWN = "plugin, warm, grown tables"

#: a warm call never runs bcrypt, so what the thousand tokens cost to make is saved
CHEAP = {"APITOKENS_BCRYPT_ROUNDS": 4}


@dataclass(frozen=True)
class Effort:
    """The amount of work of one run.

    :param cold_every: a first sight costs bcrypt, so it comes in one of many rounds.
    :param counted: requests whose statements are counted, of each route.
    """

    tokens: int = 1_000
    users: int = 200
    batches: int = 7
    rounds: int = 120
    cold_every: int = 10
    counted: int = 100
    grown_rows: int = 1_000_000
    grown_rounds: int = 200
    memory_requests: int = 5_000
    memory_processes: int = 3


FULL = Effort()
QUICK = Effort(
    tokens=8,
    users=4,
    batches=2,
    rounds=2,
    cold_every=2,
    counted=3,
    grown_rows=500,
    grown_rounds=2,
    memory_requests=20,
    memory_processes=1,
)


@dataclass(frozen=True)
class Result:
    """The measurements on one database."""

    database: str
    effort: Effort
    timed: list[Figures]
    statements: dict[str, Counter[str]]
    grown: list[Figures]
    resident: Resident


def measure(kind: str, effort: Effort) -> Result:
    """Run the whole bench on one kind of database.

    :param kind: one of :data:`databases.KINDS`.
    """
    with (
        databases.empty_database(kind, "small") as url,
        databases.empty_database(kind, "grown") as grown_url,
    ):
        with closing(host_with_plugin(url, **CHEAP)) as plugin:
            tokens = rows.populate(plugin, tokens=effort.tokens, users=effort.users)
            timed = _time(url, plugin, tokens, effort)
            grown = _time_grown(url, grown_url, plugin, tokens, effort)
        statements = _count(url, tokens, effort)
        resident = memory.compare(
            url,
            tokens.good,
            requests=effort.memory_requests,
            processes=effort.memory_processes,
        )
        name = databases.version_of(url)
    return Result(name, effort, timed, statements, grown, resident)


@contextmanager
def closing(host: Host) -> Iterator[Host]:
    """Stop the recorder and close the connections of *host* at the end."""
    try:
        yield host
    finally:
        if host.apitokens is not None:
            host.state.recorder.close()
        host.engine.dispose()


def _by_hand(host: Host, tokens: Tokens) -> list[Route]:
    app = host.app.wsgi_app
    return [
        Route(OPEN, app, "/open", tokens.good),
        Route(YARDSTICK, app, "/yardstick", tokens.good),
        Route(HTTPAUTH, app, "/httpauth", tokens.good),
    ]


def _with_plugin(host: Host, tokens: Tokens) -> list[Route]:
    app = host.app.wsgi_app
    damaged = [token[:-1] + ("0" if token[-1] != "0" else "1") for token in tokens.good]
    unknown = [crypto_tokens.mint("apt").plaintext.reveal() for _ in tokens.good]
    return [
        Route(OPEN_BESIDE, app, "/open", tokens.good),
        Route(WARM, app, "/guarded", tokens.good),
        Route(EXPIRING, app, "/guarded", tokens.expiring),
        Route(CHECKSUM, app, "/guarded", damaged, "401"),
        Route(UNKNOWN, app, "/guarded", unknown, "401"),
        Route(REVOKED, app, "/guarded", tokens.revoked, "401"),
    ]


def _cold(host: Host, every: int) -> list[Route]:
    """Return the routes of a first call, which runs bcrypt, and of bcrypt alone."""
    with host.app.app_context():
        owner = host.db.session.scalars(host.db.select(host.User)).first()
        made = host.apitokens.generate(
            owner=owner, name=f"cold {every}", service="tmy", scopes=["read"]
        )
        row, plaintext = made
        stored = row.secret_hash
        host.db.session.commit()

    def forget() -> None:
        host.state.verifier = Verifier()

    def bcrypt_alone(environ: Any, start_response: Any) -> Iterable[bytes]:
        assert crypto_tokens.verify_hash(plaintext.encode(), stored)
        start_response("200 OK", [])
        return Body()

    app = host.app.wsgi_app
    return [
        Route(COLD, app, "/guarded", [plaintext], every=every, before=forget),
        Route(BCRYPT, bcrypt_alone, "/", [plaintext], every=every),
    ]


class Body(list[bytes]):
    """An empty body that can be closed."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _time(url: str, plugin: Host, tokens: Tokens, effort: Effort) -> list[Figures]:
    with (
        closing(host_by_hand(url)) as by_hand,
        closing(host_with_plugin(url)) as cold,
    ):
        routes = [
            *_by_hand(by_hand, tokens),
            *_with_plugin(plugin, tokens),
            *_cold(cold, effort.cold_every),
        ]
        warm_up(routes)
        return interleave(routes, batches=effort.batches, rounds=effort.rounds)


def _time_grown(
    url: str, grown_url: str, plugin: Host, tokens: Tokens, effort: Effort
) -> list[Figures]:
    """Measure the same tokens in the small tables and in the grown ones."""
    with (
        closing(host_by_hand(url)) as by_hand,
        closing(host_with_plugin(grown_url, **CHEAP)) as grown,
    ):
        rows.copy_grown(plugin, grown, rows=effort.grown_rows)
        routes = [
            Route(OPEN, by_hand.app.wsgi_app, "/open", tokens.good),
            Route(WARM, plugin.app.wsgi_app, "/guarded", tokens.good),
            Route(GROWN, grown.app.wsgi_app, "/guarded", tokens.good),
        ]
        warm_up(routes)
        return interleave(routes, batches=effort.batches, rounds=effort.grown_rounds)


def _count(url: str, tokens: Tokens, effort: Effort) -> dict[str, Counter[str]]:
    """Return the statements of *effort.counted* requests of each route."""
    # The recorder flushes only once 500 calls wait, so that the statements counted are
    # those of the requests.
    quiet = {"APITOKENS_USAGE_FLUSH_SECONDS": 60}
    counted: dict[str, Counter[str]] = {}
    with (
        closing(host_by_hand(url)) as by_hand,
        closing(host_with_plugin(url, **CHEAP, **quiet)) as plugin,
        closing(host_with_plugin(url, **quiet)) as cold,
    ):
        counted |= _counted(by_hand, _by_hand(by_hand, tokens), effort.counted)
        counted |= _counted(plugin, _with_plugin(plugin, tokens), effort.counted)
        counted |= _counted(cold, _cold(cold, 1)[:1], effort.counted)
    return counted


def _counted(
    host: Host, routes: Sequence[Route], requests: int
) -> dict[str, Counter[str]]:
    host.engine.dispose()  # so that every connection there will be is watched
    watch = Watch(host.engine)
    counted = {}
    warm_up(routes)
    for route in routes:
        if host.apitokens is not None:
            host.state.recorder.flush()  # what waits from before is not this route's
        watch.forget()
        call_often(route, requests)
        counted[route.name] = watch.counts()
    watch.close()
    return counted
