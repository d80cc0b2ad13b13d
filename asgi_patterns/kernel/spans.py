"""What our layers see of a span, whichever package has made it."""

from typing import Any, Protocol


class SpanContext(Protocol):
    """The ids of a span, and the flags that go with them."""

    @property
    def trace_id(self) -> int:
        """128 bits."""

    @property
    def span_id(self) -> int:
        """64 bits."""

    @property
    def trace_flags(self) -> int:
        """One bit of them says ``sampled``."""


class Span(Protocol):
    """The span of a request."""

    def get_span_context(self) -> SpanContext:
        """Return its ids."""

    def is_recording(self) -> bool:
        """Whether anybody will see what it is told; it has not ended then, either."""

    def add_event(self, name: str, attributes: Any = None) -> None:
        """Note something that has happened just now."""
