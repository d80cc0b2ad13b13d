"""What handlers call: ``with timing("db"): ...``."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from threading import Lock
from types import TracebackType
from typing import Final, final

from asgi_patterns.observability.server_timing import Costs, Metric, check_name

_checked = lru_cache(maxsize=256)(check_name)
_lock: Final = Lock()
"""Taken to add a number: one for all requests is enough, and one for each is not free."""


@final
class Timings:
    """What one request has taken so far. Threads may add to it at the same time."""

    # No slots: what most requests never set stands on the class, and costs them nothing.
    app: float | None = None
    """What the app has taken until its head, where somebody takes that time and it was called."""
    _costs: Costs | None = None

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self.clock = clock

    def add(self, name: str, description: str | None, seconds: float) -> None:
        """Add what something has taken."""
        with _lock:
            if self._costs is None:
                self._costs = Costs(self._most)
            self._costs.add(name, description, seconds)

    def add_app(self, seconds: float) -> None:
        """Add what the app has taken: a layer may call it more than once."""
        self.app = (self.app or 0.0) + seconds

    @property
    def is_empty(self) -> bool:
        """Whether nobody has added anything."""
        return self._costs is None

    def taken(self) -> list[Metric]:
        """Return all that has ended."""
        if self._costs is None:
            return []
        with _lock:
            return [*self._costs.metrics]


CURRENT: Final[ContextVar[Timings | None]] = ContextVar("asgi_patterns.server_timing", default=None)


@final
class Measured:
    """A block of code whose time is taken. Each ``with`` is of its own, so one object may be used again."""

    __slots__ = ("_began", "_description", "_name", "_timings")

    def __init__(self, name: str, description: str | None) -> None:
        self._name = name
        self._description = description
        self._began: list[float] = []
        self._timings: Timings | None = None

    def __enter__(self) -> None:
        self._timings = CURRENT.get()
        if self._timings is not None:
            self._began.append(self._timings.clock())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        timings = self._timings
        if timings is not None and self._began:
            timings.add(self._name, self._description, timings.clock() - self._began.pop())


def timing(name: str, description: str | None = None) -> Measured:
    """Return a context manager that adds its block's time to the ``Server-Timing`` of the answer.

    For handlers and what they call: in coroutines, in threads that the framework starts, one within another. Blocks of
    one name and description are added up; one that ends after the head of the answer comes too late. Without a
    ``ServerTiming`` layer, or outside a request, it does nothing. ``name`` is a token such as ``db``; raises
    ``ValueError`` for any other.
    """
    return Measured(_checked(name), description)
