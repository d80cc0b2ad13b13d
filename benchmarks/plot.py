"""The plot of the whole stack: what it costs by hand, with ours, and as people put it together today."""

from html import escape
from typing import Final

from benchmarks.drawing import BLUE, GREY, RED, Bar, chart, document, height
from benchmarks.results import Case, Group, Row

COLOURS: Final = {"app": GREY, "floor": GREY, "ours": BLUE, "peer": RED}


def svg(group: Group) -> str:
    """Return a drawing: a chart for each case, all on one scale."""
    parts = [
        f'<text x="10" y="20">{escape(group.title)}, microseconds a request more than the app alone</text>'
    ]
    top = 35
    longest = max(row.over or 0.0 for _, row in group.rows())
    for case in group.cases:
        bars = _bars(case, longest)
        parts += chart(case.name, bars, left=10, top=top, names=330, width=300)
        top += height(bars)
    return document(parts, width=830, height=top)


def _bars(case: Case, longest: float) -> list[Bar]:
    return [
        Bar(row.name, row.over / longest, f"{row.over:.0f}{_times(row)}", COLOURS[row.kind])
        for row in case.rows
        if row.over is not None
    ]


def _times(row: Row) -> str:
    return "" if row.of_floor is None or row.kind == "floor" else f", {row.of_floor:.1f} times by hand"
