"""The app whose requests end in several ways, behind all that observes, and its spans. For real servers."""

import json
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from asgi_patterns import AccessLog, Metrics, Pipeline, Problems, RateLimit, RequestId, ServerTiming, Tracing
from asgi_patterns.kernel.types import Receive, Scope, Send
from tests.observability.logged_app import app
from tests.observability.measured import TOKEN

OWN = ["/metrics", "/spans"]

exporter = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the spans that have ended, or let the app answer."""
    if scope["type"] != "http" or scope["path"] != "/spans":
        return await app(scope, receive, send)
    spans: list[dict[str, Any]] = [
        {
            "name": span.name,
            "trace": f"{span.context.trace_id:032x}" if span.context else None,
            **(span.attributes or {}),
        }
        for span in exporter.get_finished_spans()
    ]
    content = json.dumps(spans).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


asgi = Pipeline(
    RequestId(),
    AccessLog(exclude=OWN),
    Metrics(token=TOKEN, exclude=["/spans"]),
    Tracing(tracer_provider=provider, exclude=OWN),
    ServerTiming(allow="always", layers=True),
    Problems(),
    RateLimit(quotas=["1/hour"], include=["/shop/items/limited"]),
)(inner)
