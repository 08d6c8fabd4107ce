"""``python -m bench usage``: the cost of recording calls on one database.

The same guarded call with the full history, without any, and with the usual way:
UPDATE, INSERT and COMMIT in the request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from statistics import median

from flask_apitokens.usage.rows import Call
from flask_apitokens.usage.writer import Writer

from . import crowd
from . import databases
from . import report
from . import rows
from . import serving
from .guard import CHEAP
from .guard import OPEN
from .guard import YARDSTICK
from .guard import closing
from .hosts import ID
from .hosts import Host
from .hosts import host_by_hand
from .hosts import host_with_plugin
from .measure import Figures
from .measure import Route
from .measure import interleave
from .measure import warm_up
from .recording_host import host_with_recording_view
from .rows import Tokens
from .serving import Target
from .statements import Watch

OFF = "plugin, USAGE off"
ON = "plugin, full history"
USUAL = "plugin off, UPDATE + INSERT + COMMIT in the request"
#: what is asked of the recorder
LIMITS = {"SQLite": "at most 0.12 U", "PostgreSQL": "nothing measurable"}
NOTHING = {"APITOKENS_USAGE": "off"}


@dataclass(frozen=True)
class Effort:
    """The amount of work of one run."""

    tokens: int = 1_000
    users: int = 200
    batches: int = 7
    rounds: int = 120
    #: calls that the flusher writes as fast as it can
    flood: int = 40_000
    crowd_rounds: int = 5
    crowd_calls: int = 4_000
    served_rounds: int = 10
    served_calls: int = 200


FULL = Effort()
QUICK = Effort(4, 2, 2, 2, 200, 1, 2, 1, 2)


def lines(kind: str, effort: Effort) -> Iterator[str]:
    """Return the report on one kind of database."""
    with databases.empty_database(kind, "usage") as url:
        name = databases.version_of(url)
        yield f"## {name}"
        yield ""
        with (
            closing(host_with_plugin(url, **CHEAP)) as on,
            closing(host_with_recording_view(url, **CHEAP, **NOTHING)) as off,
            closing(host_by_hand(url)) as by_hand,
        ):
            tokens = rows.populate(on, tokens=effort.tokens, users=effort.users)
            routes = _routes(on, off, by_hand, tokens)
            warm_up(routes)
            timed = interleave(routes, batches=effort.batches, rounds=effort.rounds)
            yield from _costs(timed, LIMITS[name.split()[0]])
            yield from _crowded(routes, effort)
            yield from _flushes(on, tokens, effort)
        yield from _served(url, tokens, effort)


def _routes(on: Host, off: Host, by_hand: Host, tokens: Tokens) -> list[Route]:
    return [
        Route(OPEN, by_hand.app.wsgi_app, "/open", tokens.good),
        Route(YARDSTICK, by_hand.app.wsgi_app, "/yardstick", tokens.good),
        Route(OFF, off.app.wsgi_app, "/guarded", tokens.good),
        Route(ON, on.app.wsgi_app, "/guarded", tokens.good),
        Route(USUAL, off.app.wsgi_app, "/usual", tokens.good),
    ]


def _costs(timed: Sequence[Figures], limit: str) -> Iterator[str]:
    yield "| in process, one thread | CPU µs | over USAGE off | in U | wall p99 µs |"
    yield "|---|--:|--:|--:|--:|"
    for name in timed[0].cpu:
        more = report.over(name, OFF)
        yield (
            f"| {name} | {report.middle(timed, report.cpu(name)):.1f} "
            f"| {report.middle(timed, more):.1f} "
            f"| {report.spread(timed, report.in_units(more))} "
            f"| {report.middle(timed, report.p99(name)):.0f} |"
        )
    unit = report.middle(timed, report.over(YARDSTICK))
    thread = _thread(timed)
    name = "the recorder's thread, for a call"
    yield f"| {name} | {thread:.1f} | | {thread / unit:.2f} | |"
    yield ""
    recording = report.in_units(report.over(ON, OFF))
    said = report.spread(timed, recording)
    yield f"Recording in the request: {said} U; goal: {limit}."
    yield ""


def _thread(timed: Sequence[Figures]) -> float:
    """Average over all batches, because a flush writes the calls of earlier ones."""
    calls = sum(batch.calls[ON] for batch in timed)
    return sum(batch.background for batch in timed) / calls


def _flushes(host: Host, tokens: Tokens, effort: Effort) -> Iterator[str]:
    """Count the statements of one second at 500 calls a second, and the maximum."""
    with host.app.app_context():
        state = host.state
        state.recorder.flush()
        writer = Writer(state.engine, state.recorder.tables)
    watch = Watch(writer.engine)
    writer.write(_calls(tokens, serving.RATE), patience=1)  # connects
    watch.forget()
    writer.write(_calls(tokens, serving.RATE), patience=1)
    counts = watch.counts()
    watch.close()
    each = sum(counts.values()) / serving.RATE
    said = ", ".join(f"{number} {word}" for word, number in counts.items())
    yield (
        f"A flush of {serving.RATE} calls is {said}: {each:.3f} statements a call "
        "(goal: at most 0.02)."
    )
    calls = _calls(tokens, effort.flood)
    rate = 2_000
    begun, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(calls), rate):
        writer.write(calls[start : start + rate], patience=10)
    seconds = time.perf_counter() - begun
    cpu = time.process_time() - cpu
    writer.disconnect()
    yield (
        f"{len(calls):,} calls in flushes of {rate:,} took {seconds:.1f} s, "
        f"{len(calls) / seconds:,.0f} a second (goal: 2,000), "
        f"{cpu / len(calls) * 1e6:.1f} µs of CPU each here."
    )
    yield ""


def _calls(tokens: Tokens, number: int) -> list[Call]:
    now = datetime.now(UTC)
    ids = [token[ID] for token in tokens.good]
    return [
        Call(
            ids[at % len(ids)],
            now,
            "192.0.2.7",
            token_name=f"good {at % len(ids)}",
            account_id="acme",
            service="tmy",
            owner=at % len(ids),
            rule="/guarded",
            path="/guarded",
            duration=0.001,
            user_agent="bench/1",
        )
        for at in range(number)
    ]


def _served(url: str, tokens: Tokens, effort: Effort) -> Iterator[str]:
    with (
        serving.server(url, **CHEAP) as on,
        serving.server(url, **CHEAP, **NOTHING) as off,
    ):
        targets = [
            Target(OPEN, on, "/open"),
            Target(YARDSTICK, on, "/yardstick"),
            Target(OFF, off, "/guarded"),
            Target(ON, on, "/guarded"),
            Target(USUAL, off, "/usual"),
        ]
        serving.waits(targets, tokens.good, rounds=1, calls=effort.served_calls)
        taken = serving.waits(
            targets,
            tokens.good,
            rounds=effort.served_rounds,
            calls=effort.served_calls,
        )
    yield from _compared("gunicorn, eight threads, 500 a second", taken)


def _crowded(routes: Sequence[Route], effort: Effort) -> Iterator[str]:
    # Not the usual way: on SQLite threads that never pause lock each other out of the
    # database, until one of them answers 500.
    routes = [route for route in routes if route.name != USUAL]
    taken = crowd.waits(routes, rounds=effort.crowd_rounds, calls=effort.crowd_calls)
    yield from _compared("in process, eight threads, no pause", taken)


def _compared(where: str, taken: dict[str, list[float]]) -> Iterator[str]:
    yield f"| {where} | median ms | p99 ms | p99, times |"
    yield "|---|--:|--:|--:|"
    base = _p99(taken[OPEN])
    for name, values in taken.items():
        p99 = _p99(values)
        yield f"| {name} | {median(values):.2f} | {p99:.2f} | {p99 / base:.2f} |"
    yield ""
    yield "Goal: the full history's p99 at most 1.5 times the unguarded route's."
    yield ""


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
