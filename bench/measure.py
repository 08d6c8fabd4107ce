"""Calls into WSGI applications, timed in turns so that a drifting machine cancels out.

A round calls each route a few times in a row, the routes in a new order each time. What
one costs is the median over all its calls; what it costs *over* another, the difference
of the two medians. The first call in a row is not counted: it pays for what the route
before it has pushed out of the processor's caches.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from statistics import median
from typing import Any

from werkzeug.test import EnvironBuilder

#: the same draws in every run
SEED = 2
#: calls of a route in a row, besides the uncounted one
IN_A_ROW = 10


class WrongAnswer(Exception):
    """A route did not answer what its row of the table says it does."""


@dataclass(frozen=True)
class Route:
    """One row of a table: an address, the tokens it is called with, its answer.

    :param app: a WSGI application.
    :param tokens: one of them is sent with each call, drawn at random.
    :param status: how the answer must begin.
    :param every: called in one of so many rounds only, and then once.
    :param before: run ahead of each call, outside the measured time.
    """

    name: str
    app: Callable[..., Iterable[bytes]]
    path: str
    tokens: Sequence[str]
    status: str = "200"
    every: int = 1
    before: Callable[[], object] | None = None

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environment of a request without its token."""
        return EnvironBuilder(
            self.path, environ_base={"REMOTE_ADDR": "192.0.2.7"}
        ).get_environ()


@dataclass
class Times:
    """Nanoseconds of each call of one batch of rounds."""

    cpu: list[int] = field(default_factory=list)
    wall: list[int] = field(default_factory=list)


class Caller:
    """Calls a route as a server does, to the last byte and the close."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._environ = route.environ()
        self._headers = [f"Bearer {token}" for token in route.tokens]
        self._status = ""
        self._count = 0

    def call(self, draw: random.Random, times: Times) -> None:
        """Make one request and append its times.

        :raises WrongAnswer: if the status is not the expected one.
        """
        self._count += 1
        environ = self._environ.copy()
        environ["HTTP_AUTHORIZATION"] = draw.choice(self._headers)
        app = self.route.app
        if self.route.before is not None:
            self.route.before()
        wall = time.perf_counter_ns()
        cpu = time.thread_time_ns()
        body = app(environ, self._start_response)
        b"".join(body)
        body.close()  # type: ignore[attr-defined]
        times.cpu.append(time.thread_time_ns() - cpu)
        times.wall.append(time.perf_counter_ns() - wall)
        if not self._status.startswith(self.route.status):
            raise WrongAnswer(f"{self.route.name}: {self._status}")

    def call_in_a_row(self, draw: random.Random, times: Times) -> None:
        """Make the calls of one round: a rare route is slow and gets one call."""
        if self.route.every > 1:
            self.call(draw, times)
            return
        self.call(draw, Times())
        for _ in range(IN_A_ROW):
            self.call(draw, times)

    def take_count(self) -> int:
        """Return the number of calls since this was last called."""
        count, self._count = self._count, 0
        return count

    def _start_response(self, status: str, _headers: Any, _info: Any = None) -> Any:
        self._status = status


@dataclass(frozen=True)
class Figures:
    """The medians of one batch, in microseconds, by the name of the route."""

    cpu: dict[str, float]
    wall: dict[str, float]
    #: the slowest of a hundred
    wall_p99: dict[str, float]
    #: CPU of all other threads of the process, over the batch
    background: float
    #: how often each route was called, counted or not
    calls: dict[str, int]


def interleave(routes: Sequence[Route], *, batches: int, rounds: int) -> list[Figures]:
    """Measure *routes* side by side.

    :param batches: how often, for the spread.
    :param rounds: how many rounds a batch has.
    """
    draw = random.Random(SEED)  # noqa: S311
    callers = [Caller(route) for route in routes]
    return [_batch(callers, rounds, draw) for _ in range(batches)]


def _batch(callers: list[Caller], rounds: int, draw: random.Random) -> Figures:
    times = {caller.route.name: Times() for caller in callers}
    all_threads, this_thread = time.process_time_ns(), time.thread_time_ns()
    for number in range(rounds):
        for caller in draw.sample(callers, len(callers)):
            if number % caller.route.every == 0:
                caller.call_in_a_row(draw, times[caller.route.name])
    this_thread = time.thread_time_ns() - this_thread
    all_threads = time.process_time_ns() - all_threads
    return Figures(
        {name: median(taken.cpu) / 1e3 for name, taken in times.items()},
        {name: median(taken.wall) / 1e3 for name, taken in times.items()},
        {name: _p99(taken.wall) / 1e3 for name, taken in times.items()},
        (all_threads - this_thread) / 1e3,
        {caller.route.name: caller.take_count() for caller in callers},
    )


def _p99(values: list[int]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def call_often(route: Route, requests: int) -> None:
    """Call *route* without measuring anything."""
    draw = random.Random(SEED)  # noqa: S311
    caller = Caller(route)
    for _ in range(requests):
        caller.call(draw, Times())


def warm_up(routes: Sequence[Route]) -> None:
    """Call each route once with each of its tokens, unmeasured."""
    draw = random.Random(SEED)  # noqa: S311
    for route in routes:
        for token in route.tokens:
            Caller(replace(route, tokens=[token])).call(draw, Times())
