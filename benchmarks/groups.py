"""All groups, in the order in which they are run and told."""

from collections.abc import Callable
from importlib import import_module
from typing import Final

from benchmarks.results import Group

NAMES: Final = (
    "whole",
    "whole_servers",
    "shape",
    "default",
    "probes",
    "request_id",
    "observing",
    "metrics",
    "tracing",
    "browsers",
    "errors",
    "decompression",
    "body_limit",
    "rate_limits",
    "rate_limits_redis",
    "deadline",
    "load_shedding",
    "compression",
    "conditional",
)


def running(name: str) -> Callable[..., Group]:
    """Return the ``run`` of a group: each is imported only when it is run, and with it what it is compared with."""
    run: Callable[..., Group] = import_module(f"benchmarks.{name}").run
    return run
