"""Header lists: readers forgive the app's spelling, the writer forgives nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel import headers
from asgi_patterns.kernel.types import RawHeaders

MIXED: RawHeaders = [(b"Content-Type", b"text/plain"), (b"x-a", b"1"), (b"X-A", b"2"), (b"vary", b"Accept")]


@pytest.mark.parametrize("name", [b"content-type", b"x-a", b"vary", b"missing"])
def test_reading_does_not_look_at_case(name: bytes) -> None:
    expected = [value for key, value in MIXED if key.lower() == name]

    assert headers.get_all(MIXED, name) == expected
    assert headers.get(MIXED, name) == (expected[0] if expected else None)
    assert headers.has(MIXED, name) is bool(expected)


BAD_VALUES = [
    ("a line feed", "a\nb"),
    ("a carriage return", "a\rb"),
    ("a new field", "a\r\nset-cookie: x=1"),
    ("a NUL", b"a\0b"),
    ("text that is not Latin-1", "\N{SNOWMAN}"),
    ("more than fits a header", b"x" * (headers.MAX_VALUE + 1)),
]


@pytest.mark.parametrize("value", [row[1] for row in BAD_VALUES], ids=[row[0] for row in BAD_VALUES])
def test_a_value_that_is_refused(value: str | bytes) -> None:
    raw: RawHeaders = [(b"a", b"1")]

    with pytest.raises(ValueError, match="header"):
        headers.set_field(raw, b"a", value)

    assert raw == [(b"a", b"1")]


@pytest.mark.parametrize("name", ["", "a b", "a:", "naïve", "\u2603", "a\n", "(a)"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        headers.field(name, "1")


@given(st.binary(max_size=200))
def test_what_the_writer_lets_through_never_ends_the_line(value: bytes) -> None:
    try:
        name, written = headers.field("X-Any", value)
    except ValueError:
        assert set(value) & {0, 10, 13}
    else:
        assert (name, written) == (b"x-any", value)
        assert not set(written) & {0, 10, 13}


def test_the_largest_value_is_let_through() -> None:
    value = b"x" * headers.MAX_VALUE

    assert headers.field_value(value) == value


def test_setting_leaves_one_line_however_it_was_spelt() -> None:
    raw = [*MIXED]

    headers.set_field(raw, b"x-a", "3")

    assert raw == [(b"Content-Type", b"text/plain"), (b"vary", b"Accept"), (b"x-a", b"3")]


def test_removing_takes_every_spelling() -> None:
    raw = [*MIXED]

    headers.remove(raw, b"x-a", b"content-type")

    assert raw == [(b"vary", b"Accept")]


VARY: list[tuple[str, RawHeaders, tuple[str, ...], list[bytes]]] = [
    ("it is made where there is none", [], ("Accept",), [b"Accept"]),
    ("what was named stays", [(b"vary", b"Origin")], ("Accept",), [b"Origin, Accept"]),
    ("nothing is named twice", [(b"Vary", b"accept")], ("Accept",), [b"accept"]),
    ("several lines become one", [(b"vary", b"a"), (b"vary", b"b")], ("c",), [b"a, b, c"]),
    ("a star says all", [(b"vary", b"*")], ("Accept",), [b"*"]),
    ("empty members go", [(b"vary", b"a,, ")], ("b",), [b"a, b"]),
    ("two at once", [], ("a", "b"), [b"a, b"]),
]


@pytest.mark.parametrize(("raw", "names", "expected"), [r[1:] for r in VARY], ids=[r[0] for r in VARY])
def test_vary_is_merged(raw: RawHeaders, names: tuple[str, ...], expected: list[bytes]) -> None:
    raw = [*raw]

    headers.merge_vary(raw, *names)

    assert headers.get_all(raw, b"vary") == expected


LENGTHS: list[tuple[str, RawHeaders, int | None]] = [
    ("a number", [(b"Content-Length", b"12")], 12),
    ("absent", [], None),
    ("two", [(b"content-length", b"1"), (b"content-length", b"1")], None),
    ("a sign", [(b"content-length", b"-1")], None),
    ("empty", [(b"content-length", b"")], None),
    ("a list", [(b"content-length", b"1, 1")], None),
    ("absurd", [(b"content-length", b"9" * 19)], None),
]


@pytest.mark.parametrize(("raw", "expected"), [r[1:] for r in LENGTHS], ids=[r[0] for r in LENGTHS])
def test_content_length(raw: RawHeaders, expected: int | None) -> None:
    assert headers.content_length(raw) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"Text/HTML; charset=utf-8", "text/html"), (b"application/json", "application/json"), (b"", "")],
)
def test_media_type(value: bytes, expected: str) -> None:
    assert headers.media_type([(b"content-type", value)]) == expected
    assert headers.media_type([]) == ""
