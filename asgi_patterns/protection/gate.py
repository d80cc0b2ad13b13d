"""Who may go in: so many at once, and a short line of those who wait. Pure: whoever waits is woken by a function.

``Gate``: one of them; ``Turn``: a place in its line.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from math import ceil
from typing import Final, final

EXACT: Final = 9
"""Decimals that count in a share of a limit: 10 times 0.7 is 7, whatever floating point makes of it."""


class State(Enum):
    """What has become of who waits."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    """Has a slot, which it must give back."""
    DISPLACED = "displaced"
    """Somebody more important has its place."""


@final
class Turn:
    """A place in the line. ``wake`` is called once, when the state has changed: set it before anything else is done."""

    __slots__ = ("level", "state", "wake")

    wake: Callable[[], None]

    def __init__(self, level: int) -> None:
        self.level = level
        self.state = State.WAITING


@final
class Gate:
    """Lets ``limit`` in at once. Each level may have a share of that: 0 is the most important and may have all.

    Those in line go in by level, and of one level the oldest first: the line is too short for anybody to be served too
    late. No newcomer overtakes any as important as itself: while one waits, there is no room for its level.
    """

    __slots__ = ("_line", "_lines", "_shares", "caps", "in_hand", "limit", "name", "pressed", "waiting")

    def __init__(self, name: str, limit: int, *, line: int | None, shares: Sequence[float]) -> None:
        """``line`` is how many may wait; ``None`` for half as many as the limit is."""
        self.name = name
        self.in_hand = 0
        self.waiting = 0
        """How many stand in line."""
        self.pressed = False
        """Whether somebody has found no room since this was last set to false."""
        self._line = line
        self._shares = shares
        self._lines: Sequence[OrderedDict[Turn, None]] = [OrderedDict() for _ in shares]
        self._set(limit)

    def set_limit(self, limit: int) -> None:
        """Let more in or fewer. Nobody who is in is put out."""
        self._set(limit)
        if self.waiting:
            self._let_in()

    def _set(self, limit: int) -> None:
        self.limit = limit
        # Rounded up: a reserve must not take half of a limit of two.
        self.caps = [max(1, ceil(round(limit * share, EXACT))) for share in self._shares]

    def enter(self, level: int) -> bool:
        """Take a slot, if there is room for this level."""
        if self.in_hand >= self.caps[level]:
            self.pressed = True
            return False
        self.in_hand += 1
        return True

    def join(self, level: int) -> Turn | None:
        """Stand in line; ``None`` where it is full, of those who are as important. Only after ``enter`` has failed."""
        most = ceil(self.limit / 2) if self._line is None else self._line
        if self.waiting >= most and not self._displace(level):
            return None
        turn = Turn(level)
        self._lines[level][turn] = None
        self.waiting += 1
        return turn

    def leave(self, turn: Turn) -> None:
        """Give up, whatever has become of it meanwhile: a slot that nobody is there to use goes to the next."""
        if turn.state is State.ADMITTED:
            self.give_back()
        elif turn.state is State.WAITING:
            del self._lines[turn.level][turn]
            self.waiting -= 1

    def forget_line(self) -> None:
        """Let nobody stand in line any more, and wake nobody: their event loop is no longer there."""
        for line in self._lines:
            for turn in line:
                turn.state = State.DISPLACED
            line.clear()
        self.waiting = 0

    def give_back(self) -> None:
        """Return a slot. It goes to who waits for it."""
        self.in_hand -= 1
        if self.waiting:
            self._let_in()

    def _displace(self, level: int) -> bool:
        """Put out the least important, if it is less important than ``level``: of those the last to come."""
        for line in reversed(self._lines[level + 1 :]):
            if line:
                self._tell(line.popitem()[0], State.DISPLACED)
                return True
        return False

    def _let_in(self) -> None:
        # A level has no more room than the one before it, so nobody behind the first who has to wait can go in.
        for line, cap in zip(self._lines, self.caps, strict=True):
            while line and self.in_hand < cap:
                if self._tell(line.popitem(last=False)[0], State.ADMITTED):
                    self.in_hand += 1
            if line:
                break

    def _tell(self, turn: Turn, state: State) -> bool:
        """Wake who waits no longer. Return whether it is still there."""
        self.waiting -= 1
        turn.state = state
        try:
            turn.wake()
        except RuntimeError:
            # Its event loop was closed, and it will not go on: let those of the next one not wait for it.
            turn.state = State.DISPLACED
            return False
        return True
