"""How sizes are read and spelt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.sizes import octets, spell_size

READ: list[tuple[int | str, int]] = [
    (0, 0),
    (1500, 1500),
    ("1 byte", 1),
    ("12 B", 12),
    ("1 KB", 1000),
    ("64 KiB", 65536),
    ("64kib", 65536),
    (" 10 MB ", 10_000_000),
    ("1.5 MB", 1_500_000),
    ("0.5 KiB", 512),
    ("2 GiB", 2 * 1024**3),
    ("1 TB", 10**12),
]


@pytest.mark.parametrize(("text", "size"), READ, ids=[str(row[0]) for row in READ])
def test_a_size_is_read(text: int | str, size: int) -> None:
    assert octets(text) == size


@pytest.mark.parametrize("text", ["", "10", "ten MB", "MB", "-1 MB", "1,5 MB", "1 MB/s", "1 M", "1e3 KB", -1])
def test_what_is_no_size_is_refused_with_what_would_be(text: int | str) -> None:
    with pytest.raises(ValueError, match="is no size: write"):
        octets(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1500, "1500 bytes"),
        (65536, "64 KiB"),
        (10_000_000, "10 MB"),
        (1024**3, "1 GiB"),
    ],
)
def test_a_size_is_spelt_as_people_write_it(size: int, text: str) -> None:
    assert spell_size(size) == text


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_spelt_is_read_as_the_same(size: int) -> None:
    assert octets(spell_size(size)) == size
