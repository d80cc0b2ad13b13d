"""Undoing a content coding (RFC 9110 8.4), piece by piece, with bounds on what comes out.

``Decoding``: one body; ``Bounds``: how much it may become; ``opener``: what undoes a coding, where its package is
installed. A few hundred bytes can be made to decode to a gigabyte, so nothing is decoded further than a piece beyond
the bounds.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Final, Literal, Protocol, final

from asgi_patterns.compression.packages import zstd_package
from asgi_patterns.kernel.optional import MissingExtra, require

Coding = Literal["gzip", "br", "zstd"]
CODINGS: Final[tuple[Coding, ...]] = ("gzip", "br", "zstd")

# Bytes that come out in one step, so that a bound is noticed soon ...
_PIECE: Final = 128 * 1024
# ... and that go in: gzip copies all of the rest at the end of each member, and these may be 20 bytes long.
_SLICE: Final = 8 * 1024
# What one message may decode to whatever the ratio of the whole, so that a body cannot save up for a bomb.
_BURST: Final = 8 * 1024 * 1024
# Making a decoder takes as long as decoding many KB, and an empty frame has 9 bytes.
_FRAMES: Final = 1000
# RFC 9659: a window of more than 8 MB is not for HTTP.
_WINDOW_LOG: Final = 23
_GZIP_WITH_HEADER: Final = 31


@final
class Malformed(Exception):
    """The bytes are not in the coding that the request names, or end too early."""


@final
class Excess(Exception):
    """The body decodes to more than ``limit`` bytes; ``received`` of them were there when that was found."""

    def __init__(self, of: Literal["size", "ratio"], limit: int, received: int) -> None:
        super().__init__(f"the body decodes to more than {limit} bytes")
        self.of = of
        self.limit = limit
        self.received = received


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a body may become."""

    max_size: int
    """Decoded bytes."""
    max_ratio: float
    """Decoded bytes to one that was sent."""
    ratio_from: int
    """Decoded bytes up to which the ratio does not count."""

    def check(self, *, sent: int, chunk: int, decoded: int, before: int) -> None:
        """Raise ``Excess`` where ``sent`` bytes, ``chunk`` in the last message, gave too many ``decoded`` ones.

        ``before``: how many there were when that message came.
        """
        if decoded > self.max_size:
            raise Excess("size", self.max_size, decoded)
        whole = max(self.ratio_from, int(self.max_ratio * sent))
        at_once = before + max(_BURST, int(self.max_ratio * chunk))
        if decoded > whole or decoded > at_once:
            raise Excess("ratio", min(whole, at_once), decoded)


class Stream(Protocol):
    """Undoes one coding."""

    @property
    def error(self) -> type[Exception]:
        """What is raised where the bytes are not in that coding."""

    def pieces(self, data: "memoryview[Any]") -> Iterator[bytes]:
        """Yield what the next bytes decode to, in pieces of a few hundred KB at most."""

    @property
    def is_whole(self) -> bool:
        """Whether the body may end here."""


Open = Callable[[], Stream]


