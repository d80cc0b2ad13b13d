"""Our spans beside those of ``opentelemetry-instrumentation-asgi``: same request, same attributes, but for a table."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Stability
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.util.http import get_excluded_urls

from asgi_patterns import Tracing
from asgi_patterns.kernel.types import ASGIApp, Scope
from asgi_patterns.testing import chunk, head, hello, scripted
from tests.observability.test_core import direct, scope_of
from tests.observability.traced import Spans, status_of

pytestmark = pytest.mark.anyio

CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
SERVER: dict[str, Any] = {"server": ("shop.example", 80), "scheme": "http", "http_version": "1.1"}
FIELDS = scripted(
    head(200, (b"x-one", b"1"), (b"x-one", b"2"), (b"set-cookie", b"a=b")), chunk(b"", more=False)
)

# What is ours on purpose, and why it differs.
OURS = {
    "asgi_patterns.": "what the convention has no name for",
    "user_agent.synthetic.type": "left out: a guess, and one more attribute for everybody",
}
ONLY_THEIRS = {"user_agent.synthetic.type"}


@pytest.fixture(autouse=True)
def stable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have them use the stable convention, whatever was read before."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    monkeypatch.setattr(Stability, "_initialized", False)
    yield
    Stability._initialized = False


async def both(app: ASGIApp, scope: Scope) -> tuple[Spans, Spans]:
    ours, theirs = Spans(), Spans()
    await direct(Tracing(tracer_provider=ours.provider)(app), {**scope})
    peer = OpenTelemetryMiddleware(app, tracer_provider=theirs.provider, exclude_spans=["receive", "send"])
    await direct(peer, {**scope})
    return ours, theirs


def common(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if not name.startswith(tuple(OURS))}


REQUESTS: list[tuple[str, ASGIApp, dict[str, Any]]] = [
    ("a GET", hello, {}),
    ("a HEAD", hello, {"method": "HEAD"}),
    ("a query", hello, {"query_string": b"a=b&c=%20d"}),
    ("a host", hello, {"headers": [(b"host", b"shop.example")]}),
    ("a user agent", hello, {"headers": [(b"user-agent", b"curl/8")]}),
    ("a path with other letters", hello, {"path": "/caf\u00e9"}),
    ("no client", hello, {"client": None}),
    ("HTTP/2", hello, {"http_version": "2"}),
    ("a 404", scripted(head(404), chunk(b"no", more=False)), {}),
    ("a 500", scripted(head(500), chunk(b"no", more=False)), {}),
    ("a 204", scripted(head(204), chunk(b"", more=False)), {}),
    ("a stream", scripted(head(), chunk(b"a"), chunk(b"b", more=False)), {}),
]


@pytest.mark.parametrize(("app", "more"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
async def test_same_request_same_attributes(app: ASGIApp, more: dict[str, Any]) -> None:
    ours, theirs = await both(app, scope_of(**{**SERVER, **more}))

    assert common(ours.attributes) == common(theirs.attributes)
    assert status_of(ours.span) == status_of(theirs.span)
    assert ours.span.kind == theirs.span.kind


DIFFERENCES: list[tuple[str, dict[str, Any], str, Any, Any]] = [
    # why                                               the request            attribute    ours       theirs
    (
        "a port does not belong to an address",
        {"server": ("127.0.0.1", 8000)},
        "server.address",
        "127.0.0.1",
        "127.0.0.1:8000",
    ),
    (
        "the host is what the client has asked for",
        {"headers": [(b"host", b"a.example:81")]},
        "server.address",
        "a.example",
        "shop.example",
    ),
    ("and so is the port", {"headers": [(b"host", b"a.example:81")]}, "server.port", 81, 80),
    (
        "a signature is a secret",
        {"query_string": b"sig=abc&a=b"},
        "url.query",
        "sig=REDACTED&a=b",
        "sig=abc&a=b",
    ),
    ("methods are case-sensitive", {"method": "get"}, "http.request.method", "_OTHER", "GET"),
    (
        "nobody has asked for this",
        {"headers": [(b"user-agent", b"Googlebot/2")]},
        "user_agent.synthetic.type",
        None,
        "bot",
    ),
]


@pytest.mark.parametrize("row", DIFFERENCES, ids=[row[0] for row in DIFFERENCES])
async def test_what_differs(row: tuple[str, dict[str, Any], str, Any, Any]) -> None:
    _, more, attribute, our_value, their_value = row

    ours, theirs = await both(hello, scope_of(**{**SERVER, **more}))

    assert ours.attributes.get(attribute) == our_value
    assert theirs.attributes.get(attribute) == their_value
    assert {name for name in common(theirs.attributes) if name not in ours.attributes} <= ONLY_THEIRS


VARIABLES: list[tuple[str, dict[str, str]]] = [
    ("nothing is noted", {}),
    ("one field", {"SERVER_REQUEST": "x-one"}),
    ("fields in any case", {"SERVER_REQUEST": "X-One,Accept"}),
    ("a pattern", {"SERVER_REQUEST": "x-.*", "SERVER_RESPONSE": "x-.*"}),
    ("a part of a name is none", {"SERVER_REQUEST": "x-on"}),
    ("secrets", {"SERVER_REQUEST": ".*", "SERVER_RESPONSE": ".*", "SANITIZE_FIELDS": "cookie,author.*"}),
]


@pytest.mark.parametrize("variables", [row[1] for row in VARIABLES], ids=[row[0] for row in VARIABLES])
async def test_variables_note_the_same_fields(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(CAPTURE + name, value)
    headers = [
        (b"x-one", b"a"),
        (b"x-one", b"b"),
        (b"accept", b"*/*"),
        (b"authorization", b"Basic x"),
        (b"cookie", b"c"),
    ]

    ours, theirs = await both(FIELDS, scope_of(headers=headers, **SERVER))

    assert common(ours.attributes) == common(theirs.attributes)


async def test_secrets_stay_out_where_nobody_has_named_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = Spans()
    layer = Tracing(tracer_provider=spans.provider, request_headers=[".*"])

    await direct(layer(hello), scope_of(headers=[(b"authorization", b"Basic x"), (b"accept", b"*/*")]))

    assert spans.attributes["http.request.header.authorization"] == ("[REDACTED]",)
    assert spans.attributes["http.request.header.accept"] == ("*/*",)


EXCLUDED: list[tuple[str, dict[str, str], str]] = [
    ("nothing", {}, "/a"),
    ("a part of a path", {"OTEL_PYTHON_EXCLUDED_URLS": "health,metrics"}, "/health/live"),
    ("another path", {"OTEL_PYTHON_EXCLUDED_URLS": "health"}, "/a"),
    ("a host", {"OTEL_PYTHON_EXCLUDED_URLS": "shop.example/a$"}, "/a"),
    ("a port", {"OTEL_PYTHON_EXCLUDED_URLS": ":8000/"}, "/a"),
    ("the nearer variable", {"OTEL_PYTHON_EXCLUDED_URLS": "a", "OTEL_PYTHON_ASGI_EXCLUDED_URLS": "b"}, "/a"),
    (
        "the nearer variable, empty",
        {"OTEL_PYTHON_EXCLUDED_URLS": "a", "OTEL_PYTHON_ASGI_EXCLUDED_URLS": ""},
        "/a",
    ),
]


@pytest.mark.parametrize(
    ("variables", "path"), [row[1:] for row in EXCLUDED], ids=[row[0] for row in EXCLUDED]
)
async def test_variables_exclude_the_same_urls(
    variables: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ours, theirs = Spans(), Spans()
    scope = scope_of(path=path, **{**SERVER, "server": ("shop.example", 8000)})

    await direct(Tracing(tracer_provider=ours.provider)(hello), {**scope})
    peer = OpenTelemetryMiddleware(
        hello,
        tracer_provider=theirs.provider,
        excluded_urls=get_excluded_urls("ASGI"),
        exclude_spans=["receive", "send"],
    )
    await direct(peer, {**scope})

    assert len(ours.ended) == len(theirs.ended)


@pytest.mark.parametrize(
    "field", ["excluded_urls", "request_headers", "response_headers", "sanitize_headers"]
)
def test_what_is_no_expression_is_refused(field: str) -> None:
    options: dict[str, Any] = {field: ["a("]}

    with pytest.raises(ValueError, match="is no regular expression"):
        Tracing(**options)
