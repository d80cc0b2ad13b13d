"""Settings in environment variables, and in mounted secrets: files that are called like variables."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from asgi_patterns.kernel.layer import Layer
from asgi_patterns.settings.files import CONFIG, read_text, say
from asgi_patterns.settings.schema import alternatives, closest, is_list
from asgi_patterns.settings.source import PREFIX, Source, as_switch

SECRETS_DIR: Final = f"{PREFIX}SECRETS_DIR"
"""The variable that names the directory of mounted secrets."""
_RESERVED = (CONFIG, SECRETS_DIR)
_BETWEEN = "__"


@final
class BrokenJson(str):
    """A text that begins like JSON and is none."""

    why: str
    """Where it breaks; not what stands there."""

    def __new__(cls, text: str, why: str) -> "BrokenJson":
        """Return ``text`` with the reason."""
        broken = super().__new__(cls, text)
        broken.why = why
        return broken


def environment(shape: type[BaseSettings]) -> Source:
    """Return what the environment says. ``shape`` has the fields of all settings."""
    given = {name: text for name, text in os.environ.items() if name.upper() not in _RESERVED}
    return _source("environment", shape, given, {name: name for name in given}, [])


def secrets(shape: type[BaseSettings]) -> Source:
    """Return what the files in the directory of secrets say. Files that are not called like ours are not read."""
    directory = os.environ.get(SECRETS_DIR, "")
    if not directory:
        return Source(name="secrets", note=f"{SECRETS_DIR} is not set")
    given: dict[str, str] = {}
    complaints: list[str] = []
    try:
        for path in sorted(Path(directory).iterdir()):
            if path.name.upper().startswith(PREFIX):
                _take(path, given, complaints)
    except OSError as exc:
        complaints = [f"{SECRETS_DIR}: {exc.strerror}, got {directory!r}; name a directory that can be read"]
    names = {name: str(Path(directory, name)) for name in given}
    return _source(directory, shape, given, names, complaints, is_open=False)


def _take(path: Path, given: dict[str, str], complaints: list[str]) -> None:
    try:
        given[path.name] = read_text(path).strip()
    except OSError as exc:
        complaints.append(f"{path}: cannot be read: {exc.strerror}")
    except ValueError as exc:
        complaints.append(f"{path}: {say(exc)}")


def _source(
    name: str,
    shape: type[BaseSettings],
    given: Mapping[str, str],
    names: Mapping[str, str],
    complaints: list[str],
    *,
    is_open: bool = True,
) -> Source:
    ours = [variable for variable in given if variable.upper().startswith(PREFIX)]
    unknown = [variable for variable in ours if _section(variable) not in shape.model_fields]
    complaints = [*complaints, *(f"{names[each]}: {_unknown(each, shape)}" for each in unknown)]
    tree = _Variables(shape, {variable: given[variable] for variable in ours})()
    complaints += [
        f"{names[each]}: {_UNHEARD}" for each in ours if each not in unknown and not _heard(tree, each)
    ]
    note = "" if tree else "cannot be read" if complaints else "nothing"
    called = {variable.upper(): names[variable] for variable in ours}
    return Source(
        name=name, tree=tree, note=note, complaints=tuple(complaints), variables=called, is_open=is_open
    )


_UNHEARD = "is lost, because a shorter variable sets the whole; keep one of the two"


def _heard(tree: Any, variable: str) -> bool:
    """Whether the variable reached the tree, and was not replaced by one that sets more."""
    for part in variable[len(PREFIX) :].lower().split(_BETWEEN):
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def _section(variable: str) -> str:
    return variable[len(PREFIX) :].lower().partition(_BETWEEN)[0]


def _unknown(variable: str, shape: type[BaseSettings]) -> str:
    """Return what is wrong with a variable that begins like ours. What it says is not repeated."""
    _, between, rest = variable[len(PREFIX) :].partition(_BETWEEN)
    known = [*shape.model_fields, *(each[len(PREFIX) :].lower() for each in _RESERVED)]
    meant = closest(_section(variable), known)
    right = f"did you mean {PREFIX}{meant.upper()}{between}{rest}?" if meant else "see asgi-patterns show"
    return f"there is no such variable; {right}"


@final
class _Variables(EnvSettingsSource):
    """Reads a tree out of variables that are given, wherever they come from."""

    def __init__(self, shape: type[BaseSettings], given: Mapping[str, str]) -> None:
        super().__init__(shape, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter=_BETWEEN)
        self.env_vars = {name.lower(): text for name, text in given.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the JSON that ``value`` is, the switch, or the list with commas; otherwise ``value`` itself.

        What is none of these is refused later, together with whatever else is wrong.
        """
        if value[:1] in ("[", "{"):
            try:
                return json.loads(value)
            except ValueError as exc:
                return BrokenJson(value, str(exc))
        annotation = getattr(field, "annotation", None)  # there is no field where the name is unknown
        if any(isinstance(each, type) and issubclass(each, Layer) for each in alternatives(annotation)):
            enabled = as_switch(value)
            return value if enabled is None else {"enabled": enabled}
        if is_list(annotation):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value
