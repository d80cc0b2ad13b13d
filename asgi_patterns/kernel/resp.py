"""RESP2, the words that a Redis hears and says: commands to bytes, and bytes to replies.

``pack``: one command. ``Reader``: bytes as they come, replies as they are complete. ``ErrorReply``: a no.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias, final

__all__ = ["ErrorReply", "Malformed", "Reader", "Reply", "pack"]

Reply: TypeAlias = "bytes | int | ErrorReply | list[Reply] | None"
"""What one command is answered with; nothing is decoded."""

_END: Final = b"\r\n"
_INNER = re.compile(r"@user_script: ?[0-9]+: -([A-Z]+) ")
_STATUS, _ERROR, _NUMBER, _BULK, _ARRAY = b"+-:$*"


class ErrorReply(Exception):
    """The server's no, in its own words; ``code`` is the first of them: ``NOSCRIPT``, ``OOM``, ``ERR``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # Before Redis 7 an error that ends a script is told within another one.
        inner = _INNER.search(text)
        self.code = inner[1] if inner else text.partition(" ")[0]


class Malformed(Exception):
    """The bytes are no RESP2: after that nothing on this connection can be believed."""


class _Short(Exception):
    """A reply is not complete; ``need`` is how many bytes there have to be before it can be."""

    def __init__(self, need: int) -> None:
        super().__init__(need)
        self.need = need


def pack(*parts: bytes) -> bytes:
    """Return one command, ready to be written."""
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


@final
class Reader:
    """The replies of one connection. What is not complete waits for its rest."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._need = 0  # so that a long reply is looked at once, not with each of its chunks

    def feed(self, data: bytes) -> Sequence[Reply]:
        """Return the replies that are complete with ``data``. Raises `Malformed`."""
        if self._chunks:
            self._chunks.append(data)
            self._size += len(data)
            if self._size < self._need:
                return ()
            data = b"".join(self._chunks)
        found: list[Reply] = []
        position, size, need = 0, len(data), 0
        try:
            while position < size:
                reply, position = _read(data, position)
                found.append(reply)
        except _Short as short:
            need = short.need - position
        except ValueError as error:
            raise Malformed("a number is none") from error
        rest = data[position:]
        self._chunks, self._size, self._need = [rest] if rest else [], len(rest), need
        return found


def _read(data: bytes, start: int) -> tuple[Reply, int]:
    """Return the reply that begins at ``start``, and where the next one does."""
    end = data.find(_END, start)
    if end < 0:
        raise _Short(len(data) + 1)
    kind = data[start]
    if kind == _NUMBER:
        return int(data[start + 1 : end]), end + 2
    if kind == _BULK:
        return _bulk(data, int(data[start + 1 : end]), end + 2)
    if kind == _ARRAY:
        return _array(data, int(data[start + 1 : end]), end + 2)
    if kind == _STATUS:
        return data[start + 1 : end], end + 2
    if kind == _ERROR:
        return ErrorReply(data[start + 1 : end].decode(errors="replace")), end + 2
    raise Malformed("a reply is of no kind")


def _bulk(data: bytes, length: int, start: int) -> tuple[bytes | None, int]:
    if length < 0:
        return None, start
    stop = start + length
    if len(data) < stop + 2:
        raise _Short(stop + 2)
    return data[start:stop], stop + 2


def _array(data: bytes, length: int, start: int) -> tuple[list[Reply] | None, int]:
    if length < 0:
        return None, start
    found: list[Reply] = []
    for _ in range(length):
        reply, start = _read(data, start)
        found.append(reply)
    return found, start
