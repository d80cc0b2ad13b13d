"""A client for HTTP/2 over a connection without TLS, that begins with it ("prior knowledge", RFC 9113 3.3).

``Connection``: one TCP connection; ``Stream``: one request on it, with its answer as it comes.
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Self, final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.sockets.raw import SECONDS, Answer, Field


@final
class Stream:
    """One request, and what has come of its answer."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self.early: list[list[Field]] = []
        """The fields of each informational answer."""
        self.trailers: list[Field] = []
        self._connection = connection
        self._number = number
        self._head: Answer | None = None
        self._parts: deque[bytes] = deque()
        self._has_ended = False

    def take(self, event: Event) -> None:
        """Note what has come."""
        match event:
            case InformationalResponseReceived(headers=headers):
                self.early.append(_fields(headers))
            case ResponseReceived(headers=headers):
                fields = dict(_fields(headers, pseudo=True))
                self._head = Answer(int(fields[":status"]), _fields(headers), b"")
            case DataReceived(data=data) if data:
                self._parts.append(data)
            case TrailersReceived(headers=headers):
                self.trailers = _fields(headers)
            case StreamEnded():
                self._has_ended = True
            case StreamReset(error_code=ErrorCodes.NO_ERROR) if self._has_ended:
                pass  # RFC 9113 8.1: after the whole answer, for a request of which no more is wanted
            case StreamReset(error_code=code):
                raise AssertionError(f"the server reset the stream: {code!r}")

    def send_body(self, data: bytes, *, ends: bool = True) -> None:
        """Send further bytes of the request, at most as many as the server has room for."""
        self._connection.send_body(self._number, data, ends=ends)

    def reset(self) -> None:
        """Want no more of it; the connection goes on."""
        self._connection.reset(self._number)

    def head(self) -> Answer:
        """Read up to the head of the answer."""
        self._connection.read_until(lambda: self._head is not None)
        assert self._head is not None
        return self._head

    def part(self) -> bytes:
        """Read up to the next bytes of the body; empty ones are the end."""
        self._connection.read_until(lambda: bool(self._parts) or self._has_ended)
        return self._parts.popleft() if self._parts else b""

    def answer(self) -> Answer:
        """Read all of it."""
        answer = self.head()
        while part := self.part():
            answer.body += part
        return answer


@final
class Connection:
    """One connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._protocol = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self._streams: dict[int, Stream] = {}
        self._protocol.initiate_connection()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, whatever is on its way."""
        self._socket.close()

    def send(
        self, method: str, path: str, *fields: Field, body: bytes | None = None, ends: bool = True
    ) -> Stream:
        """Send a request, with ``ends=False`` only its head. Return its stream."""
        number = self._protocol.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", path)]
        lower = [(name.lower(), value) for name, value in fields]
        stream = self._streams[number] = Stream(self, number)
        self._protocol.send_headers(number, [*head, *lower], end_stream=ends and body is None)
        self._flush()
        if body is not None:
            self.send_body(number, body)
        return stream

    def send_body(self, number: int, data: bytes, *, ends: bool = True) -> None:
        """Send bytes of a request as the server makes room for them."""
        while data:
            self.read_until(lambda: self._protocol.local_flow_control_window(number) > 0)
            size = min(
                self._protocol.local_flow_control_window(number), self._protocol.max_outbound_frame_size
            )
            self._protocol.send_data(number, data[:size])
            self._flush()
            data = data[size:]
        if ends:
            self._protocol.end_stream(number)
            self._flush()

    def reset(self, number: int) -> None:
        """Cancel one request."""
        del self._streams[number]
        self._protocol.reset_stream(number, ErrorCodes.CANCEL)
        self._flush()

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read what comes until something is so."""
        while not condition():
            data = self._socket.recv(64 * 1024)
            assert data, "the server hung up"
            for event in self._protocol.receive_data(data):
                self._take(event)
            self._flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, ConnectionTerminated):
            assert event.error_code == ErrorCodes.NO_ERROR, f"the server ended the connection: {event}"
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is not None:
            stream.take(event)

    def _flush(self) -> None:
        self._socket.sendall(self._protocol.data_to_send())


def _fields(headers: Any, *, pseudo: bool = False) -> list[Field]:
    return [(name, value) for name, value in headers if pseudo or not name.startswith(":")]


def ask(port: int, method: str, path: str, *fields: Field, body: bytes | None = None) -> Answer:
    """Send one request on a connection of its own, return its answer."""
    with Connection(port) as connection:
        return connection.send(method, path, *fields, body=body).answer()
