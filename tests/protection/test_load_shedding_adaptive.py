"""The adaptive limit: what it learns, when it grows, when it shrinks, and that it finds its way back."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.protection.adaptive import LEAST_CUT, MEMORY, MOST_CUT, SAMPLES, WINDOW, Adaptive

NOW = 1_700_000_000.0
STEP = 0.003
"""Seconds from one request to the next."""


def adaptive(
    start: int = 20, *, least: int = 2, most: int = 100, tolerance: float = 1.5, target: float | None = None
) -> Adaptive:
    return Adaptive(start, least=least, most=most, tolerance=tolerance, target=target)


class Days:
    """Lets an adaptive limit live through windows."""

    def __init__(self, limit: Adaptive) -> None:
        self.limit = limit
        self.now = NOW

    def window(self, latency: float, *, pressed: bool = False, in_hand: int | None = None) -> int:
        """A whole window with this latency; return the limit after it."""
        at_once = self.limit.limit if in_hand is None else in_hand
        admitted = self.now
        while not self.limit.note(admitted, admitted + latency, at_once):
            admitted += STEP
        self.now = admitted + latency
        self.limit.decide(self.now, pressed=pressed)
        return self.limit.limit


def lived(limit: Adaptive, latency: float = 0.01) -> Days:
    """One that knows what is usual."""
    days = Days(limit)
    for _ in range(3):
        days.window(latency)
    return days


STEPS: list[tuple[str, float, bool, int, int]] = [
    # what happens                                                 latency  pressed  in hand  limit after, from 20
    ("nothing, while the limit is in nobody's way", 0.01, False, 5, 20),
    ("it grows by one where it was in the way", 0.01, True, 20, 21),
    ("it grows while latency is within the tolerance", 0.0159, True, 20, 21),
    ("it shrinks by a tenth where latency is just over", 0.0165, True, 20, 18),
    ("it shrinks in proportion", 0.02, True, 20, 16),
    ("it shrinks by no more than a half", 0.15, True, 20, 10),
    ("a limit that nobody comes near to is not to blame", 0.15, False, 10, 20),
    ("one that more than half was used of is", 0.15, False, 11, 10),
]


@pytest.mark.parametrize(
    ("latency", "pressed", "in_hand", "after"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_one_window(latency: float, pressed: bool, in_hand: int, after: int) -> None:
    days = lived(adaptive())
    days.limit._looked_at = days.now  # a look has been taken a moment ago

    assert days.window(latency, pressed=pressed, in_hand=in_hand) == after


def test_with_a_target_nothing_is_learned() -> None:
    days = Days(adaptive(target=0.1))

    grown = days.window(0.09, pressed=True)
    shrunk = days.window(0.14999, pressed=True)

    assert (grown, shrunk, days.limit.usual) == (21, 14, None)


def test_a_window_has_enough_answers_and_lasts_long_enough() -> None:
    limit = adaptive(20)

    quick = [limit.note(NOW + at * 1e-6, NOW + at * 1e-6 + 0.001, 1) for at in range(3 * SAMPLES)]
    late = limit.note(NOW + WINDOW, NOW + WINDOW + 0.001, 1)

    assert (any(quick), late) == (False, True)


def test_a_window_has_a_whole_round_of_requests() -> None:
    limit = adaptive(90)

    found = [limit.note(NOW + at, NOW + at + 0.001, 1) for at in range(100)]

    assert found.index(True) == 90 - 1


def test_who_was_let_in_before_a_decision_has_no_say_in_the_next() -> None:
    days = lived(adaptive())
    decided_at = days.now

    found = [days.limit.note(decided_at - 0.001, decided_at + 5, 20) for _ in range(10 * SAMPLES)]

    assert not any(found)


def test_quick_failures_do_not_count_and_slow_ones_do() -> None:
    def notes(latency: float) -> bool:
        days = lived(adaptive())
        start = days.now
        return any(
            days.limit.note(start + at * 0.01, start + at * 0.01 + latency, 1, failed=True)
            for at in range(99)
        )

    assert (notes(0.001), notes(0.5)) == (False, True)


def test_a_few_very_slow_clients_change_nothing() -> None:
    days = lived(adaptive())
    start = days.now

    for at in range(SAMPLES + 1):
        begun = start + at * 0.01
        days.limit.note(begun, begun + (30.0 if at % 20 == 0 else 0.01), 20)
    days.limit.decide(start + 60, pressed=False)

    assert days.limit.limit == 20
    assert days.limit.usual == pytest.approx(0.01, rel=0.01)


def test_what_is_usual_follows_slowly_while_the_limit_is_in_nobodys_way() -> None:
    days = lived(adaptive(), 0.01)

    days.window(0.02, in_hand=1)
    once = days.limit.usual
    for _ in range(30):
        days.window(0.02, in_hand=1)

    assert once == pytest.approx(0.012)
    assert days.limit.usual == pytest.approx(0.02, rel=0.01)


def saturated(limit: Adaptive, *, knee: int, service: float, rounds: int) -> tuple[list[int], Days]:
    """Let it live under endless demand on a server that does ``knee`` at once, while the others wait."""
    days = Days(limit)
    return [days.window(service * max(1.0, limit.limit / knee), pressed=True) for _ in range(rounds)], days


KNEES = [(1, 0.02), (4, 0.01), (10, 0.02), (50, 0.03)]


@pytest.mark.parametrize(("knee", "service"), KNEES)
def test_under_endless_demand_it_finds_what_can_be_done_at_once(knee: int, service: float) -> None:
    limits, days = saturated(adaptive(20, most=500), knee=knee, service=service, rounds=400)

    settled = limits[200:]
    usual = days.limit.usual
    assert usual is not None
    assert max(settled) <= 2 * knee + 2
    assert sorted(settled)[len(settled) // 10] >= knee * 0.9
    assert usual <= service * 2


def test_after_a_spike_it_recovers() -> None:
    days = lived(adaptive(20), 0.01)
    days.limit._looked_at = days.now
    for _ in range(10):
        days.window(0.2, pressed=True)
    bottom = days.limit.limit

    for _ in range(20):
        days.window(0.01, pressed=True)

    assert bottom == 2
    assert days.limit.limit == 22


def test_a_longer_way_becomes_usual_although_the_limit_is_always_in_the_way() -> None:
    days = lived(adaptive(20), 0.01)

    for _ in range(round(3 * MEMORY / STEP / SAMPLES)):
        days.window(0.03, pressed=True)

    assert days.limit.usual == pytest.approx(0.03, rel=0.01)
    assert days.limit.limit > 20


LATENCIES = st.lists(
    st.tuples(st.floats(1e-5, 3.0), st.booleans(), st.integers(1, 200)), min_size=1, max_size=60
)


@given(LATENCIES, st.integers(1, 5), st.integers(5, 50), st.sampled_from([None, 0.05]))
def test_it_never_leaves_its_bounds_and_never_moves_far(
    windows: Sequence[tuple[float, bool, int]], least: int, most: int, target: float | None
) -> None:
    days = Days(adaptive(20, least=least, most=most, target=target))

    for latency, pressed, in_hand in windows:
        before, was_looking = days.limit._exact, days.limit._looking
        days.window(latency, pressed=pressed, in_hand=in_hand)
        after = days.limit._exact

        assert least <= after <= most
        if was_looking is None:
            assert after <= before + (1 if pressed else 0)
            assert after >= max(least, before * min(MOST_CUT, LEAST_CUT)) - 1e-9
        else:
            assert after in (was_looking[0], max(least, before / 2))
