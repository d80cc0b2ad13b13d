"""Windows: what passes, what is left, when there is more, and what a refund is worth."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.rules import ALMOST, Rule, State, Taken
from asgi_patterns.ratelimit.windows import LONGEST_LOG, FixedWindow, SlidingLog, SlidingWindow
from tests.ratelimit.histories import (
    BLINK,
    Move,
    admitted,
    assert_same,
    fixed_windows,
    moves,
    room,
    sliding_logs,
    sliding_windows,
    starts,
    take,
)

FIXED = FixedWindow(3.0, 60.0)
SLIDING = SlidingWindow(10.0, 60.0)
LOG = SlidingLog(3.0, 60.0)
NOW = 100.0

Row = tuple[str, State | None, int, Taken]
FIXED_ROWS: list[Row] = [
    # what happens                              state     cost  allowed, remaining, more_in, wait, state
    ("a first request begins the window", None, 1, Taken(True, 2, 60.0, 0.0, (NOW, 1.0))),
    ("one below the limit", (70.0, 1.0), 1, Taken(True, 1, 30.0, 0.0, (70.0, 2.0))),
    ("at the limit", (70.0, 2.0), 1, Taken(True, 0, 30.0, 0.0, (70.0, 3.0))),
    ("one above the limit", (70.0, 3.0), 1, Taken(False, 0, 30.0, 30.0)),
    ("more than is left", (70.0, 2.0), 2, Taken(False, 1, 30.0, 30.0)),
    ("more than there ever is", None, 4, Taken(False, 3, 0.0, 60.0)),
    ("all at once", None, 3, Taken(True, 0, 60.0, 0.0, (NOW, 3.0))),
    ("nothing of a new window", None, 0, Taken(True, 3, 0.0, 0.0, (NOW, 0.0))),
    ("the last moment of a window", (40.001, 3.0), 1, Taken(False, 0, 0.001, 0.001)),
    ("the first moment of the next", (40.0, 3.0), 1, Taken(True, 2, 60.0, 0.0, (NOW, 1.0))),
    ("a long time later", (-600.0, 3.0), 1, Taken(True, 2, 60.0, 0.0, (NOW, 1.0))),
    ("over the limit by force", (70.0, 5.0), 1, Taken(False, 0, 30.0, 30.0)),
    ("a clock that went back", (150.0, 3.0), 1, Taken(False, 0, 60.0, 60.0)),
    ("a clock that went back, and something left", (150.0, 1.0), 1, Taken(True, 1, 60.0, 0.0, (NOW, 2.0))),
]


@pytest.mark.parametrize(
    ("state", "cost", "expected"), [row[1:] for row in FIXED_ROWS], ids=[row[0] for row in FIXED_ROWS]
)
def test_a_fixed_window(state: State | None, cost: int, expected: Taken) -> None:
    assert_same(take(FIXED, state, cost, NOW), expected)


SLIDING_ROWS: list[Row] = [
    # what happens                              state     cost  allowed, remaining, more_in, wait, state
    ("a first request begins the window", None, 1, Taken(True, 9, 120.0, 0.0, (NOW, 1.0, 0.0))),
    ("one below the limit", (70.0, 8.0, 0.0), 1, Taken(True, 1, 30 + 20 / 3, 0.0, (70.0, 9.0, 0.0))),
    ("at the limit", (70.0, 9.0, 0.0), 1, Taken(True, 0, 36.0, 0.0, (70.0, 10.0, 0.0))),
    ("one above the limit", (70.0, 10.0, 0.0), 1, Taken(False, 0, 36.0, 36.0)),
    ("half of the one before counts", (70.0, 0.0, 10.0), 5, Taken(True, 0, 6.0, 0.0, (70.0, 5.0, 10.0))),
    ("one above that half", (70.0, 0.0, 10.0), 6, Taken(False, 5, 6.0, 6.0)),
    ("a window becomes the one before", (40.0, 10.0, 7.0), 1, Taken(False, 0, 6.0, 6.0)),
    ("then it counts less and less", (34.0, 10.0, 7.0), 1, Taken(True, 0, 6.0, 0.0, (94.0, 1.0, 10.0))),
    ("after two windows nothing counts", (-20.0, 10.0, 10.0), 1, Taken(True, 9, 120.0, 0.0, (NOW, 1.0, 0.0))),
    ("just before that a little does", (-19.4, 10.0, 10.0), 10, Taken(False, 9, 0.6, 0.6)),
    ("all at once", None, 10, Taken(True, 0, 66.0, 0.0, (NOW, 10.0, 0.0))),
    ("more than there ever is", None, 11, Taken(False, 10, 0.0, 120.0)),
    ("nothing of a new window", None, 0, Taken(True, 10, 0.0, 0.0, (NOW, 0.0, 0.0))),
    ("over the limit by force", (70.0, 20.0, 0.0), 1, Taken(False, 0, 63.0, 63.0)),
    ("a clock that went back", (150.0, 4.0, 2.0), 4, Taken(True, 0, 30.0, 0.0, (NOW, 8.0, 2.0))),
]


@pytest.mark.parametrize(
    ("state", "cost", "expected"), [row[1:] for row in SLIDING_ROWS], ids=[row[0] for row in SLIDING_ROWS]
)
def test_a_sliding_window(state: State | None, cost: int, expected: Taken) -> None:
    assert_same(take(SLIDING, state, cost, NOW), expected)


LOG_ROWS: list[Row] = [
    # what happens                              state     cost  allowed, remaining, more_in, wait, state
    ("a first request", None, 1, Taken(True, 2, 60.0, 0.0, (NOW,))),
    ("one below the limit", (90.0,), 1, Taken(True, 1, 50.0, 0.0, (90.0, NOW))),
    ("at the limit", (80.0, 90.0), 1, Taken(True, 0, 40.0, 0.0, (80.0, 90.0, NOW))),
    ("one above the limit", (70.0, 80.0, 90.0), 1, Taken(False, 0, 30.0, 30.0)),
    ("two above the limit", (70.0, 80.0, 90.0), 2, Taken(False, 0, 30.0, 40.0)),
    ("more than is left", (70.0, 80.0), 2, Taken(False, 1, 30.0, 30.0)),
    ("more than there ever is", None, 4, Taken(False, 3, 0.0, 60.0)),
    ("all at once", None, 3, Taken(True, 0, 60.0, 0.0, (NOW, NOW, NOW))),
    ("nothing of an empty log", None, 0, Taken(True, 3, 0.0, 0.0, ())),
    ("the last moment of an entry", (40.001, 80.0, 90.0), 1, Taken(False, 0, 0.001, 0.001)),
    ("the end of an entry", (40.0, 80.0, 90.0), 1, Taken(True, 0, 40.0, 0.0, (80.0, 90.0, NOW))),
    ("over the limit by force", (70.0, 75.0, 80.0, 85.0, 90.0), 1, Taken(False, 0, 40.0, 40.0)),
    ("a clock that went back", (150.0, 160.0), 1, Taken(True, 0, 60.0, 0.0, (NOW, 150.0, 160.0))),
]


@pytest.mark.parametrize(
    ("state", "cost", "expected"), [row[1:] for row in LOG_ROWS], ids=[row[0] for row in LOG_ROWS]
)
def test_a_sliding_log(state: State | None, cost: int, expected: Taken) -> None:
    assert_same(take(LOG, state, cost, NOW), expected)


@pytest.mark.parametrize("now", [0.1, 100.7, 1_700_000_000.1, 1_700_000_000.7])
@pytest.mark.parametrize("rule", [FIXED, LOG, FixedWindow(3.0, 0.7), SlidingLog(3.0, 0.7)], ids=repr)
def test_waiting_exactly_as_told_is_enough(rule: Rule, now: float) -> None:
    state = rule.charge(rule.charge(None, 1, now), 2, now + 0.3)
    refused = take(rule, state, 1, now + 0.6)

    assert not take(rule, state, 1, now + 0.6 + refused.wait - 3 * ALMOST).allowed
    assert take(rule, state, 1, now + 0.6 + refused.wait).allowed


REFUNDS: list[tuple[str, Rule, State, int, float, State]] = [
    # what is refunded                                          state        cost  at  state after
    ("what this window has counted", FIXED, (70.0, 3.0), 2, 80.0, (70.0, 1.0)),
    ("what has begun this window", FIXED, (70.0, 3.0), 1, 70.0, (70.0, 2.0)),
    ("nothing of a window that has ended", FIXED, (70.0, 3.0), 2, 69.0, (70.0, 3.0)),
    ("no more than there is", FIXED, (70.0, 1.0), 2, 80.0, (70.0, 0.0)),
    ("in this window", SLIDING, (70.0, 3.0, 5.0), 2, 70.0, (70.0, 1.0, 5.0)),
    ("in the window before", SLIDING, (70.0, 3.0, 5.0), 2, 69.0, (70.0, 3.0, 3.0)),
    ("nothing of older ones", SLIDING, (70.0, 3.0, 5.0), 2, 9.0, (70.0, 3.0, 5.0)),
    ("entries of that time", LOG, (70.0, 80.0, 80.0), 2, 80.0, (70.0,)),
    ("no entries of other times", LOG, (70.0, 80.0, 90.0), 2, 80.0, (70.0, 90.0)),
    ("nothing that has ended", LOG, (70.0, 80.0), 1, 60.0, (70.0, 80.0)),
]


@pytest.mark.parametrize(
    ("rule", "state", "cost", "at", "after"), [row[1:] for row in REFUNDS], ids=[row[0] for row in REFUNDS]
)
def test_a_refund(rule: Rule, state: State, cost: int, at: float, after: State) -> None:
    assert rule.refund(state, cost, at, NOW) == after


CHARGES: list[tuple[str, Rule, State, State]] = [
    ("a fixed window", FIXED, (70.0, 2.0), (70.0, 9.0)),
    ("a sliding window", SLIDING, (70.0, 8.0, 4.0), (70.0, 15.0, 4.0)),
    ("a log", LOG, (70.0, 80.0), (70.0, 80.0, *[NOW] * 7)),
]


@pytest.mark.parametrize(
    ("rule", "state", "after"), [row[1:] for row in CHARGES], ids=[row[0] for row in CHARGES]
)
def test_a_charge_that_is_forced_goes_over_the_limit(rule: Rule, state: State, after: State) -> None:
    charged = rule.charge(state, 7, NOW)

    assert charged == after
    assert not take(rule, charged, 1, NOW).allowed


def test_a_charge_makes_no_log_longer_than_it_may_be() -> None:
    assert len(LOG.charge(None, LONGEST_LOG + 1, NOW)) == LONGEST_LOG


@pytest.mark.parametrize("rule", [FIXED, SLIDING, LOG], ids=["fixed", "sliding", "log"])
def test_the_most_that_can_ever_be_taken(rule: FixedWindow | SlidingWindow | SlidingLog) -> None:
    assert rule.most == rule.limit
    assert take(rule, None, rule.most, NOW).allowed
    assert not take(rule, None, rule.most + 1, NOW).allowed


arrivals = moves("take", costs=st.integers(1, 5))


@given(fixed_windows, arrivals, starts)
def test_each_fixed_window_admits_its_limit(rule: FixedWindow, past: list[Move], start: float) -> None:
    began, spent = -1e9, 0

    for at, cost, _ in admitted(rule, past, start):
        if at >= began + rule.window - BLINK:
            began, spent = at, 0
        spent += cost
        assert spent <= rule.limit


@given(sliding_windows, arrivals, starts)
def test_a_sliding_window_admits_what_the_last_two_windows_leave(
    rule: SlidingWindow, past: list[Move], start: float
) -> None:
    found = admitted(rule, past, start)

    for first, (since, _, _) in enumerate(found):
        spent = sum(cost for at, cost, _ in found[first:] if at < since + rule.window)
        # No window of its own has more than the limit, and any span reaches into two of them.
        assert spent <= 2 * rule.limit


@given(sliding_logs, arrivals, starts)
def test_a_log_admits_its_limit_in_any_window(rule: SlidingLog, past: list[Move], start: float) -> None:
    found = admitted(rule, past, start)

    for first, (since, _, _) in enumerate(found):
        spent = sum(cost for at, cost, _ in found[first:] if at < since + rule.window - BLINK)
        assert spent <= rule.limit


@given(fixed_windows | sliding_windows | sliding_logs, moves(), starts)
@example(
    SlidingWindow(1.0, 10.0), [Move("take", 1, 1 / 3), Move("take", 0, 10.0), Move("refund", 0, 0.0)], 0.0
)
def test_what_is_counted_is_what_was_charged_and_not_refunded(
    rule: FixedWindow | SlidingWindow | SlidingLog, past: list[Move], start: float
) -> None:
    state: State | None = None
    now = start
    charged: list[tuple[float, int]] = []
    refunded = 0
    for verb, cost, gap in past:
        now += gap
        if verb == "refund" and refunded < len(charged) and state is not None:
            at, cost = charged[refunded]
            state = rule.refund(state, cost, at, now)
            charged[refunded] = at, 0
            refunded += 1
        elif verb == "charge" or take(rule, state, cost, now).allowed:
            state = rule.charge(state, cost, now)
            charged.append((now, cost))

        match rule, state:
            case FixedWindow(), (began, used):
                assert used == sum(cost for at, cost in charged if at >= began)
            case SlidingWindow(window=window), (began, used, before):
                assert used == sum(cost for at, cost in charged if at >= began)
                assert before <= sum(cost for at, cost in charged if began - window - BLINK <= at < began)
            case SlidingLog(), [*log]:
                entries = [at for at, cost in charged for _ in range(cost)]
                assert log == entries[len(entries) - len(log) :]


@given(fixed_windows | sliding_windows | sliding_logs, moves(), starts)
def test_a_refund_after_any_time_gives_no_more_than_was_taken(
    rule: Rule, future: list[Move], start: float
) -> None:
    taken = take(rule, None, 1, start)
    state, now = taken.state, start
    for verb, cost, gap in future:
        now += gap
        if verb != "refund" and take(rule, state, cost, now).allowed:
            state = rule.charge(state, cost, now)
    assert state is not None
    before = room(rule, state, now)

    state = rule.refund(state, 1, start, now)

    assert before <= room(rule, state, now) <= before + 1
