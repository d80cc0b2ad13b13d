"""Measures what one request was, once, however many layers want to know.

``observe``: calls an app, and tells an observer of the record when the answer ends. The outermost observing layer of
an exchange measures; those further in only add themselves, so that their numbers always agree.
"""

from collections.abc import Awaitable
from time import perf_counter
from typing import final

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.ending import is_last
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.headers import content_length
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.look import beyond, readable
from asgi_patterns.kernel.observation import CRASHED, Clock, Observation, Observer
from asgi_patterns.kernel.observing_sockets import Socket
from asgi_patterns.kernel.record import Outcome, Record, of_answer
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Clock", "Observation", "Observer", "observe"]


def observe(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, observer: Observer, clock: Clock = perf_counter
) -> Awaitable[None]:
    """Call ``app`` with an HTTP request or a WebSocket, and tell ``observer`` when that ends.

    That is with the last message of the answer, not when the app returns, unless the answer is a 500: then what was
    raised is still to come. A request that we make ourselves is not observed.
    """
    exchange = scope.get(KEY)
    if exchange is None:
        exchange, scope = Exchange.of(scope)
    observation = exchange.observation
    if observation is not None:
        observation.observers.append(observer)
        return app(scope, receive, send)
    if exchange.parent is not None:
        return app(scope, receive, send)
    if scope["type"] != "http":
        return Socket(exchange, scope, receive, send, observer, clock).run(app, scope)
    exchange.observation = answer = _Answer()
    answer.record = record = Record()
    record.exchange = exchange
    record.method = scope["method"]
    record.path = scope["path"]
    answer.observers = [observer]
    answer.outer = send
    answer.body = receive if type(receive) is Body else Body(receive)
    answer.clock = clock
    answer.began = clock()
    return answer.run(app, scope)


@final
class _Answer(Observation):
    """Sees one answer go by."""

    # No __init__: what stands here costs nothing, and observe sets the rest.
    _out: Send | None = None
    _has_trailers = _is_complete = False
    _is_first = True
    """Whether no content has come by."""
    _gone_before: bool | None = None
    """Whether the client had left when the end was to be sent."""

    outer: Send
    body: Body

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Call ``app`` and see to it that the end is told."""
        try:
            await app(scope, self.body, self.send)
        except BaseException as error:
            self._close(error)
            raise
        else:
            if not self._is_told:
                self._close(None)
        finally:
            # Without it the exchange holds itself, and is freed much later, by the collector.
            self.record.exchange.observation = None

    # Nearly all answers are a head and one message: what these do is written out here, without a further call.
    async def send(self, message: Message) -> None:
        """Pass ``message`` on, and note what it says."""
        out = self._out
        try:
            if out is None:
                return await self._open(message)
            if message["type"] == "http.response.body" and not (
                message.get("more_body") or self._has_trailers
            ):
                if chunk := message.get("body"):
                    self._count(len(chunk))
            elif not self._note(message):
                return await out(message)
            # Now, not later: a server may say "disconnect" as soon as it has the end.
            self._gone_before = self.body.disconnected
            await out(message)
        except OSError:
            self._is_gone = not self._is_complete
            raise
        if not self._is_complete:  # one more after the last is a mistake of the app
            self._end()

    def _open(self, message: Message) -> Awaitable[None]:
        """Pass on what comes before the head, and the head."""
        outer = self.outer
        if message["type"] != "http.response.start":
            return outer(message)
        record = self.record
        record.head = self.clock() - self.began
        record.status = message["status"]
        headers = message.get("headers")
        if type(headers) is not list:
            message, headers = readable(message)
        record.headers = headers
        if "trailers" in message:
            self._has_trailers = message["trailers"]
        passed = outer(message)
        self._out = beyond(outer) if type(outer) is Link else outer
        return passed

    def _count(self, size: int) -> None:
        record = self.record
        if record.method == "HEAD":
            return
        if record.first_byte is None:
            record.first_byte = self.clock() - self.began
            record.sent = size
        elif record.sent is not None:
            record.sent += size

    def _note(self, message: Message) -> bool:
        """Note what is no end in one piece; return whether the answer ends with it."""
        match message["type"]:
            case "http.response.body":
                if self._is_first:
                    self.record.is_stream = not self._has_trailers and self._length() is None
                if chunk := message.get("body"):
                    self._count(len(chunk))
            case "http.response.pathsend":
                self._count_file(self._length())
            case "http.response.zerocopysend":
                self._count_file(message.get("count"))
        self._is_first = False
        return is_last(message, self._has_trailers)

    def _length(self) -> int | None:
        return content_length(self.record.headers or [])

    def _count_file(self, size: int | None) -> None:
        self._count(size or 0)
        if size is None and self.record.method != "HEAD":
            self.record.sent = None

    def _end(self) -> None:
        """The server has the last message."""
        record = self.record
        record.seconds = self.clock() - self.began
        self._is_complete = True
        status = record.status
        # As of_answer says it, for nearly all.
        if (
            self._is_gone
            or self._gone_before
            or record.exchange.outcome is not None
            or status is None
            or status >= 400
        ):
            return self._end_otherwise(record)
        record.received = self.body.received
        self._tell("ok")

    def _end_otherwise(self, record: Record) -> None:
        if self._gone_before:
            self._is_gone = True
        if record.status != CRASHED:
            self._tell(self._judge(record))

    def _close(self, error: BaseException | None) -> None:
        """The app has ended."""
        if self._is_told:
            return
        if not self._is_complete:
            if self._gone_before is None or self._is_gone:
                self.record.seconds = self.clock() - self.began
                self._is_gone |= self.body.disconnected
            else:
                # Cancelled while the server was sending the end, for it says "disconnect" before it says "sent".
                self._end()
        if not self._is_told:
            self._fail(error)

    def _judge(self, record: Record) -> Outcome:
        record.received = self.body.received
        return of_answer(record, record.exchange.outcome, gone=self._is_gone, complete=self._is_complete)
