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
    """A place in the line. ``wake`` is called once, when the state has changed."""

    __slots__ = ("level", "state", "wake")

    def __init__(self, level: int, wake: Callable[[], None]) -> None:
        self.level = level
        self.wake = wake
        self.state = State.WAITING


@final
class Gate:
    """Lets ``limit`` in at once. Each level may have a share of that: 0 is the most important and may have all.

    Those in line go in by level, and of one level the oldest first. When the line has not been empty for ``patience``
    seconds, it is the newest: then those who came first are nearly out of time, and would only be served late. No
    newcomer overtakes any as important as itself: while one waits, there is no room for its level.
    """

    __slots__ = (
        "_clock",
        "_line",
        "_lines",
        "_patience",
        "_shares",
        "_since",
        "caps",
        "in_hand",
        "limit",
        "name",
        "pressed",
    )

    def __init__(
        self,
        name: str,
        limit: int,
        *,
        line: int | None,
        patience: float,
        shares: Sequence[float],
        clock: Callable[[], float],
    ) -> None:
        """``line`` is how many may wait; ``None`` for as many as the limit is."""
        self.name = name
        self.in_hand = 0
        self.pressed = False
        """Whether somebody has found no room since this was last set to false."""
        self._line = line
        self._patience = patience
        self._shares = shares
        self._clock = clock
        self._lines: Sequence[OrderedDict[Turn, None]] = [OrderedDict() for _ in shares]
        self._since: float | None = None
        self._set(limit)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(map(len, self._lines))

    def set_limit(self, limit: int) -> None:
        """Let more in or fewer. Nobody who is in is put out."""
        self._set(limit)
        if self._since is not None:
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

    def join(self, level: int, wake: Callable[[], None]) -> Turn | None:
        """Stand in line; ``None`` where it is full, of those who are as important. Only after ``enter`` has failed."""
        most = self.limit if self._line is None else self._line
        if self.waiting >= most and not self._displace(level):
            return None
        turn = Turn(level, wake)
        self._lines[level][turn] = None
        if self._since is None:
            self._since = self._clock()
        return turn

    def leave(self, turn: Turn) -> None:
        """Give up, whatever has become of it meanwhile: a slot that nobody is there to use goes to the next."""
        if turn.state is State.ADMITTED:
            self.give_back()
        elif turn.state is State.WAITING:
            del self._lines[turn.level][turn]
            self._look()

    def give_back(self) -> None:
        """Return a slot. It goes to who waits for it."""
        self.in_hand -= 1
        if self._since is not None:
            self._let_in()

    def _displace(self, level: int) -> bool:
        """Put out the least important, if it is less important than ``level``: of those the last to come."""
        for line in reversed(self._lines[level + 1 :]):
            if line:
                turn, _ = line.popitem()
                self._tell(turn, State.DISPLACED)
                return True
        return False

    def _let_in(self) -> None:
        # A level has no more room than the one before it, so nobody behind the first who has to wait can go in.
        for line, cap in zip(self._lines, self.caps, strict=True):
            while line and self.in_hand < cap:
                turn, _ = line.popitem(last=self._is_standing)
                if self._tell(turn, State.ADMITTED):
                    self.in_hand += 1
            if line:
                break
        self._look()

    @property
    def _is_standing(self) -> bool:
        return self._since is not None and self._clock() - self._since > self._patience

    def _look(self) -> None:
        """Note whether the line has become empty."""
        if not any(self._lines):
            self._since = None

    @staticmethod
    def _tell(turn: Turn, state: State) -> bool:
        """Wake who waits. Return whether it is still there."""
        turn.state = state
        try:
            turn.wake()
        except RuntimeError:
            # Its event loop was closed, and it will not go on: let those of the next one not wait for it.
            turn.state = State.DISPLACED
            return False
        return True
