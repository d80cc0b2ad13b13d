"""Print what was found: a table for each case, which ends with the ratios to the floor and to the best peer."""

from collections.abc import Iterator
from typing import Final

from benchmarks.harness import table
from benchmarks.results import Budget, Case, Group, Row

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
        "\n".join([each, *_budgets(case)]) for each, case in zip(tables, group.cases, strict=True)
    )


def _cells(case: Case) -> list[tuple[str, ...]]:
    return [(f"{MARKS[row.kind]}{row.name}", *_numbers(row)) for row in case.rows]


def _numbers(row: Row) -> Iterator[str]:
    yield from (number(each) for each in (row.minimum, row.median, row.over))
    yield from ("" if each is None else f"{each:,.0f}" for each in (row.bytecodes, row.calls))
    yield ", ".join(map(_state, row.budgets))
    yield from (ratio(each) for each in (row.of_floor, row.of_peer))


def number(value: float | None) -> str:
    """Return a time."""
    return "" if value is None else f"{value:,.2f}"


def ratio(value: float | None) -> str:
    """Return how many times as much."""
    return "" if value is None else f"{value:.2f}"


def _state(budget: Budget) -> str:
    if budget.found is None:
        return "not measured"
    return "missed" if budget.is_missed else "met"


def _budgets(case: Case) -> Iterator[str]:
    """Yield what is asked of each row, whether it is reached, and why not."""
    for row in case.rows:
        for each in row.budgets:
            found = "" if each.found is None else f" ({each.found:.2f})"
            reason = f": {each.reason or 'no reason is known'}" if each.is_missed else ""
            yield f"  {row.name}, at most {each}: {_state(each)}{found}{reason}"
