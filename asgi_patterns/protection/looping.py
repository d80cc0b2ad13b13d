"""Asking the running event loop, whichever it is."""

import asyncio
import sys
from collections.abc import Callable


def call_soon(function: Callable[[], None]) -> None:
    """Have the running event loop call ``function`` in its next round. Nothing wakes up for it later than that."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # Whoever runs on trio has imported it.
        sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon(function)
    else:
        loop.call_soon(function)
