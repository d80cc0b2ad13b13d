"""Limits of time as a user writes them: for all requests, and for those on some paths."""

from collections.abc import Sequence
from math import inf
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.durations import PositiveDuration, seconds
from asgi_patterns.kernel.patterns import Patterns, texts_of

TimeLimit: TypeAlias = PositiveDuration | Literal["off"]
"""A duration, or ``off`` for none."""


@final
@settings
class DeadlineRule:
    """What is different for the requests on some paths."""

    match: PathPattern | Annotated[Sequence[PathPattern], Field(min_length=1)]
    """Path patterns of the requests; one without a method is for all."""
    body: TimeLimit | None = None
    """How long the app waits for the body, if not as the layer says; `off` for as long as it takes."""
    start: TimeLimit | None = None
    """How long until the answer begins."""
    gap: TimeLimit | None = None
    """How long between two messages of an answer."""
    whole: TimeLimit | None = None
    """How long until the last message of the answer."""
    cancel: bool | None = None
    """Whether the handler is cancelled when the answer is late; by default that of a safe method is, and no other."""

    @property
    def texts(self) -> Sequence[str]:
        """The patterns, as they were written."""
        return texts_of(self.match)

    @property
    def patterns(self) -> Patterns:
        """The patterns, ready to be asked."""
        return Patterns(self.texts)


def limit(text: TimeLimit, rule: TimeLimit | None = None) -> float:
    """Return the seconds of a limit, or of what a rule says instead; ``inf`` for ``off``."""
    chosen = text if rule is None else rule
    return inf if chosen == "off" else seconds(chosen)
