"""On what was measured: as much as others need to judge the numbers, and nothing of where it lies."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("asgi-patterns", "starlette", "anyio", "pydantic")


def machine() -> dict[str, str]:
    """Return processor, system and Python."""
    return {
        "cpu": _processor(),
        "cpus": str(_processors()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
    }


def packages(*more: str) -> dict[str, str]:
    """Return the versions of what takes part, of ``more`` those that are packages."""
    found = {}
    for name in dict.fromkeys((*_PACKAGES, *more)):
        with suppress(PackageNotFoundError, ValueError):
            found[name] = version(name)
    return found


def _processors() -> int:
    # A container may have fewer than there are.
    with suppress(AttributeError, OSError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"
