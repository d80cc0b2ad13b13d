"""Run a module as ``python -m`` would, in a process that can be asked how many asyncio tasks it has.

    python -m tests.support.inspected FD MODULE [ARGUMENT ...]

On SIGUSR1 it writes the number, on a line of its own, to the file descriptor FD: no server has to know.
"""

import asyncio
import os
import runpy
import signal
import sys
from types import FrameType


def main(arguments: list[str]) -> None:
    """Be ready for the signal, then be the module."""
    answers, module = int(arguments[0]), arguments[1]

    def answer(number: int, frame: FrameType | None) -> None:
        os.write(answers, b"%d\n" % _count_tasks())

    signal.signal(signal.SIGUSR1, answer)
    sys.argv = arguments[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _count_tasks() -> int:
    # A Python signal handler runs in the main thread, and there inside the loop if one is running.
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0


if __name__ == "__main__":
    main(sys.argv[1:])
