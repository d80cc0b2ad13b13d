"""Messages of a body between the server and the app: what each one is, costs and decodes to."""

from collections import deque
from typing import Final, Protocol, final

from asgi_patterns.kernel.types import Message

__all__ = ["Decoder", "Taken", "join_last"]

# What a queued message costs at least, in bytes: empty chunks take memory too.
_MESSAGE_COST: Final = 256
# Past this many messages in a queue, neighbours are joined.
_MANY_MESSAGES: Final = 1024
_PLAIN_KEYS: Final = {"type", "body", "more_body"}


class Decoder(Protocol):
    """Undoes one content coding of one body.

    Whatever it raises comes out of the app's ``receive()`` and of ``read()``, then and every time after.
    One small chunk may decode to very much: a decoder bounds its own output and raises ``BodyTooLarge``.
    """

    def decode(self, chunk: bytes) -> bytes:
        """Decode the next bytes, never empty; what cannot be decoded yet is kept back."""

    def finish(self) -> bytes:
        """Return what was kept back, called once after the last chunk; raise when the body is cut short."""


@final
class Taken:
    """A message that came from the server and has not been handed to the app yet."""

    __slots__ = ("cost", "is_body", "message", "stage", "wire")

    def __init__(self, message: Message, wire: int, ended: bool) -> None:
        """``wire``: bytes of the body up to the end of this message; ``ended``: it came after the last one."""
        self.message = message
        self.wire = wire
        # A part of the body; neither a disconnect nor anything unknown.
        self.is_body = message["type"] == "http.request" and not ended
        self.stage = 0  # how many decoders it has passed
        self.cost = 0  # what it counts against the bound of a watcher

    @property
    def chunk(self) -> bytes:
        """Its part of the body, decoded as far as ``stage``."""
        return self.message.get("body") or b"" if self.is_body else b""

    def charge(self) -> None:
        """Set what it costs to keep."""
        self.cost = max(len(self.message.get("body") or b""), _MESSAGE_COST)

    def decode(self, decoder: Decoder) -> None:
        """Pass the next decoder; the server's own message stays as it is."""
        body = decoder.decode(self.chunk) if self.chunk else b""
        if not self.message.get("more_body"):
            body += decoder.finish()
        self.message = {**self.message, "body": body}
        self.stage += 1

    def may_join(self, later: "Taken") -> bool:
        """Whether one message can say what the two say."""
        plain = self.message.keys() | later.message.keys() <= _PLAIN_KEYS
        return plain and self.is_body and later.is_body

    def join(self, later: "Taken") -> None:
        """Become both."""
        self.message = {**later.message, "body": self.chunk + later.chunk}
        self.wire = later.wire
        self.cost += later.cost


def join_last(queue: deque[Taken]) -> None:
    """Join chunks at the end of a very long queue; all of them have passed the same decoders.

    A body in one-byte chunks would take hundreds of times its size. Only a chunk that is no longer than
    the next one is joined with it, so that every byte is copied a few times, not once per message.
    """
    while len(queue) > _MANY_MESSAGES and len(queue[-2].chunk) <= len(queue[-1].chunk):
        if not queue[-2].may_join(queue[-1]):
            break
        later = queue.pop()
        queue[-1].join(later)
