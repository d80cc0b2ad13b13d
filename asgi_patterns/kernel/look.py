"""Cheaper relatives of ``Link``, for layers that leave most heads as they are: they look at one and make no copy.

``Look``: may have something else take the answer over; ``Editing``: makes another head of it; ``Holding``: may hold a
short answer. As adjacent links do, they step aside once the head has gone by.
"""

from collections.abc import Awaitable

from asgi_patterns.kernel.link import DONE, HEADS, Held, Link
from asgi_patterns.kernel.types import Message, Send

_BODY = "http.response.body"


class Look:
    """A ``send`` that looks at the head of an answer. A subclass says what it sees in it."""

    __slots__ = ("_out", "outer")

    def __init__(self, send: Send) -> None:
        self.outer = send
        self._out: Send | None = None

    def look(self, head: Message) -> Send | None:
        """Return the sink that takes over this head, which is the app's own, and all that follows, if one does."""
        raise NotImplementedError

    def __call__(self, message: Message) -> Awaitable[None]:
        """Pass ``message`` outwards; from the head on to whoever takes the answer over."""
        out = self._out
        if out is not None:
            return out(message)
        if message["type"] not in HEADS:
            return self.outer(message)
        sink = self.look(message)
        if sink is None:
            return self._step_aside(message)
        self._out = sink
        return sink(message)

    def _step_aside(self, head: Message) -> Awaitable[None]:
        outer = self.outer
        passed = outer(head)
        self._out = (outer.out or outer) if type(outer) is Link else outer
        return passed


class Editing(Look):
    """A ``send`` that puts another head in the place of the app's. A subclass makes it."""

    __slots__ = ()

    def edit(self, head: Message) -> Message:
        """Return what goes on instead of ``head``, which is the app's own."""
        raise NotImplementedError

    def __call__(self, message: Message) -> Awaitable[None]:
        """Pass ``message`` outwards."""
        out = self._out
        if out is not None:
            return out(message)
        if message["type"] not in HEADS:
            return self.outer(message)
        return self._step_aside(self.edit(message))


class Holding(Look):
    """A ``send`` that holds a short answer until its body is complete. A subclass says which one, and what then."""

    __slots__ = ("_expected", "_head")

    def __init__(self, send: Send) -> None:
        self.outer = send
        self._out = None
        self._head: Message | None = None
        self._expected = 0

    def expect(self, head: Message) -> int | None:
        """Return the bytes of an answer to hold, known from ``short_length``; ``None`` where it goes on at once."""
        raise NotImplementedError

    async def decide(self, head: Message, body: bytes) -> None:
        """Send whatever the answer shall be. ``head`` is the app's own."""
        raise NotImplementedError

    def look(self, head: Message) -> Send | None:
        """Return what takes over an answer that is not held, if anything does."""
        return None

    def released(self) -> Send:
        """Return where an answer goes, head and all, that was held and is not short or not in pieces that we know."""
        return self.outer

    # An answer in one piece is all that is dealt with here: ``Held`` knows the others.
    def __call__(self, message: Message) -> Awaitable[None]:
        """Take the head, then the body, or pass on what is not held."""
        out = self._out
        if out is not None:
            return out(message)
        head = self._head
        if head is not None:
            return self._end(head, message)
        if message["type"] not in HEADS:
            return self.outer(message)
        expected = self.expect(message)
        if expected is not None:
            self._head = message
            self._expected = expected
            return DONE
        sink = self.look(message)
        if sink is None:
            return self._step_aside(message)
        self._out = sink
        return sink(message)

    def _end(self, head: Message, message: Message) -> Awaitable[None]:
        body = message.get("body", b"")
        if len(body) == self._expected and not message.get("more_body") and message["type"] == _BODY:
            self._out = self.outer
            return self.decide(head, body)
        held = self._out = Held(self.released(), head, self._expected, self.decide)
        return held(message)
