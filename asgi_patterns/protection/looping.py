"""The running event loop, whichever it is."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any


def running_loop() -> object:
    """Return what the running event loop is known by, the same object each time."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return _trio_token()


def call_soon(function: Callable[[], None]) -> None:
    """Have the running event loop call ``function`` in its next turn. Nothing wakes up for it later than that."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _trio_token().run_sync_soon(function)
    else:
        loop.call_soon(function)


def clock_of_trio() -> Callable[[], float]:
    """Return the clock of the trio that is running, which threads may ask too, unlike ``anyio.current_time``."""
    clock: Callable[[], float] = _trio().current_clock().current_time
    return clock


def _trio_token() -> Any:
    return _trio().current_trio_token()


def _trio() -> Any:
    # Whoever runs on trio has imported it.
    return sys.modules["trio"].lowlevel
