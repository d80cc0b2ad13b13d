"""What is measured of requests, and what each of it is called.

``DURATION`` to ``SOCKET_SENT``: by the conventions; ``REQUESTS`` to ``DURATION_BY_HANDLER``: as
prometheus-fastapi-instrumentator calls it. ``Instrument``: what a backend has to know of one.
"""

from dataclasses import dataclass
from typing import Final, Literal, final

Kind = Literal["counter", "gauge", "histogram", "summary", "up_down"]
"""``up_down`` is added to and subtracted from, ``gauge`` is set."""

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The buckets of OpenTelemetry's conventions."""
LONG: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
BYTES: Final = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 16777216.0, 268435456.0)
HIGH: Final = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5),
    *(10.0, 30.0, 60.0),
)
LOW: Final = (0.1, 0.5, 1.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One thing that is measured, under one name."""

    name: str
    """For Prometheus; a counter ends in ``_total``."""
    dotted: str
    """For OpenTelemetry, which adds units and ``total`` by itself."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = "1"
    buckets: tuple[float, ...] = ()
    merge: Literal["sum", "min", "max"] = "sum"
    """What the values of several processes come to, for what is no sum by nature."""
    has_exemplars: bool = False


_ANSWER: Final = ("method", "route", "status", "outcome")
_SOCKET: Final = ("route", "status", "outcome")

DURATION: Final = Instrument(
    name="http_server_request_duration_seconds",
    dotted="http.server.request.duration",
    kind="histogram",
    help="From when a request came until the last byte of its answer was sent; streams apart.",
    labels=_ANSWER,
    unit="s",
    buckets=SECONDS,
    has_exemplars=True,
)
ACTIVE: Final = Instrument(
    name="http_server_active_requests",
    dotted="http.server.active_requests",
    kind="up_down",
    help="Requests whose answer has not ended, streams included.",
    labels=("method",),
    unit="{request}",
)
RECEIVED: Final = Instrument(
    name="http_server_request_body_size_bytes",
    dotted="http.server.request.body.size",
    kind="histogram",
    help="Content of requests that had any, as far as it was read.",
    labels=_ANSWER,
    unit="By",
    buckets=BYTES,
)
SENT: Final = Instrument(
    name="http_server_response_body_size_bytes",
    dotted="http.server.response.body.size",
    kind="histogram",
    help="Content of answers that had any, as it was sent; streams apart.",
    labels=_ANSWER,
    unit="By",
    buckets=BYTES,
)
FIRST_BYTE: Final = Instrument(
    name="asgi_patterns_http_first_byte_seconds",
    dotted="asgi_patterns.http.first_byte",
    kind="histogram",
    help="From when a request came until the first byte of content, streams included.",
    labels=_ANSWER,
    unit="s",
    buckets=SECONDS,
)
STREAM_DURATION: Final = Instrument(
    name="asgi_patterns_stream_duration_seconds",
    dotted="asgi_patterns.stream.duration",
    kind="histogram",
    help="How long streamed answers lasted.",
    labels=_ANSWER,
    unit="s",
    buckets=LONG,
    has_exemplars=True,
)
STREAM_SENT: Final = Instrument(
    name="asgi_patterns_stream_sent_bytes_total",
    dotted="asgi_patterns.stream.sent",
    kind="counter",
    help="Content of streamed answers.",
    labels=_ANSWER,
    unit="By",
)
SOCKET_DURATION: Final = Instrument(
    name="asgi_patterns_websocket_duration_seconds",
    dotted="asgi_patterns.websocket.duration",
    kind="histogram",
    help="How long WebSockets lasted, refused ones included.",
    labels=_SOCKET,
    unit="s",
    buckets=LONG,
    has_exemplars=True,
)
SOCKET_ACTIVE: Final = Instrument(
    name="asgi_patterns_websocket_active",
    dotted="asgi_patterns.websocket.active",
    kind="up_down",
    help="WebSockets that have not ended, those that wait to be accepted included.",
    unit="{connection}",
)
SOCKET_RECEIVED: Final = Instrument(
    name="asgi_patterns_websocket_received_bytes_total",
    dotted="asgi_patterns.websocket.received",
    kind="counter",
    help="Content of the messages of clients, counted when a WebSocket ends.",
    labels=_SOCKET,
    unit="By",
)
SOCKET_SENT: Final = Instrument(
    name="asgi_patterns_websocket_sent_bytes_total",
    dotted="asgi_patterns.websocket.sent",
    kind="counter",
    help="Content of the messages to clients, counted when a WebSocket ends.",
    labels=_SOCKET,
    unit="By",
)

REQUESTS: Final = Instrument(
    name="http_requests_total",
    dotted="http.requests",
    kind="counter",
    help="Total number of requests by method, status and handler, streams included.",
    labels=("method", "status", "handler"),
)
REQUEST_SIZE: Final = Instrument(
    name="http_request_size_bytes",
    dotted="http.request.size",
    kind="summary",
    help="Content of requests by handler.",
    labels=("handler",),
    unit="By",
)
RESPONSE_SIZE: Final = Instrument(
    name="http_response_size_bytes",
    dotted="http.response.size",
    kind="summary",
    help="Content of answers by handler, streams apart.",
    labels=("handler",),
    unit="By",
)
DURATION_HIGH: Final = Instrument(
    name="http_request_duration_highr_seconds",
    dotted="http.request.duration.highr",
    kind="histogram",
    help="Latency with many buckets and no labels, streams apart.",
    unit="s",
    buckets=HIGH,
    has_exemplars=True,
)
DURATION_BY_HANDLER: Final = Instrument(
    name="http_request_duration_seconds",
    dotted="http.request.duration",
    kind="histogram",
    help="Latency with few buckets by handler, streams apart.",
    labels=("method", "handler"),
    unit="s",
    buckets=LOW,
)
IN_PROGRESS: Final = Instrument(
    name="http_requests_inprogress",
    dotted="http.requests.inprogress",
    kind="up_down",
    help="Number of HTTP requests in progress.",
)

_OF_BOTH: Final = (STREAM_DURATION, STREAM_SENT, SOCKET_DURATION, SOCKET_ACTIVE, SOCKET_RECEIVED, SOCKET_SENT)
CONVENTIONS: Final = (DURATION, ACTIVE, RECEIVED, SENT, FIRST_BYTE, *_OF_BOTH)
"""All that is measured by the conventions."""
INSTRUMENTATOR: Final = (
    *(REQUESTS, REQUEST_SIZE, RESPONSE_SIZE, DURATION_HIGH, DURATION_BY_HANDLER, IN_PROGRESS),
    *_OF_BOTH,
)
"""The same with ``names="instrumentator"``."""
