"""``python -m benchmarks.readme``: write anew what the README and the plot say about costs, from the results.

In the README that is what stands between ``<!-- benchmarks -->`` and ``<!-- end -->``. Run by ``make docs``, and by
``make bench`` when it has new results.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from asgi_patterns.settings.sections import SECTIONS
from benchmarks import plot
from benchmarks.groups import NAMES
from benchmarks.rendering import number, ratio
from benchmarks.results import FOLDER, Case, Group, Row, read_all

README: Final = Path(__file__).parents[1] / "README.md"
WHOLE: Final = "whole"
PLOT: Final = FOLDER / f"{WHOLE}.svg"

UNMEASURED: Final[dict[str, str]] = {}
"""Layers without a line, and why they have none."""

_BETWEEN = re.compile(r"^(<!-- benchmarks -->\n).*?^(<!-- end -->)$", re.MULTILINE | re.DOTALL)
_HEAD: Final = ("layer", "measured with", "adds", "bytecodes", "of by hand", "of the best peer")


def rewritten(page: str, groups: Sequence[Group]) -> str:
    """Return the text of the README with the numbers of these groups."""
    block = "\n\n".join([*_plot(groups), *_table(groups), _machine(groups[0])])
    return _BETWEEN.sub(lambda found: f"{found[1]}\n{block}\n\n{found[2]}", page)


def lines(groups: Sequence[Group]) -> dict[str, tuple[Case, Row]]:
    """Return the row of each layer that has one, the outermost layer first."""
    found = {row.layer: (case, row) for group in groups for case, row in group.rows() if row.layer}
    ranks = {layer.__name__: layer.place.rank for layer in SECTIONS.values()}
    return dict(sorted(found.items(), key=lambda each: ranks[each[0]]))


def drawn(groups: Sequence[Group]) -> str | None:
    """Return the plot of the whole stack, where that was measured."""
    return next((plot.svg(group) for group in groups if group.name == WHOLE), None)


def _plot(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        if group.name == WHOLE:
            yield f"![{group.title}: {_said(group.cases[0])}]({PLOT.relative_to(README.parent)})"


def _said(case: Case) -> str:
    rows = ", ".join(f"{row.name} {row.over:.0f} us" for row in case.rows if row.over is not None)
    return f"{case.name}, {rows}"


def _table(groups: Sequence[Group]) -> Iterator[str]:
    cells = [_HEAD, ("---",) * len(_HEAD), *(_cells(*each) for each in lines(groups).values())]
    yield "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cells(case: Case, row: Row) -> tuple[str, ...]:
    counted = "" if row.bytecodes is None else f"{row.bytecodes:,.0f}"
    peers = {each.over: each.name for each in case.rows if each.kind == "peer" and each.over is not None}
    of_peer = f"{ratio(row.of_peer)}, {peers[min(peers)]}" if peers else ""
    return f"`{row.layer}`", case.name, f"{number(row.over)} us", counted, ratio(row.of_floor), of_peer


def _machine(group: Group) -> str:
    found = group.machine
    return (
        f"What each layer adds to an app, in microseconds and in instructions of the interpreter: {found['python']}, "
        f"{found['cores']} cores of {found['processor']}, {found['system']}."
    )


def main() -> None:
    """Rewrite the README, and draw the plot."""
    groups = read_all(NAMES)
    README.write_text(rewritten(README.read_text(encoding="utf-8"), groups), encoding="utf-8")
    if (drawing := drawn(groups)) is not None:
        PLOT.write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
