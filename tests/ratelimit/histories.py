"""What may have happened to a key before a test looks at it: any rule, any moves, any times.

``rules``, ``moves``: strategies; ``live``: makes the state that remains; ``room``: counts what still passes;
``take``: asks a rule; ``assert_same``: compares what it says.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import pytest
from hypothesis import strategies as st

from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.rules import Rule, State, Taken
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow

TODAY = 1_700_000_000.0
"""A time of today: there a double tells seconds apart to a quarter of a millionth."""
BLINK = 2e-6
"""What rounding may take from who has waited for long enough, twice the millionth that a rule forgives."""

Verb = Literal["take", "charge", "refund"]


class Move(NamedTuple):
    """Something that happens to a key, ``gap`` seconds after what happened before it."""

    verb: Verb
    cost: int
    gap: float


limits = st.integers(1, 12).map(float)
windows = st.sampled_from([1.0, 7.5, 10.0, 60.0])

token_buckets = st.builds(TokenBucket, limits, st.sampled_from([0.1, 1 / 3, 1.0, 2.5]))
leaky_meters = st.builds(LeakyBucket, st.sampled_from([0.4, 1.0, 3.0]))
leaky_queues = st.builds(
    LeakyBucket, st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([0.5, 2.0, 2.5, 10.0])
)
fixed_windows = st.builds(FixedWindow, limits, windows)
sliding_windows = st.builds(SlidingWindow, limits, windows)
sliding_logs = st.builds(SlidingLog, limits, windows)
slots = st.builds(Slots, limits, windows)
timed_rules: st.SearchStrategy[Rule] = st.one_of(
    token_buckets, leaky_meters, leaky_queues, fixed_windows, sliding_windows, sliding_logs
)
rules: st.SearchStrategy[Rule] = timed_rules | slots

costs = st.integers(0, 5)
gaps = st.sampled_from([0.0, 0.0, 0.1, 1 / 3, 0.4, 1.0, 2.5, 7.5, 10.0, 60.0]) | st.floats(0, 25)
starts = st.sampled_from([0.0, 12.25, TODAY])


def moves(
    *verbs: Verb, gaps: st.SearchStrategy[float] = gaps, costs: st.SearchStrategy[int] = costs
) -> st.SearchStrategy[list[Move]]:
    """A few moves, of these kinds only."""
    return st.lists(
        st.builds(Move, st.sampled_from(verbs or ("take", "charge", "refund")), costs, gaps), max_size=25
    )


def take(rule: Rule, state: State | None, cost: float, now: float) -> Taken:
    """Return what a rule says, with its names."""
    return Taken(*rule.take(state, cost, now))


def live(rule: Rule, past: Sequence[Move], start: float) -> tuple[State | None, float]:
    """Return the state after ``past``, and the time then. Each refund undoes the oldest charge that is left."""
    state: State | None = None
    now = start
    charged: list[tuple[int, float]] = []
    for verb, cost, gap in past:
        now += gap
        if verb == "take":
            taken = take(rule, state, cost, now)
            if taken.allowed:
                state = taken.state
                charged.append((cost, now))
        elif verb == "charge":
            state = rule.charge(state, cost, now)
            charged.append((cost, now))
        elif charged and state is not None:
            state = rule.refund(state, *charged.pop(0), now)
    return state, now


def room(rule: Rule, state: State | None, now: float, most: int = 60) -> int:
    """Count how many requests of cost 1 pass at once."""
    for passed in range(most):
        taken = take(rule, state, 1, now)
        if not taken.allowed:
            return passed
        state = taken.state
    return most


def admitted(rule: Rule, past: Sequence[Move], start: float) -> list[tuple[float, int, float]]:
    """Take all of ``past``; return when, at which cost, and after which wait each went on that was allowed."""
    state: State | None = None
    now, found = start, []
    for _, cost, gap in past:
        now += gap
        taken = take(rule, state, cost, now)
        if taken.allowed:
            state = taken.state
            found.append((now, cost, taken.wait))
    return found


def assert_same(taken: Taken, expected: Taken) -> None:
    """Compare what a rule says, its numbers as far as rounding lets them be the same."""
    assert (taken.allowed, taken.remaining) == (expected.allowed, expected.remaining)
    assert taken.more_in == pytest.approx(expected.more_in)
    assert taken.wait == pytest.approx(expected.wait)
    assert taken.state == pytest.approx(expected.state)
