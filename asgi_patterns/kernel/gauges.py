"""What a layer knows of its state at any moment, for whoever draws curves of it.

``Gauge``: one value. A layer gives them in ``Layer.gauges``; events are for what happens, gauges for what is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One value now."""

    name: str
    """``<slice>_<what>``, with a unit at its end where it has one: ``protection_loop_lag_seconds``."""
    value: float
    help: str
    """What it is, in one sentence."""
    labels: Mapping[str, str] = field(default_factory=dict)
    merge: Literal["sum", "min", "max"] = "sum"
    """What several processes come to."""


Gauging = Callable[[], Iterable[Gauge]]
"""Asked often, so it must be quick and must not wait."""
