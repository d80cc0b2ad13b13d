"""Which id a request gets."""

import re
from collections.abc import Sequence

# Long enough to mean something, short enough for every log, and nothing in it that any log has to escape.
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._~-]{8,128}")


def keep(claimed: Sequence[bytes]) -> str | None:
    """Return the id that the client sent, or ``None`` where it needs a new one.

    ``claimed`` is every line of the field. Several ids are none: which one was meant is anybody's guess.
    """
    if len(claimed) == 1 and _ACCEPTABLE.fullmatch(claimed[0]):
        return claimed[0].decode("ascii")
    return None


def forecast(claimed: Sequence[bytes], field: str, *, believed: bool) -> str:
    """Return in words which id a request with these lines of ``field`` gets, and why."""
    kept = keep(claimed)
    if kept is not None and believed:
        return f"keeps the id {kept!r}, which {field} carries"
    if kept is not None:
        return f"makes a new id: {field} counts only where it comes through a trusted proxy"
    if len(claimed) > 1:
        return f"makes a new id: {field} is there {len(claimed)} times"
    if claimed:
        return f"makes a new id: {field} has none of 8 to 128 harmless characters"
    return f"makes a new id: there is no {field}"
