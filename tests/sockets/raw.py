"""A client that sees the bytes: nothing is repaired, joined or hidden, as a client library would.

``Connection``: one TCP connection; ``Answer``: one answer on it; ``ask``: one request on a connection of its own.
"""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self, final

SECONDS = 15.0
"""How long to wait for the next bytes of a server that shall send some."""

Field = tuple[str, str]

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


@final
@dataclass(slots=True)
class Answer:
    """One answer. ``raw`` is every byte of it; names of ``fields`` are lower-case."""

    status: int
    fields: list[Field]
    raw: bytes
    body: bytes = field(default=b"")

    def all(self, name: str) -> list[str]:
        """Every value of one field."""
        return [value for each, value in self.fields if each == name]

    def get(self, name: str) -> str:
        """The value of a field that stands there exactly once."""
        (value,) = self.all(name)
        return value

    def without(self, *names: str) -> bytes:
        """The bytes without these fields."""
        head, _, body = self.raw.partition(b"\r\n\r\n")
        dropped = tuple(f"{name}:".encode() for name in names)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(dropped)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


@final
class Connection:
    """One TCP connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, whatever is on its way."""
        self._socket.close()

    def reopen(self) -> None:
        """Begin again with a new connection."""
        self.close()
        self._buffer = b""
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)

    def send(
        self, method: str, path: str, *fields: Field, body: bytes | None = None, host: str = "127.0.0.1"
    ) -> None:
        """Send a request; without ``body`` only its head, whatever the fields promise."""
        sized = [] if body is None else [("Content-Length", str(len(body)))]
        lines = [f"{name}: {value}" for name, value in (("Host", host), *sized, *fields)]
        self.send_bytes("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + (body or b""))

    def send_bytes(self, data: bytes) -> None:
        """Send further bytes of a request."""
        self._socket.sendall(data)

    def answer(self) -> Answer:
        """Read one answer, exactly up to its end."""
        answer = self.head()
        if answer.all("transfer-encoding"):
            while piece := self.chunk(answer):
                answer.body += piece
        elif answer.status not in (204, 304):
            answer.body = self._take(int(answer.get("content-length")))
            answer.raw += answer.body
        return answer

    def head(self) -> Answer:
        """Read the head of the next answer."""
        raw = self._take_line()
        status = _STATUS_LINE.fullmatch(raw)
        assert status, f"no status line: {raw!r}"
        fields = []
        while (line := self._take_line()) != b"\r\n":
            raw += line
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name.lower(), value.strip()))
        return Answer(int(status[1]), fields, raw + line)

    def chunk(self, answer: Answer) -> bytes:
        """Read the next chunk of a chunked ``answer``; an empty one is the last."""
        size = self._take_line()
        chunk = self._take(int(size, 16) + 2)
        answer.raw += size + chunk
        return chunk[:-2]

    def rest(self) -> bytes:
        """Say that no more requests come, and read until the server hangs up."""
        with suppress(OSError):  # it has hung up already
            self._socket.shutdown(socket.SHUT_WR)
        while self._receive():
            pass
        rest, self._buffer = self._buffer, b""
        return rest

    def _take_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            assert self._receive(), f"the server hung up within a line: {self._buffer!r}"
        return self._take(self._buffer.index(b"\r\n") + 2)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            assert self._receive(), f"the server hung up {size - len(self._buffer)} bytes too early"
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _receive(self) -> bool:
        data = self._socket.recv(64 * 1024)
        self._buffer += data
        return bool(data)


def ask(port: int, method: str, path: str, *fields: Field, body: bytes | None = None) -> Answer:
    """Send one request, return its answer."""
    with Connection(port) as connection:
        connection.send(method, path, *fields, body=body)
        return connection.answer()
