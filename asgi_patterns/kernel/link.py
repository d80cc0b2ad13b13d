"""The one way to wrap ``send``.

A layer hands a ``Link`` to the app inside it and answers through the ``send`` that it was given itself, so
what one layer refuses never passes the hooks of layers further in: exactly what nested functions do.
Adjacent links then share one walk over the head and step aside, so each further message of a stream costs
one call, however many layers there are.

``Link``: calls a hook with the head; ``hold``: collects a short answer before it goes on. Its cheaper relatives for
layers that leave most heads as they are stand in ``look``.
"""

from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Final, final

from asgi_patterns.kernel.headers import short_length
from asgi_patterns.kernel.types import Message, Send

HEADS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
"""The messages that begin an answer: the only ones a hook ever sees."""

OnHead = Callable[[Message], Send | None]
"""A hook: edits the head in place and returns ``None``, or returns the ``send`` that takes the answer over."""

Decide = Callable[[Message, bytes], Awaitable[None]]
"""What ``hold`` calls with the head and the whole body; it sends whatever the answer shall be."""


@final
class Link:
    """The ``send`` that one layer hands inwards for one call.

    ``on_head`` is called once, with a copy of the head whose ``headers`` are a fresh list. It may edit both,
    must not wait, and may return a sink: an async ``send`` that receives this head and all that follows.
    Before the head every message passes; after it, messages go straight to the nearest sink.
    """

    __slots__ = ("_on_head", "_out", "_outer")

    def __init__(self, send: Send, on_head: OnHead) -> None:
        self._outer = send
        self._on_head = on_head
        self._out: Send | None = None

    @property
    def out(self) -> Send | None:
        """Where the answer goes from here, once its head has come by."""
        return self._out

    @property
    def started(self) -> bool:
        """Whether the head has come by. It may still be in the hands of the sink that the hook returned."""
        return self._out is not None

    # A plain function: the awaitable of the next send is passed on, no coroutine is made per message.
    def __call__(self, message: Message) -> Awaitable[None]:
        """Pass ``message`` outwards; the head through the hooks of this and all adjacent links first."""
        out = self._out
        if out is not None:
            return out(message)
        if message["type"] not in HEADS:
            return self._outer(message)
        head = {**message}
        head["headers"] = [*message.get("headers", ())]
        sink = self._on_head(head)
        out = self._outer if sink is None else sink
        if type(out) is Link:
            out = self._walk(out, head)
        self._out = out
        return out(head)

    @staticmethod
    def _walk(link: "Link", head: Message) -> Send:
        """Run the hooks of this and all further adjacent links; return where the answer goes from there."""
        passed: list[Link] = []
        out: Send = link
        while type(out) is Link:
            passed.append(out)
            sink = out._on_head(head)
            out = out._outer if sink is None else sink
        for each in passed:
            each._out = out
        return out


@coroutine
def _nothing() -> Generator[None, None, None]:
    yield from ()


# A generator that is over ends at once whenever it is awaited, by whomever; a coroutine would raise. An object that
# has __await__ costs twice as much, and a coroutine for each call four times.
DONE: Final = _nothing()
"""What is awaited where there is nothing to wait for."""
DONE.close()


@final
class Held:
    """A short answer on its way through ``hold``: head and body until the body is complete."""

    # No slots: what an answer in one piece never sets stands on the class, and costs it nothing.
    _chunks: list[bytes] | None = None
    _size = 0
    released = False
    """Whether the answer has gone on. While false, the client has seen nothing of it."""

    def __init__(self, send: Send, head: Message, expected: int, decide: Decide) -> None:
        self._send = send
        self._head = head
        self._expected = expected
        self._decide = decide

    # A plain function, as a link is one: of most answers it waits only for what is decided in the end.
    def __call__(self, message: Message) -> Awaitable[None]:
        """Take the head, then the body, until it is complete or turns out not to be a short one."""
        if self.released:
            return self._send(message)
        if message is self._head:
            return DONE
        if message["type"] != "http.response.body":
            return self._give_up(message)
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        if self._chunks is None and not more and len(chunk) == self._expected:
            return self._release()(self._head, chunk)
        return self._collect(chunk, more=more)

    async def _collect(self, chunk: bytes, *, more: bool) -> None:
        if self._chunks is None:
            self._chunks = []
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._expected or (not more and self._size < self._expected):
            # The app said one length and sent another, or this answers a HEAD: not ours to decide on.
            await self._let_go(more_body=more)
        elif not more:
            await self._release()(self._head, b"".join(self._chunks))

    async def _give_up(self, message: Message) -> None:
        await self._let_go(more_body=True)
        await self._send(message)

    def _release(self) -> Decide:
        """Hold nothing any more, nor who decides, who may hold this: the collector would free both much later."""
        decide = self._decide
        del self._decide
        self.released = True
        return decide

    async def _let_go(self, *, more_body: bool) -> None:
        self._release()
        await self._send(self._head)
        if self._chunks:
            await self._send(
                {"type": "http.response.body", "body": b"".join(self._chunks), "more_body": more_body}
            )


def hold(head: Message, send: Send, *, limit: int, decide: Decide) -> Held | None:
    """Return a sink that collects a short body and then calls ``decide(head, body)``; ``None`` where it may not.

    Held is only an HTTP answer with a readable ``Content-Length`` of at most ``limit`` bytes and no trailers to
    come. A stream is never held. An answer that turns out otherwise (``pathsend``, another length, a message
    that is no body) goes on as it came.
    """
    if head["type"] != "http.response.start" or head.get("trailers", False):
        return None
    expected = short_length(head["headers"], limit)
    return None if expected is None else Held(send, head, expected, decide)
