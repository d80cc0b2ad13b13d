"""How many messages a WebSocket may send: a bucket for each connection."""

from collections.abc import Callable
from typing import Final, final

from asgi_patterns.kernel.conversation import Farewell
from asgi_patterns.kernel.types import Message
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.rates import Rate
from asgi_patterns.ratelimit.rules import State, Taken

TOO_MANY: Final = Farewell(1008, "too many messages")
"""RFC 6455 7.4.1: 1008 is for a message that violates a policy."""


@final
class MessageRate:
    """Counts the messages of one connection, and says farewell to the first that is over ``rate``."""

    def __init__(self, rate: Rate, clock: Callable[[], float], tell: Callable[[float], None]) -> None:
        """``tell`` learns of it, with the seconds that would have to be waited."""
        self._bucket = TokenBucket(float(rate.burst or rate.limit), rate.limit / rate.window)
        self._clock = clock
        self._tell = tell
        self._state: State | None = None

    def judge(self, message: Message) -> Farewell | None:
        """Count a message."""
        taken = Taken(*self._bucket.take(self._state, 1, self._clock()))
        if taken.allowed:
            self._state = taken.state
            return None
        self._tell(taken.wait)
        return TOO_MANY
