"""What is done by hand, to be measured beside ours, is no less than the feature."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send
from benchmarks import whole_floors_plus
from benchmarks.answers import SIZES, answering
from benchmarks.harness import scope
from benchmarks.whole_floors import Coded, Spanned
from benchmarks.whole_floors_plus import Answered, Bounded, Tagged, Timed
from benchmarks.whole_stacks import PLUS, by_hand, shop


async def ask(
    app: ASGIApp, lines: Sequence[tuple[bytes, bytes]] = (), path: str = "/items/7", received: bytes = b""
) -> tuple[list[Message], bytes]:
    """Return the heads and the body of an answer."""
    asked = scope()
    asked["path"] = path
    asked["headers"] = [*asked["headers"], *lines]
    heads: list[Message] = []
    body = b""

    async def receive() -> Message:
        return {"type": "http.request", "body": received, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            heads.append(message)
        body += message.get("body", b"")

    await app(asked, receive, send)
    return heads, body


async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("nobody caught this")


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await answering(b"{}")(scope, receive, send)


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


BY_HAND = [
    # what is asked of what                                  app                fields             status  media type
    ("an error text becomes a problem", Answered(shop()), [], b"", 404, b"application/problem+json"),
    (
        "content that is announced too large",
        Bounded(reads),
        [(b"content-length", b"1000001")],
        b"",
        413,
        None,
    ),
    (
        "content that comes too large",
        Bounded(reads),
        [(b"transfer-encoding", b"chunked")],
        b"x" * 1_000_001,
        413,
        None,
    ),
    ("content that fits", Bounded(reads), [(b"content-length", b"2")], b"{}", 200, b"application/json"),
]


@pytest.mark.parametrize(
    ("app", "lines", "received", "status", "kind"), [pytest.param(*row[1:], id=row[0]) for row in BY_HAND]
)
def test_an_answer_by_hand(
    app: ASGIApp, lines: RawHeaders, received: bytes, status: int, kind: bytes | None
) -> None:
    heads, _ = asyncio.run(ask(app, lines, path="/nowhere", received=received))

    (head,) = heads
    assert head["status"] == status
    assert dict(head["headers"])[b"content-type"] == kind or kind is None


def test_an_exception_becomes_a_problem_and_is_raised() -> None:
    heads: list[Message] = []

    async def answered() -> None:
        async def send(message: Message) -> None:
            heads.append(message)

        await Answered(crashes)(scope(), whoever, send)

    with pytest.raises(LookupError):
        asyncio.run(answered())

    assert [head["status"] for head in heads if "status" in head] == [500]


async def whoever() -> Message:
    return {"type": "http.request"}


def test_what_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_floors_plus, "START_SECONDS", 0.01)

    heads, _ = asyncio.run(ask(Timed(hangs)))

    assert [head["status"] for head in heads] == [504]


def test_a_tag_holds_for_the_coding_that_it_was_given_out_with() -> None:
    app, reads_zstd = Coded(Tagged(answering(SIZES["2 KB"]))), (b"accept-encoding", b"zstd")
    heads, _ = asyncio.run(ask(app, [reads_zstd]))
    tag = dict(heads[0]["headers"])[b"etag"]

    again, body = asyncio.run(ask(app, [reads_zstd, (b"if-none-match", tag)]))

    assert tag.endswith(b'-zstd"')
    assert (again[0]["status"], body) == (304, b"")


@pytest.mark.parametrize(
    ("body", "accepts"),
    [
        pytest.param(SIZES["2 KB"], b"gzip, br", id="another coding is read"),
        pytest.param(b"{}", b"zstd", id="it is too small"),
    ],
)
def test_an_answer_is_left_as_it_is(body: bytes, accepts: bytes) -> None:
    _, sent = asyncio.run(ask(Coded(answering(body)), [(b"accept-encoding", accepts)]))

    assert sent == body


def test_a_span_continues_the_trace_and_knows_its_route() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    parent = (b"traceparent", b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")

    asyncio.run(ask(Spanned(shop(), provider), [parent]))

    (span,) = exporter.get_finished_spans()
    assert isinstance(span, ReadableSpan)
    assert span.name == "GET /items/{id:int}"
    assert span.context is not None
    assert span.context.trace_id == 0x0123456789ABCDEF0123456789ABCDEF
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200


class Keeping(logging.Formatter):
    """Keeps what it formats."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        self.lines.append(line)
        return line


def test_a_line_of_the_log_names_the_trace_and_the_route() -> None:
    stack, kept = by_hand(PLUS), Keeping()
    stack.instruments.handler.setFormatter(kept)

    asyncio.run(ask(stack.app))

    (line,) = kept.lines
    assert '"trace_id":"' in line
    assert '"route":"/items/{id:int}"' in line
