"""What has changed between two results: counts exactly, times only beyond what may be chance."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from asgi_patterns.benching.results import Line, Result
from asgi_patterns.benching.table import Paper, micro

NOISE: Final = "within noise"
_HEAD: Final = ("over", "", "bytecodes", "")
_NOTE: Final = (
    "over and bytecodes: more than the app alone, then and now. A time has changed where it differs by more than the "
    "fastest and the usual rounds of both did; requests a second, where no round of one was like one of the other."
)


def compared(now: Result, then: Result, name: str, paper: Paper) -> Iterator[str]:
    """Yield what has changed against ``then``, which is called ``name``."""
    yield f"Against {name}"
    for caveat in caveats(now, then):
        yield from textwrap.wrap(caveat, paper.width, initial_indent="  ! ", subsequent_indent="    ")
    before = {_key(line): line for line in then.lines}
    pairs = [(line, before.pop(_key(line), None)) for line in now.lines]
    rows: list[Sequence[str]] = [("", *_HEAD)]
    for line, old in pairs:
        told = (
            ("new", "", "", "")
            if old is None
            else (*_time(now, line, then, old), *_codes(now, line, then, old))
        )
        rows.append((line.name, *told))
    rows += [(line.name, "gone", "", "", "") for line in before.values()]
    if now.server and then.server:
        rows += [("", "req/s", "", "", ""), *_served(now, then)]
    yield from _aligned(rows)
    yield from _answers(pairs)
    yield ""
    yield from textwrap.wrap(_NOTE, paper.width)


def _answers(pairs: Sequence[tuple[Line, Line | None]]) -> Iterator[str]:
    for line, old in pairs:
        if old is not None and old.statuses != line.statuses:
            yield f"  ! {line.name}: status {old.statuses or 'unknown'} then, {line.statuses or 'unknown'} now"


def _key(line: Line) -> tuple[str, str]:
    """Return what a row is: the app alone is that, whatever its name."""
    return line.kind, "" if line.kind == "bare" else line.name


def caveats(now: Result, then: Result) -> Iterator[str]:
    """Yield why the two cannot be compared in full."""
    if now.app != then.app:
        yield f"the other app is {then.app}"
    if now.requests != then.requests or now.clients != then.clients:
        yield "the other requests were " + ", ".join(each.shown for each in then.requests[:3])
    if not same_machine(now, then):
        yield "the other machine was another one, so times are shown and not judged"
    if not same_interpreter(now, then):
        yield f"the other Python was {then.machine.get('python', 'unknown')}, whose bytecodes are others"
    if now.server != then.server or now.connections != then.connections:
        yield f"the other server was {then.server or 'none'}, with {then.connections} connections"


def same_machine(now: Result, then: Result) -> bool:
    """Whether times can be compared at all."""
    return all(now.machine.get(key) == then.machine.get(key) for key in ("cpu", "cpus", "system"))


def same_interpreter(now: Result, then: Result) -> bool:
    """Whether bytecodes can be compared: each minor version of Python has its own."""
    return _minor(now) == _minor(then)


def _minor(result: Result) -> list[str]:
    return result.machine.get("python", "").split(".")[:2]


def _time(now: Result, line: Line, then: Result, old: Line) -> tuple[str, str]:
    """Return the prices, and what to think of their difference; of the app alone, its times."""
    if line.times is None or old.times is None:
        return "not measured", ""
    new_over, old_over = now.over(line), then.over(old)
    if new_over is None or old_over is None:
        new_over, old_over = line.times.minimum, old.times.minimum
    noise = max(now.noise(line), then.noise(old))
    change = new_over - old_over
    pair = f"{micro(old_over)} -> {micro(new_over)}"
    if not same_machine(now, then):
        return pair, ""
    return pair, f"{change:+.1f}" if abs(change) > noise else NOISE


def _codes(now: Result, line: Line, then: Result, old: Line) -> tuple[str, str]:
    if line.counts is None or old.counts is None or not same_interpreter(now, then):
        return "", ""
    new_more, old_more = now.counts_over(line) or line.counts, then.counts_over(old) or old.counts
    change = new_more.bytecodes - old_more.bytecodes
    pair = f"{old_more.bytecodes:,.0f} -> {new_more.bytecodes:,.0f}"
    return (pair, f"{change:+,.0f}") if change else (f"{new_more.bytecodes:,.0f}", "the same")


def _served(now: Result, then: Result) -> Iterator[Sequence[str]]:
    before = {_key(line): line.served for line in then.lines}
    for line in now.lines:
        old = before.get(_key(line))
        if old is None or line.served is None:
            continue
        change = line.served.throughput - old.throughput
        overlaps = line.served.worst <= old.best and old.worst <= line.served.best
        told = NOISE if overlaps else f"{change:+,.0f}"
        pair = f"{old.throughput:,.0f} -> {line.served.throughput:,.0f}"
        yield line.name, pair, told if same_machine(now, then) else "", "", ""


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
