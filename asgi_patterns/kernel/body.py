"""The one wrapper of ``receive``: layers say what they need of a request's body, and it is read once.

``Body.of(receive)`` is itself the ``receive`` that is handed inwards. A layer can read the body ahead of
the app (``read``), bound it (``limit``), watch it pass (``tee``), decode it (``decode``) or wait for the
client to leave (``wait_disconnect``). The app sees the messages that it would have seen without us, in
their order; an app that reads again, late or never works as before.

A message goes: server, count and observers, replay queue, decoders and limits, app. Only the first step
is taken when a message arrives; decoders and limits run when it is handed on, so a decoder that is
set late still sees everything, and an error is raised where somebody reads.
"""

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import final

import anyio

from asgi_patterns.kernel.patience import Patience, timed
from asgi_patterns.kernel.replay import Decoder, Taken, join_last
from asgi_patterns.kernel.types import Message, Receive

__all__ = ["Body", "BodyConsumed", "BodyTooLarge", "ClientDisconnected", "Decoder", "Observer"]

Observer = Callable[[bytes], None]

_log = logging.getLogger("asgi_patterns.body")


class BodyTooLarge(Exception):
    """The body has more than ``limit`` bytes; ``received`` of them were known when that was found."""

    def __init__(self, *, limit: int, received: int) -> None:
        """Both in bytes, before or after decoding as the limit that was passed counts."""
        super().__init__(f"the body is larger than {limit} bytes: {received} received so far")
        self.limit = limit
        self.received = received


class ClientDisconnected(Exception):
    """The client left before its body was complete."""


class BodyConsumed(RuntimeError):
    """The app already took a part of the body, so that what is left is not the body."""


