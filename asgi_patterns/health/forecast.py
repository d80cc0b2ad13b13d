"""What ``Health`` would do with a request, in words."""

from collections.abc import Sequence

from asgi_patterns.health.paths import Endpoint
from asgi_patterns.kernel.forecast import Forecast

_QUESTIONS = {
    "health": "how the app is, all in all",
    "live": "whether the process is to be restarted",
    "ready": "whether the app is to get requests",
    "startup": "whether the app has started",
}


def forecast(endpoint: Endpoint | None, method: str, checks: Sequence[str], *, detailed: bool) -> Forecast:
    """Return what becomes of a request for ``endpoint``. ``checks`` are the names of all that there are."""
    if endpoint is None:
        return Forecast(("passes it on: this is none of its paths",))
    if method not in ("GET", "HEAD"):
        return Forecast((f"answers 405: health is asked with GET and HEAD, not with {method}",), ends=True)
    asked = f"asks {', '.join(checks)}" if checks and endpoint != "live" else "asks no check"
    shown = "shows why a check fails" if detailed else "shows no details: for these the request has no right"
    return Forecast((f"answers {_QUESTIONS[endpoint]}", asked, shown), ends=True)
