"""How much, as people write it: ``500MB``, ``2GiB``, ``90%``."""

import re
from dataclasses import dataclass
from typing import final

_AMOUNT = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(%|[kmgtp]?i?b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@final
@dataclass(frozen=True, slots=True)
class Size:
    """So many bytes."""

    bytes: int

    def of(self, whole: int) -> float:
        """Return it in bytes, whatever the whole is."""
        return self.bytes

    def __str__(self) -> str:
        return spell(self.bytes)


@final
@dataclass(frozen=True, slots=True)
class Share:
    """So much of a whole, in percent."""

    percent: float

    def of(self, whole: int) -> float:
        """Return its bytes where ``whole`` is all that there is."""
        return whole * self.percent / 100

    def __str__(self) -> str:
        return f"{self.percent:g}%"


Amount = Size | Share
"""Bytes, or percent."""


def parse(text: str | int) -> Amount:
    """Read a number of bytes, a size (``kB`` is 1000 bytes, ``KiB`` 1024) or a share between 0 % and 100 %.

    Case does not matter and neither does the ``B``. Raises ``ValueError`` that says what would be right.
    """
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        raise ValueError(_wrong(text))
    number, unit = float(match[1]), match[2].lower()
    if unit == "%":
        if not 0 < number < 100:
            raise ValueError(f"{text!r} is no share: write more than 0% and less than 100%")
        return Share(number)
    prefix, base = unit.removesuffix("b").removesuffix("i"), 1024 if "i" in unit else 1000
    size = int(number * base ** _POWERS[prefix])
    if size < 1 or (base == 1024 and not prefix):
        raise ValueError(_wrong(text))
    return Size(size)


def spell(size: float) -> str:
    """Return a number of bytes in three digits: ``512 B``, ``1.5 GB``, ``20 GB``."""
    unit = 0
    while round(size) >= 1000 and unit < 5:
        size, unit = size / 1000, unit + 1
    number = f"{size:.1f}" if unit and size < 9.95 else f"{size:.0f}"
    return f"{number} {('B', 'kB', 'MB', 'GB', 'TB', 'PB')[unit]}"


def _wrong(text: str | int) -> str:
    return f"{text!r} is no amount: write for example 500MB, 2GiB or 10%"
