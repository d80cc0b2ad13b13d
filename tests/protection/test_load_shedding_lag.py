"""The lag of the event loop: what counts as too late, and when refusing would be in vain."""

from collections.abc import Iterator

from asgi_patterns.protection.lag import BUSY, LOST, PAUSE, QUIET, SHORT, SPAN, TRIAL, Lag
from asgi_patterns.testing import Clock

TURN = 0.01
MOST = 0.004


class Loop:
    """An event loop with a lag."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lag = Lag()

    def turn(self, took: float, idle: float = 0.0, *, refuses_from: float | None = None) -> list[bool]:
        """One turn of the loop; return whether a request was over at its beginning, and at its end."""
        self.lag.asked = self.clock()
        first = self.lag.is_over(MOST, self.clock())
        if refuses_from is not None:
            self.clock.advance(refuses_from)
            self.lag.is_over(MOST, self.clock())
            took -= refuses_from
        last = self.lag.is_over(MOST, self.clock.advance(took))
        self.lag.answer(self.clock())
        self.clock.advance(idle)
        return [first, last]

    def turns(self, seconds: float, took: float, idle: float = 0.0) -> Iterator[list[bool]]:
        """So many seconds of such turns."""
        until = self.clock() + seconds
        while self.clock() < until:
            yield self.turn(took, idle)


def busy() -> Loop:
    loop = Loop()
    for _ in loop.turns(10 * SPAN, TURN):
        pass
    return loop


def test_the_lag_is_what_passes_between_question_and_answer() -> None:
    loop = Loop()

    loop.turn(0.25)

    assert round(loop.lag.last, 6) == 0.25


def test_a_single_long_pause_is_over_nothing() -> None:
    loop = Loop()
    loop.turn(TURN, 1.0)

    assert loop.turn(0.5, 1.0) == [False, False]
    assert loop.turn(TURN) == [False, False]


def test_who_comes_late_in_a_turn_is_over_while_there_is_no_idle_time() -> None:
    loop = busy()

    assert loop.turn(TURN) == [False, True]


def test_who_comes_early_enough_is_not() -> None:
    loop = busy()

    assert loop.turn(MOST * 0.9) == [False, False]


def test_a_loop_with_idle_time_is_over_nothing() -> None:
    loop = Loop()

    found = list(loop.turns(1.0, TURN, TURN * (1 - BUSY) * 2))

    assert not any(last for _, last in found)


def test_some_idle_time_ends_it() -> None:
    loop = busy()

    for _ in loop.turns(5 * SPAN, TURN, TURN):
        pass

    assert loop.turn(TURN) == [False, False]


def test_after_a_pause_of_all_requests_nothing_is_left_of_it() -> None:
    loop = busy()
    loop.clock.advance(10.0)
    loop.turn(TURN)

    assert loop.turn(TURN) == [False, False]


def test_a_short_lag_is_looked_at_now_and_then_only() -> None:
    loop = Loop()
    loop.turn(SHORT / 2)
    quiet = loop.lag.quiet_until - loop.clock()
    loop.clock.advance(QUIET)
    loop.turn(SHORT * 2)

    assert round(quiet, 6) == QUIET
    assert loop.lag.quiet_until <= loop.clock()


def test_what_a_closed_loop_will_never_answer_is_forgotten() -> None:
    loop = busy()
    loop.lag.asked = loop.clock()

    over = loop.lag.is_over(MOST, loop.clock.advance(LOST))
    loop.lag.answer(loop.clock())  # should it answer after all, that is nobody's

    assert (over, loop.lag.asked is None, round(loop.lag.last, 6)) == (False, True, TURN)


def test_refusals_that_take_most_of_the_time_are_given_up_for_a_while() -> None:
    loop = busy()
    until = loop.clock() + TRIAL
    while loop.clock() < until + 2 * TURN:
        loop.turn(TURN, refuses_from=MOST * 1.01)

    given_up = loop.turn(TURN)
    loop.clock.advance(PAUSE)
    for _ in loop.turns(10 * SPAN, TURN):
        pass

    assert given_up == [False, False]
    assert loop.turn(TURN) == [False, True]


def test_refusals_that_clear_what_has_piled_up_are_not() -> None:
    loop = busy()
    for _ in range(200):
        for _ in range(3):
            loop.turn(TURN, refuses_from=MOST * 1.01)
        loop.turn(TURN, refuses_from=TURN * 0.8)

    assert loop.turn(TURN) == [False, True]


def test_answers_to_the_more_important_are_no_time_that_is_lost_on_refusals() -> None:
    loop = busy()
    for _ in range(2 * round(TRIAL / TURN)):
        loop.lag.asked = loop.clock()
        loop.lag.is_over(MOST, loop.clock.advance(MOST * 1.01))  # refused
        loop.lag.is_over(5 * MOST, loop.clock.advance(TURN / 20))  # admitted
        loop.clock.advance(TURN)
        loop.lag.answer(loop.clock())

    assert loop.turn(TURN) == [False, True]
