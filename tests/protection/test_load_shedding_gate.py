"""The gate: who goes in, who waits, who is next. Whatever happens in whatever order, nobody is forgotten."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from asgi_patterns.protection.gate import Gate, State, Turn

CRITICAL, NORMAL, LOW = 0, 1, 2
ALL = (1.0, 1.0, 1.0)


def gate(limit: int, *, line: int | None = 9, shares: Sequence[float] = ALL) -> Gate:
    return Gate("main", limit, line=line, shares=shares)


def filled(limit: int, *, line: int | None = 9, shares: Sequence[float] = ALL) -> Gate:
    made = gate(limit, line=line, shares=shares)
    while made.enter(CRITICAL):
        pass
    return made


def stand(at: Gate, level: int = NORMAL) -> Turn:
    turn = at.join(level)
    assert turn is not None
    turn.wake = lambda: None
    return turn


SHARES: list[tuple[str, int, Sequence[float], list[int]]] = [
    # what happens                                        limit  shares            room for each level
    ("everybody may have all where nothing is kept", 10, (1.0, 1.0, 1.0), [10, 10, 10]),
    ("a tenth is kept for the most important", 10, (1.0, 0.9, 0.5), [10, 9, 5]),
    ("a share is rounded up", 9, (1.0, 0.9, 0.5), [9, 9, 5]),
    ("what floating point adds is not", 30, (1.0, 0.1, 0.1), [30, 3, 3]),
    ("one slot is for everybody", 1, (1.0, 0.9, 0.1), [1, 1, 1]),
]


@pytest.mark.parametrize(
    ("limit", "shares", "room"), [row[1:] for row in SHARES], ids=[row[0] for row in SHARES]
)
def test_room_for_each_level(limit: int, shares: Sequence[float], room: list[int]) -> None:
    found = []
    for level in (CRITICAL, NORMAL, LOW):
        one = gate(limit, shares=shares)
        while one.enter(level):
            pass
        found.append(one.in_hand)

    assert found == room


def test_the_first_that_finds_no_room_presses() -> None:
    one = gate(2)

    before = [one.enter(NORMAL), one.enter(NORMAL), one.pressed]
    after = [one.enter(NORMAL), one.pressed]

    assert (before, after) == ([True, True, False], [False, True])


def test_of_one_level_the_oldest_is_next() -> None:
    one = filled(1)
    first, second = stand(one), stand(one)

    one.give_back()

    assert (first.state, second.state, one.in_hand) == (State.ADMITTED, State.WAITING, 1)


def test_the_more_important_is_next() -> None:
    one = filled(1)
    low, normal, critical = stand(one, LOW), stand(one, NORMAL), stand(one, CRITICAL)
    order = []

    for _ in range(3):
        one.give_back()
        order.append([turn.state is State.ADMITTED for turn in (low, normal, critical)])

    assert order == [[False, False, True], [False, True, True], [True, True, True]]


def test_what_is_kept_for_the_important_stays_free_although_others_wait() -> None:
    one = filled(10, shares=(1.0, 0.9, 0.5))
    waiting = stand(one)

    one.give_back()
    kept = (waiting.state, one.in_hand)
    one.give_back()

    assert kept == (State.WAITING, 9)
    assert (waiting.state, one.in_hand) == (State.ADMITTED, 9)


LINES: list[tuple[str, int | None, int, int]] = [
    # what happens                             line  limit  how many may wait
    ("as many wait as the setting says", 3, 9, 3),
    ("nobody waits where it says 0", 0, 9, 0),
    ("by default half as many wait", None, 8, 4),
    ("half of one is one", None, 1, 1),
]


@pytest.mark.parametrize(("line", "limit", "most"), [row[1:] for row in LINES], ids=[row[0] for row in LINES])
def test_the_line_is_bounded(line: int | None, limit: int, most: int) -> None:
    one = filled(limit, line=line)
    for _ in range(most):
        stand(one)

    assert one.join(NORMAL) is None
    assert one.waiting == most


def test_a_full_line_has_a_place_for_the_more_important_and_the_last_of_the_least_loses_its_own() -> None:
    one = filled(1, line=3)
    first, last, normal = stand(one, LOW), stand(one, LOW), stand(one, NORMAL)

    critical = stand(one, CRITICAL)

    assert [each.state for each in (first, last, normal, critical)] == [
        State.WAITING,
        State.DISPLACED,
        State.WAITING,
        State.WAITING,
    ]
    assert one.waiting == 3
    assert one.join(LOW) is None


def test_who_leaves_with_a_slot_that_was_just_handed_over_hands_it_on() -> None:
    one = filled(1)
    first, second = stand(one), stand(one)
    one.give_back()

    one.leave(first)

    assert (second.state, one.in_hand, one.waiting) == (State.ADMITTED, 1, 0)


def test_a_higher_limit_lets_those_in_who_wait() -> None:
    one = filled(1)
    turns = [stand(one) for _ in range(3)]

    one.set_limit(3)

    assert [turn.state for turn in turns] == [State.ADMITTED, State.ADMITTED, State.WAITING]


def test_a_lower_limit_puts_nobody_out_and_lets_nobody_in_until_it_is_kept() -> None:
    one = filled(3)
    turn = stand(one)

    one.set_limit(1)
    states = []
    for _ in range(3):
        one.give_back()
        states.append((turn.state, one.in_hand))

    assert states == [(State.WAITING, 2), (State.WAITING, 1), (State.ADMITTED, 1)]


def test_whose_event_loop_was_closed_is_passed_over() -> None:
    def closed() -> None:
        raise RuntimeError("Event loop is closed")

    one = filled(1)
    gone, there = stand(one), stand(one)
    gone.wake = closed

    one.give_back()
    one.leave(gone)

    assert (there.state, one.in_hand, one.waiting) == (State.ADMITTED, 1, 0)


class Crowd(RuleBasedStateMachine):
    """Requests that come, wait, are told to go at any moment, and end, while the limit changes."""

    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.gate = gate(3, line=4, shares=(1.0, 0.8, 0.5))
        self.inside = 0
        self.turns: list[Turn] = []
        self.woken: list[Turn] = []

    def wake(self, turn: Turn) -> Callable[[], None]:
        return lambda: self.woken.append(turn)

    @rule(level=st.sampled_from([CRITICAL, NORMAL, LOW]), target=waiting)
    def come(self, level: int) -> Turn | None:
        before = self.gate.in_hand
        if self.gate.enter(level):
            assert before < self.gate.caps[level]
            self.inside += 1
            return None
        turn = self.gate.join(level)
        if turn is not None:
            turn.wake = self.wake(turn)
            self.turns.append(turn)
        return turn

    @rule(turn=consumes(waiting))
    def be_told_to_go(self, turn: Turn | None) -> None:
        if turn is not None and turn in self.turns:
            self.turns.remove(turn)
            self.gate.leave(turn)

    @rule(turn=consumes(waiting))
    def go_on(self, turn: Turn | None) -> None:
        """It has woken up, and does what it was woken for."""
        if turn is not None and turn in self.turns and turn.state is not State.WAITING:
            self.turns.remove(turn)
            self.inside += turn.state is State.ADMITTED

    @precondition(lambda self: self.inside)
    @rule()
    def end(self) -> None:
        self.inside -= 1
        self.gate.give_back()

    @rule(limit=st.integers(1, 6))
    def change(self, limit: int) -> None:
        self.gate.set_limit(limit)

    @invariant()
    def no_slot_leaks(self) -> None:
        handed_over = sum(turn.state is State.ADMITTED for turn in self.turns)

        assert self.gate.in_hand == self.inside + handed_over

    @invariant()
    def nobody_is_forgotten(self) -> None:
        levels = [turn.level for turn in self.turns if turn.state is State.WAITING]

        assert self.gate.waiting == len(levels) <= 4
        assert all(self.gate.in_hand >= self.gate.caps[level] for level in levels)

    @invariant()
    def everybody_is_woken_once_and_only_for_a_reason(self) -> None:
        assert len(self.woken) == len(set(map(id, self.woken)))
        assert all(turn.state is not State.WAITING for turn in self.woken)
        assert all(turn in self.woken for turn in self.turns if turn.state is not State.WAITING)


TestCrowd = Crowd.TestCase
