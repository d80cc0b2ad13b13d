"""The answers to requests whose bodies are not decoded."""

from collections.abc import Iterable
from typing import Final, Literal

from asgi_patterns.compression.decoding import Bounds, Coding, Excess, Malformed
from asgi_patterns.kernel.problems import Problem, ProblemType, built_in

CODING_NOT_SUPPORTED: Final = built_in(
    ProblemType(
        "content-coding-not-supported",
        "Content coding not supported",
        415,
        "The body is in a content coding that is not read here, or in several on top of each other. Send it in one "
        "of those that Accept-Encoding of this answer names, or as it is.",
    )
)
DECODED_TOO_LARGE: Final = built_in(
    ProblemType(
        "decoded-content-too-large",
        "Decoded content too large",
        413,
        "What the body decodes to is larger than the service takes, or out of proportion to what was sent. "
        "Send less at once; what is only too repetitive may be sent as it is.",
    )
)
NOT_DECODABLE: Final = built_in(
    ProblemType(
        "content-not-decodable",
        "Content cannot be decoded",
        400,
        "The body is not in the content coding that Content-Encoding names, or its end is missing.",
    )
)

_DETAILS: Final = {
    "gzip": "The body is not gzip (RFC 1952), or its end is missing.",
    "br": "The body is not Brotli (RFC 7932), or its end is missing.",
    "zstd": "The body is not Zstandard as HTTP has it (RFC 8878, RFC 9659): its end is missing, it needs a dictionary "
    "or a window of more than 8 MB, has too many frames, or is something else.",
}


def unsupported(reason: Literal["unsupported", "stacked"], known: Iterable[Coding]) -> Problem:
    """Return the 415 that says which codings are read (RFC 9110 15.5.16)."""
    codings = [*known]
    listed = ", ".join(codings)
    wrong = "is in more than one content coding" if reason == "stacked" else "is in another content coding"
    detail = f"The body {wrong}. Send it in one of {listed}, or as it is."
    return CODING_NOT_SUPPORTED(detail, headers={"Accept-Encoding": listed}, supported=codings)


def undecodable(cause: Excess | Malformed, coding: Coding, bounds: Bounds) -> Problem:
    """Return the 413 or 400 of a body that is not decoded any further."""
    if isinstance(cause, Malformed):
        return NOT_DECODABLE(_DETAILS[coding], coding=coding)
    if cause.of == "size":
        detail = f"The body decodes to more than {bounds.max_size} bytes."
        return DECODED_TOO_LARGE(detail, maxSize=bounds.max_size, receivedSize=cause.received)
    times = f"{bounds.max_ratio:g}"
    detail = f"The body decodes to more than {times} times the bytes that were sent."
    return DECODED_TOO_LARGE(
        detail, maxSize=bounds.max_size, receivedSize=cause.received, maxRatio=bounds.max_ratio
    )
