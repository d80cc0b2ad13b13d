"""Whatever is coded can be decoded by others, however it is cut."""

import sys
import zlib
from types import ModuleType

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as some

from asgi_patterns.compression.codecs import CODINGS, WINDOW_LOG, Coding, coders, installed
from asgi_patterns.compression.padding import MOST
from asgi_patterns.kernel.optional import MissingExtra
from tests.compression.reading import DECODERS, LONG, decoder

CODERS = coders(zstd=3, br=4, gzip=6, of=CODINGS)
BODIES = some.one_of(
    some.binary(max_size=3000),
    some.builds(lambda part, times: part * times, some.binary(max_size=200), some.integers(0, 500)),
)


@pytest.mark.parametrize("coding", CODINGS)
@given(bodies=some.lists(BODIES, max_size=4))
def test_whole_bodies_one_after_the_other(coding: Coding, bodies: list[bytes]) -> None:
    coded = [CODERS[coding].whole(body) for body in bodies]

    assert [DECODERS[coding](each) for each in coded] == bodies


@pytest.mark.parametrize("coding", CODINGS)
@given(
    parts=some.lists(BODIES, max_size=6),
    rest=BODIES,
    padding=some.integers(0, MOST),
    lean=some.booleans(),
    is_known=some.booleans(),
)
def test_bodies_in_parts(
    coding: Coding, parts: list[bytes], rest: bytes, padding: int, lean: bool, is_known: bool
) -> None:
    size = sum(map(len, [*parts, rest])) if is_known else None
    flow = CODERS[coding].begin(size, lean=lean, padding=padding)

    coded = b"".join([*map(flow.add, parts), flow.end(rest)])

    assert DECODERS[coding](coded) == b"".join([*parts, rest])
    assert len(coded) >= padding


@pytest.mark.parametrize("coding", CODINGS)
@given(parts=some.lists(some.binary(min_size=1, max_size=300), min_size=1, max_size=8))
def test_what_was_added_can_be_read_at_once(coding: Coding, parts: list[bytes]) -> None:
    decode = decoder(coding)
    flow = CODERS[coding].begin(None)

    assert [decode(flow.add(part)) for part in parts] == parts


@pytest.mark.parametrize("coding", CODINGS)
@given(bodies=some.lists(BODIES, min_size=2, max_size=2), whole=BODIES)
def test_two_bodies_at_once_do_not_mix(coding: Coding, bodies: list[bytes], whole: bytes) -> None:
    one, two = CODERS[coding].begin(None), CODERS[coding].begin(None)

    first = [one.add(bodies[0]), two.add(bodies[1])]
    between = CODERS[coding].whole(whole)
    last = [one.end(bodies[0]), two.end(bodies[1])]

    assert DECODERS[coding](between) == whole
    assert [DECODERS[coding](a + b) for a, b in zip(first, last, strict=True)] == [
        each * 2 for each in bodies
    ]


@pytest.mark.parametrize(
    "size", [0, 1, 255, 511, 512, 513, 1023, 1024, 4096, 16_384, 32_768, 65_535, 65_536, 99_999]
)
@pytest.mark.parametrize("level", [1, 6, 9])
def test_gzip_in_tables_of_its_size_is_as_short_as_ever(size: int, level: int) -> None:
    body = (LONG * 20)[:size]

    coded = coders(zstd=3, br=4, gzip=level, of=["gzip"])["gzip"].whole(body)

    assert zlib.decompress(coded, 31) == body
    assert len(coded) <= len(zlib.compress(body, level, 31)) * 1.01


@pytest.mark.parametrize("level", [1, 3, 19, 20, 22])
@settings(deadline=None)
@given(size=some.sampled_from([None, 10, 20_000_000]))
def test_zstd_asks_nobody_to_remember_more_than_8_mb(level: int, size: int | None) -> None:
    flow = coders(zstd=level, br=4, gzip=6, of=["zstd"])["zstd"].begin(size)

    coded = flow.add(LONG) + flow.end(LONG)

    strict: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    assert zstd.decompress(coded, options=strict) == LONG * 2


@pytest.mark.parametrize("coding", CODINGS)
def test_padding_makes_it_longer(coding: Coding) -> None:
    lengths = [len(CODERS[coding].begin(len(LONG), padding=size).end(LONG)) for size in (0, 1, 100, MOST)]

    assert lengths == sorted(set(lengths))
    assert lengths[2] - lengths[1] == 99


# --- what is installed ---


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Take modules away."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_without_the_extra_there_is_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "brotli", "backports.zstd", "compression.zstd")

    assert installed() == ("gzip",)
    with pytest.raises(MissingExtra, match=r"asgi-patterns\[compression\]"):
        coders(zstd=3, br=4, gzip=6, of=["zstd"])


def test_pythons_own_zstd_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ModuleType("compression.zstd")
    vars(own).update(vars(zstd))
    made: list[object] = []

    def compressor(**given: object) -> object:
        made.append(given)
        return zstd.ZstdCompressor(**given)  # type: ignore[arg-type]  # as they come

    compressor.FLUSH_FRAME = zstd.ZstdCompressor.FLUSH_FRAME  # type: ignore[attr-defined]  # as a class has it
    vars(own)["ZstdCompressor"] = compressor
    monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
    monkeypatch.setitem(sys.modules, "compression.zstd", own)

    coded = coders(zstd=3, br=4, gzip=6, of=["zstd"])["zstd"].whole(LONG)

    assert made
    assert zstd.decompress(coded) == LONG
