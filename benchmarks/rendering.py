"""Print what was found: a table for each case, which ends with the ratios to the floor and to the best peer."""

from collections.abc import Iterator
from textwrap import indent
from typing import Final

from benchmarks.harness import table
from benchmarks.results import Case, Group, Row

HEAD: Final = (
    "minimum",
    "median",
    "over",
    "bytecodes",
    "calls",
    "budget",
    "of the floor",
    "of the best peer",
)
MARKS: Final = {"app": "", "floor": "floor: ", "ours": "", "peer": "peer: "}


def text(group: Group) -> str:
    """Return the tables of a group."""
    tables = [table(f"{case.name}, {case.unit}", _cells(case), ("", *HEAD)) for case in group.cases]
    return f"{group.title}\n\n" + "\n\n".join(
        "\n".join([each, *_reasons(case)]) for each, case in zip(tables, group.cases, strict=True)
    )


def _cells(case: Case) -> list[tuple[str, ...]]:
    return [(f"{MARKS[row.kind]}{row.name}", *_numbers(row)) for row in case.rows]


def _numbers(row: Row) -> Iterator[str]:
    yield from (number(each) for each in (row.minimum, row.median, row.over))
    yield from ("" if each is None else f"{each:,.0f}" for each in (row.bytecodes, row.calls))
    yield budget(row)
    yield from (ratio(each) for each in (row.of_floor, row.of_peer))


def number(value: float | None) -> str:
    """Return a time."""
    return "" if value is None else f"{value:,.2f}"


def ratio(value: float | None) -> str:
    """Return how many times as much."""
    return "" if value is None else f"{value:.2f}"


def budget(row: Row) -> str:
    """Return what is asked of the row, and whether it is reached."""
    return ", ".join(f"{each} {'missed' if each in row.missed else 'met'}" for each in row.budgets)


def _reasons(case: Case) -> Iterator[str]:
    for row in case.rows:
        for missed in row.missed:
            yield indent(f"{row.name}, more than {missed}: {missed.reason or 'no reason is known'}", "  ")
