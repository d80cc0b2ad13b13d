"""How a value is shown to people: on one line, short, and without secrets."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

MASK: Final = "**********"
"""What stands in place of a secret."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"]*@")
_LONGEST = 60


def without_credentials(text: str) -> str:
    """Return ``text`` with the user and password of every URL in it masked."""
    return _CREDENTIALS.sub(f"{MASK}@", text)


def show(value: object) -> str:
    """Return a single value as messages show it. Of a table or a list only that it is one."""
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str | int | float | None):
        named = value if hasattr(value, "__qualname__") else type(value)
        return f"{named.__module__}:{named.__qualname__}"
    return _shorten(without_credentials(repr(value)))


def spell(value: object) -> str:
    """Return a value with all that is in it, as far as that fits on a line."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{show(name)}: {spell(each)}" for name, each in value.items())
        return _shorten(f"{{{text}}}")
    if isinstance(value, list | tuple | set | frozenset):
        return _shorten(f"[{', '.join(spell(each) for each in value)}]")
    if is_dataclass(value) and not isinstance(value, type):
        text = ", ".join(f"{name}={spell(each)}" for name, each in _set_in(value).items())
        return _shorten(f"{type(value).__name__}({text})")
    return show(value)


def _set_in(value: Any) -> dict[str, Any]:
    return {
        each.name: found for each in fields(value) if (found := getattr(value, each.name)) != each.default
    }


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
