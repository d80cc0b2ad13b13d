"""What is traced already and stands deeper in: mounted in other apps, or where frameworks keep what wraps them."""

import logging
from collections.abc import Callable
from typing import Any

import litestar
import pytest
import quart
from fastapi import FastAPI
from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarlettesOwn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router

from asgi_patterns import Pipeline, RateLimit, RequestId, Tracing
from asgi_patterns.kernel.route_hooks import quart_routes
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.tracing_search import search
from asgi_patterns.testing import Client, hello
from tests.observability.traced import Spans, trace_of

pytestmark = [pytest.mark.anyio, pytest.mark.newer]

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
QUIET: dict[str, Any] = {"exclude_spans": ["receive", "send"]}
Make = Callable[[Spans], ASGIApp]


def items(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/items/{id}")
    async def item(id: int) -> int:
        trace.get_tracer("handler").start_span("work").end()
        return id

    @app.get("/boom")
    async def boom() -> None:
        raise LookupError("no such thing")

    return app


def native(spans: Spans) -> ASGIApp:
    return items(telemetry={"tracer_provider": spans.provider, "operation_spans": False})


def contrib(spans: Spans) -> ASGIApp:
    app: ASGIApp = OpenTelemetryMiddleware(items(), tracer_provider=spans.provider, **QUIET)
    return app


def contrib_in_its_stack(spans: Spans) -> ASGIApp:
    app = items()
    app.add_middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider, **QUIET)
    return app


def starlettes(spans: Spans) -> ASGIApp:
    app = items()
    app.add_middleware(StarlettesOwn, tracer_provider=spans.provider)
    return app


async def own(request: Request) -> PlainTextResponse:
    context = trace.get_current_span().get_span_context()
    return PlainTextResponse(f"{context.trace_id:032x}")


def refuses(app: ASGIApp) -> ASGIApp:
    """Answers in the place of what is mounted, for some."""

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if b"x-nobody" in dict(scope.get("headers", ())):
            return await PlainTextResponse("no", 403)(scope, receive, send)
        await app(scope, receive, send)

    return refusing


def mounted(inner: ASGIApp) -> ASGIApp:
    return Starlette(
        routes=[
            Route("/own/{id}", own),
            Route("/api/own", own),
            Mount("/api", inner),
            Route("/api/late", own),
        ],
        middleware=[Middleware(refuses)],
    )


def mounted_twice(inner: ASGIApp) -> ASGIApp:
    return Starlette(
        routes=[
            Route("/own/{id}", own),
            Route("/api/own", own),
            Mount("/", routes=[Mount("/{version}", routes=[Mount("/", inner)])]),
        ],
        middleware=[Middleware(refuses)],
    )


def mounted_in_fastapi(inner: ASGIApp) -> ASGIApp:
    app = FastAPI(telemetry={"tracing": False})
    app.add_api_route("/own/{id}", own, response_model=None)
    app.add_api_route("/api/own", own, response_model=None)
    app.mount("/api", inner)
    app.add_middleware(refuses)
    return app


def by_host(inner: ASGIApp) -> ASGIApp:
    return Starlette(
        routes=[
            Route("/own/{id}", own),
            Route("/api/own", own),
            Host("test", Router([Mount("/api", inner)])),
            Host("testserver", Router([Mount("/api", inner)])),
        ],
        middleware=[Middleware(refuses)],
    )


# The last two have the last word: FastAPI on the attribute, which it gives without the mount, and Starlette on the name
# as well, in which it has the mount as it was asked for.
INNER = [contrib, contrib_in_its_stack, native, starlettes]
OUTER = [mounted, mounted_twice, mounted_in_fastapi, by_host]
everywhere = pytest.mark.parametrize("inner", INNER)
anyhow = pytest.mark.parametrize("outer", OUTER)


def ours(spans: Spans, app: ASGIApp, **options: Any) -> ASGIApp:
    return Pipeline(RequestId(), Tracing(tracer_provider=spans.provider, **options))(app)


def one(spans: Spans) -> ReadableSpan:
    """Return the only span that is not of a handler."""
    (span,) = [span for span in spans.ended if span.name != "work"]
    return span


def maker(spans: Spans) -> str:
    scope = one(spans).instrumentation_scope
    return "" if scope is None else scope.name


@everywhere
@anyhow
async def test_what_is_mounted_has_its_own_span_completed(inner: Make, outer: Any) -> None:
    spans = Spans()

    async with Client(ours(spans, outer(inner(spans)))) as client:
        answer = await client.get("/api/items/7", headers={"traceparent": CALLER})

    said = dict(one(spans).attributes or {})
    template = "/{version}/items/{id}" if outer is mounted_twice else "/api/items/{id}"
    assert (answer.text, one(spans).kind) == ("7", trace.SpanKind.SERVER)
    assert one(spans).name == f"GET {template}" or inner is starlettes
    assert said["http.route"] == template or inner in (native, starlettes)
    assert trace_of(one(spans)) == CALLER[3:35]
    assert said["asgi_patterns.request_id"] == answer.header("x-request-id")
    assert maker(spans) != "asgi_patterns"


