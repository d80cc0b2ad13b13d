"""What every rule promises, whichever its algorithm and whatever has happened to a key before."""

from math import isclose

from hypothesis import assume, given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.rules import Rule, State
from asgi_patterns.ratelimit.slots import Slots
from tests.ratelimit.histories import (
    BLINK,
    Move,
    costs,
    gaps,
    live,
    moves,
    room,
    rules,
    starts,
    take,
    timed_rules,
)

BEFORE = 1e-3
"""Seconds that are too early for sure."""
FOREVER = 1e6

any_gaps = gaps | st.floats(-25, 0)
pasts = moves(gaps=any_gaps)


@given(rules, pasts, starts, costs, any_gaps)
def test_as_many_as_remain_pass_next_and_one_more_does_not(
    rule: Rule, past: list[Move], start: float, cost: int, gap: float
) -> None:
    state, now = live(rule, past, start)
    now += gap

    taken = take(rule, state, cost, now)

    assert room(rule, taken.state if taken.allowed else state, now) == taken.remaining


@given(rules, pasts, starts, costs, any_gaps)
def test_a_refusal_changes_nothing(rule: Rule, past: list[Move], start: float, cost: int, gap: float) -> None:
    state, now = live(rule, past, start)

    taken = take(rule, state, cost, now + gap)

    assert (taken.state is None) == (not taken.allowed)


@given(timed_rules, moves(), starts, st.integers(1, 5))
def test_who_waits_as_told_passes_and_who_comes_earlier_does_not(
    rule: Rule, past: list[Move], start: float, cost: int
) -> None:
    state, now = live(rule, past, start)
    cost = int(min(cost, rule.most))
    while (taken := take(rule, state, cost, now)).allowed:
        state = taken.state

    assert taken.wait > 0
    assert take(rule, state, cost, now + taken.wait + BLINK).allowed
    if taken.wait > BEFORE:
        assert not take(rule, state, cost, now + taken.wait - BEFORE).allowed


@given(timed_rules, moves(), starts, costs, gaps)
def test_there_is_more_when_it_is_said_and_not_before(
    rule: Rule, past: list[Move], start: float, cost: int, gap: float
) -> None:
    state, now = live(rule, past, start)
    now += gap
    taken = take(rule, state, cost, now)
    state = taken.state if taken.allowed else state

    if taken.more_in == 0:
        assert room(rule, state, now + FOREVER) == taken.remaining
    else:
        assert room(rule, state, now + taken.more_in + BLINK) > taken.remaining
        if taken.more_in > BEFORE:
            assert room(rule, state, now + taken.more_in - BEFORE) <= taken.remaining


@given(rules, moves(), starts, moves("take", "charge"), gaps)
def test_a_key_that_may_be_forgotten_is_decided_as_one_that_is_remembered(
    rule: Rule, past: list[Move], start: float, future: list[Move], gap: float
) -> None:
    state, now = live(rule, past, start)
    assume(state is not None and rule.forgettable_at(state) < FOREVER * FOREVER)
    assert state is not None
    now = max(now, rule.forgettable_at(state)) + gap
    remembered: State | None = state
    forgotten: State | None = None

    for verb, cost, gap in future:
        now += gap
        if verb == "take":
            one, other = take(rule, remembered, cost, now), take(rule, forgotten, cost, now)
            assert (one.allowed, one.remaining) == (other.allowed, other.remaining)
            assert isclose(one.more_in, other.more_in, abs_tol=1e-5)
            assert isclose(one.wait, other.wait, abs_tol=1e-5)
            remembered, forgotten = (one.state, other.state) if one.allowed else (remembered, forgotten)
        else:
            remembered, forgotten = rule.charge(remembered, cost, now), rule.charge(forgotten, cost, now)


@given(rules, moves(), starts, costs, gaps)
def test_a_refund_at_once_is_as_if_nothing_had_been(
    rule: Rule, past: list[Move], start: float, cost: int, gap: float
) -> None:
    state, now = live(rule, past, start)
    now += gap
    before = room(rule, state, now)
    taken = take(rule, state, cost, now)
    assume(taken.state is not None)
    assert taken.state is not None

    refunded = rule.refund(taken.state, cost, now, now)

    assert room(rule, refunded, now) <= before
    if not getattr(rule, "max_delay", 0):
        assert room(rule, refunded, now) == before


@given(rules, pasts, starts, st.integers(1, 5))
def test_what_has_been_used_counts_even_where_it_is_too_much(
    rule: Rule, past: list[Move], start: float, cost: int
) -> None:
    state, now = live(rule, past, start)
    before = room(rule, state, now)

    state = rule.charge(state, cost, now)

    assert room(rule, state, now) <= max(0, before - 1)
    if isinstance(rule, Slots) and before >= cost:
        assert room(rule, state, now) == before - cost
