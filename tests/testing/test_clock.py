"""The clock that a test moves."""

import pytest

from asgi_patterns.testing import Clock


def test_time_passes_only_when_a_test_says_so() -> None:
    clock = Clock(now=100.0)

    times = [clock(), clock(), clock.advance(2.5), clock(), clock.advance(0)]

    assert times == [100.0, 100.0, 102.5, 102.5, 102.5]


def test_a_clock_starts_at_a_plausible_time_and_shows_it() -> None:
    clock = Clock()

    assert clock() == 1_700_000_000.0
    assert repr(clock) == "Clock(1700000000.0)"


@pytest.mark.parametrize("seconds", [-0.1, float("nan")])
def test_time_does_not_run_backwards(seconds: float) -> None:
    with pytest.raises(ValueError, match="advances by zero or more seconds"):
        Clock().advance(seconds)
