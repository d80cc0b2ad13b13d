"""Buckets: what passes, what is left, when there is more, and what a refund is worth."""

from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.rules import ALMOST, State, Taken
from tests.ratelimit.histories import (
    BLINK,
    Move,
    admitted,
    assert_same,
    leaky_meters,
    leaky_queues,
    moves,
    room,
    starts,
    take,
    token_buckets,
)

EPSILON = 1e-5
BURST = TokenBucket(20.0, 10.0)
"""``10/second burst 20``."""
SLOW = TokenBucket(10.0, 0.5)
"""``30/minute burst 10``: one more every two seconds."""
NOW = 100.0

TokenRow = tuple[str, TokenBucket, State | None, int, Taken]
TOKENS: list[TokenRow] = [
    # what happens                 bucket  state  cost  allowed, remaining, more_in, wait, state
    ("a first request finds a full bucket", SLOW, None, 1, Taken(True, 9, 2.0, 0.0, (1.0, NOW))),
    ("the last token is spent", SLOW, (9.0, NOW), 1, Taken(True, 0, 2.0, 0.0, (10.0, NOW))),
    ("an empty bucket refuses", SLOW, (10.0, NOW), 1, Taken(False, 0, 2.0, 2.0)),
    (
        "after two seconds there is one again",
        SLOW,
        (10.0, NOW - 2),
        1,
        Taken(True, 0, 2.0, 0.0, (10.0, NOW)),
    ),
    ("half a token is none", SLOW, (10.0, NOW - 1), 1, Taken(False, 0, 1.0, 1.0)),
    ("a bucket never overfills", SLOW, (10.0, NOW - 600), 1, Taken(True, 9, 2.0, 0.0, (1.0, NOW))),
    ("all of it at once", SLOW, None, 10, Taken(True, 0, 2.0, 0.0, (10.0, NOW))),
    ("one above all of it", SLOW, None, 11, Taken(False, 10, 0.0, 2.0)),
    ("as many as are left", SLOW, (7.0, NOW), 3, Taken(True, 0, 2.0, 0.0, (10.0, NOW))),
    ("one above what is left", SLOW, (7.0, NOW), 4, Taken(False, 3, 2.0, 2.0)),
    ("nothing costs nothing", SLOW, (10.0, NOW), 0, Taken(True, 0, 2.0, 0.0, (10.0, NOW))),
    ("nothing of a full bucket", SLOW, None, 0, Taken(True, 10, 0.0, 0.0, (0.0, NOW))),
    ("a debt is paid first", SLOW, (12.0, NOW), 1, Taken(False, 0, 6.0, 6.0)),
    ("in debt not even nothing passes", SLOW, (12.0, NOW), 0, Taken(False, 0, 6.0, 4.0)),
    ("a burst is apart from the rate", BURST, None, 20, Taken(True, 0, 0.1, 0.0, (20.0, NOW))),
    ("after a burst the rate holds", BURST, (20.0, NOW - 1), 10, Taken(True, 0, 0.1, 0.0, (20.0, NOW))),
    ("after a burst no more than the rate", BURST, (20.0, NOW - 1), 11, Taken(False, 10, 0.1, 0.1)),
    (
        "with a clock that went back none leaks",
        SLOW,
        (9.0, NOW + 50),
        1,
        Taken(True, 0, 2.0, 0.0, (10.0, NOW + 50)),
    ),
    ("an empty bucket has no time", SLOW, (0.0, NOW + 50), 1, Taken(True, 9, 2.0, 0.0, (1.0, NOW))),
]


@pytest.mark.parametrize(
    ("bucket", "state", "cost", "expected"), [row[1:] for row in TOKENS], ids=[row[0] for row in TOKENS]
)
def test_a_token_bucket(bucket: TokenBucket, state: State | None, cost: int, expected: Taken) -> None:
    taken = take(bucket, state, cost, NOW)

    assert_same(taken, expected)


