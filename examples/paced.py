"""What the example apps have in common: a body that is sent in parts, with a pause before each further one."""

from collections.abc import AsyncGenerator, Sequence
from typing import final

import anyio

LINES = (b"first\n", b"second\n", b"third\n")
EVENTS = tuple(b'event: price\nid: %d\ndata: {"price": %d}\n\n' % (n, 10 + n) for n in (1, 2, 3))
"""The same as server-sent events."""

PAUSE = 0.05
LONGEST_HOLD = 30.0
"""Seconds. Nobody may keep a body open for ever by never releasing it."""


@final
class Pacer:
    """Sends parts with pauses of ``PAUSE`` seconds; a body with a ``hold`` waits until that name is released.

    With two terminals one can see that a part arrives before the next one exists: ``GET /stream?hold=me`` in
    the first, ``POST /release?hold=me`` in the second.
    """

    def __init__(self) -> None:
        self.open = 0
        """How many bodies are being sent now: one that was left half way no longer counts."""
        self._gates: dict[str, anyio.Event] = {}

    async def send(self, parts: Sequence[bytes], hold: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the parts."""
        gate = self._gates.setdefault(hold, anyio.Event()) if hold else None
        self.open += 1
        try:
            for number, part in enumerate(parts):
                if number:
                    await _pause(gate)
                yield part
        finally:
            self.open -= 1
            if self._gates.get(hold) is gate:
                self._gates.pop(hold, None)

    def release(self, hold: str) -> bool:
        """Let the body that waits under this name go on. Return whether there was one."""
        gate = self._gates.get(hold)
        if gate is not None:
            gate.set()
        return gate is not None


async def _pause(gate: anyio.Event | None) -> None:
    if gate is None:
        await anyio.sleep(PAUSE)
    else:
        with anyio.move_on_after(LONGEST_HOLD):
            await gate.wait()
