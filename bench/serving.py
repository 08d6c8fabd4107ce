"""Calls over sockets: a real gunicorn, eight clients at once, how long they wait."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .measure import SEED
from .recording_host import host_with_recording_view

THREADS = 8
#: requests a second, of all clients together: what waits is then the call's own doing,
#: and not the queue in front of a busy processor
RATE = 500
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Target:
    """One row of the table: a server and one of its routes."""

    name: str
    port: int
    path: str


@contextmanager
def server(url: str, **config: Any) -> Iterator[int]:
    """Run :func:`make_app` under gunicorn, one process of eight threads; its port."""
    task = json.dumps({"url": url, "config": config})
    command = [
        *(sys.executable, "-m", "gunicorn", "bench.serving:make_app()"),
        *("--worker-class", "gthread", "--threads", str(THREADS)),
        *("--bind", "127.0.0.1:0", "--keep-alive", "60"),
    ]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        environment = {**os.environ, "BENCH_SERVING": task}
        process = subprocess.Popen(command, env=environment, stderr=log)  # noqa: S603
        try:
            yield _port(process, Path(log.name))
        finally:
            process.terminate()
            process.wait(60)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        found = _ADDRESS.search(log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(log.read_text())


def make_app() -> Any:
    """Return the application that gunicorn serves."""
    task = json.loads(os.environ["BENCH_SERVING"])
    return host_with_recording_view(task["url"], **task["config"]).app


def waits(
    targets: Sequence[Target], tokens: Sequence[str], *, rounds: int, calls: int
) -> dict[str, list[float]]:
    """Return the milliseconds of each call at :data:`RATE`, the targets in turns.

    :param rounds: how often each has its turn, with eight clients at once.
    :param calls: of each client in a turn.
    """
    draw = random.Random(SEED)  # noqa: S311
    taken: dict[str, list[float]] = {target.name: [] for target in targets}
    with ThreadPoolExecutor(THREADS) as clients:
        for _ in range(rounds):
            for target in draw.sample(list(targets), len(targets)):
                seeds = [draw.random() for _ in range(THREADS)]
                work = [(target, tokens, calls, seed) for seed in seeds]
                for values in clients.map(lambda each: _client(*each), work):
                    taken[target.name] += values
    return taken


def _client(
    target: Target, tokens: Sequence[str], calls: int, seed: float
) -> list[float]:
    draw = random.Random(seed)  # noqa: S311
    interval = THREADS / RATE
    turn = time.perf_counter() + draw.random() * interval
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    values = []
    for number in range(calls + 1):
        headers = {"Authorization": f"Bearer {draw.choice(tokens)}"}
        time.sleep(max(0.0, turn - time.perf_counter()))
        turn += interval
        begun = time.perf_counter()
        connection.request("GET", target.path, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{target.name}: {response.status}")
        if number:  # the first one opens the connection
            values.append((time.perf_counter() - begun) * 1e3)
    connection.close()
    return values
