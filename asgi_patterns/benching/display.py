"""What is seen while it is measured: the table, redrawn in its place on a terminal, and elsewhere one line."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, final

from asgi_patterns.benching.table import Paper, bar

OFTEN: Final = 0.25
"""Seconds between two drawings."""
_PROGRESS: Final = 24


@final
class Display:
    """Draws on the standard output if that is a terminal, and otherwise says on the standard error what it does."""

    def __init__(self) -> None:
        moves = os.environ.get("TERM", "") not in ("", "dumb")
        self._is_live = moves and sys.stdout.isatty()
        self._has_line = moves and not self._is_live and sys.stderr.isatty()
        self._drawn = 0
        self._due = 0.0
        self._begin = time.monotonic()
        self._seconds = 1.0
        self._what = ""

    @property
    def paper(self) -> Paper:
        """What the table is written on."""
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
        return Paper(max(60, min(width, 120)), _shows_blocks())

    def begin(self, what: str, seconds: float) -> None:
        """Say what is done now, and about how long it takes."""
        self._what, self._seconds, self._begin = what, max(seconds, 0.1), time.monotonic()
        if self._is_live or self._has_line:
            self.show(lambda: ())
        else:
            sys.stderr.write(f"{what}, about {max(1, round(seconds))} s\n")
            sys.stderr.flush()

    def show(self, lines: Callable[[], Iterable[str]]) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + OFTEN
        if self._is_live:
            size = shutil.get_terminal_size((80, 24))
            drawn = [line[: size.columns - 1] for line in (*lines(), "", self._progress(now))]
            # What has scrolled away, or was wrapped, could not be drawn anew.
            self._draw(drawn if len(drawn) < size.lines else drawn[-1:])
        elif self._has_line:
            sys.stderr.write(f"\r{self._progress(now)}\x1b[K")
            sys.stderr.flush()

    def finish(self, lines: Iterable[str]) -> None:
        """Leave the last word."""
        if self._has_line:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self._draw(list(lines))
        self._drawn = 0

    def _progress(self, now: float) -> str:
        share = min(1.0, (now - self._begin) / self._seconds)
        drawn = bar(share, _PROGRESS, has_blocks=_shows_blocks()).ljust(_PROGRESS)
        return f"[{drawn}] {share:4.0%}  {self._what}"

    def _draw(self, lines: list[str]) -> None:
        if self._drawn:
            sys.stdout.write(f"\x1b[{self._drawn}F\x1b[J")
        encoding = sys.stdout.encoding or "ascii"
        text = "".join(f"{line}\n" for line in lines)
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
        self._drawn = len(lines) if self._is_live else 0


def _shows_blocks() -> bool:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") != "dumb"
