"""What is measured of a contender: times, which scatter, and counts, which do not."""

import statistics
from dataclasses import dataclass, field
from typing import Any, Self, final


@final
@dataclass(frozen=True, slots=True)
class Counts:
    """What the interpreter did for one request, in the thread of the event loop. The same in every run."""

    bytecodes: float
    """Instructions of Python code."""
    calls: float
    """Entries into Python functions; a coroutine that has waited and goes on is entered again."""

    def over(self, other: "Counts") -> "Counts":
        """Return how much more this is than ``other``."""
        return Counts(self.bytecodes - other.bytecodes, self.calls - other.calls)


@final
@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds for one request, over all rounds."""

    minimum: float
    median: float
    rounds: int = 1

    @classmethod
    def of(cls, samples: list[float]) -> Self:
        """Return the times of rounds that took so many microseconds a request."""
        return cls(min(samples), statistics.median(samples), len(samples))

    @property
    def spread(self) -> float:
        """How far a usual round is from the fastest: less than that is noise."""
        return self.median - self.minimum


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A contender that ran. ``notes``: what it has noted beside, in the form of its own."""

    times: Times
    counts: Counts | None = None
    notes: Any = None

    def over(self, other: "Measured") -> float:
        """Return how many microseconds more this costs than ``other``, by the fastest rounds."""
        return self.times.minimum - other.times.minimum


@final
@dataclass(frozen=True, slots=True)
class Failed:
    """A contender that did not come to its end, and why."""

    why: str


@final
@dataclass(slots=True)
class Samples:
    """The rounds of one contender, as they come in."""

    taken: list[float] = field(default_factory=list)
    counts: Counts | None = None
    notes: Any = None
    failure: str | None = None

    @property
    def result(self) -> Measured | Failed | None:
        """What can be said by now; ``None`` before the first round."""
        if self.failure is not None:
            return Failed(self.failure)
        if not self.taken:
            return None
        return Measured(times=Times.of(self.taken), counts=self.counts, notes=self.notes)
