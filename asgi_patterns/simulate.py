"""What ``asgi-patterns simulate`` says: who would have been limited, had the quotas stood when a log was written.

A log is text from outside: its lines are bounded, one that cannot be read is counted, and nothing of it is printed
but the keys that quotas count by, in the form that may be shown.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, final

from asgi_patterns.explain import foretold
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import Scope
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.question import UNIX, Request
from asgi_patterns.ratelimit import RateLimit
from asgi_patterns.ratelimit.access_log import LONGEST_LINE, Entry, Format, Unreadable, parse
from asgi_patterns.ratelimit.simulation import Simulation

STDIN: Final = "-"
NAMED: Final = 3
"""Lines that cannot be read, of which is said what is wrong with them."""
KNOWN_REQUESTS: Final = 10_000
"""Requests of which is remembered whether a layer in front answers them."""
LONGEST_PATH: Final = 1024
PROGRESS: Final = 0.5
"""Seconds between two signs of life."""


class CannotSimulate(ValueError):
    """There is nothing to simulate, or the log cannot be opened; one sentence."""


@final
@dataclass(slots=True)
class Reading:
    """How the reading of a log has gone."""

    lines: int = 0
    unread: int = 0
    complaints: list[str] = field(default_factory=list)

    def complain(self, why: str) -> None:
        """Count a line that says nothing."""
        self.unread += 1
        if len(self.complaints) < NAMED:
            self.complaints.append(f"line {self.lines} {why}")


def simulated(pipeline: Pipeline) -> Simulation:
    """Return a simulation of the layers of ``pipeline``. Raises ``CannotSimulate`` where none has a quota."""
    layers = [layer for layer in pipeline.layers if layer.enabled]
    limits = [layer for layer in layers if isinstance(layer, RateLimit)]
    if not limits:
        raise CannotSimulate("there is no quota to simulate: set rate_limit.quotas")
    in_front = layers[: layers.index(limits[0])]
    return Simulation(limits, describe=_describe, answered=_answering(in_front))


def replay(simulation: Simulation, log: BinaryIO, form: Format) -> Reading:
    """Feed ``simulation`` with all lines of ``log``."""
    reading = Reading()
    tell = _progress()
    for line in _lines(log):
        reading.lines += 1
        if reading.lines % 1024 == 0:
            tell(reading.lines)
        if not line:
            continue
        try:
            simulation.add(parse(line, form))
        except Unreadable as why:
            reading.complain(str(why))
    simulation.finish()
    tell(0)
    return reading


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """Open a log; ``-`` is what comes in. Raises ``CannotSimulate``."""
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        log = Path(name).open("rb")  # noqa: SIM115 - what goes wrong while it is read is another matter
    except OSError as exc:
        raise CannotSimulate(f"{name!r} cannot be read: {exc.strerror or exc}") from None
    with log:
        yield log


def _lines(log: BinaryIO) -> Iterator[str]:
    """Yield each line without its end, cut where it is too long to be read anyway."""
    most = LONGEST_LINE + 1
    while line := log.readline(4 * most):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = log.readline(4 * most)
        yield line.decode("utf-8", "replace").strip()


def _describe(entry: Entry) -> Scope:
    """Return a request as a server would describe it."""
    headers = [] if entry.content is None else [(b"content-length", b"%d" % entry.content)]
    client = UNIX if entry.client is None else entry.client
    return Request(method=entry.method, url=entry.target, headers=headers, client=client).scope()


def _answering(layers: Iterable[Layer]) -> Callable[[Scope], bool]:
    """Return what says whether one of ``layers`` answers a request, as far as its method and path tell."""

    @lru_cache(maxsize=KNOWN_REQUESTS)
    def answers(method: str, path: str) -> bool:
        scope = {**Request(method=method, url="/", headers=[]).scope(), "path": path}
        return any(foretold(layer, Exchange.of(scope)[1])[1].ends for layer in layers)

    # No layer has a path that is so long, and none shall be remembered.
    return lambda scope: len(scope["path"]) <= LONGEST_PATH and answers(scope["method"], scope["path"])


def _progress() -> Callable[[int], None]:
    """Return what shows on a terminal how many lines have been read; 0 wipes that out."""
    if not sys.stderr.isatty():
        return lambda lines: None
    due = time.monotonic() + PROGRESS

    def tell(lines: int) -> None:
        nonlocal due
        if time.monotonic() >= due or not lines:
            due = time.monotonic() + PROGRESS
            sys.stderr.write(f"\r{lines:,} lines" if lines else "\r\x1b[K")
            sys.stderr.flush()

    return tell
