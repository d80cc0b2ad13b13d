"""What ``Tracing`` says of itself."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.types import RawHeaders
from asgi_patterns.observability.trace_context import trace_context

Untrusted: TypeAlias = Literal["continue", "restart", "downsample"]


def forecast(headers: RawHeaders, *, is_excluded: bool) -> Forecast:
    """Say what a request with these fields would get."""
    if is_excluded:
        return Forecast(("makes no span: its URL is excluded",))
    parent, _ = trace_context(headers)
    if parent is None:
        return Forecast(("makes a span, of a trace of its own",))
    return Forecast((f"makes a span; the caller's trace is {parent[3:35].decode()}",))


def outline(untrusted: Untrusted, share: float, trusted: Sequence[str]) -> str:
    """Say whose traces are continued."""
    others = "outside the trusted networks" if trusted else "from anywhere"
    if untrusted == "continue":
        return "continues the traces of all callers"
    if untrusted == "restart":
        return f"begins a new trace for callers {others}, linked to theirs"
    return f"continues traces of callers {others}, and leaves {share * 100:g} % of them sampled"


def doubts(
    untrusted: Untrusted,
    trusted: Sequence[str],
    captured: Sequence[str] | None,
    sanitized: Sequence[str] | None,
) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    if trusted and untrusted == "continue":
        yield "has trusted_networks, which mean nothing while untrusted is continue"
    if any(text in (".*", ".+") for text in captured or ()) and sanitized is not None:
        yield "notes all fields of requests, and of their secrets only what sanitize_headers names stays out"
