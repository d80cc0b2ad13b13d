"""Undoing a coding: what was encoded comes out, whatever the chunks; nothing comes out beyond the bounds."""

import gzip
import random
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_patterns.compression.decoding import (
    CODINGS,
    Bounds,
    Coding,
    Excess,
    Malformed,
    openers,
)
from asgi_patterns.kernel.optional import MissingExtra
from tests.compression.request_bodies import ENCODERS, cut, decoded, zeros, zstd

TEXT = b'{"name": "Lamp", "price": 12}' * 20
NOISE = random.Random(7).randbytes(300_000)
SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"hello"

every_coding = pytest.mark.parametrize("coding", CODINGS)

contents = st.one_of(
    st.binary(max_size=2000),
    # Long runs: one chunk gives many pieces.
    st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.integers(1, 200_000)), max_size=4).map(
        lambda runs: b"".join(text * times for text, times in runs)
    ),
)


def cut_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut at these places, wherever they are."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@every_coding
@settings(max_examples=120, deadline=None)
@given(content=contents, places=st.lists(st.integers(0, 1 << 20), max_size=12))
def test_what_was_encoded_comes_out(coding: Coding, content: bytes, places: list[int]) -> None:
    assert decoded(coding, *cut_at(ENCODERS[coding](content), places)) == content


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=5), size=st.integers(1, 64))
def test_what_was_encoded_in_several_parts_comes_out(coding: Coding, parts: list[bytes], size: int) -> None:
    whole = b"".join(ENCODERS[coding](part) for part in parts)

    assert decoded(coding, *cut(whole, size)) == b"".join(parts)


