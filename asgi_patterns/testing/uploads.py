"""The body of a request: the fields that frame it and the messages that ``receive`` gives."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from asgi_patterns.kernel.types import Message, RawHeaders

Content = bytes | str | Iterable[bytes | Message]
"""A body: whole, or in chunks that are asked for one by one. A dict is a message, sent exactly as it is."""

METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})


def messages(content: Content | None, *, keep_open: bool = False, minimal: bool = False) -> Iterator[Message]:
    """Yield one message per chunk; the last one says that nothing follows, unless the body is kept open.

    With ``minimal`` a key is left out where its default says the same.
    """
    chunks = iter([_whole(content)] if content is None or isinstance(content, bytes | str) else content)
    pending = next(chunks, b"")
    for following in chunks:
        yield _message(pending, more=True, minimal=minimal)
        pending = following
    if pending or not keep_open:
        yield _message(pending, more=keep_open, minimal=minimal)


def _whole(content: bytes | str | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""


def _message(chunk: bytes | Message, *, more: bool, minimal: bool) -> Message:
    if not isinstance(chunk, bytes):
        return {**chunk}
    message: dict[str, Any] = {"type": "http.request"}
    if chunk or not minimal:
        message["body"] = chunk
    if more or not minimal:
        message["more_body"] = more
    return message


def json_content(value: object) -> bytes:
    """Write a value as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def framing(method: str, content: Content | None, http_version: str, *, keep_open: bool) -> RawHeaders:
    """Give the fields that frame such a body: the length of a whole one, chunked coding on HTTP/1."""
    if keep_open or not (content is None or isinstance(content, bytes | str)):
        return [(b"transfer-encoding", b"chunked")] if http_version.startswith("1") else []
    if content is None and method not in METHODS_WITH_CONTENT:
        return []
    return [(b"content-length", str(len(_whole(content))).encode())]
