"""Say who takes part in a case, let them take turns, and put what was found beside the floor and the best peer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.harness import MakeRound, Times, calling, measure_rounds
from benchmarks.results import Budget, Case, Kind, Row

FIRST: Final = "the first app of the case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A contender, and what it is there for."""

    name: str
    kind: Kind
    make: Any
    """What the case's ``how`` takes: mostly a function that returns the app to call."""
    over: str | None = FIRST
    """The app that it stands in front of, if any."""
    budgets: tuple[Budget, ...] = ()
    layer: str = ""


def app(name: str, make: Any) -> Entrant:
    """Return an app that stands alone."""
    return Entrant(name=name, kind="app", make=make)


def floor(name: str, make: Any, *, over: str | None = FIRST) -> Entrant:
    """Return what does the same by hand."""
    return Entrant(name=name, kind="floor", make=make, over=over)


def ours(name: str, make: Any, *budgets: Budget, over: str | None = FIRST, layer: str = "") -> Entrant:
    """Return what is ours. ``layer``: this row is the line of that layer in the README."""
    return Entrant(name=name, kind="ours", make=make, over=over, budgets=budgets, layer=layer)


def peer(name: str, make: Any, *, over: str | None = FIRST) -> Entrant:
    """Return what people take instead."""
    return Entrant(name=name, kind="peer", make=make, over=over)


def as_it_is(make: MakeRound) -> MakeRound:
    """Return what an entrant brings to be measured with: the ``how`` of those that are no plain calls."""
    return make


def compare(
    name: str,
    *entrants: Entrant,
    rounds: int,
    calls: int | None,
    how: Callable[[Any], MakeRound] = calling,
    unit: str = "us",
    counts: bool = True,
    requests: int = 1,
) -> Case:
    """Measure a case: the first floor is the one that all are compared with.

    ``how``: makes what is measured of an entrant's ``make``. The rest is as ``measure_rounds`` has it.
    """
    makers = {each.name: how(each.make) for each in entrants}
    times = measure_rounds(makers, rounds=rounds, calls=calls, counts=counts, requests=requests)
    return Case(name=name, rows=tuple(compared(entrants, times)), unit=unit)


def compared(entrants: Sequence[Entrant], times: Mapping[str, Times]) -> list[Row]:
    """Return a row for each entrant."""
    rows = [_row(each, times[each.name], _app(each, entrants, times)) for each in entrants]
    overs = {row.name: row.over for row in rows if row.over is not None}
    floors = [row.over for row in rows if row.kind == "floor" and row.over is not None]
    peers = [row.over for row in rows if row.kind == "peer" and row.over is not None]
    overs |= {"floor": floors[0]} if floors else {}
    overs |= {"peer": min(peers)} if peers else {}
    return [_beside(row, {**overs, "us": 1.0}) for row in rows]


def _app(entrant: Entrant, entrants: Sequence[Entrant], times: Mapping[str, Times]) -> Times | None:
    apps = [each.name for each in entrants if each.kind == "app"]
    name = entrant.over if entrant.over != FIRST else next(iter(apps), None)
    return times[name] if name is not None and entrant.kind != "app" else None


def _row(entrant: Entrant, times: Times, alone: Times | None) -> Row:
    counts, without = times.counts, None if alone is None else alone.counts
    added = counts if counts is None or without is None else counts.over(without)
    return Row(
        name=entrant.name,
        kind=entrant.kind,
        minimum=round(times.minimum, 3),
        median=round(times.median, 3),
        over=None if entrant.kind == "app" else round(times.minimum - (alone.minimum if alone else 0.0), 3),
        bytecodes=None if added is None else added.bytecodes,
        calls=None if added is None else added.calls,
        budgets=entrant.budgets,
        layer=entrant.layer,
    )


def _beside(row: Row, overs: Mapping[str, float]) -> Row:
    def ratio(of: str) -> float | None:
        if row.over is None or overs.get(of, 0) <= 0:
            return None
        return round(row.over / overs[of], 3)

    budgets = tuple(replace(each, found=ratio(each.of)) for each in row.budgets)
    return replace(row, of_floor=ratio("floor"), of_peer=ratio("peer"), budgets=budgets)
