"""What a client got."""

import json
import re
from typing import Any, final

from asgi_patterns.kernel.types import Message, RawHeaders
from asgi_patterns.testing.files import content

BODIES = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})
"""The messages that carry body bytes."""

CHARSET = re.compile(r"""charset=["']?([^"';\s]+)""", re.IGNORECASE)


def without_content(method: str, status: int) -> bool:
    """Whether such an answer has no body on the wire, whatever its head says (RFC 9110, 6.4.1)."""
    return method == "HEAD" or status in {204, 304}


@final
class Answer:
    """An answer as far as it has come: complete after ``client.get``, growing in a ``client.stream``."""

    messages: list[Message]
    """Every message that the app sent and the client took, in order."""
    chunks: list[bytes]
    """The pieces of the body in order. An empty piece is nothing on the wire and is not listed."""
    trailers: RawHeaders
    """The fields that followed the body."""
    exception: BaseException | None
    """What the app raised, known once it has ended; only readable with ``raise_app_exceptions=False``."""
    complete: bool
    """Whether the last message has come: body, and trailers where the head announced them."""

    def __init__(self, method: str = "GET") -> None:
        self.messages = []
        self.chunks = []
        self.trailers = []
        self.exception = None
        self.complete = False
        self._method = method
        self._head: Message | None = None

    def add(self, message: Message) -> None:
        """Take in the next message. What follows the end or repeats the head is listed and ignored."""
        self.messages.append(message)
        kind = message["type"].removeprefix("websocket.")
        if self.complete:
            return
        if kind == "http.response.start" and self._head is None:
            self._head = message
        elif kind in BODIES:
            self._add_body(message)
        elif kind == "http.response.trailers":
            self.trailers.extend(message.get("headers", ()))
            self.complete = not message.get("more_trailers", False)

    def _add_body(self, message: Message) -> None:
        piece = content(message)
        if piece and not (self.started and without_content(self._method, self.status)):
            self.chunks.append(piece)
        if not message.get("more_body", False):
            self.complete = not (self.started and self.head.get("trailers", False))

    @property
    def started(self) -> bool:
        """Whether there is a head."""
        return self._head is not None

    def expect_head(self) -> Message:
        """Give the head, or raise ``AssertionError`` with what came instead."""
        if self._head is None:
            kinds = [message["type"] for message in self.messages]
            reason = f"; it raised {self.exception!r}" if self.exception else ""
            raise AssertionError(f"the app sent no head, only {kinds}{reason}")
        return self._head

    @property
    def head(self) -> Message:
        """The head as it was sent. Raises ``AssertionError`` when none came."""
        return self.expect_head()

    @property
    def status(self) -> int:
        """The status code. Raises ``AssertionError`` when no head came."""
        status: int = self.head["status"]
        return status

    @property
    def headers(self) -> RawHeaders:
        """The fields of the head as they were sent: order, case and repetition kept."""
        return list(self.head.get("headers", ()))

    def header(self, name: str) -> str | None:
        """Give the first value of a field, whatever the case of its name; ``None`` where it is missing."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Give every value of a field, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == wanted]

    @property
    def body(self) -> bytes:
        """The body as far as it has come; empty for HEAD, 204 and 304."""
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        """The body in the charset of its content type; UTF-8 where it names none."""
        charset = CHARSET.search(self.header("content-type") or "")
        return self.body.decode(charset[1] if charset else "utf-8")

    def json(self) -> Any:
        """Parse the body as JSON. Raises ``ValueError`` where it is none."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        head = str(self.status) if self.started else "no head"
        return f"<Answer: {head}, {len(self.messages)} messages, {len(self.body)} body bytes>"
