"""Measures WebSockets: one record for each connection."""

from typing import Final, final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.observation import Clock, Observation, Observer
from asgi_patterns.kernel.record import Outcome, Record, of_socket
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

OPEN: Final = 101


@final
class Socket(Observation):
    """The ``send`` of one WebSocket; ``receive`` is its other end."""

    _by_client = _is_denied = False

    def __init__(
        self,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._receive = receive
        self._send = send
        self.observers = [observer]
        self.clock = clock
        self.record = record = Record()
        record.exchange = exchange
        record.method = "GET"
        record.path = scope["path"]
        record.is_websocket = True
        exchange.observation = self
        self.began = clock()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Call ``app`` and see to it that the end is told."""
        try:
            await app(scope, self.receive, self)
        except BaseException as error:
            self._close(error)
            raise
        else:
            self._close(None)
        finally:
            self.record.exchange.observation = None

    async def receive(self) -> Message:
        """Return the next message of the client."""
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self.record.received += _size(message)
        elif message["type"] == "websocket.disconnect" and not self._is_told:
            self._by_client = True
            self._end(message.get("code", 1005))
        return message

    async def __call__(self, message: Message) -> None:
        """Pass ``message`` on, and note what it says."""
        self._note(message)
        try:
            await self._send(message)
        except OSError:
            if not self._is_told:
                self._is_gone = True
            raise
        if message["type"] == "websocket.close":
            self._end(message.get("code", 1000))
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self._end(None)

    def _note(self, message: Message) -> None:
        record = self.record
        match message["type"]:
            case "websocket.accept":
                self._begin(OPEN)
            case "websocket.http.response.start":
                self._begin(message["status"])
            case "websocket.close" if record.status is None:
                self._begin(403)  # what servers make of it (ASGI: Close)
            case "websocket.send" | "websocket.http.response.body":
                if record.first_byte is None:
                    record.first_byte = self.elapsed()
                record.sent = (record.sent or 0) + _size(message)

    def _begin(self, status: int) -> None:
        self.record.head = self.elapsed()
        self.record.status = status

    def _end(self, code: int | None) -> None:
        if self._is_told:
            return
        record = self.record
        record.seconds = self.elapsed()
        if record.status == OPEN or self._by_client:
            record.code = code
        self._tell(self._judge(record))

    def _close(self, error: BaseException | None) -> None:
        """The app has ended, and nobody has closed the WebSocket."""
        if self._is_told:
            return
        self.record.seconds = self.elapsed()
        self._fail(error)

    def _judge(self, record: Record) -> Outcome:
        return of_socket(record, record.exchange.outcome, gone=self._is_gone, by_client=self._by_client)


def _size(message: Message) -> int:
    """Return the bytes of a message; of a text as UTF-8."""
    text = message.get("text")
    if text is not None:
        return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return len(message.get("bytes") or message.get("body") or b"")
