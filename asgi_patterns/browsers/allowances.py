"""What the fields of ``Cors`` may be. Each type refuses, at start-up, what no browser would understand."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo

from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.origins import EVERY, OPAQUE, Pattern, origin


def _check_alone(origins: Sequence[str]) -> Sequence[str]:
    if EVERY in origins and len(origins) > 1:
        raise ValueError("'*' is every origin: leave out the others, or leave out the '*'")
    return origins


def _check_pattern(text: str) -> str:
    Pattern.parse(text)
    return text


def _check_needed(patterns: Sequence[str], info: ValidationInfo) -> Sequence[str]:
    if patterns and EVERY in info.data.get("allow_origins", ()):
        raise ValueError("allow_origins has '*', which is every origin: leave out the patterns, or the '*'")
    return patterns


def _check_trust(allow: bool, info: ValidationInfo) -> bool:
    # Any page can give itself the origin null, in a sandboxed frame: it is as wide as the star.
    wide = [each for each in (EVERY, OPAQUE) if each in info.data.get("allow_origins", ())]
    if allow and wide:
        raise ValueError(
            f"with {wide[0]!r} in allow_origins any site could act as your signed-in users: list the origins"
        )
    return allow


def _check_explicit(names: Sequence[str], info: ValidationInfo) -> Sequence[str]:
    if EVERY in names and info.data.get("allow_credentials"):
        raise ValueError("with allow_credentials browsers take '*' for the name of a field: list the names")
    return names


def _method(text: str) -> str:
    field_name(text)  # a method is a token, as a field's name is (RFC 9110 9.1)
    return text.upper()


def _field(text: str) -> str:
    field_name(text)
    return text


# A title is what one entry is called in the documentation and in editors.
Origins: TypeAlias = Annotated[
    Sequence[Annotated[str, AfterValidator(origin), Field(title="origin")]], AfterValidator(_check_alone)
]
OriginPatterns: TypeAlias = Annotated[
    Sequence[Annotated[str, AfterValidator(_check_pattern), Field(title="origin pattern")]],
    AfterValidator(_check_needed),
]
# Where no list is sent, some requests of a browser pass whatever their method.
Methods: TypeAlias = Annotated[
    Sequence[Annotated[str, AfterValidator(_method), Field(title="method")]], Field(min_length=1)
]
FieldNames: TypeAlias = Sequence[Annotated[str, AfterValidator(_field), Field(title="field name")]]
ExposedNames: TypeAlias = Annotated[FieldNames, AfterValidator(_check_explicit)]
Credentials: TypeAlias = Annotated[bool, AfterValidator(_check_trust)]
