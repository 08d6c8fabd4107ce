"""``python -m bench guard|admin|usage``: run a bench and print its tables."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version

from . import admin
from . import databases
from . import guard
from . import report
from . import usage


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", choices=["guard", "admin", "usage"])
    parser.add_argument(
        "--database",
        choices=databases.KINDS,
        action="append",
        help="measure on this alone; may be given twice",
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs; the figures say nothing"
    )
    options = parser.parse_args(arguments)
    print(_machine(), end="\n\n")
    if options.what == "admin":
        size = admin.QUICK if options.quick else admin.FULL
        for kind in options.database or ["postgresql"]:
            for line in admin.lines(kind, size):
                print(line)
        return
    if options.what == "usage":
        amount = usage.QUICK if options.quick else usage.FULL
        for kind in options.database or databases.KINDS:
            for line in usage.lines(kind, amount):
                print(line, flush=True)
        return
    effort = guard.QUICK if options.quick else guard.FULL
    for kind in options.database or databases.KINDS:
        for line in report.lines(guard.measure(kind, effort)):
            print(line)
        sys.stdout.flush()


def _machine() -> str:
    packages = ("Flask", "Werkzeug", "SQLAlchemy", "Flask-HTTPAuth", "psycopg")
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in packages),
            _processor(),
        ]
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        names = [line.partition(":")[2].strip() for line in lines]
        return f"{len(names)} × {names[0]}"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
