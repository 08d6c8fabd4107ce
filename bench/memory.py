"""The resident memory of a fresh process that serves one route.

``python -m bench.memory`` is such a process: it reads what to serve from standard
input, serves it and prints how many bytes it then occupies.
"""

from __future__ import annotations

import compileall
import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import hosts
from .measure import Route
from .measure import call_often

YARDSTICK = "yardstick"
IMPORTED = "yardstick, with the plugin's modules imported"
PLUGIN = "plugin"


@dataclass(frozen=True)
class Resident:
    """The resident bytes of a process of each kind."""

    yardstick: float
    imported: float
    plugin: float


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def compare(
    url: str, tokens: Sequence[str], *, requests: int, processes: int
) -> Resident:
    """Serve the yardstick and the plugin, each in processes of its own.

    :param requests: how many each of them serves.
    :param processes: how many there are of each kind; the medians count.
    """
    _compile()
    taken: dict[str, list[int]] = {YARDSTICK: [], IMPORTED: [], PLUGIN: []}
    for _ in range(processes):
        for what, values in taken.items():
            values.append(_ask(what, url, tokens, requests))
    return Resident(*(median(values) for values in taken.values()))


def _compile() -> None:
    """Byte-compile the plugin as pip does, since Python keeps a compiler's memory."""
    package = Path(__file__).parent.parent / "flask_apitokens"
    compileall.compile_dir(package, quiet=2)


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
    if what == PLUGIN:
        host = hosts.host_with_plugin(url, APITOKENS_BCRYPT_ROUNDS=4)
        path = "/guarded"
    else:
        host = hosts.host_by_hand(url)
        path = "/yardstick"
    if what == IMPORTED:
        importlib.import_module("flask_apitokens")
    call_often(Route(what, host.app.wsgi_app, path, tokens), requests)


if __name__ == "__main__":
    _serve(**json.load(sys.stdin))
    gc.collect()
    print(resident_bytes())