@everywhere
@anyhow
@pytest.mark.parametrize("path", ["/own/7", "/api/own"])
async def test_what_stands_beside_it_has_one_of_ours_which_is_current(
    inner: Make, outer: Any, path: str
) -> None:
    spans = Spans()

    async with Client(ours(spans, outer(inner(spans)))) as client:
        answer = await client.get(path)

    assert one(spans).name == f"GET {path.replace('7', '{id}')}"
    assert answer.text == trace_of(one(spans))
    assert maker(spans) == "asgi_patterns"


@everywhere
@anyhow
@pytest.mark.parametrize("path", ["/nothing/at/all", "/api/items/7"])
async def test_what_does_not_get_that_far_has_one_of_ours(inner: Make, outer: Any, path: str) -> None:
    spans = Spans()

    async with Client(ours(spans, outer(inner(spans)))) as client:
        headers = {"traceparent": CALLER, "x-nobody": "1"}
        answer = await client.get(path, headers=headers)

    said = dict(one(spans).attributes or {})
    assert (answer.status, said["http.response.status_code"]) == (403, 403)
    assert (one(spans).name, trace_of(one(spans))) == ("GET", CALLER[3:35])


@everywhere
@anyhow
async def test_an_unknown_path_is_no_name(inner: Make, outer: Any) -> None:
    spans = Spans()

    async with Client(ours(spans, outer(inner(spans)))) as client:
        await client.get("/api/secret/12345")

    assert "12345" not in one(spans).name
    assert one(spans).name == "GET" or inner is starlettes


@everywhere
@anyhow
async def test_a_crash_has_one_span(inner: Make, outer: Any) -> None:
    spans = Spans()

    async with Client(ours(spans, outer(inner(spans)))) as client:
        await client.get("/api/boom", raise_app_exceptions=False)

    assert not one(spans).status.is_ok
    assert [event.name for event in one(spans).events].count("exception") <= 1


@everywhere
async def test_what_they_do_not_sample_is_not_sampled(inner: Make) -> None:
    spans = Spans(ALWAYS_OFF)

    async with Client(ours(spans, mounted(inner(spans)))) as client:
        answers = [(await client.get(path)).status for path in ("/api/items/7", "/own/7")]

    assert answers == [200, 200]
    assert spans.ended == []


async def test_a_refusal_of_ours_is_one_span_with_its_event() -> None:
    spans = Spans()
    limited = Pipeline(Tracing(tracer_provider=spans.provider), RateLimit(quotas=["1/minute"]))

    async with Client(limited(mounted(native(spans)))) as client:
        for _ in range(2):
            answer = await client.get("/api/items/7")

    *_, span = [span for span in spans.ended if span.name != "work"]
    assert answer.status == 429
    assert [event.name for event in span.events] == ["asgi_patterns.ratelimit.limited"]


async def test_which_is_found_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgi_patterns.tracing")
    spans = Spans()

    async with Client(ours(spans, mounted(native(spans)))) as client:
        for _ in range(3):
            await client.get("/api/items/7")

    assert [record.getMessage() for record in caplog.records if record.name == "asgi_patterns.tracing"] == [
        "tracing: FastAPI traces what is mounted in this app already; its spans are completed, and no others made"
    ]


def of_litestar(spans: Spans) -> Any:
    @litestar.get("/items/{id:int}")
    async def item() -> int:
        return 7

    config = OpenTelemetryConfig(tracer_provider=spans.provider, **QUIET)
    return litestar.Litestar([item], plugins=[OpenTelemetryPlugin(config)], logging_config=None)


def of_quart(spans: Spans) -> Any:
    app: Any = quart.Quart("shop")
    quart_routes(app)

    async def item(id: int) -> str:
        return str(id)

    app.add_url_rule("/items/<int:id>", view_func=item)

    app.asgi_app = OpenTelemetryMiddleware(app.asgi_app, tracer_provider=spans.provider, **QUIET)
    return app


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # all that Quart runs on
@pytest.mark.parametrize("make", [of_litestar, of_quart])
@pytest.mark.parametrize(("path", "name"), [("/items/7", "GET /items/{id}"), ("/nothing", "GET")])
async def test_frameworks_that_keep_it_elsewhere(make: Make, path: str, name: str) -> None:
    spans = Spans()

    async with Client(ours(spans, make(spans)), lint=False) as client:
        answer = await client.get(path, headers={"traceparent": CALLER})

    said = dict(one(spans).attributes or {})
    assert (one(spans).name, trace_of(one(spans))) == (name, CALLER[3:35])
    assert said["asgi_patterns.request_id"] == answer.header("x-request-id")


def endless() -> ASGIApp:
    """A mount that stands in itself."""
    app = Starlette()
    app.routes.append(Mount("/again", app))
    return app


@pytest.mark.parametrize("app", [hello, endless(), Starlette(routes=[Route("/own", own), Mount("/", hello)])])
def test_what_traces_nothing_is_nothing(app: ASGIApp) -> None:
    assert search(app) is None
