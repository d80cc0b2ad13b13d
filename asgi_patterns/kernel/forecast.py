"""What a layer would do with a request, in words: what ``Layer.explain`` returns."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Forecast:
    """What a layer would do with one request. ``Forecast()`` where there is nothing to say about it."""

    says: tuple[str, ...] = ()
    """Clauses with the layer as their subject, no capital, no full stop: ``keeps the id 'abc'``."""
    ends: bool = False
    """Whether the layer answers by itself, so that nothing further in sees the request."""
