"""The figures of a run as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from statistics import median

from . import guard
from .guard import Result
from .measure import Figures

#: one figure of a batch
Reading = Callable[[Figures], float]

MIB = 1024 * 1024
WARM_LIMIT = {"SQLite": 0.60, "PostgreSQL": 0.50}
GROWTH_LIMIT = 1.15
MEMORY_LIMIT = 2.0
UNGUARDED_LIMIT = 20.0
#: the rows of the table that are too dear for its columns
APART = (guard.COLD, guard.BCRYPT)
REFUSALS = (guard.CHECKSUM, guard.UNKNOWN, guard.REVOKED)


def cpu(name: str) -> Reading:
    """The CPU of a call, in microseconds."""
    return lambda batch: batch.cpu[name]


def over(name: str, base: str = guard.OPEN) -> Reading:
    """The CPU that *name* costs over *base*."""
    return lambda batch: batch.cpu[name] - batch.cpu[base]


def wall_over(name: str) -> Reading:
    """The time that *name* takes over the unguarded route."""
    return lambda batch: batch.wall[name] - batch.wall[guard.OPEN]


def p99(name: str) -> Reading:
    """The time of the slowest in a hundred."""
    return lambda batch: batch.wall_p99[name]


def in_units(cost: Reading) -> Reading:
    """*cost* in U: how much of the yardstick's overhead it is."""
    unit = over(guard.YARDSTICK)
    return lambda batch: cost(batch) / unit(batch)


def recording() -> Reading:
    """The CPU of the recorder's thread, for one accepted call."""
    return lambda batch: (
        batch.background
        / sum(batch.calls[name] for name in (guard.WARM, guard.EXPIRING, guard.COLD))
    )


def with_recording() -> Reading:
    """What a warm call costs over an unguarded one, the recorder's thread included."""
    request, background = over(guard.WARM), recording()
    return lambda batch: request(batch) + background(batch)


def lines(result: Result) -> Iterator[str]:
    """The report on one database."""
    effort = result.effort
    yield f"## {result.database}"
    yield ""
    yield (
        f"{effort.tokens:,} tokens of {effort.users:,} users; "
        f"{effort.batches} batches of {effort.rounds:,} interleaved rounds: medians, "
        "and in brackets the lowest and the highest batch."
    )
    yield ""
    yield from _costs(result)
    yield ""
    yield from _goals(result)
    yield ""


def _costs(result: Result) -> Iterator[str]:
    yield (
        "| route | CPU µs | over unguarded | in U | wall over unguarded µs "
        "| wall p99 µs | statements of a request |"
    )
    yield "|---|--:|--:|--:|--:|--:|---|"
    timed = result.timed
    for name in timed[0].cpu:
        if name not in APART:
            yield (
                f"| {name} | {_middle(timed, cpu(name)):.1f} "
                f"| {_middle(timed, over(name)):.1f} "
                f"| {_spread(timed, in_units(over(name)))} "
                f"| {_middle(timed, wall_over(name)):.1f} "
                f"| {_middle(timed, p99(name)):.0f} | {_statements(result, name)} |"
            )
    parts = [
        ("recorder's thread, an accepted call", recording()),
        ("**plugin, warm, with its recording**", with_recording()),
    ]
    for name, part in parts:
        units = _spread(timed, in_units(part))
        yield f"| {name} | | {_middle(timed, part):.1f} | {units} | | | |"
    for name in APART:
        yield (
            f"| {name} | {_middle(timed, cpu(name)):.0f} | | | | "
            f"| {_statements(result, name)} |"
        )


def _goals(result: Result) -> Iterator[str]:
    timed, grown = result.timed, result.grown
    warm = _middle(timed, in_units(with_recording()))
    refusal = max(_middle(timed, over(name, guard.WARM)) for name in REFUSALS)
    growth = _middle(grown, lambda b: over(guard.GROWN)(b) / over(guard.WARM)(b))
    beside = _middle(timed, over(guard.OPEN_BESIDE))
    first = _middle(timed, over(guard.COLD, guard.BCRYPT))
    memory = result.resident
    more = (memory.plugin - memory.yardstick) / MIB
    limit = WARM_LIMIT[result.database.split()[0]]
    yield "| goal | limit | measured | |"
    yield "|---|---|---|---|"
    yield _goal("warm, everything on", limit, warm, "U")
    yield _goal("dearest refusal over a warm acceptance", 0, refusal, "µs")
    yield _goal(
        f"{result.effort.grown_rows:,} rows over {result.effort.tokens:,}",
        GROWTH_LIMIT,
        growth,
        "times",
    )
    yield _goal(
        f"memory over the yardstick's {memory.yardstick / MIB:.1f} MiB",
        MEMORY_LIMIT,
        more,
        "MiB",
    )
    imported = (memory.imported - memory.yardstick) / MIB
    yield f"| — of that, importing the package | | {imported:.2f} MiB | |"
    yield _goal("an unguarded route", UNGUARDED_LIMIT, beside, "µs more")
    yield (
        f"| first sight over bcrypt alone | a warm call "
        f"| {first:.0f} µs | warm is {_middle(timed, cpu(guard.WARM)):.0f} µs |"
    )


def _goal(what: str, limit: float, value: float, unit: str) -> str:
    verdict = "met" if value <= limit else "**missed**"
    return f"| {what} | ≤ {limit:g} {unit} | {value:.2f} {unit} | {verdict} |"


def _middle(batches: list[Figures], reading: Reading) -> float:
    return median(map(reading, batches))


def _spread(batches: list[Figures], reading: Reading) -> str:
    values = [reading(batch) for batch in batches]
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _statements(result: Result, name: str) -> str:
    counts = result.statements.get(name)
    if not counts:
        return "none" if counts is not None else ""
    requests = result.effort.counted
    return ", ".join(f"{count / requests:g} {word}" for word, count in counts.items())
