"""One request whose body is decoded while the app reads it, and the answer where that fails."""

from typing import Literal, final

from asgi_patterns.compression.decoding import Bounds, Coding, Decoding, Excess, Malformed, Stream
from asgi_patterns.compression.decompression_events import BodyDecoded, BodyNotDecoded
from asgi_patterns.compression.decompression_refusals import undecodable
from asgi_patterns.kernel.body import Body, BodyTooLarge, ClientDisconnected
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.standin import causes
from asgi_patterns.kernel.types import Message, Receive, Scope, Send


@final
class Reading:
    """The decoder of one body. What it raises comes out of the app's ``receive()``.

    Frameworks make a 500 or a 400 of that. Where nothing of the app's answer has gone out by then, the problem that
    says what was wrong goes out in its place.
    """

    def __init__(
        self,
        coding: Coding,
        stream: Stream,
        bounds: Bounds,
        exchange: Exchange,
        receive: Receive,
        send: Send,
        label: str,
    ) -> None:
        self._coding = coding
        self._decoding = Decoding(stream, bounds)
        self._bounds = bounds
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._label = label
        self._failure: Exception | None = None
        self._problem: Problem | None = None
        self._answered = False

    def decode(self, chunk: bytes) -> bytes:
        """Decode the next bytes. Raises ``BodyTooLarge``, and ``Malformed``."""
        try:
            return self._decoding.decode(chunk)
        except (Excess, Malformed) as caught:
            failure = self._failed(caught)
        # Not within the clause: a traceback keeps all that its frames hold, and this one would keep megabytes.
        raise failure

    def finish(self) -> bytes:
        """End. Raises ``Malformed`` where the end of the body is missing."""
        try:
            rest = self._decoding.finish()
        except Malformed as caught:
            failure = self._failed(caught)
        else:
            sent, decoded = self._decoding.sent, self._decoding.decoded
            self._exchange.emit(BodyDecoded(coding=self._coding, sent=sent, decoded=decoded))
            return rest
        raise failure

    async def read_first(self, body: Body, scope: Scope) -> bool:
        """Decode all of the body, and tell its length in ``scope``. Return whether the app shall be called."""
        try:
            content = await body.read(self._bounds.max_size)
        except ClientDisconnected:
            return True  # it is told so, as ever
        except Exception as error:
            if error is not self._failure:
                raise
            await self.answers_for(error, None)
            return False
        scope["headers"].append((b"content-length", b"%d" % len(content)))
        return True

    def on_head(self, head: Message) -> Send | None:
        """Take over the app's answer to what it could not read. One that is no error is the app's to give."""
        if self._problem is None or head["status"] < 400:
            return None
        return self._stand_in

    async def answers_for(self, error: Exception | None, link: Link | None) -> bool:
        """Answer, where the app has not. Return whether ``error`` has been dealt with so."""
        if self._problem is None:
            return False
        if link is None or not link.started:
            await self._answer()
        if error is not None and not (
            self._answered and any(each is self._failure for each in causes(error))
        ):
            return False
        # The body and this object keep the error, and its traceback whatever the app has read: let go of that now.
        if self._failure is not None:
            self._failure.__traceback__ = None
        return True

    async def _stand_in(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._answer()

    async def _answer(self) -> None:
        if self._problem is not None:
            self._answered = True
            self._exchange.answered(self._label, "rejected")
            await self._problem(self._exchange.scope, self._receive, self._send)

    def _failed(self, cause: Excess | Malformed) -> Exception:
        """Return what the app's ``receive()`` raises from now on; nobody asks for more of the body any more."""
        self._problem = undecodable(cause, self._coding, self._bounds)
        del self._decoding
        reason: Literal["size", "ratio", "malformed"] = "malformed"
        if isinstance(cause, Excess):
            reason = cause.of
            self._failure = BodyTooLarge(limit=cause.limit, received=cause.received)
        else:
            self._failure = Malformed(str(cause))
        self._exchange.emit(BodyNotDecoded(reason=reason, coding=self._coding))
        return self._failure
