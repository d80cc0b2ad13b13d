"""How long, as people write it: ``30s``, ``5m``, ``1h``, ``1.5 hours``, or a number of seconds."""

import re
from math import isfinite
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_DURATION = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([a-z]{1,12})\s*", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
_WORDS = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day", 604800.0: "week"}


def seconds(duration: float | str) -> float:
    """Return the seconds of a duration. Raises ``ValueError`` that says what would be right."""
    if isinstance(duration, str):
        match = _DURATION.fullmatch(duration)
        unit = match and _UNITS.get(match[2].lower())
        if match is None or unit is None:
            raise ValueError(f"{duration!r} is no duration: write a number of seconds, 30s, 5m, 1h or 1d")
        return float(match[1]) * unit
    if not isfinite(duration) or duration < 0:
        raise ValueError(f"{duration!r} is no duration: write seconds, 0 or more")
    return float(duration)


def _check(duration: float | str) -> float | str:
    seconds(duration)
    return duration


def _check_positive(duration: float | str) -> float | str:
    if seconds(duration) == 0:
        raise ValueError(f"{duration!r} is no time at all: write more than nothing")
    return duration


def spell(duration: float) -> str:
    """Return ``minute`` for 60 seconds, ``90s`` for what has no name of its own."""
    return _WORDS.get(duration) or f"{duration:g}s"


_SCHEMA = WithJsonSchema({"type": ["number", "string"], "title": "duration"})

Duration = Annotated[float | str, AfterValidator(_check), _SCHEMA]
"""A setting that is a duration, kept as it was written; ``seconds`` reads it."""
PositiveDuration = Annotated[float | str, AfterValidator(_check_positive), _SCHEMA]
"""The same, and longer than nothing."""
