"""What ``Decompression`` would do with a request, in words."""

from collections.abc import Iterator, Sequence

from asgi_patterns.compression.decoding import Bounds, Coding
from asgi_patterns.compression.request_coding import Coded, Foreign
from asgi_patterns.kernel.forecast import Forecast

# RFC 1951 3.2.5: a copy has at most 258 bytes, and takes two bits at least.
_MOST_OF_GZIP = 1032
_MUCH = 64 * 1024 * 1024


def forecast(found: Coded | Foreign | None, bounds: Bounds, known: Sequence[Coding]) -> Forecast:
    """Return what becomes of the body of a request."""
    match found:
        case None:
            return Forecast(("has nothing to decode",))
        case Coded(coding):
            return Forecast((f"decodes the body from {coding}, {_bounded(bounds)}",))
        case Foreign("stacked"):
            return Forecast(("answers 415: the body is in more than one content coding",), ends=True)
    return Forecast((f"answers 415: the content coding is none of {', '.join(known)}",), ends=True)


def outline(bounds: Bounds, known: Sequence[Coding]) -> str:
    """Return what it does, whatever the request."""
    return f"decodes bodies from {', '.join(known)}, {_bounded(bounds)}"


def doubts(bounds: Bounds, *, read_first: bool) -> Iterator[str]:
    """Yield what of the settings is allowed but probably not meant."""
    if bounds.ratio_from >= bounds.max_size:
        yield "never looks at the ratio: ratio_from is not below max_size"
    elif bounds.max_ratio > _MOST_OF_GZIP:
        yield f"lets every gzip bomb pass max_ratio: gzip never gets beyond {_MOST_OF_GZIP} times"
    if read_first and bounds.max_size > _MUCH:
        yield f"keeps up to {bounds.max_size} bytes of each request in memory, with read_first"


def _bounded(bounds: Bounds) -> str:
    return f"to at most {bounds.max_size} bytes and {bounds.max_ratio:g} times what was sent"
