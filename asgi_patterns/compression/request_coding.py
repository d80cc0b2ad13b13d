"""What ``Content-Encoding`` of a request says, and what is left of its fields once the body is decoded."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

from asgi_patterns.compression.decoding import CODINGS, Coding
from asgi_patterns.kernel.types import RawHeaders

FIELD: Final = b"content-encoding"

# What is about the coded bytes, so that it is wrong of the decoded ones (RFC 9530 2 and 3, and what came before it).
_ABOUT_THE_CODED: Final = frozenset(
    {FIELD, b"content-length", b"content-digest", b"repr-digest", b"digest", b"content-md5"}
)
# RFC 9110 8.4.1.3: to be taken for the same.
_NAMES: Final[dict[str, Coding]] = {**{coding: coding for coding in CODINGS}, "x-gzip": "gzip"}


@final
@dataclass(frozen=True, slots=True)
class Coded:
    """The body is in one coding that is known."""

    coding: Coding


@final
@dataclass(frozen=True, slots=True)
class Foreign:
    """The body is in a coding that is not known, or in several on top of each other."""

    reason: Literal["unsupported", "stacked"]


def read_coding(lines: Sequence[bytes], known: Collection[Coding]) -> Coded | Foreign | None:
    """Read the lines of ``Content-Encoding``; ``None`` where there is nothing to undo."""
    text = b",".join(lines).decode("latin-1").lower()
    names = [name for part in text.split(",") if (name := part.strip(" \t")) not in ("", "identity")]
    if not names:
        return None
    if len(names) > 1:
        return Foreign("stacked")
    coding = _NAMES.get(names[0])
    return Foreign("unsupported") if coding is None or coding not in known else Coded(coding)


def without_coding(headers: RawHeaders) -> RawHeaders:
    """Return the fields of a request as they are of its decoded body, whose length nobody knows yet."""
    return [line for line in headers if line[0] not in _ABOUT_THE_CODED]
