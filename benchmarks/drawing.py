"""Bars, as SVG: what every plot here is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

ROW: Final = 22

GREY: Final = "#bbbbbb"
RED: Final = "#c8553d"
BLUE: Final = "#2f6f8f"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart."""

    name: str
    share: float
    """Of the width that there is, from 0 to 1."""
    text: str
    colour: str


def height(bars: Sequence[Bar]) -> int:
    """Return the pixels that a chart takes from top to bottom."""
    return (len(bars) + 1) * ROW + 20


def chart(
    title: str, bars: Sequence[Bar], *, left: int, top: int, names: int = 110, width: int = 260
) -> Iterator[str]:
    """Yield the parts of a chart; ``names`` are the pixels for them, ``width`` those of the longest bar."""
    yield f'<text x="{left}" y="{top + 15}" font-weight="bold">{escape(title)}</text>'
    start = left + names
    for row, bar in enumerate(bars, start=1):
        at = top + row * ROW
        long = max(1, round(min(1.0, bar.share) * width))
        yield f'<text x="{left}" y="{at + 15}">{escape(bar.name)}</text>'
        yield f'<rect x="{start}" y="{at + 3}" width="{long}" height="{ROW - 6}" fill="{bar.colour}"/>'
        yield f'<text x="{start + long + 6}" y="{at + 15}">{escape(bar.text)}</text>'


def document(parts: Sequence[str], *, width: int, height: int) -> str:
    """Return a drawing, on white: a page may be dark."""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    style = 'font-family="sans-serif" font-size="12"'
    body = "\n".join(['<rect width="100%" height="100%" fill="white"/>', *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n'
