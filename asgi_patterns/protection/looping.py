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


def _trio_token() -> Any:
    # Whoever runs on trio has imported it.
    return sys.modules["trio"].lowlevel.current_trio_token()
