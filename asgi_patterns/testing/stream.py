"""One HTTP request in flight, step by step."""

from typing import final

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing.answer import Answer
from asgi_patterns.testing.wire import Wire


@final
class Stream:
    """A request whose answer the test takes message by message: a slow reader that never sleeps.

    Each ``send`` of the app returns when its message has been taken here. Leaving the ``async with`` block
    early is a client that hangs up; the app must then end within the client's ``timeout``. Every method that
    waits raises ``TimeoutError`` after as long.
    """

    answer: Answer
    """What has been taken so far."""

    def __init__(self, wire: Wire, answer: Answer, *, raise_app_exceptions: bool) -> None:
        self.answer = answer
        self._wire = wire
        self._raise_app_exceptions = raise_app_exceptions

    async def head(self) -> Answer:
        """Take messages up to the head. Raises what the app raised, ``AssertionError`` when it sent none."""
        while not self.answer.started and await self.next_message() is not None:
            pass
        self.answer.expect_head()
        return self.answer

    async def next_message(self) -> Message | None:
        """Take one message of any kind; ``None`` when the app has ended or the client has left."""
        message = await self._wire.take()
        if message is None:
            self._check()
            return None
        self.answer.add(message)
        if self.answer.complete:
            # Like a server: after the answer the rest of the request is of no interest.
            self._wire.discard()
            self._wire.close()
        return message

    async def next_chunk(self) -> bytes | None:
        """Take messages up to the next piece of body that is not empty; ``None`` after the last one."""
        known = len(self.answer.chunks)
        while len(self.answer.chunks) == known:
            if self.answer.complete or await self.next_message() is None:
                return None
        return self.answer.chunks[known]

    async def read(self) -> bytes:
        """Take messages until the answer is complete and give the whole body. The app may run on."""
        while not self.answer.complete and await self.next_message() is not None:
            pass
        return self.answer.body

    def feed(self, chunk: bytes | Message, *, more: bool = True) -> None:
        """Add a chunk, or a message as it is, to the body of a request that was opened with ``keep_open=True``."""
        if isinstance(chunk, bytes):
            chunk = {"type": "http.request", "body": chunk, "more_body": more}
        self._wire.post(chunk)

    def disconnect(self) -> None:
        """Hang up: ``receive`` gives ``http.disconnect``, ``send`` raises ``OSError`` or does nothing."""
        self._wire.discard()
        self._wire.leave()

    async def ended(self) -> Answer:
        """Take whatever still comes until the app has returned."""
        while await self.next_message() is not None:
            pass
        await self._wire.finish()
        self._check()
        return self.answer

    def _check(self) -> None:
        self.answer.exception = self._wire.exception
        self._wire.verdict(raise_app_exceptions=self._raise_app_exceptions)
