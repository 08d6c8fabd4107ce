"""The figures of a run as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
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
    """Return the CPU of a call in microseconds."""
    return lambda batch: batch.cpu[name]


def over(name: str, base: str = guard.OPEN) -> Reading:
    """Return the CPU that *name* costs over *base*."""
    return lambda batch: batch.cpu[name] - batch.cpu[base]


def wall_over(name: str) -> Reading:
    """Return the time that *name* takes over the unguarded route."""
    return lambda batch: batch.wall[name] - batch.wall[guard.OPEN]


def p99(name: str) -> Reading:
    """Return the 99th percentile of the time."""
    return lambda batch: batch.wall_p99[name]


def in_units(cost: Reading) -> Reading:
    """*cost* in U: how much of the yardstick's overhead it is."""
    return ratio(cost, over(guard.YARDSTICK))


def ratio(cost: Reading, base: Reading) -> Reading:
    """Return how many times *base* it is."""
    return lambda batch: cost(batch) / base(batch)


def recording(batch: Figures) -> float:
    """Return the CPU of the recorder's thread for one accepted call."""
    accepted = (guard.WARM, guard.EXPIRING, guard.COLD)
    return batch.background / sum(batch.calls[name] for name in accepted)


def with_recording(batch: Figures) -> float:
    """Return the cost of a warm call with the recorder's thread included."""
    return over(guard.WARM)(batch) + recording(batch)


def lines(result: Result) -> Iterator[str]:
    """Return the report on one database."""
    effort = result.effort
    yield f"## {result.database}"
    yield ""
    yield (
        f"{effort.tokens:,} tokens of {effort.users:,} users; medians of "
        f"{effort.batches} batches of {effort.rounds:,} interleaved rounds, in "
        "brackets the lowest and the highest batch."
    )
    yield ""
    yield from _costs(result)
    yield ""
    yield from _goals(result)
    yield ""


def _costs(result: Result) -> Iterator[str]:
    timed = result.timed
    yield (
        "| route | CPU µs | over unguarded | in U | wall over unguarded µs "
        "| wall p99 µs | statements of a request |"
    )
    yield "|---|--:|--:|--:|--:|--:|---|"
    for name in timed[0].cpu:
        if name not in APART:
            yield (
                f"| {name} | {middle(timed, cpu(name)):.1f} "
                f"| {middle(timed, over(name)):.1f} "
                f"| {spread(timed, in_units(over(name)))} "
                f"| {middle(timed, wall_over(name)):.1f} "
                f"| {middle(timed, p99(name)):.0f} | {_statements(result, name)} |"
            )
    for name, part in (
        ("the recorder's thread, for an accepted call", recording),
        ("**plugin, warm, with its recording**", with_recording),
    ):
        units = spread(timed, in_units(part))
        yield f"| {name} | | {middle(timed, part):.1f} | {units} | | | |"
    for name in APART:
        statements = _statements(result, name)
        yield f"| {name} | {middle(timed, cpu(name)):.0f} | | | | | {statements} |"


def _goals(result: Result) -> Iterator[str]:
    timed, effort = result.timed, result.effort
    limit = WARM_LIMIT[result.database.split()[0]]
    yield "| goal | limit | measured | |"
    yield "|---|---|---|---|"
    for what, cost in (
        ("a warm call, everything on", over(guard.WARM)),
        ("the same, with the thread that writes the history", with_recording),
    ):
        yield _goal(what, f"{limit:.2f} U", timed, in_units(cost), limit)
    yield from _refusals(timed)
    growth = ratio(over(guard.GROWN), over(guard.WARM))
    yield _goal(
        f"a warm call among {effort.grown_rows:,} tokens",
        f"{GROWTH_LIMIT} times",
        result.grown,
        growth,
        GROWTH_LIMIT,
    )
    beside = over(guard.OPEN_BESIDE)
    what, allowed = "an unguarded route beside the plugin", f"{UNGUARDED_LIMIT:g} µs"
    yield _goal(what, allowed, timed, beside, UNGUARDED_LIMIT)
    first = ratio(over(guard.COLD, guard.WARM), cpu(guard.BCRYPT))
    said = spread(timed, first)
    yield f"| a first sight over a warm call | one bcrypt | {said} bcrypts | |"
    yield from _memory(result)


def _refusals(timed: Sequence[Figures]) -> Iterator[str]:
    """Compare each refusal with an acceptance, without and with its recording."""
    for whose, acceptance in (
        ("an acceptance in the request alone", over(guard.WARM)),
        ("an acceptance with its recording", with_recording),
    ):
        limit = middle(timed, acceptance)
        for name in REFUSALS:
            what = name.replace("plugin,", "refusal:")
            allowed = f"{limit:.1f} µs, {whose}"
            yield _goal(what, allowed, timed, over(name), limit)


def _memory(result: Result) -> Iterator[str]:
    resident = result.resident
    more = (resident.plugin - resident.yardstick) / MIB
    imports = (resident.imported - resident.yardstick) / MIB
    yield (
        f"| memory over the yardstick's {resident.yardstick / MIB:.1f} MiB "
        f"| {MEMORY_LIMIT:g} MiB | {more:.1f} MiB, of which {imports:.1f} MiB for "
        f"importing the package | {_verdict(more, MEMORY_LIMIT)} |"
    )


def _goal(
    what: str, allowed: str, batches: Sequence[Figures], value: Reading, limit: float
) -> str:
    verdict = _verdict(middle(batches, value), limit)
    return f"| {what} | at most {allowed} | {spread(batches, value)} | {verdict} |"


def _verdict(value: float, limit: float) -> str:
    return "met" if value <= limit else "**missed**"


def middle(batches: Sequence[Figures], reading: Reading) -> float:
    """Return the median over the batches."""
    return median(map(reading, batches))


def spread(batches: Sequence[Figures], reading: Reading) -> str:
    """Return the median, the lowest and the highest."""
    values = [reading(batch) for batch in batches]
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _statements(result: Result, name: str) -> str:
    counts = result.statements.get(name)
    if not counts:
        return "none" if counts is not None else ""
    requests = result.effort.counted
    return ", ".join(f"{count / requests:g} {word}" for word, count in counts.items())
