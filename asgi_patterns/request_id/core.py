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
