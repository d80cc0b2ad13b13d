"""Five further features by hand: a log line, problems, a limit of the body, time limits, and tags."""

import asyncio
import json
import logging
from time import perf_counter, time
from typing import Final, final

from xxhash import xxh3_128_hexdigest

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.request_id import current

LOGGER: Final = "benchmarks.whole"
LARGE: Final = 1_000_000
START_SECONDS: Final = 30.0
GAP_SECONDS: Final = 60.0

_log = logging.getLogger(LOGGER)
_encode = json.JSONEncoder(separators=(",", ":")).encode


async def problem(send: Send, status: int, title: str) -> None:
    """Answer with a problem (RFC 9457)."""
    body = _encode({"type": "about:blank", "title": title, "status": status, "requestId": current.get()})
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


@final
class Logged:
    """A line of JSON for each request: who asked what, what became of it, how long it took, how much was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = perf_counter()
        status, size, first = 500, 0, 0.0

        async def sending(message: Message) -> None:
            nonlocal status, size, first
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                if not first:
                    first = perf_counter() - began
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            if _log.isEnabledFor(logging.INFO):
                _write(scope, status, size, first, perf_counter() - began)


def _write(scope: Scope, status: int, size: int, first: float, seconds: float) -> None:
    route = scope.get("route")
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    fields = {
        "time": time(),
        "level": "info",
        "request_id": current.get(),
        "client": scope["client"][0],
        "method": scope["method"],
        "path": scope["path"],
        "route": None if route is None else route.path,
        "status": status,
        "duration": round(seconds, 6),
        "first_byte": round(first, 6),
        "bytes_out": size,
        "protocol": scope["http_version"],
        "user_agent": agent.decode("latin-1"),
    }
    span = scope.get("span")
    if span is not None:
        fields["trace_id"] = f"{span.get_span_context().trace_id:032x}"
    # As `_log.info` does, less its search for the line of code that logs.
    _log.handle(_log.makeRecord(LOGGER, logging.INFO, "", 0, _encode(fields), (), None))


@final
class Answered:
    """A problem for what nobody caught, and for short error texts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False
        replaced = 0

        async def sending(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start":
                started = True
                if message["status"] >= 400 and _is_text(message["headers"]):
                    replaced = message["status"]
                    return None
            if not replaced:
                return await send(message)
            if not message.get("more_body"):
                await problem(send, replaced, message.get("body", b"").decode())

        try:
            await self.app(scope, receive, sending)
        except Exception:
            if not started:
                await problem(send, 500, "Internal Server Error")
            raise


def _is_text(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in headers)


@final
class Bounded:
    """413 for more content than the app is made for, announced or counted as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        has_content = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                if int(value) > LARGE:
                    return await problem(send, 413, "Content Too Large")
                has_content = True
            elif name == b"transfer-encoding":
                has_content = True
        if not has_content:
            return await self.app(scope, receive, send)
        size = 0

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGE:
                raise TooLarge
            return message

        try:
            await self.app(scope, counting, send)
        except TooLarge:
            await problem(send, 413, "Content Too Large")


class TooLarge(Exception):
    """More came than may come."""


@final
class Timed:
    """504 where no answer begins in time, and an answer that pauses for too long is broken off; one timer for both."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        started, is_late = False, False
        due = loop.time() + START_SECONDS
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal timer, is_late
            if loop.time() < due:
                timer = loop.call_at(due, look)
            else:
                is_late = True
                task.cancel()

        async def sending(message: Message) -> None:
            nonlocal started, due
            started = True
            due = loop.time() + GAP_SECONDS
            await send(message)

        timer = loop.call_at(due, look)
        try:
            await self.app(scope, receive, sending)
        except asyncio.CancelledError:
            if not is_late or task.uncancel() or started:
                raise
            await problem(send, 504, "Gateway Timeout")
        finally:
            timer.cancel()


@final
class Tagged:
    """A tag for each whole answer, and 304 for who has it: whichever coding the tag was given out with."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        known = b""
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known = value.replace(b'-zstd"', b'"')
        start: Message | None = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
            elif start is None:
                await send(message)
            else:
                head, start = start, None
                if message.get("more_body"):
                    await send(head)
                    return await send(message)
                tag = b'"%b"' % xxh3_128_hexdigest(message["body"]).encode()
                if tag == known:
                    head = {**head, "status": 304}
                    message = {"type": "http.response.body", "body": b""}
                await send({**head, "headers": [*head["headers"], (b"etag", tag)]})
                await send(message)

        await self.app(scope, receive, sending)
