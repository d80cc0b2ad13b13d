"""Who is shed last, and who first."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, final

from pydantic import Field

from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.patterns import Patterns, texts_of

Priority = Literal["critical", "normal", "low"]

LEVELS: Final[tuple[Priority, ...]] = ("critical", "normal", "low")
"""The most important first: the index is the level."""
NORMAL: Final = LEVELS.index("normal")

Share = Annotated[float, Field(gt=0, le=1)]

PATIENCE: Final = (5.0, 1.0, 0.5)
"""How many times the lag that is bearable each level bears: what is critical nearly always gets its turn."""


@final
@settings
class PriorityRule:
    """Which requests have another priority than `normal`."""

    match: PathPattern | Sequence[PathPattern]
    """Path patterns of the requests."""
    priority: Priority
    """`critical` is shed last, `low` first."""

    @property
    def patterns(self) -> Patterns:
        """What ``match`` says, parsed."""
        return Patterns(texts_of(self.match))


def level_of(found: object) -> int | None:
    """Return the level that a function has named; ``None`` leaves it to the rules.

    Raises ``TypeError`` for anything else: a misspelt priority must not pass as normal.
    """
    if found is None:
        return None
    for level, name in enumerate(LEVELS):
        if found == name:
            return level
    raise TypeError(f"a priority is one of {', '.join(LEVELS)} or None, not {found!r}")


def shares(levels: set[int], normal: float, low: float) -> tuple[float, ...]:
    """Return how much of a limit each level may have, where no others than ``levels`` occur.

    The most important of them may have all: nothing is kept for those who never come.
    """
    wanted = (1.0, normal, min(normal, low))
    first = min(levels)
    return tuple(1.0 if level <= first else share for level, share in enumerate(wanted))
