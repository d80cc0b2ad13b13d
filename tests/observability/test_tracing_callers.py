"""Which trace a span belongs to: what callers say of theirs, as far as it is legal and believed."""

from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from asgi_patterns import Pipeline, Tracing
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client, hello
from tests.observability.test_core import direct, scope_of
from tests.observability.traced import Spans, parent_of, trace_of

pytestmark = pytest.mark.anyio

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{PARENT}-01".encode()
UNSAMPLED = f"00-{TRACE}-{PARENT}-00".encode()
Lines = list[tuple[bytes, bytes]]


def said(*lines: tuple[str, bytes]) -> Lines:
    return [(name.encode(), value) for name, value in lines]


LEGAL: list[tuple[str, Lines, str | None, str]] = [
    # what comes in                                                          trace  tracestate that goes on
    ("nothing", [], None, ""),
    ("a trace", said(("traceparent", CALLER)), TRACE, ""),
    ("a trace with a state", said(("traceparent", CALLER), ("tracestate", b"a=1,b=2")), TRACE, "a=1,b=2"),
    (
        "a state on two lines",
        said(("traceparent", CALLER), ("tracestate", b"a=1"), ("tracestate", b"b=2")),
        TRACE,
        "a=1,b=2",
    ),
    ("two traceparents", said(("traceparent", CALLER), ("traceparent", CALLER)), None, ""),
    ("a traceparent in capitals", said(("traceparent", CALLER.upper())), None, ""),
    ("a traceparent of version ff", said(("traceparent", b"ff" + CALLER[2:])), None, ""),
    ("a traceparent of a later version", said(("traceparent", b"cc" + CALLER[2:] + b"-more")), TRACE, ""),
    ("a traceparent of nothing but zeros", said(("traceparent", b"00-" + b"0" * 32 + CALLER[35:])), None, ""),
    ("a state without a trace", said(("tracestate", b"a=1")), None, ""),
    ("a state with an illegal key", said(("traceparent", CALLER), ("tracestate", b"A=1,b=2")), TRACE, ""),
    (
        "a state with a key twice",
        said(("traceparent", CALLER), ("tracestate", b"a=1,a=2,b=3")),
        TRACE,
        "a=1,b=3",
    ),
    (
        "a state with a key too long",
        said(("traceparent", CALLER), ("tracestate", b"a" * 257 + b"=1")),
        TRACE,
        "",
    ),
    (
        "a state with too many members",
        said(("traceparent", CALLER), ("tracestate", b",".join(b"k%d=1" % n for n in range(33)))),
        TRACE,
        "",
    ),
]


@pytest.mark.parametrize(
    ("lines", "expected", "state"), [row[1:] for row in LEGAL], ids=[row[0] for row in LEGAL]
)
async def test_what_is_legal_goes_on(lines: Lines, expected: str | None, state: str) -> None:
    spans = Spans()
    onwards: dict[str, str] = {}

    async def calls(scope: Scope, receive: Receive, send: Send) -> None:
        inject(onwards)
        await hello(scope, receive, send)

    await direct(Tracing(tracer_provider=spans.provider)(calls), scope_of(headers=lines))

    assert (trace_of(spans.span) == TRACE) is (expected is not None)
    assert parent_of(spans.span) == (None if expected is None else PARENT)
    assert onwards["traceparent"][3:35] == trace_of(spans.span)
    assert onwards.get("tracestate", "") == state


CALLERS: list[tuple[str, dict[str, Any], bytes, bool, bool, int]] = [
    # who calls, and what is set                                       says      same trace  sampled links
    ("anybody", {}, CALLER, True, True, 0),
    ("anybody, who does not sample", {}, UNSAMPLED, True, False, 0),
    ("a stranger, restarted", {"untrusted": "restart"}, CALLER, False, True, 1),
    ("a stranger who does not sample, restarted", {"untrusted": "restart"}, UNSAMPLED, False, True, 1),
    (
        "one of ours, where others are restarted",
        {"untrusted": "restart", "trusted_networks": ["192.0.2.0/24"]},
        CALLER,
        True,
        True,
        0,
    ),
    (
        "one of others, where ours are trusted",
        {"untrusted": "restart", "trusted_networks": ["10.0.0.0/8"]},
        CALLER,
        False,
        True,
        1,
    ),
    (
        "a stranger within the share",
        {"untrusted": "downsample", "random": lambda: 0.04},
        CALLER,
        True,
        True,
        0,
    ),
    (
        "a stranger outside the share",
        {"untrusted": "downsample", "random": lambda: 0.05},
        CALLER,
        True,
        False,
        0,
    ),
    (
        "one who does not sample, within the share",
        {"untrusted": "downsample", "random": lambda: 0.0},
        UNSAMPLED,
        True,
        False,
        0,
    ),
]


@pytest.mark.parametrize("row", CALLERS, ids=[row[0] for row in CALLERS])
async def test_whose_traces_are_continued(row: tuple[str, dict[str, Any], bytes, bool, bool, int]) -> None:
    _, options, caller, is_same, is_sampled, links = row
    spans = Spans(ParentBased(ALWAYS_ON))
    seen: list[trace.SpanContext] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(trace.get_current_span().get_span_context())
        await hello(scope, receive, send)

    layer = Tracing(tracer_provider=spans.provider, **options)
    await direct(layer(looks), scope_of(headers=[(b"traceparent", caller)]))

    assert (f"{seen[0].trace_id:032x}" == TRACE) is is_same
    assert seen[0].trace_flags.sampled is is_sampled
    assert len(spans.ended) == is_sampled
    assert sum(len(span.links) for span in spans.ended) == links


async def test_a_client_behind_our_proxy_is_the_stranger() -> None:
    spans = Spans()
    layer = Tracing(tracer_provider=spans.provider, untrusted="restart", trusted_networks=["10.0.0.0/8"])
    app = Pipeline(layer, trusted_proxies=["10.0.0.0/8"])(hello)
    headers = [(b"traceparent", CALLER), (b"x-forwarded-for", b"203.0.113.9")]

    await direct(app, scope_of(headers=headers, client=("10.0.0.1", 1)))

    assert trace_of(spans.span) != TRACE


@pytest.mark.parametrize(("untrusted", "expected"), [("continue", "7"), ("restart", None)])
async def test_baggage_is_believed_as_its_trace_is(untrusted: Any, expected: str | None) -> None:
    seen: list[object] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(baggage.get_baggage("shop"))
        await hello(scope, receive, send)

    layer = Tracing(tracer_provider=Spans().provider, untrusted=untrusted)
    await direct(layer(looks), scope_of(headers=[(b"baggage", b"a=b"), (b"baggage", b"shop=7")]))

    assert seen == [expected]


async def test_a_call_within_the_process_is_a_child() -> None:
    spans = Spans()
    layer = Tracing(tracer_provider=spans.provider)
    inner = layer(hello)

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await direct(inner, scope_of(path="/"))
        await hello(scope, receive, send)

    async with Client(layer(outer)) as client:
        await client.get("/")

    child, parent = spans.ended
    assert trace_of(child) == trace_of(parent)
    assert child.parent is not None
    assert child.parent == parent.get_span_context()


async def test_nobody_makes_spans_where_that_is_suppressed() -> None:
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    spans = Spans()

    with suppress_instrumentation():
        await direct(Tracing(tracer_provider=spans.provider)(hello), scope_of())

    assert spans.ended == []
