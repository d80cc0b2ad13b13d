"""Packages that come with an extra: imported when a setting asks for them, and named when they are missing."""

import importlib
from types import ModuleType
from typing import Literal

__all__ = ["Extra", "MissingExtra", "require"]

Extra = Literal[
    "redis", "otel", "prometheus", "compression", "server", "hypercorn", "granian", "client", "jobs"
]


class MissingExtra(ImportError):
    """A setting asks for a package that is not installed; the message is the command that installs it."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module!r} is not installed: pip install 'asgi-patterns[{extra}]'", name=module)
        self.extra = extra


def require(module: str, extra: Extra) -> ModuleType:
    """Import ``module`` (dotted name) or raise `MissingExtra`; an import that fails inside it is not hidden."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        # A dependency of an installed package is another defect, with another remedy.
        if missing.name is not None and f"{module}.".startswith(f"{missing.name}."):
            raise MissingExtra(module, extra) from missing
        raise
