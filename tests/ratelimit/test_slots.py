"""Slots: so many at the same time, and who gives them back."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.rules import ALMOST, State, Taken
from asgi_patterns.ratelimit.slots import SOON, Slots
from tests.ratelimit.histories import Move, assert_same, gaps, moves, slots, starts, take

NOW = 100.0
SLOTS = Slots(2.0, 30.0)
KEPT = Slots(2.0, inf)
"""As in the memory of one process."""

TAKES: list[tuple[str, Slots, State | None, int, Taken]] = [
    # what happens                          slots    state       cost  allowed, remaining, more_in, wait, state
    ("a first request borrows a slot", SLOTS, None, 1, Taken(True, 1, 0.0, 0.0, (NOW,))),
    ("the last slot is lent", SLOTS, (90.0,), 1, Taken(True, 0, 0.0, 0.0, (90.0, NOW))),
    ("none is left", SLOTS, (90.0, 95.0), 1, Taken(False, 0, 0.0, SOON)),
    ("one is not enough", SLOTS, (90.0,), 2, Taken(False, 1, 0.0, SOON)),
    ("all at once", SLOTS, None, 2, Taken(True, 0, 0.0, 0.0, (NOW, NOW))),
    ("more than there are", SLOTS, None, 3, Taken(False, 2, 0.0, SOON)),
    ("nothing needs no slot", SLOTS, (90.0, 95.0), 0, Taken(True, 0, 0.0, 0.0, (90.0, 95.0))),
    ("a lease in its last moment", SLOTS, (70.001, 95.0), 1, Taken(False, 0, 0.0, SOON)),
    ("a lease that has ended", SLOTS, (70.0, 95.0), 1, Taken(True, 0, 0.0, 0.0, (95.0, NOW))),
    ("in memory no lease ends", KEPT, (70.0, 95.0), 1, Taken(False, 0, 0.0, SOON)),
    ("however old it is", KEPT, (-1e9, 95.0), 1, Taken(False, 0, 0.0, SOON)),
    ("more lent than there are", SLOTS, (90.0, 95.0, 99.0), 1, Taken(False, 0, 0.0, SOON)),
    ("a clock that went back", SLOTS, (150.0,), 1, Taken(True, 0, 0.0, 0.0, (NOW, 150.0))),
]


@pytest.mark.parametrize(
    ("rule", "state", "cost", "expected"), [row[1:] for row in TAKES], ids=[row[0] for row in TAKES]
)
def test_a_slot_is_lent(rule: Slots, state: State | None, cost: int, expected: Taken) -> None:
    assert_same(take(rule, state, cost, NOW), expected)


RENEWALS: list[tuple[str, State | None, int, float, State]] = [
    # what is renewed                         state        cost  at    state after
    ("a slot", (90.0, 95.0), 1, 90.0, (95.0, NOW)),
    ("two slots of one request", (90.0, 90.0), 2, 90.0, (NOW, NOW)),
    ("one of two that were lent at the same time", (90.0, 90.0), 1, 90.0, (90.0, NOW)),
    ("a slot in the last moment of its lease", (70.001,), 1, 70.001, (NOW,)),
    ("a slot whose lease has ended, and nobody else wanted", (70.0,), 1, 70.0, (NOW,)),
    ("a slot that was forgotten", None, 1, 90.0, (NOW,)),
    ("a slot that somebody else has now", (90.0, 95.0), 1, 60.0, (90.0, 95.0)),
    ("as many as are there", (95.0,), 2, 60.0, (95.0, NOW)),
    ("a slot where too many are lent", (90.0, 95.0, 99.0), 1, 90.0, (95.0, 99.0, NOW)),
]


@pytest.mark.parametrize(
    ("state", "cost", "at", "after"), [row[1:] for row in RENEWALS], ids=[row[0] for row in RENEWALS]
)
def test_a_slot_is_renewed(state: State | None, cost: int, at: float, after: State) -> None:
    assert SLOTS.renew(state, cost, at, NOW) == after


REFUNDS: list[tuple[str, State, int, float, State]] = [
    ("a slot", (90.0, 95.0), 1, 95.0, (90.0,)),
    ("all slots of a request", (90.0, 90.0), 2, 90.0, ()),
    ("no slot that somebody else has now", (90.0, 95.0), 1, 60.0, (90.0, 95.0)),
    ("not more than was lent at that time", (90.0, 95.0), 2, 95.0, (90.0,)),
]


@pytest.mark.parametrize(
    ("state", "cost", "at", "after"), [row[1:] for row in REFUNDS], ids=[row[0] for row in REFUNDS]
)
def test_a_slot_is_given_back(state: State, cost: int, at: float, after: State) -> None:
    assert SLOTS.refund(state, cost, at, NOW) == after


def test_a_charge_that_is_forced_lends_more_than_there_are() -> None:
    assert SLOTS.charge((90.0,), 4, NOW) == (90.0, NOW, NOW, NOW, NOW)


FORGOTTEN: list[tuple[str, Slots, State, float]] = [
    ("when the last lease ends", SLOTS, (90.0, 95.0), 125.0),
    ("never in memory, as long as one is lent", KEPT, (90.0,), inf),
    ("at once when none is lent", KEPT, (), 0.0),
]


@pytest.mark.parametrize(
    ("rule", "state", "at"), [row[1:] for row in FORGOTTEN], ids=[row[0] for row in FORGOTTEN]
)
def test_when_a_key_may_be_forgotten(rule: Slots, state: State, at: float) -> None:
    assert rule.forgettable_at(state) == at


def test_a_lease_ends_after_exactly_its_time() -> None:
    state = Slots(1.0, 30.0).charge(None, 1, 0.1)

    assert not take(Slots(1.0, 30.0), state, 1, 30.1 - 2 * ALMOST).allowed
    assert take(Slots(1.0, 30.0), state, 1, 30.1).allowed


@given(slots, moves("take", "refund", costs=st.integers(1, 5)), starts)
def test_no_more_are_held_than_there_are(rule: Slots, past: list[Move], start: float) -> None:
    state: State | None = None
    now = start
    held: list[tuple[int, float]] = []
    for verb, cost, gap in past:
        now += gap
        if verb == "refund" and held and state is not None:
            state = rule.refund(state, *held.pop(0), now)
        elif (taken := take(rule, state, cost, now)).allowed:
            state = taken.state
            held.append((cost, now))

        # Times are sums of floats: a lease may end this little too early.
        running = [cost for cost, at in held if at > now - rule.lease + ALMOST]
        assert sum(running) <= rule.limit
        assert take(rule, state, 0, now).remaining == rule.limit - sum(running)


@given(slots, st.lists(gaps, max_size=10), starts)
def test_who_renews_in_time_keeps_the_slot_and_nobody_else_gets_it(
    rule: Slots, past: list[float], start: float
) -> None:
    rule = Slots(1.0, rule.lease)
    state: State | None = take(rule, None, 1, start).state
    at = now = start
    for gap in past:
        now += min(gap, rule.lease / 3)

        assert not take(rule, state, 1, now).allowed
        state = rule.renew(state, 1, at, now)
        at = now

        assert state == (now,)
