"""Cheaper relatives of ``Link``, for layers that leave most heads as they are: they look at one and make no copy.

``Editing``: makes another head of it; ``Holding``: may hold a short answer, or have something else take it over. As
adjacent links do, they step aside once the head has gone by. An app gets their ``send``: to call a method takes half as
long as to call an object.
"""

from collections.abc import Awaitable
from typing import final

from asgi_patterns.kernel.link import DONE, HEADS, Held, Link
from asgi_patterns.kernel.types import Message, RawHeaders, Send


class Editing:
    """Puts another head in the place of the app's. A subclass makes it.

    There is no ``__init__``, so that who makes one for every request can do without the call, which takes longer than
    the assignments. Who makes one sets ``outer`` to the ``send`` that came in, and ``out`` to ``None``.
    """

    __slots__ = ("out", "outer")

    outer: Send
    """The ``send`` that came in."""
    out: Send | None
    """Where everything goes, once the head has gone by."""

    def edit(self, head: Message) -> Message:
        """Return what goes on instead of ``head``, which is the app's own. Its fields can be read once."""
        raise NotImplementedError

    @final
    def send(self, message: Message) -> Awaitable[None]:
        """Pass ``message`` outwards."""
        out = self.out
        if out is not None:
            return out(message)
        outer = self.outer
        if message["type"] not in HEADS:
            return outer(message)
        passed = outer(self.edit(message))
        self.out = beyond(outer) if type(outer) is Link else outer
        return passed


class Holding:
    """Holds a short answer to an HTTP request until its body is complete. A subclass says which one, and what then.

    There is no ``__init__``, as in ``Editing``: who makes one sets ``outer`` and ``onward`` to the ``send`` that came
    in, ``out`` and ``head`` to ``None``.
    """

    __slots__ = ("_expected", "head", "onward", "out", "outer")

    outer: Send
    """The ``send`` that came in."""
    onward: Send
    """Where the head goes, unless it is held."""
    out: Send | None
    """Where everything goes, once the head has gone by."""
    head: Message | None
    """What is held."""
    _expected: int

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        """Return the bytes of an answer to hold, as ``short_length`` knows them; ``None`` where it goes on at once.

        ``head`` is the app's own, and ``headers`` are its fields. ``takes_over`` may have been called before that.
        """
        raise NotImplementedError

    async def decide(self, head: Message, whole: Message) -> None:
        """Send whatever the answer shall be. ``head`` and its list are ours; ``whole`` has all of its ``body``."""
        raise NotImplementedError

    def other(self) -> Send:
        """Return where an answer goes that was held, and is no short one after all."""
        return self.outer

    def takes_over(self, sink: Send) -> None:
        """Have ``sink`` receive the head that is being looked at, and all that follows."""
        self.out = self.onward = sink

    # An answer in one piece is all that is dealt with here: ``Held`` knows the others.
    @final
    def send(self, message: Message) -> Awaitable[None]:
        """Take the head, then the body, or pass on what is not held."""
        out = self.out
        if out is not None:
            return out(message)
        head = self.head
        if head is not None:
            body = message.get("body")  # no other message has one
            if body is not None and len(body) == self._expected and not message.get("more_body"):
                self.out = self.outer
                return self.decide(head, message)
            return self._collect(head, message)
        if message["type"] != "http.response.start":
            return self.outer(message)
        headers = message.get("headers")
        if type(headers) is not list:
            message, headers = readable(message)
        expected = self.expect(message, headers)
        if expected is not None:
            # What has been sent is the app's to use again, and so is its list.
            self.head = head = {**message}
            head["headers"] = [*headers]
            self._expected = expected
            return DONE
        onward = self.onward
        passed = onward(message)
        self.out = beyond(onward) if type(onward) is Link else onward
        return passed

    def _collect(self, head: Message, message: Message) -> Awaitable[None]:
        held = self.out = Held(self.other(), head, self._expected, self._decide)
        return held(message)

    def _decide(self, head: Message, body: bytes) -> Awaitable[None]:
        return self.decide(head, {"type": "http.response.body", "body": body})


def beyond(send: Send) -> Send:
    """Return where what is sent to ``send`` goes from now on, once a head has gone by."""
    return (send.out or send) if type(send) is Link else send


def readable(head: Message) -> tuple[Message, RawHeaders]:
    """Return a head whose fields can be read again and again, and these: ASGI has any iterable of them, or none."""
    headers = [*head.get("headers", ())]
    return {**head, "headers": headers}, headers
