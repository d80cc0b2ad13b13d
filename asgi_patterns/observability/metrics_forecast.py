"""What ``Metrics`` would do with a request, in words."""

from collections.abc import Iterator, Sequence
from typing import Literal

from asgi_patterns.kernel.forecast import Forecast


def outline(path: str, *, has_token: bool, networks: Sequence[str]) -> Iterator[str]:
    """Yield who may read."""
    near = f" from {', '.join(networks)}" if networks else ""
    if has_token:
        yield f"shows {path} to who has the token{near}"
    elif networks:
        yield f"shows {path} to everybody{near}"
    else:
        yield f"shows {path} to nobody"


def forecast(access: Literal["granted", "token", "hidden"] | None, method: str) -> Forecast:
    """Return what becomes of a request; ``access`` is ``None`` where it is for the app."""
    match access:
        case None:
            return Forecast(("measures it",))
        case "hidden":
            return Forecast(("answers 404: who asks may not read the metrics",), ends=True)
        case "token":
            return Forecast(("answers 401: the token is missing or wrong",), ends=True)
        case "granted" if method not in ("GET", "HEAD"):
            return Forecast(
                (f"answers 405: metrics are read with GET and HEAD, not with {method}",), ends=True
            )
        case "granted":
            return Forecast(("answers with the metrics",), ends=True)
