"""What is wrong with settings, in lines that say where, what, and what would be right."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from asgi_patterns.settings.schema import Key, closest, description, has, is_secret, siblings
from asgi_patterns.settings.values import MASK, show, without_credentials
from asgi_patterns.settings.variables import BrokenJson

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_WORD = re.compile(r"\w{3,}")
_END = re.compile(r"\.(?: |$)")  # of a sentence
_QUOTED = re.compile(r"'([^']*)'")
_SUBJECT = re.compile(r"^(Input|String|Value|List|Dictionary|Tuple) should ")
# What pydantic says in terms of Python, in the terms of a settings file.
_SHOULD = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "be true or false"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "be a number"),
    **dict.fromkeys(("list_type", "tuple_type", "sequence_str", "iterable_type"), "be a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "dataclass_type", "dataclass_exact_type"), "be a table"),
    "string_type": "be a string",
    "path_type": "be a path",
    "callable_type": "be a callable, or the dotted name of one, package.module:name",
}


@final
class SettingsError(ValueError):
    """All that is wrong with the settings, one line each in ``complaints``. Never shows a secret."""

    def __init__(self, *complaints: str) -> None:
        super().__init__(*(without_credentials(each) for each in complaints))

    @property
    def complaints(self) -> tuple[str, ...]:
        """One line for each thing that is wrong."""
        return tuple(str(each) for each in self.args)

    def __str__(self) -> str:
        return "\n".join(self.complaints)


@final
@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with the value at ``key``."""

    key: Key
    wrong: str
    right: str = ""
    value: str = ""
    """As it may be shown; empty where it says nothing or may not be shown."""

    def __str__(self) -> str:
        got = f", got {self.value}" if self.value and self.value not in self.wrong else ""
        return self.wrong + got + (f"; {self.right}" if self.right else "")


def explain(
    error: ValidationError, tree: Mapping[str, Any], settings: type[Any], is_open: Callable[[Key], bool]
) -> list[Wrong]:
    """Return what ``error`` says about ``tree``, the input for the class ``settings``; one for each key.

    ``is_open`` says whether the value at a key comes from where values may be shown.
    """
    found: dict[Key, list[ErrorDetails]] = {}
    for each in error.errors(include_url=False):
        found.setdefault(_key(each, tree, settings), []).append(each)
    # A table that fits none of the types it may have fails in the type that is meant, and in all others as a whole.
    keys = [
        key for key in found if not any(key == other[: len(key)] for other in found if len(other) > len(key))
    ]
    return [_wrong(key, found[key], settings, hide=not is_open(key)) for key in keys]


def _key(error: ErrorDetails, tree: Any, settings: type[Any]) -> Key:
    """Return where in ``tree`` the error is: its location without the types that a union tried."""
    key: list[str | int] = []
    for part in error["loc"]:
        if has(tree, part):
            tree = tree[part]
            key.append(part)
        elif (part,) == error["loc"][-1:] and _is_not_given(error, (*key, part), settings):
            key.append(part)
    return tuple(key)


def _is_not_given(error: ErrorDetails, key: Key, settings: type[Any]) -> bool:
    """Whether it is about a setting that nothing has given, and not about a type that a union tried."""
    return error["type"] in _MISSING or (
        "error" in error.get("ctx", {}) and key[-1] in siblings(settings, key)
    )


def _wrong(key: Key, errors: Sequence[ErrorDetails], settings: type[Any], *, hide: bool) -> Wrong:
    error, value = errors[0], errors[0]["input"]
    if error["type"] in _UNKNOWN:
        return Wrong(key, *_unknown(key, settings))
    if error["type"] in _MISSING:
        return Wrong(key, "is missing", _about(settings, key))
    if isinstance(value, BrokenJson):
        return Wrong(key, "is no JSON", value.why)
    hide = hide or is_secret(settings, key)
    shown = MASK if hide and isinstance(value, str) else show(value)
    if "error" in error.get("ctx", {}):
        return _by_us(Wrong(key, str(error["ctx"]["error"]), _about(settings, key), shown), value, hide=hide)
    if error["type"].startswith("dataclass") and isinstance(value, str):
        shown = "a string"  # in place of settings some of which are secrets
    return Wrong(key, "is not possible", _expected(errors, value, hide=hide), shown)


def _unknown(key: Key, settings: type[Any]) -> tuple[str, str]:
    known = siblings(settings, key)
    meant = closest(str(key[-1]), known)
    what = "setting" if len(key) > 1 else "section or setting"
    return f"there is no such {what}", f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"


def _by_us(said: Wrong, value: object, *, hide: bool) -> Wrong:
    """Make the best of what one of our own checks says, mostly ``<what is wrong>: <what would be right>``."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if hide and any(each in said.wrong for each in (text, *_WORD.findall(text)) if each):
        return replace(said, wrong="is not accepted")
    wrong, colon, right = said.wrong.rpartition(": ")
    shown = said.value if isinstance(value, str | int | float) else ""
    return Wrong(said.key, wrong if colon else right, right if colon else said.right, shown)


def _about(settings: type[Any], key: Key) -> str:
    """Return the first sentence of what the setting says about itself."""
    return _END.split(" ".join(description(settings, key).split()), maxsplit=1)[0]


def _expected(errors: Sequence[ErrorDetails], value: object, *, hide: bool) -> str:
    """Return what would be right, as pydantic says it for each type that the value may have."""
    wanted = dict.fromkeys(_SHOULD.get(each["type"]) or _SUBJECT.sub("", each["msg"]) for each in errors)
    choices = [
        choice for each in errors for choice in _QUOTED.findall(each.get("ctx", {}).get("expected", ""))
    ]
    meant = None if hide else closest(str(value), choices)
    return f"it should {' or '.join(wanted)}" + (f" (did you mean {meant!r}?)" if meant else "")
