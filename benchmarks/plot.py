"""The plot of the whole stack: what it costs by hand, with ours, and as people put it together today."""

from typing import Final

from benchmarks.drawing import BLUE, GREY, RED, Bar, chart, document, height
from benchmarks.results import Case, Group

COLOURS: Final = {"app": GREY, "floor": GREY, "ours": BLUE, "peer": RED}


def svg(group: Group) -> str:
    """Return a drawing: a chart for each case, all on one scale."""
    parts: list[str] = []
    top = 10
    longest = max(row.over or 0.0 for _, row in group.rows())
    for case in group.cases:
        bars = _bars(case, longest)
        parts += chart(case.name, bars, left=10, top=top, names=300, width=300)
        top += height(bars)
    return document(parts, width=830, height=top)


def _bars(case: Case, longest: float) -> list[Bar]:
    return [
        Bar(row.name, row.over / longest, _told(row.over, row.of_floor), COLOURS[row.kind])
        for row in case.rows
        if row.over is not None
    ]


def _told(over: float, of_floor: float | None) -> str:
    return f"{over:.0f} us" if of_floor is None else f"{over:.0f} us, {of_floor:.1f} of by hand"