@final
class Body:
    """The ``receive`` of one HTTP request, shared by all layers that stand around the app.

    Every method may be used from several tasks: the server's ``receive`` is never called twice at a time,
    and who is cancelled while waiting for it loses no message and lets the next one continue.

    Facts: ``received``, bytes of the body that came from the server so far, not decoded; ``complete``, the
    end of the body has come; ``disconnected``, the client has left, though the app may not have been told
    yet; ``exceeded``, the refusal of a ``limit`` once there was one, which the app may have swallowed.
    """

    # What most requests never set is here, and costs them nothing.
    complete = disconnected = False
    exceeded: BodyTooLarge | None = None
    _taking = _reading = False  # somebody awaits the server; a read() keeps the queue to itself
    _changed: anyio.Event | None = None  # made by who waits first: it belongs to a running loop
    # Bytes: from the server; to the app, decoded; what the watchers' messages in the queue cost.
    received = _delivered = _ahead = 0
    _wire_limit = _decoded_limit = _smallest = inf
    _observers: tuple[Observer, ...] = ()
    _decoders: tuple[Decoder, ...] = ()
    _broken: Exception | None = None
    _queue: deque[Taken] = deque()  # noqa: RUF012 - nothing is put into this one

    def __init__(self, receive: Receive) -> None:
        """Wrap the server's ``receive``; a layer calls ``Body.of`` instead."""
        self._receive = receive

    @staticmethod
    def of(receive: Receive) -> "Body":
        """Return the body that the layers further out share, or wrap ``receive``."""
        return receive if isinstance(receive, Body) else Body(receive)

    async def __call__(self) -> Message:
        """Return the next message for the app; raises ``BodyTooLarge`` and what a decoder raises."""
        if self._queue or self._taking or self._reading or self.disconnected:
            return await self._next()
        ended = self.complete
        # This is _take once more: every message of every request comes by here, and a call less is a fifth.
        self._taking = True
        try:
            message = await self._receive()
        finally:
            self._taking = False
            if self._changed is not None:
                self._wake()
        self._note(message)
        if self._decoders or self.received > self._smallest:
            self._put(Taken(message, self.received, ended))
            return await self._next()
        self._delivered = self.received
        return message

    async def read(self, limit: int) -> bytes:
        """Return the whole body, decoded, and leave every message to the app as if nothing had been read.

        ``limit`` is in decoded bytes. When the body is longer, ``BodyTooLarge`` is raised and still nothing
        is lost: what was read is replayed and the rest streams on. Raises ``ClientDisconnected`` when the
        client leaves first, and ``BodyConsumed`` once the app has taken a part; until then every further read
        returns the same bytes. What was read takes memory until the app has taken it, as fewer and longer
        chunks where there are more than a thousand.
        """
        while self._reading:
            await self._change()
        self._reading = True
        try:
            return await self._collect(limit)
        finally:
            self._reading = False
            self._wake()

    def limit(self, size: int, *, decoded: bool = False) -> None:
        """Let nobody read more than ``size`` bytes; of several limits the smallest holds.

        Counted as sent by the client, or with ``decoded`` after all decoders. The message that passes the
        limit is not handed on, nor anything after it: ``BodyTooLarge`` is raised each time instead.
        """
        if decoded:
            self._decoded_limit = min(size, self._decoded_limit)
        elif size < self._wire_limit:
            self._wire_limit = size
        self._smallest = min(size, self._smallest)

    def tee(self, observer: Observer) -> None:
        """Show every chunk that comes from the server from now on, not decoded, once and in order.

        Empty chunks are left out. An observer that raises is logged and not called again.
        """
        self._observers += (observer,)

    def decode(self, decoder: Decoder) -> None:
        """Decode the body for everybody who reads after this call; a second decoder follows the first.

        Raises ``BodyConsumed`` when the app has already taken a part of it.
        """
        if self._delivered:
            raise BodyConsumed("a decoder must be set before the app reads")
        self._decoders += (decoder,)

    def time(self, patience: Patience) -> None:
        """Tell ``patience`` whenever the client is waited for from now on."""
        self._receive = timed(self._receive, patience, complete=self.complete)

    async def wait_disconnect(self, ahead: int = 65536) -> None:
        """Return when the client has left, without taking a message from the app.

        While the app is not reading, messages are kept for it until they cost ``ahead`` bytes (each at least
        256, the last one may pass the limit); then this waits until the app has taken them. Once the body is
        complete nothing but the disconnect is to come, and the body no longer counts. Taking a message tells
        the server that the body is wanted: it may answer ``Expect: 100-continue``.
        """
        while not self.disconnected:
            if self._taking or self._ahead >= ahead:
                await self._change()
            else:
                self._keep(await self._take())

    async def discard(self) -> None:
        """Take the next message from the server and drop it, for who has answered and needs no more of the body."""
        if self._taking:
            await self._change()
        else:
            await self._take()

    async def _next(self) -> Message:
        """Hand on the oldest message in the queue, or take one when it is empty."""
        while self._reading or not self._queue:
            if self._reading or self._taking:
                await self._change()
            elif self.disconnected:
                return {"type": "http.disconnect"}
            else:
                self._put(await self._take())
        return self._deliver()

    def _deliver(self) -> Message:
        taken = self._queue[0]
        self._delivered = self._admit(taken, self._delivered)
        self._queue.popleft()
        self._ahead -= taken.cost
        self._wake()
        return taken.message

    async def _take(self) -> Taken:
        """Await the server. Nothing is awaited after it: a cancelled caller never holds a message."""
        ended = self.complete
        self._taking = True
        try:
            message = await self._receive()
        finally:
            self._taking = False
            if self._changed is not None:
                self._wake()
        self._note(message)
        return Taken(message, self.received, ended)

    def _note(self, message: Message) -> None:
        """Keep the facts that a new message tells."""
        if message["type"] == "http.disconnect":
            self.disconnected = True
        elif message["type"] == "http.request" and not self.complete:
            if chunk := message.get("body"):
                self.received += len(chunk)
                for observer in self._observers:
                    self._show(observer, chunk)
            if not message.get("more_body"):
                self._end()

    def _end(self) -> None:
        """The body is whole: it no longer holds up a watcher, who now waits for the disconnect only."""
        self.complete = True
        self._ahead = 0
        for taken in self._queue:
            taken.cost = 0

    def _show(self, observer: Observer, chunk: bytes) -> None:
        try:
            observer(chunk)
        except Exception:
            _log.exception("An observer of the request body failed and is left out")
            self._observers = tuple(each for each in self._observers if each is not observer)

    def _keep(self, taken: Taken) -> None:
        """Queue what a watcher took."""
        if not (self.complete and taken.is_body):
            taken.charge()
        self._ahead += taken.cost
        self._put(taken)

    def _admit(self, taken: Taken, before: int) -> int:
        """Decode a message; return the decoded size up to its end, or raise when it passes a limit."""
        if not taken.is_body:
            return before
        if taken.wire > self._wire_limit:
            raise self._refuse(self._wire_limit, taken.wire)
        self._decode(taken)
        size = before + len(taken.chunk)
        if size > self._decoded_limit:
            raise self._refuse(self._decoded_limit, size)
        return size

    def _refuse(self, limit: float, received: int) -> BodyTooLarge:
        self.exceeded = BodyTooLarge(limit=int(limit), received=received)
        return self.exceeded

    def _decode(self, taken: Taken) -> None:
        pending = self._decoders[taken.stage :]
        if pending and self._broken is not None:
            raise self._broken
        try:
            for decoder in pending:
                taken.decode(decoder)
        except Exception as error:
            self._broken = error
            raise

    async def _collect(self, limit: int) -> bytes:
        size = at = 0
        while not self._delivered:
            while at < len(self._queue):
                size = self._admit(self._queue[at], size)
                if size > limit:
                    raise BodyTooLarge(limit=limit, received=size)
                at += 1
            if self.complete:
                return b"".join([taken.chunk for taken in self._queue])
            if self.disconnected:
                raise ClientDisconnected("the client left before its body was complete")
            join_last(self._queue)
            at = len(self._queue)
            if self._taking:
                await self._change()
            else:
                self._put(await self._take())
        raise BodyConsumed("the app has already read a part of the body")

    def _put(self, taken: Taken) -> None:
        self._queue = self._queue or deque()
        self._queue.append(taken)

    async def _change(self) -> None:
        """Wait until a message was taken, delivered or given up by somebody else."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
