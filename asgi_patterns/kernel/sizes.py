"""How much, as people write it: ``10 MB``, ``64 KiB``, or a number of bytes."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_SIZE = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]{1,5})\s*", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}


def octets(size: int | str) -> int:
    """Return the bytes of a size, rounded down. Raises ``ValueError`` that says what would be right."""
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        unit = match and _UNITS.get(match[2].lower())
        if match is None or unit is None:
            raise ValueError(f"{size!r} is no size: write a number of bytes, 10 MB or 64 KiB")
        return int(float(match[1]) * unit) if "." in match[1] else int(match[1]) * unit
    if size < 0:
        raise ValueError(f"{size!r} is no size: write bytes, 0 or more")
    return size


def spell_size(size: int) -> str:
    """Return ``10 MB`` for 10,000,000 bytes, ``64 KiB`` for 65,536, and bytes for what is no whole number of them."""
    for base, end in ((1000, "B"), (1024, "iB")):
        for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "k" if base == 1000 else "K")):
            if size and size % base**power == 0:
                return f"{size // base**power} {letter}{end}"
    return "1 byte" if size == 1 else f"{size} bytes"


def _check(size: int | str) -> int | str:
    octets(size)
    return size


_SCHEMA = WithJsonSchema({"type": ["integer", "string"], "title": "size"})

Size = Annotated[int | str, AfterValidator(_check), _SCHEMA]
"""A setting that is a size, kept as it was written; ``octets`` reads it. 1 KB is 1000 bytes, 1 KiB is 1024."""
