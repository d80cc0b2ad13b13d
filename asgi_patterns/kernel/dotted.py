"""Collaborators by name: a callable in code, ``package.module:name`` in a settings file."""

import re
from importlib import import_module
from typing import Any, Final

from pydantic import BeforeValidator

NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[:.][A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
"""The form of a dotted name, whether or not it names anything."""


class NoSuchName(ValueError):
    """A name that names nothing, apart from what a module itself raises when it is imported."""


def load(name: str) -> Any:
    """Import what ``package.module:name`` names (``package.module.name`` does too).

    Raises ``NoSuchName`` that says which part is missing. What the module itself raises is passed on.
    """
    if not NAME.fullmatch(name):
        raise NoSuchName(f"{name!r} is no dotted name: write package.module:name")
    module_name, _, attribute = name.partition(":") if ":" in name else name.rpartition(".")
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise  # the module is there; something that it imports is not
        raise NoSuchName(f"there is no module {exc.name!r}, which {name!r} names") from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise NoSuchName(f"{module_name!r} has no {attribute!r}, which {name!r} names")
        found = getattr(found, part)
    return found


def _resolve(value: object) -> object:
    return load(value) if isinstance(value, str) else value


Dotted = BeforeValidator(_resolve)
"""For ``Annotated``: lets a field that holds a callable take its dotted name too."""