LeakyRow = tuple[str, LeakyBucket, State | None, int, Taken]
METER = LeakyBucket(2.0)
QUEUE = LeakyBucket(2.0, 5.0)
DROPS: list[LeakyRow] = [
    # what happens                bucket  state  cost  allowed, remaining, more_in, wait, state
    ("a first request passes", METER, None, 1, Taken(True, 0, 2.0, 0.0, (NOW + 2,))),
    ("a second one at once does not", METER, (NOW + 2,), 1, Taken(False, 0, 2.0, 2.0)),
    ("nor a little early", METER, (NOW + 0.5,), 1, Taken(False, 0, 0.5, 0.5)),
    ("but in time", METER, (NOW,), 1, Taken(True, 0, 2.0, 0.0, (NOW + 2,))),
    ("an idle bucket saves nothing up", METER, (NOW - 600,), 1, Taken(True, 0, 2.0, 0.0, (NOW + 2,))),
    ("what costs more keeps it busy for longer", METER, None, 3, Taken(True, 0, 6.0, 0.0, (NOW + 6,))),
    ("what costs nothing keeps it free", METER, None, 0, Taken(True, 1, 0.0, 0.0, (NOW,))),
    ("who finds the queue empty goes on at once", QUEUE, None, 1, Taken(True, 2, 1.0, 0.0, (NOW + 2,))),
    ("who comes next waits", QUEUE, (NOW + 2,), 1, Taken(True, 1, 1.0, 2.0, (NOW + 4,))),
    ("the last one in the queue waits for long", QUEUE, (NOW + 4,), 1, Taken(True, 0, 1.0, 4.0, (NOW + 6,))),
    ("the queue ends", QUEUE, (NOW + 6,), 1, Taken(False, 0, 1.0, 1.0)),
    ("at the very end of it", QUEUE, (NOW + 5,), 1, Taken(True, 0, 2.0, 5.0, (NOW + 7,))),
    ("one moment after the end", QUEUE, (NOW + 5.001,), 1, Taken(False, 0, 0.001, 0.001)),
    ("the queue takes what costs nothing", QUEUE, (NOW + 0.3,), 0, Taken(True, 3, 0.0, 0.3, (NOW + 0.3,))),
]


@pytest.mark.parametrize(
    ("bucket", "state", "cost", "expected"), [row[1:] for row in DROPS], ids=[row[0] for row in DROPS]
)
def test_a_leaky_bucket(bucket: LeakyBucket, state: State | None, cost: int, expected: Taken) -> None:
    taken = take(bucket, state, cost, NOW)

    assert_same(taken, expected)


@pytest.mark.parametrize("bucket", [SLOW, BURST, METER, QUEUE], ids=["slow", "burst", "meter", "queue"])
def test_waiting_exactly_as_told_is_enough(bucket: TokenBucket | LeakyBucket) -> None:
    state: State | None = None
    while (taken := take(bucket, state, 1, NOW)).allowed:
        state = taken.state

    assert not take(
        bucket, state, 1, NOW + taken.wait - 2 * ALMOST / min(1, getattr(bucket, "rate", 1))
    ).allowed
    assert take(bucket, state, 1, NOW + taken.wait).allowed


REFUNDS: list[tuple[str, TokenBucket | LeakyBucket, State, int, float, State]] = [
    # what is refunded                                   state   cost  seconds ago  state after
    ("a token at once", SLOW, (1.0, NOW), 1, 0, (0.0, NOW)),
    ("what has not leaked since", SLOW, (3.0, NOW), 2, 2, (2.0, NOW)),
    ("nothing of what has leaked", SLOW, (3.0, NOW), 2, 4, (3.0, NOW)),
    ("no more than there was", SLOW, (1.0, NOW - 1), 3, 0, (0.0, NOW)),
    ("a debt", SLOW, (30.0, NOW), 20, 0, (10.0, NOW)),
    ("a drop at once", METER, (NOW + 2,), 1, 0, (NOW,)),
    ("half a drop", METER, (NOW + 3,), 1, 1, (NOW + 2,)),
    ("no drop that has gone", METER, (NOW + 2,), 1, 2, (NOW + 2,)),
    ("no place in a queue", QUEUE, (NOW + 4,), 1, 0, (NOW + 4,)),
]


