"""What slices report. Metrics, spans, logs and a console are listeners; a slice knows none of them.

``Event``: the root of all events; ``Listener``: what a pipeline is given; ``note_failure``: logs what one has raised.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from asgi_patterns.kernel.exchange import Exchange

_log = logging.getLogger("asgi_patterns.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a layer decided or saw. Each slice declares its own."""

    is_routine: ClassVar[bool] = False
    """Whether there is one for nearly every request: to be counted, and not to be told one by one."""
    times: ClassVar[float] = 1.0
    """How often it has happened: what is counted of it where nothing else is."""


Listener = Callable[[Event, "Exchange"], None]
"""Called in the request's own task, at once. It must be quick and must not wait."""


def note_failure(listener: Listener, event: Event) -> None:
    """Log the exception that a listener has just raised."""
    _log.exception("the listener %r failed on %r", listener, event)
