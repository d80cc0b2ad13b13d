"""How long, as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from asgi_patterns.kernel.durations import Duration, PositiveDuration, seconds, spell

SAID: list[tuple[str, float | str, float]] = [
    ("a number is seconds", 30, 30.0),
    ("a fraction of a second", 0.5, 0.5),
    ("no time", 0, 0.0),
    ("milliseconds", "50ms", 0.05),
    ("seconds", "30s", 30.0),
    ("minutes", "5m", 300.0),
    ("hours", "1h", 3600.0),
    ("days", "1d", 86_400.0),
    ("weeks", "2w", 1_209_600.0),
    ("a fraction", "1.5h", 5400.0),
    ("a word", "1 hour", 3600.0),
    ("words", "1.5 hours", 5400.0),
    ("a short word", "10 sec", 10.0),
    ("capitals", "5M", 300.0),
    ("space around it", "  5 m ", 300.0),
    ("no time in words", "0s", 0.0),
    ("the longest number", "999999999s", 999_999_999.0),
]


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_what_a_duration_says(text: float | str, said: float) -> None:
    assert seconds(text) == said


REFUSED: list[tuple[str, float | str]] = [
    ("nothing", ""),
    ("a number in quotes says no unit", "30"),
    ("a unit alone", "s"),
    ("a misspelt unit", "5 minuets"),
    ("two durations", "1h 30m"),
    ("less than nothing in words", "-5s"),
    ("two points", "1.2.3s"),
    ("no digit before the point", ".5s"),
    ("no digit after the point", "5.s"),
    ("one digit too many", "1000000000s"),
    ("an exponent", "1e3s"),
    ("digits of another script", "\u0663s"),
    ("less than nothing", -1),
    ("endless", float("inf")),
    ("no number", float("nan")),
]


@pytest.mark.parametrize("text", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_duration_is_named(text: float | str) -> None:
    with pytest.raises(ValueError, match="is no duration: write") as refused:
        seconds(text)

    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", [0, 0.0, "0s", "0.0 hours"])
def test_where_time_has_to_pass_none_is_refused(text: float | str) -> None:
    assert TypeAdapter(Duration).validate_python(text) == text
    with pytest.raises(ValidationError, match="is no time at all"):
        TypeAdapter(PositiveDuration).validate_python(text)


def test_a_setting_keeps_a_duration_as_it_was_written() -> None:
    found = TypeAdapter(PositiveDuration).validate_python("1.5 hours")

    assert found == "1.5 hours"


@pytest.mark.parametrize(
    ("duration", "spelt"),
    [(1.0, "second"), (60.0, "minute"), (86_400.0, "day"), (90.0, "90s"), (0.5, "0.5s")],
)
def test_a_duration_is_spelt(duration: float, spelt: str) -> None:
    assert spell(duration) == spelt


@given(st.text(max_size=20) | st.floats() | st.from_regex(r"[0-9.]{1,5} ?[a-z]{1,5}", fullmatch=True))
def test_anything_is_a_duration_or_refused(text: float | str) -> None:
    try:
        found = seconds(text)
    except ValueError:
        return

    assert 0 <= found < float("inf")
