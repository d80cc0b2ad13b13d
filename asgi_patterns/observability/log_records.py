"""Log records of one place in the code, made for many lines.

``logging`` finds out anew for each line what is the same for all: names of files, of the process, of the level. That
costs more than to hand the line on.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, final

_FILE: Final = "(asgi_patterns)"
_MOST: Final = 64
_Key: TypeAlias = tuple[int, threading.Thread, str, int]
_TASK: Final = "taskName"
"""The name of the task that logs, which Python has since 3.12."""


@final
class Records:
    """Makes records as ``logger`` would, for what calls itself ``function``. All have the attributes ``others``."""

    def __init__(self, logger: logging.Logger, function: str, others: Mapping[str, Any]) -> None:
        self._logger = logger
        self._function = function
        self._others = others
        self._known: dict[_Key, dict[str, Any]] = {}

    def make(self, level: int) -> logging.LogRecord:
        """Return a record without a message."""
        thread = threading.current_thread()
        key = (level, thread, thread.name, os.getpid())
        known = self._known.get(key)
        # Somebody may have set what makes records, and it may be something else for each.
        if known is None or logging.getLogRecordFactory() is not logging.LogRecord:
            return self._learn(key)
        now = time.time()
        record = logging.LogRecord.__new__(logging.LogRecord)
        record.__dict__.update(known)
        record.relativeCreated += (now - record.created) * 1000
        record.created = now
        record.msecs = int((now - int(now)) * 1000) + 0.0
        if _TASK in known:
            record.__dict__[_TASK] = _task_name()
        return record

    def _learn(self, key: _Key) -> logging.LogRecord:
        # Without looking for the line of code that logs: it is always the same, and that costs as much as all else.
        record = self._logger.makeRecord(self._logger.name, key[0], _FILE, 0, None, (), None, self._function)
        record.__dict__.update(self._others)
        if type(record) is logging.LogRecord and type(self._logger).makeRecord is logging.Logger.makeRecord:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = record.__dict__.copy()
        return record


def _task_name() -> str | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return None if task is None else task.get_name()
