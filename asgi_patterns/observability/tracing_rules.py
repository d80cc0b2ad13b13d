"""What ``Tracing`` goes by, made ready once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from asgi_patterns.observability.tracing_attributes import Describe
from asgi_patterns.observability.tracing_capture import Capture, Excluded
from asgi_patterns.observability.tracing_parent import Callers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings of the layer, as requests need them."""

    describe: Describe
    excluded: Excluded | None
    response: Capture | None
    callers: Callers
    clock: Callable[[], float]
