"""The rows as a drawing, in SVG: read by machines and aloud, on light and on dark ground."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, final

from asgi_patterns.benching.results import Line, Result, refuses, served_remarks
from asgi_patterns.benching.table import micro

WIDTH: Final = 940
ROW: Final = 24
NAMES: Final = 250
BARS: Final = 430
EDGE: Final = 16
_STYLE: Final = """
  svg { color-scheme: light dark; background: #ffffff; }
  text { font: 13px system-ui, sans-serif; fill: #1c2026; }
  .title { font-weight: 600; font-size: 15px; }
  .note { fill: #59616d; font-size: 12px; }
  .layer { fill: #2f6f8f; } .whole { fill: #b4552d; } .refused { fill: none; stroke: #59616d; stroke-dasharray: 4 3; }
  .spread { stroke: #1c2026; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    svg { background: #15181c; }
    text { fill: #e8eaed; }
    .note { fill: #a3abb7; }
    .layer { fill: #6db3d6; } .whole { fill: #e8895c; } .refused { stroke: #a3abb7; }
    .spread { stroke: #e8eaed; }
  }
"""


@final
@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    value: float
    usual: float
    """Where the usual round is, while the bar ends at the best."""
    text: str
    style: str


def svg(result: Result) -> str:
    """Return the text of a file."""
    charts = [("Microseconds over the app alone; the thin line ends at the usual round", _prices(result))]
    if result.server:
        title = f"Requests a second behind {result.server}, {result.connections} connections"
        charts.append((title, _throughputs(result)))
    parts: list[str] = []
    top = 52
    for title, bars in charts:
        parts += _chart(title, bars, top)
        top += (len(bars) + 2) * ROW
    machine = result.machine
    ground = f"{machine.get('cpu', '')}, {machine.get('implementation', '')} {machine.get('python', '')}"
    heading = f"What {result.app} costs behind each layer"
    asked = ", ".join(each.shown for each in result.requests[:3])
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        f'role="img" aria-labelledby="title desc">\n'
        f'<title id="title">{_text(heading)}</title>\n<desc id="desc">{_text(_described(charts))}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<text class="title" x="{EDGE}" y="24">{_text(heading)}</text>\n'
        f'<text class="note" x="{EDGE}" y="42">{_text(f"{asked}; {ground}")}</text>\n'
        f"{body}\n</svg>\n"
    )


def _prices(result: Result) -> list[_Bar]:
    bars = []
    for line in result.lines:
        over = result.over(line)
        if line.kind == "bare" or over is None or line.times is None:
            continue
        refused = refuses(result, line)
        text = f"{micro(over)} us" + (f", status {line.statuses}" if refused else "")
        bars.append(_Bar(line.name, over, over + line.times.spread, text, _style(line, refused=refused)))
    return bars


def _throughputs(result: Result) -> list[_Bar]:
    return [
        _Bar(
            line.name,
            line.served.throughput,
            line.served.best,
            f"{line.served.throughput:,.0f}/s, p50 {line.served.p50:.2f} ms, p99 {line.served.p99:.2f} ms",
            _style(line, refused=any(served_remarks(result, line))),
        )
        for line in result.lines
        if line.served is not None
    ]


def _style(line: Line, *, refused: bool) -> str:
    return "refused" if refused else "layer" if line.kind in ("layer", "empty", "bare") else "whole"


def _chart(title: str, bars: Sequence[_Bar], top: int) -> Iterator[str]:
    yield f'<text class="note" x="{EDGE}" y="{top + 16}">{_text(title)}</text>'
    most = max((bar.value for bar in bars), default=0.0) or 1.0
    for row, bar in enumerate(bars, start=1):
        at = top + row * ROW
        width = max(1.0, min(1.0, max(0.0, bar.value) / most) * BARS)
        end = NAMES + min(1.0, max(0.0, bar.usual) / most) * BARS
        yield f'<text x="{NAMES - 10}" y="{at + 16}" text-anchor="end">{_text(_short(bar.name))}</text>'
        yield f'<rect class="{bar.style}" x="{NAMES}" y="{at + 4}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
        if end > NAMES + width:
            middle = at + ROW / 2
            yield f'<path class="spread" d="M{NAMES + width:.1f} {middle}H{end:.1f}"/>'
        yield f'<text class="note" x="{max(end, NAMES + width) + 8:.1f}" y="{at + 16}">{_text(bar.text)}</text>'


def _described(charts: Sequence[tuple[str, Sequence[_Bar]]]) -> str:
    """Return all that can be seen, in words."""
    return " ".join(
        f"{title}: {'; '.join(f'{bar.name} {bar.text}' for bar in bars)}." for title, bars in charts
    )


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"


def _text(text: str) -> str:
    # XML has no control characters, not even escaped ones.
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))
