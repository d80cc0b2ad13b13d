"""The bytes of a body message: in it, in a file that it names, or behind a descriptor that it lends."""

import os
from pathlib import Path

from asgi_patterns.kernel.types import Message

BLOCK = 65_536
"""Bytes read from a descriptor at a time."""


def content(message: Message) -> bytes:
    """Read what a body, pathsend or zerocopysend message puts on the wire."""
    if "path" in message:
        return Path(message["path"]).read_bytes()
    if "file" in message:
        return _copied(message)
    return bytes(message.get("body", b""))


def measure(message: Message) -> int:
    """Tell how many bytes ``content`` would give, without moving the position of a lent descriptor."""
    if "path" in message:
        return Path(message["path"]).stat().st_size
    if "file" in message:
        return _remaining(message)
    return memoryview(message.get("body", b"")).nbytes


def _descriptor(message: Message) -> int:
    file = message["file"]
    return file if isinstance(file, int) else int(file.fileno())


def _remaining(message: Message) -> int:
    descriptor = _descriptor(message)
    start = message.get("offset")
    if start is None:
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
    there = max(os.fstat(descriptor).st_size - start, 0)
    count = message.get("count")
    return there if count is None else min(count, there)


def _copied(message: Message) -> bytes:
    descriptor = _descriptor(message)
    # Like sendfile: an offset leaves the position alone, without one it moves on.
    if message.get("offset") is not None:
        return os.pread(descriptor, _remaining(message), message["offset"])
    wanted = _remaining(message)
    pieces = []
    while wanted and (piece := os.read(descriptor, min(wanted, BLOCK))):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)
