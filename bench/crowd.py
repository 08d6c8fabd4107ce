"""Call one application from many threads without pause, and time the calls.

Beside :mod:`.serving`, which sends so many requests a second to a real server, this is
the other end: no thread ever pauses, so whatever waits for a lock shows at once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from .measure import SEED
from .measure import Caller
from .measure import Route
from .measure import Times

THREADS = 8


def waits(
    routes: Sequence[Route], *, rounds: int, calls: int
) -> dict[str, list[float]]:
    """Return the milliseconds of each call, with the routes in turns.

    :param rounds: how often each has its turn, with all threads at once.
    :param calls: of each thread in a turn.
    """
    draw = random.Random(SEED)  # noqa: S311
    taken: dict[str, list[float]] = {route.name: [] for route in routes}
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(rounds):
            for route in draw.sample(list(routes), len(routes)):
                work = [(route, calls, draw.random()) for _ in range(THREADS)]
                for walls in threads.map(lambda each: _call(*each), work):
                    taken[route.name] += [wall / 1e6 for wall in walls]
    return taken


def _call(route: Route, number: int, seed: float) -> list[int]:
    caller, times = Caller(route), Times()
    draw = random.Random(seed)  # noqa: S311
    for _ in range(number):
        caller.call(draw, times)
    return times.wall
