"""What came of one quota in a simulation: how many requests were over it, and whose."""

from dataclasses import dataclass, field
from typing import Final, final

from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.rules import Taken

MOST_ROWS: Final = 20_000
"""Keys of which is known how often they were over a quota."""


@final
@dataclass(slots=True)
class Row:
    """How often one key was over a quota, and when: in seconds as Unix counts them."""

    times: int
    first: float
    last: float

    def add(self, at: float) -> None:
        """Count once more."""
        self.times += 1
        self.first, self.last = min(self.first, at), max(self.last, at)


@final
@dataclass(slots=True)
class Tally:
    """One quota. Its rows are bounded, however many keys are over it."""

    gauge: Gauge
    requests: int = 0
    refused: int = 0
    held_back: int = 0
    untold: int = 0
    """Requests that are left out, as their lines do not say what would have to be known."""
    rows: dict[str, Row] = field(default_factory=dict)
    forgotten: int = 0
    """Rows that were left out for want of room, those with the fewest refusals."""

    def note(self, key: str, taken: Taken, at: float) -> None:
        """Count what the quota has said of a request."""
        self.requests += 1
        if taken.allowed:
            self.held_back += taken.wait > 0.0
            return
        self.refused += 1
        row = self.rows.get(key)
        if row is not None:
            row.add(at)
            return
        if len(self.rows) >= MOST_ROWS:
            self._make_room()
        self.rows[key] = Row(1, at, at)

    def _make_room(self) -> None:
        kept = sorted(self.rows.items(), key=lambda item: -item[1].times)[: MOST_ROWS // 2]
        self.forgotten += len(self.rows) - len(kept)
        self.rows = dict(kept)
