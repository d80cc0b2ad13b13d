"""What all requests of a layer share."""

from dataclasses import dataclass
from typing import Literal, final

from asgi_patterns.ratelimit.fields import Fields
from asgi_patterns.ratelimit.picking import Places

When = Literal["always", "refusals", "off"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all requests of a layer share."""

    places: Places
    fields: Fields
    when: When
    """On which answers the fields stand."""
    jitter: float
    """Seconds by which waiting is lengthened at most, at random."""
    label: str
