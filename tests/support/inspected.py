"""Run a module as ``python -m`` would, in processes that can be asked how many tasks they have.

    python -m tests.support.inspected MODULE [ARGUMENT ...]

On SIGUSR1 a process writes a line, ``PID TASKS``, to the named pipe that ``ANSWERS`` names: no server has to know.
Its workers can be asked as well. A forked one has the handler, a spawned one imports this module as its main one.
"""

import asyncio
import os
import runpy
import signal
import sys
from types import FrameType
from typing import Final

ANSWERS: Final = "INSPECTED_ANSWERS"
"""The variable with the path of the pipe."""


def main(arguments: list[str]) -> None:
    """Be the module. ``sys.modules`` keeps this one as the main one, for workers that are spawned."""
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__")


def be_ready() -> None:
    """Answer from now on."""
    signal.signal(signal.SIGUSR1, _answer)


def _answer(number: int, frame: FrameType | None) -> None:
    with open(os.environ[ANSWERS], "wb", buffering=0) as answers:  # noqa: PTH123 - as little as possible in here
        answers.write(b"%d %d\n" % (os.getpid(), _count_tasks()))


def _count_tasks() -> int:
    # A Python signal handler runs in the main thread, and there inside the loop if one is running.
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return _count_trio_tasks()


def _count_trio_tasks() -> int:
    trio = sys.modules.get("trio")
    try:
        return 0 if trio is None else int(trio.lowlevel.current_statistics().tasks_living)
    except RuntimeError:
        return 0


if __name__ in ("__main__", "__mp_main__"):
    be_ready()
if __name__ == "__main__":
    main(sys.argv[1:])
