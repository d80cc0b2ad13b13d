"""The checks that look at the machine: free space on a disk, memory in use. Linux tells of memory in files."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, assert_never

from asgi_patterns.health.amounts import Amount, Share, Size, spell
from asgi_patterns.health.core import Finding

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


class Level(NamedTuple):
    """The machine, or a control group that the process is in: bytes in use, and how many there may be."""

    used: int
    limit: int


def disk_check(folder: Path, least: Amount) -> Callable[[], Finding]:
    """Return a check that the disk ``folder`` is on has ``least`` to give to a user without privileges."""

    def look() -> Finding:
        try:
            usage = shutil.disk_usage(folder)
        except (OSError, ValueError) as exc:  # a path may also be one that no system takes
            return Finding(False, type(exc).__name__)
        seen = f"{spell(usage.free)} of {spell(usage.total)} free, at least {least} wanted"
        return Finding(usage.free >= least.of(usage.total), seen)

    return look


def memory_check(most: Amount) -> Callable[[], Finding]:
    """Return a check that no more than ``most`` memory is in use.

    A size is for the process alone (what it has resident), a share for all that it can get: of the machine, and
    of every control group it is in that has a limit. The one that comes closest to its limit counts.
    """

    def look() -> Finding:
        match most:
            case Size():
                used = resident()
                return Finding(used <= most.bytes, f"{spell(used)} resident, at most {most} wanted")
            case Share():
                used, limit = max(levels(), key=lambda level: level.used / level.limit)
                seen = f"{100 * used / limit:.1f}% of {spell(limit)} in use, at most {most} wanted"
                return Finding(used <= most.of(limit), seen)
            case _:
                assert_never(most)

    return look


def tells_memory() -> bool:
    """Whether this system has the files that the memory check reads."""
    return (PROC / "meminfo").exists()


def resident() -> int:
    """Return the bytes of this process that are in memory. Raises ``OSError`` where nobody says."""
    return int((PROC / "self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def levels() -> Iterator[Level]:
    """Yield the machine, and each control group (version 2) with a limit that the process is in."""
    system = _numbers(PROC / "meminfo")
    total = system["MemTotal"] * 1024
    yield Level(total - system["MemAvailable"] * 1024, total)
    for folder in _groups():
        try:
            limit = (folder / "memory.max").read_text().strip()
            if limit.isdecimal() and int(limit):
                used = int((folder / "memory.current").read_text())
                # Cached files count as used, but go as soon as somebody needs the room: Kubernetes leaves them out too.
                yield Level(max(used - _numbers(folder / "memory.stat")["inactive_file"], 0), int(limit))
        except (OSError, KeyError, ValueError):
            continue  # none at this level, or not for us to read


def _groups() -> Iterator[Path]:
    """Yield where the limits of the process may stand, from its own group to the root of what it can see."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    own = PurePosixPath(next((line[3:] for line in lines if line.startswith("0::")), "/").lstrip("/"))
    # A process that was moved out of the part that it sees is in ".."; what it does see is the root.
    inner = () if ".." in own.parts else (own, *own.parents)
    yield from dict.fromkeys(CGROUPS / folder for folder in (*inner, PurePosixPath()))


def _numbers(path: Path) -> dict[str, int]:
    """Return what a file says that has a name and a number on each line."""
    lines = (line.replace(":", " ").split() for line in path.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}
