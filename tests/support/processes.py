"""What the kernel knows of running processes. Linux only: it all comes from ``/proc``."""

import signal
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["alive_in_group", "answering", "descendants", "listening_ports", "sockets", "threads"]

_LISTEN = "0A"  # a state of the kernel's table of TCP sockets
_SOCKET = "socket:["
_ANSWERS = 1 << (signal.SIGUSR1 - 1)


def alive_in_group(group: int) -> list[int]:
    """Who runs in a group. Not the dead: with their parent gone, burying them is up to the system."""
    return [each for each, (state, _, of) in _processes().items() if int(of) == group and state not in "ZX"]


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs; one that has ended and was not waited for is one, too."""
    parents = {each: int(parent) for each, (_, parent, _) in _processes().items()}
    found = [pid]
    for one in found:
        found += [each for each, parent in parents.items() if parent == one]
    return found[1:]


def answering(processes: Iterable[int]) -> set[int]:
    """Those that have a handler for SIGUSR1. It ends the others."""
    return {each for each in processes if int(_status(each).get("SigCgt", "0"), 16) & _ANSWERS}


def threads(processes: Iterable[int]) -> int:
    """How many threads these have together."""
    return sum(int(_status(each).get("Threads", "0")) for each in processes)


def sockets(processes: Iterable[int]) -> int:
    """How many sockets these hold open; one that two of them hold counts twice."""
    return sum(len(_inodes(each)) for each in processes)


def listening_ports(processes: Iterable[int]) -> set[int]:
    """The TCP ports on which somebody listens through a socket that one of these holds."""
    inodes = {inode for each in processes for inode in _inodes(each)}
    return _ports(inodes) if inodes else set()


def _ports(inodes: Collection[str]) -> set[int]:
    # Asked of the kernel: a connection made only to try would be one socket more in the server for a moment.
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN and row[9] in inodes}


def _inodes(pid: int) -> list[str]:
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):  # ended while we looked
        found = [_target(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return [each.removeprefix(_SOCKET).removesuffix("]") for each in found if each.startswith(_SOCKET)]


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except (FileNotFoundError, ProcessLookupError):  # closed while we looked
        return ""


def _status(pid: int) -> dict[str, str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}


def _processes() -> dict[int, list[str]]:
    """State, parent and group of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # ended while we looked
                # "pid (command) state parent group ...", and a command may contain spaces and brackets.
                found[int(entry.name)] = Path(entry, "stat").read_text().rpartition(")")[2].split()[:3]
    return found
