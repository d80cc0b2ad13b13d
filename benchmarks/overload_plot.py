"""The plots of ``benchmarks.overload``: as text, and as SVG."""

from collections.abc import Mapping
from math import log10

from benchmarks.drawing import BLUE, GREY, RED, Bar, chart, document, height

WIDTH = 40
COLOURS = {"possible": GREY, "unloaded": GREY, "without": RED, "with": BLUE}
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
        served = [
            Bar(name, share, f"{share:.0%} of the best", COLOURS[name]) for name, share in shares.items()
        ]
        late = [Bar(name, scaled(ms), f"{ms:.1f} ms", COLOURS[name]) for name, ms in latencies.items()]
        parts += chart(f"{path}: throughput", served, left=10, top=top)
        parts += chart(f"{path}: p99, logarithmic", late, left=530, top=top)
        top += max(height(served), height(late))
    return document(parts, width=1050, height=top)
