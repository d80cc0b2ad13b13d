"""In which order the messages of a lifespan may come."""

from typing import final

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing.violation import require

EVENTS = ("startup", "shutdown")


@final
class LifespanRules:
    """The life of one app: start-up, answered, then shutdown, answered."""

    left = False

    def __init__(self) -> None:
        self._given: list[str] = []
        self._answered: list[str] = []

    def sent(self, message: Message) -> None:
        """Follow one message of the app. What is no lifespan message is for the server to refuse."""
        kind = message["type"]
        if not kind.startswith("lifespan."):
            return
        event, _, outcome = kind.removeprefix("lifespan.").partition(".")
        require(event in EVENTS and outcome in {"complete", "failed"}, f"{kind} is no lifespan message")
        require(event in self._given, f"{kind} before lifespan.{event} was received")
        require(event not in self._answered, f"{kind}: lifespan.{event} is answered already")
        self._answered.append(event)

    def received(self, message: Message) -> None:
        """Follow one message to the app."""
        kind = message["type"]
        event = kind.removeprefix("lifespan.")
        require(event in EVENTS, f"receive gave {kind}, which no lifespan has")
        require(event not in self._given, f"receive gave a second {kind}")
        before = EVENTS[: EVENTS.index(event)]
        require(set(before) <= set(self._answered), f"receive gave {kind} before start-up was answered")
        self._given.append(event)

    def returned(self) -> None:
        """Check what is left: an app without lifespan may return, one that started says how it stopped."""
        unanswered = "shutdown" in self._given and "shutdown" not in self._answered
        require(not unanswered, "the app returned without an answer to lifespan.shutdown")
