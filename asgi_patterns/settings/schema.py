"""What the settings classes say about one key: its field, its siblings, and whether it is a secret.

A key is a path into the settings, ``("health", "checks", 0, "url")``. An index stands for any entry of a list.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

Key = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r'\[(\d+)\]|("(?:[^"\\]|\\.)*")|([^.\[\]"]+)')


def dotted(key: Key) -> str:
    """Return ``key`` as the reader of a file would say it: ``health.checks[0].url``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part))
    return text


def parse(text: str) -> Key:
    """Return the key that ``dotted`` writes as ``text``."""
    steps = (step.groups() for step in _STEP.finditer(text))
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else bare for index, quoted, bare in steps
    )


def has(node: Any, part: str | int) -> bool:
    """Whether ``node``, a table or a list, has ``part``."""
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, list | tuple) and isinstance(part, int) and part < len(node)


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the name that ``word`` was probably meant to be."""
    return next(iter(get_close_matches(word, [*known], n=1)), None)


def fields(settings: Any) -> dict[str, FieldInfo]:
    """Return the fields of a settings class by name; none for anything else."""
    found: dict[str, FieldInfo] | None = None
    if isinstance(settings, type):
        found = getattr(settings, "__pydantic_fields__", None)
    return found or {}


def description(settings: type[Any], key: Key) -> str:
    """Return what the field at ``key`` below the class ``settings`` says about itself."""
    declared = [fields(owner).get(name) for owner, name in _owners(settings, key)]
    return next((found.description for found in declared if found is not None and found.description), "")


def siblings(settings: type[Any], key: Key) -> list[str]:
    """Return the names that the last part of ``key`` could have."""
    return [name for owner, _ in _owners(settings, key) for name in fields(owner)]


def is_secret(settings: type[Any], key: Key) -> bool:
    """Whether the value at ``key`` is a secret, or not known to the settings at all."""
    found = _reach(settings, key)
    return not found or any(each in (SecretStr, SecretBytes) or get_origin(each) is Secret for each in found)


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield what one value of this type may be: the members of a union, the entries of a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from alternatives(arguments[0])
    elif origin in (Union, UnionType) or is_list(annotation):
        for argument in arguments:
            yield from alternatives(argument)
    else:
        yield annotation


def is_list(annotation: Any) -> bool:
    """Whether a value of this type is a list of something else, such as ``Sequence[str]``."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Sequence | Set)


def _owners(settings: type[Any], key: Key) -> list[tuple[Any, str]]:
    """Return the classes in which the last part of ``key`` is looked up, with that part."""
    *above, name = key or (0,)
    if isinstance(name, int):
        return []
    return [(owner, name) for owner in _reach(settings, tuple(above)) if fields(owner)]


def _reach(settings: type[Any], key: Key) -> list[Any]:
    found: list[Any] = [settings]
    for part in key:
        if isinstance(part, str):
            found = [each for owner in found for below in _below(owner, part) for each in alternatives(below)]
    return found


def _below(owner: Any, name: str) -> Iterator[Any]:
    if name in fields(owner):
        yield fields(owner)[name].annotation
    elif _is_mapping(owner):
        yield get_args(owner)[1]


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping) and len(get_args(annotation)) == 2
