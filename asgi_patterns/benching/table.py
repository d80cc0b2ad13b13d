"""The table of ``asgi-patterns bench``, as lines of plain text: read without colour, and aloud."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from asgi_patterns.benching.results import MOST_NAMED, Line, Result, limited, remarks, served_remarks

LEAST_BAR: Final = 6
MOST_BAR: Final = 40
_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_ALONE: Final = (
    "Each row is the app behind that and nothing else. over, bytecodes and calls with a + are what it has more than "
    "the app alone. Layers share work, so rows do not add up."
)
_QUOTA: Final = (
    "The requests of this command have used up a quota, and a price of refusals is none: let more --clients ask, which "
    "they do in process, or raise the quota with --config."
)

Cells = Sequence[str]


@final
@dataclass(frozen=True, slots=True)
class Paper:
    """What is written on."""

    width: int = 80
    has_blocks: bool = False
    """Whether it shows more than ASCII."""


def table(result: Result, paper: Paper) -> Iterator[str]:
    """Yield what is asked, the rows, what is strange about them, and how to read them."""
    yield from _requests(result)
    yield ""
    if result.common_failure:
        yield from textwrap.wrap(f"{result.app} is not measured: {result.common_failure}", paper.width)
        return
    yield from _rows(result, result.lines, _in_process(result), paper)
    if result.server:
        yield ""
        kinds = ("bare", "layer", "whole")
        yield from _rows(
            result, [line for line in result.lines if line.kind in kinds], _served(result), paper
        )
    yield ""
    yield from textwrap.wrap(_ALONE, paper.width)
    if limited(result):
        yield from textwrap.wrap(_QUOTA, paper.width)


@final
@dataclass(frozen=True, slots=True)
class _Sheet:
    """One of the tables: its title and columns, and of a row the cells, the length of its bar, and the remarks."""

    title: str
    head: Cells
    cells: Callable[[Line], Cells]
    size: Callable[[Line], float]
    remarks: Callable[[Result, Line], Iterator[str]]


def _in_process(result: Result) -> _Sheet:
    return _Sheet(
        title="In process, microseconds for a request",
        head=("min", "median", "over", "bytecodes", "calls", "status"),
        cells=lambda line: _times(result, line),
        size=lambda line: result.over(line) or 0.0,
        remarks=remarks,
    )


def _served(result: Result) -> _Sheet:
    return _Sheet(
        title=f"Behind {result.server}, {result.connections} connections, requests a second",
        head=("req/s", "best", "p50 ms", "p99 ms"),
        cells=_seen,
        size=lambda line: line.served.throughput if line.served is not None else 0.0,
        remarks=served_remarks,
    )


def bar(share: float, width: int, *, has_blocks: bool) -> str:
    """Return a bar of that share of ``width``: something where there is something."""
    share = min(1.0, max(0.0, share))
    if not has_blocks:
        return "#" * (max(1, round(share * width)) if share else 0)
    whole, rest = divmod(round(share * width * 8), 8)
    drawn = "█" * whole + (_EIGHTHS[rest - 1] if rest else "")
    return drawn or (_EIGHTHS[0] if share else "")


def _requests(result: Result) -> Iterator[str]:
    asked = [each.shown + (f" ({each.size:,} bytes)" if each.size else "") for each in result.requests]
    more = f" and {len(asked) - MOST_NAMED} more" if len(asked) > MOST_NAMED else ""
    who = f", from {result.clients:,} addresses in turn" if result.clients > 1 else ""
    yield f"{', '.join(asked[:MOST_NAMED])}{more}{who}"


def _rows(result: Result, lines: Sequence[Line], sheet: _Sheet, paper: Paper) -> Iterator[str]:
    """Yield a title, aligned columns with bars behind them, and remarks below the rows that they are about."""
    found = [(line, sheet.cells(line)) for line in lines]
    name = max((len(line.name) for line in lines), default=0)
    widths = [
        max(len(word), *(len(row[at]) for _, row in found if row), 0) for at, word in enumerate(sheet.head)
    ]
    longest = max(map(sheet.size, lines), default=0.0)
    left = paper.width - name - sum(width + 2 for width in widths) - 2
    room = min(MOST_BAR, max(LEAST_BAR, left))
    yield sheet.title
    yield _aligned("", sheet.head, name, widths)
    for line, row in found:
        drawn = bar(sheet.size(line) / longest, room, has_blocks=paper.has_blocks) if longest > 0 else ""
        yield f"{_aligned(line.name, row, name, widths)}  {drawn}".rstrip()
        if said := "; ".join(sheet.remarks(result, line)):
            yield from textwrap.wrap(said, paper.width, initial_indent="  ! ", subsequent_indent="    ")


def _aligned(name: str, row: Cells, width: int, widths: Sequence[int]) -> str:
    texts = [text.rjust(wide) for text, wide in zip(row, widths, strict=False)]
    return "  ".join([name.ljust(width), *texts])


def _times(result: Result, line: Line) -> Cells:
    if line.failure is not None or line.times is None:
        return ()
    over = result.over(line)
    counts, more = line.counts, result.counts_over(line)
    codes = calls = ""
    if more is not None:
        codes, calls = f"{more.bytecodes:+,.0f}", f"{more.calls:+,.0f}"
    elif counts is not None:
        codes, calls = f"{counts.bytecodes:,.0f}", f"{counts.calls:,.0f}"
    return (
        micro(line.times.minimum),
        micro(line.times.median),
        "" if over is None else f"{'+' if over >= 0 else ''}{micro(over)}",
        codes,
        calls,
        line.statuses,
    )


def micro(number: float) -> str:
    """Return microseconds, as exact as they are."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.1f}"


def _seen(line: Line) -> Cells:
    if line.served is None:
        return ()
    seen = line.served
    return f"{seen.throughput:,.0f}", f"{seen.best:,.0f}", f"{seen.p50:.2f}", f"{seen.p99:.2f}"
