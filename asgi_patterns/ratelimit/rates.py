"""Rates as people write them: ``10/second``, ``100 per 5 minutes``, ``10/second burst 20``."""

import re
from typing import Final, NamedTuple

HIGHEST: Final = 999_999_999_999_999
"""What the integer of a structured field can say (RFC 9651 3.3.1)."""

_BURST = re.compile(r"(.*\S)\s+burst\s+([0-9]{1,15})\s*", re.IGNORECASE | re.DOTALL)
_SEVERAL = re.compile(r"[,;|]")
_NO_TIME = re.compile(r"(?:/|per)\s*0+\s*[a-z]", re.IGNORECASE)
_RIGHT = "write such as 10/second, 100 per 5 minutes or 10/second burst 20"


class Rate(NamedTuple):
    """So many in so many seconds, and how many of them at once where that is said."""

    limit: int
    window: float
    burst: int | None = None


def check(text: str) -> str:
    """Return ``text``. Raises ``ValueError`` where it is no rate."""
    read(text)
    return text


def read(text: str) -> Rate:
    """Read a rate. Raises ``ValueError`` that names the text that is wrong."""
    from limits import parse  # here: it takes a tenth of a second, and not every process has a rate

    match = _BURST.fullmatch(text)
    rate, burst = (match[1], int(match[2])) if match else (text, None)
    if _SEVERAL.search(rate):
        raise ValueError(f"{text!r} is more than one rate: give each an entry of its own")
    try:
        found = parse(rate)
    except ValueError:
        raise ValueError(f"{text!r} is no rate: {_RIGHT}") from None
    window = found.get_expiry()
    # limits reads "0 seconds" as one second.
    if not 0 < found.amount <= HIGHEST or window > HIGHEST or burst == 0 or _NO_TIME.search(rate):
        raise ValueError(f"{text!r} cannot be a limit: {_RIGHT}")
    return Rate(found.amount, float(window), burst)
