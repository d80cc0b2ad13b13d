"""Pools: compartments of the requests in hand, so that what fills one leaves room in the others."""

from collections.abc import Sequence
from typing import Annotated, Final, final

from pydantic import AfterValidator, Field

from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.durations import Duration
from asgi_patterns.kernel.patterns import Patterns, texts_of

MAIN: Final = "main"
"""What the requests of no pool are called."""
WEBSOCKETS: Final = "websockets"

MOST: Final = 1_000_000


@final
@settings
class Pool:
    """Requests that have slots of their own: these many at once, whatever the others do."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
    """What events and the load call it."""
    match: PathPattern | Sequence[PathPattern]
    """Path patterns of the requests; the first pool that matches has the request."""
    limit: Annotated[int, Field(ge=1, le=MOST)]
    """How many of them at once."""
    queue: Annotated[int, Field(ge=0, le=MOST)] | None = None
    """How many may wait for a slot; by default half as many as the limit."""
    queue_timeout: Duration | None = None
    """For how long each of them waits at most; by default as the layer says."""
    hold_streams: bool = False
    """Whether event streams keep their slot until they end, so that the limit is how many may be open."""

    @property
    def patterns(self) -> Patterns:
        """What ``match`` says, parsed."""
        return Patterns(texts_of(self.match))


def check_pools(pools: Sequence[Pool]) -> Sequence[Pool]:
    """Return ``pools``. Raises ``ValueError`` where two are called the same, or one as what is no pool."""
    names = [pool.name for pool in pools]
    for name in names:
        if name in (MAIN, WEBSOCKETS):
            raise ValueError(f"{name!r} is what the requests of no pool are called: give it another name")
        if names.count(name) > 1:
            raise ValueError(f"two pools are called {name!r}: give each a name of its own")
    return pools


Pools = Annotated[Sequence[Pool], AfterValidator(check_pools)]
