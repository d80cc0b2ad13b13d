"""Finds the end of an HTTP/1.1 answer on a connection that is kept: as much as a load generator needs."""

import re
from typing import Final, final

MOST_HEAD: Final = 64 * 1024
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n)")
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked[ \t]*(?=\r\n)")
_CLOSE: Final = re.compile(rb"\r\nconnection:[^\r]*close")
_STATUS: Final = re.compile(rb"http/1\.[01] (\d{3})")
_SIZE: Final = re.compile(rb"([0-9a-f]{1,15})[ \t]*(?:;[^\r\n]*)?", re.IGNORECASE)
_END: Final = b"\r\n\r\n"


@final
class Reading:
    """The answers of one connection, one after the other."""

    def __init__(self) -> None:
        self.closes = False
        """Whether the server ends the connection after this answer."""
        self._buffer = bytearray()
        self._method = "GET"
        self._status: int | None = None
        self._left: int | None = None
        """Bytes of the content, or of a chunk, that are still to come; ``None`` up to the end of the connection."""
        self._is_chunked = False
        self._in_trailers = False

    def begin(self, method: str) -> None:
        """Expect the answer to a request."""
        self._method = method
        self._status = None
        self._left = 0
        self._is_chunked = self._in_trailers = self.closes = False

    def feed(self, data: bytes) -> int | None:
        """Take what has come; return the status when the answer is complete. Raises ``ValueError`` for no HTTP."""
        self._buffer += data
        if self._status is None and not self._head():
            return None
        complete = self._chunks() if self._is_chunked else self._content()
        return self._status if complete else None

    def end(self) -> int | None:
        """Return the status where the end of the connection is the end of the answer."""
        return self._status if self._left is None else None

    def _head(self) -> bool:
        """Read the head; those of interim answers are passed over."""
        while (end := self._buffer.find(_END)) >= 0:
            head = bytes(self._buffer[: end + 2]).lower()
            del self._buffer[: end + 4]
            found = _STATUS.match(head)
            if found is None:
                raise ValueError("this is no answer in HTTP/1.1")
            status = int(found[1])
            if status >= 200:
                self._learn(status, head)
                return True
        if len(self._buffer) > MOST_HEAD:
            raise ValueError("the head of an answer is too long")
        return False

    def _learn(self, status: int, head: bytes) -> None:
        self._status = status
        self.closes = _CLOSE.search(head) is not None
        if self._method == "HEAD" or status in (204, 304):
            return
        length = _LENGTH.search(head)
        if _CHUNKED.search(head):
            self._is_chunked = True
        elif length is not None:
            self._left = int(length[1])
        else:
            self._left, self.closes = None, True

    def _content(self) -> bool:
        if self._left is None:
            self._buffer.clear()
            return False
        taken = min(self._left, len(self._buffer))
        del self._buffer[:taken]
        self._left -= taken
        return self._left == 0

    def _chunks(self) -> bool:
        """Pass over chunks; after the last one there may be trailers, and then an empty line."""
        while True:
            if self._left:
                if not self._content():
                    return False
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            if self._in_trailers:
                if not line:
                    return True
                continue
            size = _SIZE.fullmatch(line)
            if size is None:
                raise ValueError("this is no chunk")
            length = int(size[1], 16)
            self._in_trailers = not length
            self._left = length + 2 if length else 0  # and the end of its line
