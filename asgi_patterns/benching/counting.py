"""Counts the bytecodes and calls of what runs: numbers that no other process and no clock rate can change."""

import gc
import selectors
import sys
from asyncio import base_events, events, selector_events
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, final

from asgi_patterns.benching.numbers import Counts

_OURS: Final = str(Path(__file__).parent)
# How often the event loop turns while something waits is not up to what is counted.
_LOOP: Final = tuple(str(module.__file__) for module in (base_events, events, selector_events, selectors))
_TURNS: Final = ("_run_once", "_run", "_process_events", "_read_from_self", "select")


async def count(run: Callable[[int], Awaitable[None]], repeats: int) -> Counts:
    """Return the least that one run took of ``repeats``: what happens only now and then is left out."""
    found = [await _counted(run) for _ in range(repeats)]
    return min(found, key=lambda each: (each.bytecodes, each.calls))


async def _counted(run: Callable[[int], Awaitable[None]]) -> Counts:
    tracer = _Tracer()
    before = sys.gettrace()
    collects = gc.isenabled()
    gc.disable()  # what it finds has finalizers, which belong to another request
    sys.settrace(tracer.enter)
    try:
        await run(1)
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()
    return Counts(tracer.bytecodes, tracer.calls)


@final
class _Tracer:
    def __init__(self) -> None:
        self.bytecodes = 0
        self.calls = 0
        self._is_counted: dict[CodeType, bool] = {}

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Be told of a call; return who is told of what happens inside."""
        code = frame.f_code
        counts = self._is_counted.get(code)
        if counts is None:
            counts = self._is_counted[code] = _is_of_the_request(code)
        if not counts:
            return None
        self.calls += 1
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._inside

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.bytecodes += 1
        return self._inside


def _is_of_the_request(code: CodeType) -> bool:
    """Whether it is neither the server that we play nor the event loop at its turns."""
    if code.co_filename.startswith(_OURS):
        return False
    return not (code.co_name in _TURNS and code.co_filename in _LOOP)
