"""Sizes and shares as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.health.amounts import Amount, Share, Size, parse, spell

READ: list[tuple[str, str | int, Amount]] = [
    ("a number of bytes", 512, Size(512)),
    ("the same as text", "512", Size(512)),
    ("bytes", "512B", Size(512)),
    ("a thousand", "1kB", Size(1000)),
    ("a million", "500MB", Size(500_000_000)),
    ("a space", "500 MB", Size(500_000_000)),
    ("spaces around", " 500MB ", Size(500_000_000)),
    ("small letters", "500mb", Size(500_000_000)),
    ("without the B", "2G", Size(2_000_000_000)),
    ("powers of 1024", "2GiB", Size(2 * 1024**3)),
    ("as Kubernetes writes them", "512Mi", Size(512 * 1024**2)),
    ("a fraction", "1.5GB", Size(1_500_000_000)),
    ("terabytes", "1TB", Size(10**12)),
    ("petabytes", "1PiB", Size(1024**5)),
    ("a share", "90%", Share(90.0)),
    ("a share with a space", "5 %", Share(5.0)),
    ("a fraction of a percent", "0.5%", Share(0.5)),
    ("nearly all", "99.999999%", Share(99.999999)),
]


@pytest.mark.parametrize(("text", "amount"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_what_is_read(text: str | int, amount: Amount) -> None:
    assert parse(text) == amount


REFUSED: list[tuple[str, str | int]] = [
    ("nothing", ""),
    ("a word", "much"),
    ("a unit alone", "MB"),
    ("an unknown unit", "5XB"),
    ("less than nothing", "-5MB"),
    ("a negative number", -1),
    ("no bytes", "0MB"),
    ("less than a byte", "0.1B"),
    ("a comma", "1,5GB"),
    ("a point without digits", "1.GB"),
    ("two units", "5MBMB"),
    ("bytes by 1024", "5iB"),
    ("nothing in percent", "0%"),
    ("all", "100%"),
    ("more than all", "101%"),
    ("a share of megabytes", "5MB%"),
    ("other digits", "\u0665MB"),
    ("a number that never ends", "9" * 16),
]


@pytest.mark.parametrize("text", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_and_what_would_be_right(text: str | int) -> None:
    with pytest.raises(ValueError, match=r": write (for example 500MB, 2GiB or 10%|more than 0%)"):
        parse(text)


OF = [("a size is itself", Size(500), 500.0), ("a share is a part", Share(5.0), 50.0)]


@pytest.mark.parametrize(("amount", "part"), [row[1:] for row in OF], ids=[row[0] for row in OF])
def test_how_much_that_is_of_a_thousand(amount: Amount, part: float) -> None:
    assert amount.of(1000) == part


SPELT = [
    ("bytes", 999, "999 B"),
    ("nothing", 0, "0 B"),
    ("a thousand", 1000, "1.0 kB"),
    ("two digits", 1_540, "1.5 kB"),
    ("nearly ten", 9_949, "9.9 kB"),
    ("ten", 9_950, "10 kB"),
    ("nearly the next unit", 999_499, "999 kB"),
    ("the next unit", 999_500, "1.0 MB"),
    ("gigabytes", 24_684_096_000, "25 GB"),
    ("beyond all units", 10**19, "10000 PB"),
]


@pytest.mark.parametrize(("size", "text"), [row[1:] for row in SPELT], ids=[row[0] for row in SPELT])
def test_how_sizes_are_spelt(size: float, text: str) -> None:
    assert spell(size) == text


def test_amounts_are_spelt() -> None:
    assert (str(Size(500_000_000)), str(Share(90.0))) == ("500 MB", "90%")


@given(st.integers(1, 10**15 - 1))
def test_bytes_are_what_they_are(size: int) -> None:
    assert parse(size) == parse(str(size)) == parse(f"{size} B") == Size(size)


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_an_error_that_says_what_is_right(text: str) -> None:
    try:
        amount: Amount | None = parse(text)
    except ValueError:
        amount = None

    assert amount is None or amount.of(1000) > 0


@given(st.floats(0, 1e17))
def test_what_is_spelt_can_be_read_again(size: float) -> None:
    text = spell(size)

    assert text.startswith("0 ") or abs(parse(text).of(0) - size) <= max(size * 0.06, 1)
