"""What health reports to listeners."""

from dataclasses import dataclass
from typing import Literal

from asgi_patterns.health.core import Details
from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailed(Event):
    """A check that was up, or had not run before, is down."""

    check: str
    reason: Details
    """What those see who may see details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecovered(Event):
    """A check that was down is up again."""

    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStarted(Event):
    """Readiness has dropped: by a call of ``drain()``, or because the drain file exists.

    Told by the first probe that sees it, since only a request has listeners.
    """

    by: Literal["call", "file"]
