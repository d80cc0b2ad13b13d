"""What a rate in words says, and how one that says nothing is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.rates import HIGHEST, Rate, read

SAID: list[tuple[str, str, Rate]] = [
    ("so many a second", "10/second", Rate(10, 1.0)),
    ("in words", "10 per second", Rate(10, 1.0)),
    ("in capitals", "10/SECOND", Rate(10, 1.0)),
    ("several units of time", "100 per 5 minutes", Rate(100, 300.0)),
    ("several units without a space", "100/5minutes", Rate(100, 300.0)),
    ("an hour", "1000/hour", Rate(1000, 3600.0)),
    ("a day", "1/day", Rate(1, 86_400.0)),
    ("a month has 30 days", "1/month", Rate(1, 30 * 86_400.0)),
    ("space around it", "  10 / second ", Rate(10, 1.0)),
    ("a burst apart from the rate", "10/second burst 20", Rate(10, 1.0, 20)),
    ("a burst below the rate", "10/second burst 1", Rate(10, 1.0, 1)),
    ("a burst in capitals", "10/second BURST 20", Rate(10, 1.0, 20)),
    ("a burst after several units", "10 per 5 minutes  burst  7 ", Rate(10, 300.0, 7)),
    ("the highest limit", f"{HIGHEST}/day", Rate(HIGHEST, 86_400.0)),
    ("the highest burst", f"1/second burst {HIGHEST}", Rate(1, 1.0, HIGHEST)),
]


@pytest.mark.parametrize(("text", "rate"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_what_a_rate_says(text: str, rate: Rate) -> None:
    assert read(text) == rate


REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", "is no rate"),
    ("a misspelt unit", "100/minuet", "is no rate"),
    ("a unit that is no word of ours", "100/min", "is no rate"),
    ("a number alone", "10", "is no rate"),
    ("a unit alone", "second", "is no rate"),
    ("a fraction", "1.5/second", "is no rate"),
    ("less than nothing", "-1/second", "is no rate"),
    ("a fraction of a time", "10/1.5 seconds", "is no rate"),
    ("two slashes", "10//second", "is no rate"),
    ("another word", "10 in 5 seconds", "is no rate"),
    ("more words", "10/second or so", "is no rate"),
    ("two rates with nothing between them", "10/second 5/minute", "is no rate"),
    ("two rates and a comma", "10/second, 5/minute", "is more than one rate"),
    ("two rates and a semicolon", "10/second; 5/minute", "is more than one rate"),
    ("two rates and a bar", "10/second|5/minute", "is more than one rate"),
    ("two rates and a burst", "10/second, 5/minute burst 3", "is more than one rate"),
    ("nothing at all in a second", "0/second", "cannot be a limit"),
    ("something in no time", "10/0 second", "cannot be a limit"),
    ("something in no time, in words", "10 per 00 hours", "cannot be a limit"),
    ("one above the highest limit", f"{HIGHEST + 1}/day", "cannot be a limit"),
    ("a time that no clock counts", "1/999999999999 years", "cannot be a limit"),
    ("a burst of nothing", "10/second burst 0", "cannot be a limit"),
    ("a burst without a number", "10/second burst", "is no rate"),
    ("a burst without a space", "10/second burst20", "is no rate"),
    ("a burst below nothing", "10/second burst -1", "is no rate"),
    ("a burst that is a fraction", "10/second burst 1.5", "is no rate"),
    ("two bursts", "10/second burst 20 burst 30", "is no rate"),
    ("a burst alone", "burst 20", "is no rate"),
    ("a burst in the place of a unit", "10/burst 20", "is no rate"),
    ("a burst that no field can say", f"10/second burst {HIGHEST + 1}", "is no rate"),
]


@pytest.mark.parametrize(("text", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_text_that_is_no_rate_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        read(text)

    assert repr(text) in str(refused.value)
    assert "write such as" in str(refused.value) or "entry of its own" in str(refused.value)


@given(st.text(alphabet="0123456789/ persecondminutehouryburst,;|.-\n", max_size=40) | st.text(max_size=20))
def test_any_text_is_a_rate_or_refused(text: str) -> None:
    try:
        rate = read(text)
    except ValueError as error:
        assert repr(text) in str(error)  # noqa: PT017  # not every text is refused
    else:
        assert 0 < rate.limit <= HIGHEST
        assert rate.window > 0
        assert rate.burst is None or 0 < rate.burst <= HIGHEST


@given(
    st.integers(1, HIGHEST),
    st.integers(1, 99),
    st.sampled_from(["second", "hours", "days"]),
    st.integers(1, 99),
)
def test_what_is_written_is_read(limit: int, times: int, unit: str, burst: int) -> None:
    seconds = {"second": 1, "hours": 3600, "days": 86_400}[unit]

    assert read(f"{limit} per {times} {unit}") == Rate(limit, float(times * seconds))
    assert read(f"{limit}/{times}{unit} burst {burst}") == Rate(limit, float(times * seconds), burst)
