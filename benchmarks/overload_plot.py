"""The plots of ``benchmarks.overload``: as text, and as SVG."""

from collections.abc import Callable, Iterator, Mapping
from html import escape
from math import log10

WIDTH = 40
ROW, LEFT, BAR = 22, 110, 260
COLOURS = {"possible": "#bbbbbb", "unloaded": "#bbbbbb", "without": "#c8553d", "with": "#2f6f8f"}
MOST_MS = 10_000.0

Shares = Mapping[str, float]
Latencies = Mapping[str, float]


def scaled(milliseconds: float) -> float:
    """Return where a latency stands between 1 ms and ten seconds, by its logarithm."""
    return min(1.0, max(0.0, log10(max(1.0, milliseconds)) / log10(MOST_MS)))


def bars(title: str, shares: Shares, latencies: Latencies) -> str:
    """Return bars of text: throughput as a share of the best, and p99 on a logarithmic scale."""
    lines = [f"{title}, throughput"]
    lines += [_bar(name, share, f"{share:.0%} of the best") for name, share in shares.items()]
    lines += [f"{title}, p99 (logarithmic)"]
    lines += [_bar(name, scaled(value), f"{value:.1f} ms") for name, value in latencies.items()]
    return "\n".join(lines)


def _bar(name: str, share: float, text: str) -> str:
    return f"  {name:9} {'#' * round(min(1.0, share) * WIDTH):{WIDTH}} {text}"


def svg(results: Mapping[str, tuple[Shares, Latencies]]) -> str:
    """Return a drawing: a row of two charts for each path."""
    parts: list[str] = []
    top = 10
    for path, (shares, latencies) in results.items():
        height = (max(len(shares), len(latencies)) + 1) * ROW
        parts += _chart(f"{path}: throughput", shares, 10, top, lambda value: value, "{:.0%} of the best")
        parts += _chart(f"{path}: p99, logarithmic", latencies, 530, top, scaled, "{:.1f} ms")
        top += height + 20
    body = "\n".join(parts)
    size = f'width="1050" height="{top}" viewBox="0 0 1050 {top}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n{body}\n</svg>\n'


def _chart(
    title: str, values: Mapping[str, float], left: int, top: int, scale: Callable[[float], float], form: str
) -> Iterator[str]:
    yield f'<text x="{left}" y="{top + 15}" font-weight="bold">{escape(title)}</text>'
    for row, (name, value) in enumerate(values.items(), start=1):
        at = top + row * ROW
        width = max(1, round(min(1.0, scale(value)) * BAR))
        start = left + LEFT
        yield f'<text x="{left}" y="{at + 15}">{escape(name)}</text>'
        yield f'<rect x="{start}" y="{at + 3}" width="{width}" height="{ROW - 6}" fill="{COLOURS[name]}"/>'
        yield f'<text x="{start + width + 6}" y="{at + 15}">{escape(form.format(value))}</text>'
