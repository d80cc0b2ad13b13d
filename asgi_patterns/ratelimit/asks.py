"""What is asked of counts, and what they say: of several quotas together, for one request.

``Ask``: a stake and a key; ``Decision``: what became of several of them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, final

from asgi_patterns.ratelimit.rules import Rule, Taken


@final
@dataclass(frozen=True, slots=True, eq=False)
class Stake:
    """How much of which quota. Two are the same only if they are one: that is what makes them quick to look up."""

    quota: str
    """Its name: counts of different ones have nothing to do with each other."""
    rule: Rule
    cost: float = 1
    binding: bool = True
    """Whether a refusal of this one refuses the request."""


Ask: TypeAlias = tuple[Stake, str]
"""A stake, and the key that it is for, in a form that may be stored. A plain tuple: each request makes several."""


class Decision(NamedTuple):
    """What became of several asks that were decided together: all were charged, or none that is binding."""

    allowed: bool
    taken: Sequence[Taken]
    """What each quota says, in the order of the asks. One that refuses without being binding is not charged."""
    times: Sequence[float]
    """When each was charged, by the clock of the counters."""
    token: bytes = b""
    """Whose slots and entries these are."""


UNSEEN: Final = Taken(True, 0, 0.0, 0.0)
"""Stands for a quota that was not looked at, because another one is known to refuse."""
