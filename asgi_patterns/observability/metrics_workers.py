"""Several workers: what ``prometheus_client`` calls its multiprocess mode.

Each process writes its values into files of one directory, and whichever is asked adds up all of them.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from asgi_patterns.kernel.optional import require

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the directory. It has to be set before the process starts."""

_LIVE = re.compile(r"gauge_live[a-z]+_(\d+)\.db")


def directory() -> Path | None:
    """Return where the workers write; ``None`` where each counts for itself."""
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def merged(path: Path) -> "CollectorRegistry":
    """Return a registry of what all workers have written to ``path``, without the gauges of dead ones."""
    reap(path)
    registry: CollectorRegistry = require("prometheus_client", "prometheus").CollectorRegistry()
    require("prometheus_client.multiprocess", "prometheus").MultiProcessCollector(registry, str(path))
    return registry


def reap(path: Path) -> None:
    """Forget what processes had in hand that are not there any more. What they have counted stays."""
    for file in path.glob("gauge_live*.db"):
        match = _LIVE.fullmatch(file.name)
        if match is not None and not _lives(int(match[1])):
            file.unlink(missing_ok=True)  # another worker may look at the same time


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True
