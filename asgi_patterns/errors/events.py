"""What the slice reports."""

from dataclasses import dataclass

from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(Event):
    """The app raised an exception that was not meant as an answer."""

    exception: Exception
    answered: bool
    """Whether the client got a whole answer all the same: ours, or the framework's."""
