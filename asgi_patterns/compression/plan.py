"""What the layer does with the answers on some paths, made ready once."""

import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import final

import anyio

from asgi_patterns.compression.codecs import Coder, Flow
from asgi_patterns.compression.sorting import Terms
from asgi_patterns.kernel.negotiation import MAX_BYTES, choose_coding

_LONG = 256  # Longer fields are read anew each time: memory is for what many send.
_OFF_THE_LOOP = 4096


@final
class Plan:
    """The settings that hold on some paths.

    ``coders``: what makes each coding, in our order, none where nothing is coded; ``terms``: of which answers;
    ``large``: bytes of a body up to which that is done at once; ``threads``: returns the limiter of the running loop
    for those that are larger; ``padding``: bytes by which answers are lengthened at most; ``label``: what a handler
    switches the layer off by.
    """

    __slots__ = ("choose", "coders", "label", "large", "padding", "terms", "threads")

    def __init__(
        self,
        coders: Mapping[str, Coder],
        terms: Terms,
        threads: Callable[[], anyio.CapacityLimiter],
        *,
        large: int,
        padding: int,
        label: str,
    ) -> None:
        self.coders = coders
        self.terms = terms
        self.threads = threads
        self.large = large
        self.padding = padding
        self.label = label
        self.choose = self._choosing()

    def _choosing(self) -> Callable[[bytes], Coder | None]:
        """Return what finds the coding that a client wants most, by its ``Accept-Encoding``."""
        coders, offers = self.coders, tuple(self.coders)

        def look(accepts: bytes) -> Coder | None:
            return coders.get(choose_coding([accepts], offers) or "identity")

        remembered = lru_cache(maxsize=256)(look)

        def choose(accepts: bytes) -> Coder | None:
            return remembered(accepts) if len(accepts) <= _LONG else look(accepts[:MAX_BYTES])

        return choose

    def begin(self, coder: Coder, size: int | None, *, lean: bool) -> Flow:
        """Begin a body, with as much padding as chance will have it."""
        return coder.begin(size, lean=lean, padding=self.draw())

    def draw(self) -> int:
        """Return how many bytes of padding an answer gets."""
        return secrets.randbelow(self.padding + 1) if self.padding else 0

    def leaves_the_loop(self, size: int, before: int) -> bool:
        """Whether a part of ``size`` bytes is coded in a thread, after so many that came ``before``.

        A part that is coded in less time than a thread takes to hear of it never is.
        """
        return size > _OFF_THE_LOOP and before + size > self.large
