"""What happens to requests, for those who run the API: seen once, told in several ways.

    asgi = AccessLog()(app)                       # one line for each request, when it has ended

``AccessLog`` writes lines of JSON, or for people, through standard logging. It knows what a server's own access log
does not: the route, the request's id, which layer has answered, and that a client has left.

Every layer here stands outside of all that may refuse, and renders the same record (``kernel.record``), which the
outermost one of them measures. So their numbers agree.
"""

from asgi_patterns.observability.access_log_layer import AccessLog

__all__ = ["AccessLog"]
