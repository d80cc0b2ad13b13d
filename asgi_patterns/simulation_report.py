"""The lines that ``asgi-patterns simulate`` prints."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from typing import NamedTuple

from asgi_patterns.ratelimit.simulation import Simulation
from asgi_patterns.ratelimit.tally import Row, Tally
from asgi_patterns.show import Row as Line
from asgi_patterns.show import block
from asgi_patterns.simulate import Reading

_COLUMNS = ("times", "", "first", "last", "quota", "who")


class _Limited(NamedTuple):
    quota: str
    how: str
    key: str
    row: Row


def simulation_report(simulation: Simulation, reading: Reading, *, top: int) -> Iterator[str]:
    """Yield what came of a simulation; of those who were limited most, ``top``."""
    yield from block("Log", _facts(simulation, reading))
    tallies = [(_name(simulation, label, tally), tally) for label, tally in _tallies(simulation)]
    yield from _table("Quotas", ("requests", "over", "share", "quota"), _quotas(tallies), numbers=3)
    yield from _limited(tallies, top)
    yield from block("Not simulated", _not_simulated(simulation))


def _facts(simulation: Simulation, reading: Reading) -> Iterator[Line]:
    yield "lines", f"{reading.lines:,}"
    if simulation.last:
        yield "time", f"{_time(simulation.first)} to {_time(simulation.last)} UTC"
    yield (
        "requests",
        f"{simulation.requests:,}, of which {_part(simulation.refused, simulation.requests)} refused",
    )
    not_counted = [
        (simulation.answered, "answered by a layer in front"),
        (simulation.preflights, "OPTIONS, taken for preflights"),
        (sum(trial.let_through for trial in simulation.trials), "let through by allow"),
    ]
    if found := [f"{number:,} {what}" for number, what in not_counted if number]:
        yield "not counted", "; ".join(found)
    if blocked := sum(trial.blocked for trial in simulation.trials):
        yield "blocked", f"{blocked:,}, refused by block"
    if simulation.late:
        yield "out of order", f"{simulation.late:,}, counted as if they had come later"
    if reading.unread:
        more = "; ..." if reading.unread > len(reading.complaints) else ""
        yield "not read", f"{reading.unread:,}: {'; '.join(reading.complaints)}{more}"


def _tallies(simulation: Simulation) -> Iterator[tuple[str, Tally]]:
    for trial in simulation.trials:
        missing = {name for name, _ in trial.not_simulated}
        yield from ((trial.label, tally) for name, tally in trial.tallies.items() if name not in missing)


def _name(simulation: Simulation, label: str, tally: Tally) -> str:
    return f"{label}.{tally.gauge.name}" if len(simulation.trials) > 1 else tally.gauge.name


def _quotas(tallies: Sequence[tuple[str, Tally]]) -> Iterator[Sequence[str]]:
    for name, tally in tallies:
        remarks = [name if tally.gauge.binding else f"{name}, would: {tally.gauge.quota.mode}"]
        if tally.held_back:
            remarks.append(f"{tally.held_back:,} held back")
        if tally.untold:
            remarks.append(f"{tally.untold:,} left out, their lines do not tell enough")
        yield (
            f"{tally.requests:,}",
            f"{tally.refused:,}",
            _share(tally.refused, tally.requests),
            ", ".join(remarks),
        )


def _limited(tallies: Sequence[tuple[str, Tally]], top: int) -> Iterator[str]:
    found = [
        _Limited(name, "refused" if tally.gauge.binding else "would", key, row)
        for name, tally in tallies
        for key, row in tally.rows.items()
    ]
    shown = nlargest(top, found, key=lambda each: each.row.times)
    rows = [
        (f"{each.row.times:,}", each.how, _time(each.row.first), _time(each.row.last), each.quota, each.key)
        for each in shown
    ]
    left = len(found) - len(shown) + sum(tally.forgotten for _, tally in tallies)
    yield from _table("Who would have been limited", _COLUMNS, rows, numbers=1, left=left)


def _not_simulated(simulation: Simulation) -> Iterator[Line]:
    for trial in simulation.trials:
        yield from trial.not_simulated


def _table(
    title: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int, left: int = 0
) -> Iterator[str]:
    """Yield a title and columns, of which the first ones are ``numbers``; nothing where there are no rows."""
    found = [head, *rows]
    if len(found) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    yield title
    for row in found:
        cells = [
            text.rjust(width) if column < numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"  {'  '.join(cells)}".rstrip()
    if left:
        yield f"  and {left:,} more"
    yield ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole if whole else 0:.1f} %"


def _part(part: int, whole: int) -> str:
    return f"{part:,} ({_share(part, whole)}) would be"
