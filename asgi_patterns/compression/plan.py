"""What the layer does with the answers on some paths, made ready once."""

import secrets
from collections.abc import Callable, Mapping
from typing import final

import anyio

from asgi_patterns.compression.codecs import Coder, Flow
from asgi_patterns.compression.rewriting import added_fields
from asgi_patterns.compression.sorting import UNKNOWN, Terms
from asgi_patterns.kernel.negotiation import choose_coding

_LONG = 256  # Longer fields are read anew each time: memory is for what many send.
_MOST_CHOICES = 256
_OFF_THE_LOOP = 4096


@final
class Choice:
    """A coding under a plan, and all that its answers need, within reach.

    ``name``: what ``Content-Encoding`` says, and ``coding``, as events tell it; ``added``: the fields that say so;
    ``whole``: codes a short body.
    """

    __slots__ = ("added", "at_once", "coder", "coding", "label", "name", "plan", "whole")

    def __init__(self, plan: "Plan", coder: Coder) -> None:
        self.plan = plan
        self.coder = coder
        self.name = coder.name
        self.coding = coder.name.decode()
        self.added = added_fields(coder.name)
        self.whole = coder.whole
        self.label = plan.label
        self.at_once = plan.at_once


@final
class Choices(dict[bytes, Choice | None]):
    """``choices[accepts]`` makes the coding that a client wants most, by its ``Accept-Encoding``; ``None``: plain."""

    __slots__ = ("_choices", "_offers")

    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self._choices = choices
        self._offers = tuple(choices)

    def __missing__(self, accepts: bytes) -> Choice | None:
        """Read the field, and remember what it says. What many send comes back soon, after all is forgotten, too."""
        choice = self._choices.get(choose_coding([accepts], self._offers) or "identity") if accepts else None
        if len(accepts) <= _LONG:
            if len(self) >= _MOST_CHOICES:
                self.clear()
            self[accepts] = choice
        return choice


@final
class Plan:
    """The settings that hold on some paths.

    ``coders``: what makes each coding, in our order, none where nothing is coded; ``terms``: of which answers;
    ``large``: bytes of a body up to which that is done at once; ``threads``: returns the limiter of the running loop
    for those that are larger; ``padding``: bytes by which answers are lengthened at most; ``label``: what a handler
    switches the layer off by.
    """

    __slots__ = ("at_once", "choices", "coders", "label", "large", "padding", "terms", "threads")

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
        # Padding stands in what is coded in parts.
        self.at_once = UNKNOWN if padding else large
        """Bytes up to which an answer is coded in one call."""
        self.padding = padding
        self.label = label
        self.choices = Choices({name: Choice(self, coder) for name, coder in coders.items()})

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
