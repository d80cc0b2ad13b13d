"""Results that nobody has measured, for what is said of them."""

from collections.abc import Sequence

from asgi_patterns.benching.numbers import Counts, Times
from asgi_patterns.benching.results import Answers, Described, Kind, Line, Result, Served

OK = (Answers(200, {}),)
MACHINE = {
    "cpu": "Abacus 3",
    "cpus": "2",
    "system": "Linux x86_64",
    "python": "3.11.7",
    "implementation": "CPython",
}


def line(
    kind: Kind,
    name: str,
    minimum: float,
    *,
    usual: float = 0.1,
    bytecodes: float = 100.0,
    answers: Sequence[Answers] = OK,
    served: Served | None = None,
) -> Line:
    """A row whose usual round takes ``usual`` longer than the fastest."""
    times = Times(minimum, minimum + usual, 9)
    return Line(
        name=name, kind=kind, times=times, counts=Counts(bytecodes, 7), answers=answers, served=served
    )


def served(throughput: float, best: float | None = None) -> Served:
    """What was served: as far below in the worst round as above in the best."""
    best = best or throughput
    return Served(
        throughput=throughput,
        best=best,
        worst=2 * throughput - best,
        p50=1.0,
        p99=2.0,
        requests=99,
        statuses={200: 99},
    )


def result(
    *lines: Line, machine: dict[str, str] | None = None, clients: int = 1, server: str | None = None
) -> Result:
    """A result of one GET."""
    return Result(
        app="shop.api:app",
        requests=[Described(shown="GET /lamps", fields=["accept"], size=0)],
        clients=clients,
        lines=lines,
        machine=MACHINE | (machine or {}),
        packages={"asgi-patterns": "0.1.0"},
        server=server,
        connections=8 if server else 0,
    )


def usual(**changes: Line) -> Result:
    """The app alone, two layers, all of them; ``changes`` replace rows."""
    rows = {
        "bare": line("bare", "shop.api:app alone", 10.0),
        "health": line("layer", "health", 12.0, bytecodes=150),
        "limit": line("layer", "rate_limit", 30.0, bytecodes=900),
        "whole": line("whole", "all layers", 35.0, bytecodes=1000),
    }
    return result(*(rows | changes).values())