@final
class Decoding:
    """One body, as it comes in and goes out."""

    __slots__ = ("_bounds", "_stream", "decoded", "sent")

    def __init__(self, stream: Stream, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds
        self.sent = 0
        self.decoded = 0

    def decode(self, chunk: bytes) -> bytes:
        """Return what the next bytes decode to. Raises ``Malformed`` and ``Excess``."""
        before, stream = self.decoded, self._stream
        self.sent += len(chunk)
        found: list[bytes] = []
        rest = memoryview(chunk)
        try:
            while rest:
                for piece in stream.pieces(rest[:_SLICE]):
                    self.decoded += len(piece)
                    self._bounds.check(sent=self.sent, chunk=len(chunk), decoded=self.decoded, before=before)
                    found.append(piece)
                rest = rest[_SLICE:]
        except stream.error as error:
            raise Malformed(str(error)) from error
        return found[0] if len(found) == 1 else b"".join(found)

    def finish(self) -> bytes:
        """Return nothing, for nothing is kept back. Raises ``Malformed`` where the end is missing."""
        if self.sent and not self._stream.is_whole:
            raise Malformed("the body ends too early")
        return b""


@final
class _Gzip:
    """RFC 1952: one member behind the other."""

    __slots__ = ("_member",)
    error: ClassVar[type[Exception]] = zlib.error

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WITH_HEADER)

    def pieces(self, data: "memoryview[Any]") -> Iterator[bytes]:
        rest: bytes | memoryview[Any] = data
        while True:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WITH_HEADER)
            piece = self._member.decompress(rest, _PIECE)
            if piece:
                yield piece
            if self._member.eof:
                rest = self._member.unused_data
                if not rest:
                    return
            else:
                rest = self._member.unconsumed_tail
                # Of a full piece the end may still be inside, although all bytes are.
                if not rest and len(piece) < _PIECE:
                    return

    @property
    def is_whole(self) -> bool:
        return self._member.eof


@final
class _Zstd:
    """RFC 8878: one frame behind the other, skippable ones among them."""

    __slots__ = ("_frame", "_frames", "_open", "error")

    def __init__(self, package: ModuleType) -> None:
        options = {package.DecompressionParameter.window_log_max: _WINDOW_LOG}
        self.error: type[Exception] = package.ZstdError
        self._open: Callable[[], Any] = lambda: package.ZstdDecompressor(options=options)
        self._frame = self._open()
        self._frames = 1

    def pieces(self, data: "memoryview[Any]") -> Iterator[bytes]:
        rest: bytes | memoryview[Any] = data
        while True:
            if self._frame.eof:
                self._next()
            piece: bytes = self._frame.decompress(rest, _PIECE)
            if piece:
                yield piece
            if self._frame.eof:
                rest = self._frame.unused_data
                if not rest:
                    return
            elif self._frame.needs_input:
                return
            else:
                rest = b""

    def _next(self) -> None:
        if self._frames == _FRAMES:
            raise Malformed(f"the body has more than {_FRAMES} frames")
        self._frames += 1
        self._frame = self._open()

    @property
    def is_whole(self) -> bool:
        whole: bool = self._frame.eof
        return whole


@final
class _Brotli:
    """RFC 7932: one stream, and nothing behind it."""

    __slots__ = ("_stream", "error")

    def __init__(self, package: ModuleType) -> None:
        self.error: type[Exception] = package.error
        self._stream = package.Decompressor()

    def pieces(self, data: "memoryview[Any]") -> Iterator[bytes]:
        rest: bytes | memoryview[Any] = data
        while True:
            piece: bytes = self._stream.process(rest, output_buffer_limit=_PIECE)
            if piece:
                yield piece
            # It accepts more as soon as all bytes are inside, and does not say how much has still to come out.
            elif not rest or self._stream.can_accept_more_data():
                return
            rest = b""

    @property
    def is_whole(self) -> bool:
        whole: bool = self._stream.is_finished()
        return whole


def opener(coding: Coding) -> Open:
    """Return what begins to undo ``coding``. Raises ``MissingExtra`` where its package is not installed."""
    match coding:
        case "gzip":
            return _Gzip
        case "zstd":
            zstd = zstd_package()
            return lambda: _Zstd(zstd)
        case "br":
            brotli = require("brotli", "compression")
            if not hasattr(brotli.Decompressor, "can_accept_more_data"):
                # Before 1.2 it decodes all that it is given, however much that is.
                raise MissingExtra("brotli>=1.2", "compression")
            return lambda: _Brotli(brotli)


def openers(codings: "tuple[Coding, ...] | None") -> dict[Coding, Open]:
    """Return what undoes each of ``codings``; by default all of those whose packages are installed."""
    if codings is not None:
        return {coding: opener(coding) for coding in codings}
    found: dict[Coding, Open] = {}
    for coding in CODINGS:
        try:
            found[coding] = opener(coding)
        except MissingExtra:
            continue
    return found