@every_coding
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200), size=st.integers(1, 64), rest=st.binary(max_size=64))
def test_anything_else_is_malformed_and_nothing_worse(
    coding: Coding, content: bytes, size: int, rest: bytes
) -> None:
    whole = ENCODERS[coding](content)
    for data in (whole[: len(whole) // 2] + rest, rest, whole + rest):
        with suppress(Malformed):
            decoded(coding, *cut(data, size))


@every_coding
@pytest.mark.parametrize("size", [1, 7, 8192, 8193, 1 << 20])
@pytest.mark.parametrize("content", [b"", b"x", TEXT, NOISE, bytes(700_000)], ids=["0", "1", "t", "n", "z"])
def test_every_chunking_gives_the_same(coding: Coding, size: int, content: bytes) -> None:
    assert decoded(coding, *cut(ENCODERS[coding](content), size)) == content


# --- what is malformed ---

BROKEN: list[tuple[str, Coding, bytes]] = [
    ("gzip: its end is missing", "gzip", gzip.compress(TEXT)[:-1]),
    ("gzip: only its header is there", "gzip", gzip.compress(TEXT)[:10]),
    ("gzip: a byte behind it", "gzip", gzip.compress(TEXT) + b"x"),
    ("gzip: zeros behind it", "gzip", gzip.compress(TEXT) + bytes(8)),
    ("gzip: a half member behind it", "gzip", gzip.compress(TEXT) * 2 + b"\x1f\x8b"),
    ("gzip: its checksum is another", "gzip", gzip.compress(TEXT)[:-8] + b"0000" + gzip.compress(TEXT)[-4:]),
    ("gzip: its length is another", "gzip", gzip.compress(TEXT)[:-4] + b"0000"),
    ("gzip: it is zlib", "gzip", zlib.compress(TEXT)),
    ("gzip: it is raw deflate", "gzip", zlib.compress(TEXT, wbits=-15)),
    ("gzip: it is plain", "gzip", TEXT),
    ("br: its end is missing", "br", brotli.compress(TEXT)[:-1]),
    ("br: a byte behind it", "br", brotli.compress(TEXT) + b"x"),
    ("br: another one behind it", "br", brotli.compress(TEXT) * 2),
    ("br: it is gzip", "br", gzip.compress(TEXT)),
    ("zstd: its end is missing", "zstd", zstd.compress(TEXT)[:-1]),
    ("zstd: a byte behind it", "zstd", zstd.compress(TEXT) + b"x"),
    ("zstd: garbage behind it", "zstd", zstd.compress(TEXT) + b"garbage"),
    ("zstd: half a skippable frame behind it", "zstd", zstd.compress(TEXT) + SKIPPABLE[:-1]),
    ("zstd: it is plain", "zstd", TEXT),
    ("zstd: more than a thousand frames", "zstd", zstd.compress(b"") * 1001),
]


@pytest.mark.parametrize(("coding", "data"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
@pytest.mark.parametrize("size", [1, 1 << 20], ids=["in bytes", "at once"])
def test_it_is_malformed(coding: Coding, data: bytes, size: int) -> None:
    with pytest.raises(Malformed):
        decoded(coding, *cut(data, size))


LEGAL: list[tuple[str, Coding, bytes, bytes]] = [
    ("gzip: two members", "gzip", gzip.compress(b"a") + gzip.compress(b"b"), b"ab"),
    ("gzip: twenty thousand empty members", "gzip", gzip.compress(b"") * 20_000, b""),
    ("gzip: a header with name, comment and checksum", "gzip", b"", b"named"),
    ("zstd: two frames", "zstd", zstd.compress(b"a") + zstd.compress(b"b"), b"ab"),
    ("zstd: a thousand frames", "zstd", zstd.compress(b"") * 1000, b""),
    ("zstd: a skippable frame in front", "zstd", SKIPPABLE + zstd.compress(b"a"), b"a"),
    ("zstd: a skippable frame between", "zstd", zstd.compress(b"a") + SKIPPABLE + zstd.compress(b"b"), b"ab"),
    ("zstd: nothing but a skippable frame", "zstd", SKIPPABLE, b""),
    ("a body without any bytes", "gzip", b"", b""),
]


def _named() -> bytes:
    """A member with every field that RFC 1952 has."""
    header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\xff" + struct.pack("<H", 4) + b"AA\0\0" + b"name\0" + b"comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header + gzip.compress(b"named")[10:]


@pytest.mark.parametrize(
    ("coding", "data", "content"), [case[1:] for case in LEGAL], ids=[case[0] for case in LEGAL]
)
def test_it_is_legal(coding: Coding, data: bytes, content: bytes) -> None:
    assert decoded(coding, *cut(data or (_named() if content else b""), 1000)) == content


def test_a_window_of_8_mb_is_read_and_one_of_16_is_not() -> None:
    def with_window(log: int) -> bytes:
        encoder = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
        data: bytes = encoder.compress(NOISE) + encoder.flush()
        return data

    assert decoded("zstd", with_window(23)) == NOISE
    with pytest.raises(Malformed):
        decoded("zstd", with_window(24))


def test_a_frame_that_needs_a_dictionary_is_not_read() -> None:
    samples = [b"%d: the lamp costs %d" % (number, number * 7) for number in range(2000)]
    dictionary = zstd.train_dict(samples, 2000)

    with pytest.raises(Malformed):
        decoded("zstd", zstd.compress(samples[0], zstd_dict=dictionary))


# --- bounds ---


def excess(
    coding: Coding,
    data: bytes,
    size: int = 1 << 30,
    *,
    max_size: int = 1 << 40,
    max_ratio: float = 1e6,
    ratio_from: int = 0,
) -> Excess:
    bounds = Bounds(max_size=max_size, max_ratio=max_ratio, ratio_from=ratio_from)
    with pytest.raises(Excess) as caught:
        decoded(coding, *cut(data, size), bounds=bounds)
    return caught.value


@every_coding
def test_a_body_of_just_the_size_is_read_and_one_byte_more_is_not(coding: Coding) -> None:
    data = ENCODERS[coding](TEXT)
    exact = Bounds(max_size=len(TEXT), max_ratio=1e6, ratio_from=0)

    assert decoded(coding, data, bounds=exact) == TEXT
    found = excess(coding, data, max_size=len(TEXT) - 1)
    assert (found.of, found.limit) == ("size", len(TEXT) - 1)
    assert found.received == len(TEXT)


@every_coding
@pytest.mark.parametrize("size", [100, 65536, 1 << 30], ids=["100 bytes", "64 KB", "at once"])
def test_a_bomb_is_decoded_no_further_than_a_piece_beyond_the_size(coding: Coding, size: int) -> None:
    found = excess(coding, zeros(coding, 100), size, max_size=1_000_000)

    assert found.of == "size"
    assert 1_000_000 < found.received <= 1_000_000 + 512 * 1024


@every_coding
def test_the_ratio_counts_from_where_it_is_told_to(coding: Coding) -> None:
    content = bytes(500_000)
    data = ENCODERS[coding](content)
    short = Bounds(max_size=1 << 30, max_ratio=10, ratio_from=len(content))

    assert decoded(coding, data, bounds=short) == content
    assert excess(coding, data, max_ratio=10, ratio_from=len(content) - 1).of == "ratio"


def test_a_body_of_just_the_ratio_is_read_and_one_of_more_is_not() -> None:
    content = bytes(range(256)) * 100
    data = gzip.compress(content)
    ratio = len(content) / len(data)

    assert decoded("gzip", data, bounds=Bounds(max_size=1 << 30, max_ratio=ratio * 1.001, ratio_from=0))
    assert excess("gzip", data, max_ratio=ratio * 0.99).of == "ratio"


@every_coding
def test_a_body_cannot_save_up_for_a_bomb(coding: Coding) -> None:
    noise = b"".join(random.Random(seed).randbytes(1 << 16) for seed in range(32))
    encoder = {"gzip": lambda: zlib.compressobj(wbits=31), "br": lambda: brotli.Compressor(quality=1)}.get(
        coding, zstd.ZstdCompressor
    )()
    step = encoder.process if coding == "br" else encoder.compress
    end = encoder.finish if coding == "br" else encoder.flush
    data = b"".join([step(noise), *(step(bytes(1 << 20)) for _ in range(64)), end()])
    bounds = Bounds(max_size=1 << 40, max_ratio=100, ratio_from=1 << 20)

    with pytest.raises(Excess) as caught:
        decoded(coding, *cut(data, 65536), bounds=bounds)

    # 2 MB that were sent would allow 200; the 64 in the last few messages are refused none the less.
    assert caught.value.of == "ratio"
    assert caught.value.received < len(noise) + 20 * (1 << 20)


def test_a_package_that_is_missing_is_left_out_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "brotli", None)

    assert [*openers(None)] == ["gzip", "zstd"]
    with pytest.raises(MissingExtra, match=r"pip install 'asgi-patterns\[compression\]'"):
        openers(("gzip", "br"))


def test_a_brotli_that_cannot_be_bounded_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brotli, "Decompressor", object)

    assert [*openers(None)] == ["gzip", "zstd"]
    with pytest.raises(MissingExtra, match=r"brotli>=1\.2"):
        openers(("br",))
