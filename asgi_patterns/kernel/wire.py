"""One connection to a Redis, for all who ask at the same time, and the link that renews it. asyncio only.

``Wire``: an open connection. A server answers in the order in which it is asked, so nobody has to wait for
a connection of their own, and somebody who stops waiting leaves nothing behind that another could read.
``Link``: one server, connected when it is needed. ``Unreachable``: it does not answer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Final, final

from asgi_patterns.kernel.resp import Malformed, Reader, Reply

__all__ = ["CONNECT_SECONDS", "Link", "Unreachable", "Wire"]

CONNECT_SECONDS: Final = 2.0
"""Seconds in which a connection has to be open, encrypted and logged in."""


class Unreachable(ConnectionError):
    """A Redis cannot be reached, has left, or says that it cannot serve now; the message has its address."""


@final
class Wire(asyncio.Protocol):
    """An open connection, taken over from the client that opened it and logged in.

    The flow control of the transport is not used: what waits to be written is what callers wait for.
    """

    def __init__(self, writer: asyncio.StreamWriter, name: str) -> None:
        # A writer that nobody holds closes its transport.
        self._writer = writer
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._reader = Reader()
        self._waiting: deque[tuple[asyncio.Future[list[Reply]], int, list[Reply]]] = deque()
        self.is_open = True
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.WriteTransport = writer.transport
        self._transport.set_protocol(self)

    def ask(self, commands: bytes, count: int, answer: "asyncio.Future[list[Reply]]") -> None:
        """Write commands that have ``count`` replies, for ``answer``, which fails with `Unreachable` alone."""
        if self.closed.done():
            answer.set_exception(Unreachable(f"{self._name} has left"))
            return
        self._waiting.append((answer, count, []))
        self._transport.write(commands)

    def retire(self) -> None:
        """Take no further questions, and close when nobody waits any more for the ones in hand."""
        self.is_open = False
        if all(answer.done() for answer, _, _ in self._waiting):
            self.abort()
        else:
            self._loop.call_later(CONNECT_SECONDS, self.retire)

    def abort(self) -> None:
        """Close at once."""
        self.is_open = False
        if not self.closed.done():
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Give replies to those who asked, in their order."""
        try:
            replies = self._reader.feed(data)
        except Malformed:
            return self.abort()
        waiting = self._waiting
        for reply in replies:
            if not waiting:
                return self.abort()  # nobody asked: whose words these are cannot be known
            answer, count, got = waiting[0]
            got.append(reply)
            if len(got) == count:
                waiting.popleft()
                if not answer.done():
                    answer.set_result(got)
        if not self.is_open and not waiting:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        self.is_open = False
        if not self.closed.done():
            self.closed.set_result(None)
        while self._waiting:
            answer, _, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(Unreachable(f"{self._name} has left before it answered"))


Dial = Callable[[], Awaitable[Wire]]
"""Opens a connection, or fails with any error."""


@final
class Link:
    """One server. The first who needs it starts to connect, and others wait for the same connection.

    Connecting goes on when those who wait for it have lost patience: the next ones will find it open.
    """

    def __init__(self, dial: Dial, name: str) -> None:
        self.name = name
        self._dial = dial
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None
        self.wires: set[Wire] = set()
        """All that are not closed, retired ones as well."""

    @property
    def is_open(self) -> bool:
        """Whether a question can be written at once."""
        return self._wire is not None and self._wire.is_open

    def ask(self, commands: bytes, count: int) -> "asyncio.Future[list[Reply]]":
        """Ask for ``count`` replies, as soon as there is a connection; a failure is `Unreachable`.

        Who gives up cancels the future: before there is a connection, that is as if nothing had been asked.
        """
        answer: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        wire = self._wire
        if wire is not None and wire.is_open:
            wire.ask(commands, count, answer)
        else:
            self._connect().add_done_callback(partial(self._ask, commands, count, answer))
        return answer

    async def open(self) -> None:
        """Connect, where that is not done. Raises `Unreachable`."""
        if not self.is_open:
            task = self._connect()
            await asyncio.wait([task])  # which is not cancelled with us
            self._result(task)

    def renew(self) -> None:
        """Let the next who asks have another connection: this one is mute, or ends at the wrong server."""
        if self._wire is not None and self._wire.is_open:
            self._wire.retire()

    def retire(self) -> None:
        """Close when the questions in hand are answered."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.renew()

    def abort(self) -> None:
        """Close at once; who still waits hears that the server has left."""
        if self._connecting is not None:
            self._connecting.cancel()
        for wire in self.wires:
            wire.abort()

    async def aclose(self) -> None:
        """Close at once, and wait until that is done."""
        connecting = self._connecting
        self.abort()
        ends: set[asyncio.Future[Any]] = {wire.closed for wire in self.wires}
        if connecting is not None:
            ends.add(connecting)
        if ends:
            await asyncio.wait(ends)

    def _ask(
        self,
        commands: bytes,
        count: int,
        answer: "asyncio.Future[list[Reply]]",
        connecting: "asyncio.Task[Wire]",
    ) -> None:
        if answer.done():
            return
        try:
            self._result(connecting).ask(commands, count, answer)
        except Unreachable as error:
            answer.set_exception(error)

    def _result(self, connecting: "asyncio.Task[Wire]") -> Wire:
        if connecting.cancelled():
            raise Unreachable(f"the client of {self.name} was closed")
        return connecting.result()

    def _connect(self) -> "asyncio.Task[Wire]":
        if self._connecting is None or self._connecting.done():
            self._connecting = background(self._dial_in_time())
        return self._connecting

    async def _dial_in_time(self) -> Wire:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                wire = await self._dial()
        except Exception as error:
            # Its class alone, and no cause: messages of clients repeat what they were given.
            raise Unreachable(f"cannot connect to {self.name}: {_reason(error)}") from None
        self._wire = wire
        self.wires.add(wire)
        wire.closed.add_done_callback(lambda _: self.wires.discard(wire))
        return wire


def _reason(error: BaseException) -> str:
    """Return the class of what the system said, where that is the reason: ``ConnectionRefusedError``."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, OSError):
        inner = inner.__cause__ or inner.__context__
    return type(inner or error).__name__


def background(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Start what nobody may be waiting for when it fails; whoever waits still hears it."""
    # An empty context: what lives longer than a request must not hold what belongs to it.
    task = asyncio.get_running_loop().create_task(work, context=Context())
    task.add_done_callback(_hear)
    return task


def _hear(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
