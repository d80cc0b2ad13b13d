"""Count what the interpreter does for a call: exact where times are not, and the same on every machine.

Both are told by the interpreter's own tracing, so code in C is one instruction, however long it takes.
"""

import gc
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

Repeated = Callable[[int], Awaitable[object]]
"""Does something so many times."""

TIMES = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """What one call takes."""

    bytecodes: float
    """Instructions of the interpreter."""
    calls: float
    """How often a Python function begins, or goes on after it has waited."""


async def counted(repeated: Repeated) -> Counts:
    """Return what a call takes: the median of ``TIMES``, each the difference of a round of two and one of one."""
    enabled = gc.isenabled()
    gc.disable()  # what the collector calls is nobody's request
    try:
        pairs = [(await _traced(repeated, 1), await _traced(repeated, 2)) for _ in range(TIMES)]
    finally:
        if enabled:
            gc.enable()
    return Counts(
        statistics.median(two.bytecodes - one.bytecodes for one, two in pairs),
        statistics.median(two.calls - one.calls for one, two in pairs),
    )


async def _traced(repeated: Repeated, times: int) -> Counts:
    bytecodes = calls = 0

    def inside(frame: FrameType, event: str, of: Any) -> Any:
        nonlocal bytecodes
        if event == "opcode":
            bytecodes += 1
        return inside

    def entered(frame: FrameType, event: str, of: Any) -> Any:
        nonlocal calls
        calls += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        await repeated(times)
    finally:
        sys.settrace(before)
    return Counts(bytecodes, calls)