@pytest.mark.parametrize(
    ("bucket", "state", "cost", "ago", "after"), [row[1:] for row in REFUNDS], ids=[row[0] for row in REFUNDS]
)
def test_a_refund(
    bucket: TokenBucket | LeakyBucket, state: State, cost: int, ago: float, after: State
) -> None:
    assert bucket.refund(state, cost, NOW - ago, NOW) == pytest.approx(after)


def test_a_charge_that_is_forced_goes_into_debt() -> None:
    state = SLOW.charge((8.0, NOW), 7, NOW)

    taken = take(SLOW, state, 1, NOW)

    assert state == (15.0, NOW)
    assert (taken.allowed, taken.remaining, taken.wait) == (False, 0, 12.0)


@pytest.mark.parametrize(
    ("bucket", "most"), [(SLOW, 10.0), (METER, float("inf"))], ids=["a full bucket", "as much as you like"]
)
def test_the_most_that_can_ever_be_taken(bucket: TokenBucket | LeakyBucket, most: float) -> None:
    assert bucket.most == most
    assert take(bucket, None, min(most, 1e9), NOW).allowed


arrivals = moves("take", costs=st.integers(1, 5))


@given(token_buckets, arrivals, starts)
def test_a_token_bucket_admits_its_capacity_and_the_rate_over_any_time(
    bucket: TokenBucket, past: list[Move], start: float
) -> None:
    found = admitted(bucket, past, start)

    for first, (since, _, _) in enumerate(found):
        for last, (until, _, _) in enumerate(found[first:], first):
            spent = sum(cost for _, cost, _ in found[first : last + 1])
            assert spent <= bucket.capacity + bucket.rate * (until - since) + EPSILON


@given(leaky_meters, arrivals, starts)
def test_a_leaky_bucket_admits_what_comes_after_the_interval(
    bucket: LeakyBucket, past: list[Move], start: float
) -> None:
    found = admitted(bucket, past, start)

    for (at, cost, wait), (then, _, _) in pairwise(found):
        assert wait == 0
        assert then - at >= cost * bucket.interval - BLINK


@given(leaky_queues, arrivals, starts)
def test_a_queue_is_left_in_order_at_a_steady_rate_and_within_its_bounds(
    bucket: LeakyBucket, past: list[Move], start: float
) -> None:
    found = admitted(bucket, past, start)

    assert all(0 <= wait <= bucket.max_delay + BLINK for _, _, wait in found)
    for (at, cost, wait), (then, _, next_wait) in pairwise(found):
        left = then + next_wait - (at + wait)
        assert left >= cost * bucket.interval - BLINK
        # It is no slower either: who has to wait goes on as soon as the one before has been served.
        assert next_wait == 0 or isclose(left, cost * bucket.interval, abs_tol=BLINK)


@given(token_buckets | leaky_meters | leaky_queues, moves("take", "charge"), starts, st.data())
def test_a_refund_lets_no_more_through_than_without_the_request(
    bucket: TokenBucket | LeakyBucket, past: list[Move], start: float, data: st.DataObject
) -> None:
    undone = data.draw(st.sets(st.integers(0, 24), max_size=3))
    when = {place: data.draw(st.integers(place, 24)) for place in undone}
    state: State | None = None
    without: State | None = None
    now = start
    charged: dict[int, tuple[int, float]] = {}

    for place, (verb, cost, gap) in enumerate(past):
        now += gap
        taken = take(bucket, state, cost, now)
        if verb == "charge" or taken.allowed:
            state = bucket.charge(state, cost, now)
            if place in undone:
                charged[place] = cost, now
            else:
                without = bucket.charge(without, cost, now)
        for each, then in when.items():
            if then == place and each in charged and state is not None:
                state = bucket.refund(state, *charged[each], now)

        assert room(bucket, state, now) <= room(bucket, without, now + BLINK)
