"""What happens to requests, for those who run the API: seen once, told in several ways.

    asgi = AccessLog()(app)                       # one line for each request, when it has ended
    asgi = Metrics(token="...")(app)              # numbers, for Prometheus to fetch
    asgi = Tracing()(app)                         # one span for each, through OpenTelemetry
    asgi = ServerTiming(networks=["10.0.0.0/8"])(app)   # what took how long, for colleagues

    with timing("db"):                            # anywhere in a handler
        rows = await query()

``AccessLog`` writes lines of JSON, or for people, through standard logging. It knows what a server's own access log
does not: the route, the request's id, which layer has answered, and that a client has left.

``Metrics`` counts requests and what all layers report, for Prometheus or OpenTelemetry.

``Tracing`` makes spans, or completes those that the app's own instrumentation makes.

``ServerTiming`` tells clients that may know it how long the parts of their answer took; ``timing`` names these.

Every layer here stands outside of all that may refuse, and renders the same record (``kernel.record``), which the
outermost one of them measures. So their numbers agree.
"""

from asgi_patterns.observability.access_log_layer import AccessLog
from asgi_patterns.observability.metrics_layer import Metrics
from asgi_patterns.observability.server_timing_layer import ServerTiming
from asgi_patterns.observability.timings import timing
from asgi_patterns.observability.tracing_settings import Tracing

__all__ = ["AccessLog", "Metrics", "ServerTiming", "Tracing", "timing"]
