"""Resident memory of a process that serves one route, in fresh processes of their own.

``python -m bench.memory`` is such a process: it reads what to serve from standard
input, serves it and prints how many bytes it then occupies.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from . import hosts
from .measure import Route
from .measure import interleave

PATHS = {"yardstick": "/yardstick", "plugin": "/guarded"}


def resident_bytes() -> int:
    """What this process occupies in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def difference(
    url: str, tokens: Sequence[str], *, requests: int, processes: int
) -> tuple[float, float]:
    """Bytes of a process of the yardstick and of one of the plugin.

    :param processes: how many of each; the medians count.
    """
    taken: dict[str, list[int]] = {what: [] for what in PATHS}
    for _ in range(processes):
        for what, values in taken.items():
            values.append(_ask(what, url, tokens, requests))
    return median(taken["yardstick"]), median(taken["plugin"])


def _ask(what: str, url: str, tokens: Sequence[str], requests: int) -> int:
    task = {"what": what, "url": url, "tokens": list(tokens), "requests": requests}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "bench.memory"],
        input=json.dumps(task),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _serve(what: str, url: str, tokens: list[str], requests: int) -> None:
    make = hosts.host_with_plugin if what == "plugin" else hosts.host_by_hand
    config = {"APITOKENS_BCRYPT_ROUNDS": 4} if what == "plugin" else {}
    host = make(url, **config)
    route = Route(what, host.app.wsgi_app, PATHS[what], tokens)
    interleave([route], batches=1, rounds=requests)


if __name__ == "__main__":
    _serve(**json.load(sys.stdin))
    gc.collect()
    print(resident_bytes())
