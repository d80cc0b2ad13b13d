"""What processes have spent of a processor: unlike what a clock says, hardly more on a busy machine. Linux only."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.support.processes import descendants

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the seconds of a processor that a process and its children have spent, in the kernel too."""
    return sum(map(_seconds, [pid, *descendants(pid)]))


def _seconds(pid: int) -> float:
    with suppress(FileNotFoundError, ProcessLookupError):  # ended while we looked
        # The name of the program, in brackets, may have anything in it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK
    return 0.0
