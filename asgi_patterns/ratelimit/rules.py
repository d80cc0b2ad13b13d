"""What a rule of counting is, whichever its algorithm: state in, state out, and what it says about a request.

``Rule``: one algorithm with its numbers; ``Taken``: what it says; ``State``: what it has to remember of one key.
The script for Redis computes the same, step by step: a change here is a change there.
"""

from typing import ClassVar, Final, NamedTuple, Protocol, TypeAlias

State = tuple[float, ...]
"""What is remembered of one key. None is remembered of a key that has not been seen, or not for long enough."""

ALMOST: Final = 1e-6
"""A millionth of a request, or of a second: what rounding may take away from who has waited long enough."""


class Taken(NamedTuple):
    """What a rule says about one request."""

    allowed: bool
    remaining: int
    """How much could still be taken at once, after this request."""
    more_in: float
    """Seconds until that grows; 0 where nothing is missing or nobody knows."""
    wait: float
    """Seconds until the same request would be allowed; of an allowed one, until it may go on."""
    state: State | None = None
    """What is to be remembered, if the request is allowed. A refusal changes nothing."""


Outcome: TypeAlias = "tuple[bool, int, float, float, State | None]"
"""What ``Taken`` names, as a plain tuple, which is made in a third of the time: each request makes some."""


class Rule(Protocol):
    """One algorithm with its numbers. ``cost`` is what the request is counted as, ``now`` is in seconds."""

    is_owned: ClassVar[bool]
    """Whether what is remembered is told apart by whose it is."""

    @property
    def most(self) -> float:
        """The highest cost that can ever be allowed."""

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Look whether ``cost`` can be taken: the parts of a ``Taken``."""

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Count what has been used already, whether it is allowed or not."""

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Give back what was taken at ``at``, as far as it still counts and nobody gets more for it."""

    def forgettable_at(self, state: State) -> float:
        """When ``state`` will say no more than none at all would."""
