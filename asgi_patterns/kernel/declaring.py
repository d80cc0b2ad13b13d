"""How settings are declared.

``settings``: the decorator of every settings class; ``PathPattern``: a field that chooses requests by path.
"""

from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic.dataclasses import dataclass

from asgi_patterns.kernel.patterns import METHODS, Pattern

T = TypeVar("T")

_CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def settings(cls: type[T]) -> type[T]:
    """Make ``cls`` a settings class: frozen, keyword-only, unknown names refused, field docs in the schema."""
    made: type[Any] = dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)
    for name, field in made.__pydantic_fields__.items():
        # A subclass gets its fields from here, and pydantic reads no docstrings but the subclass's own.
        made.__dataclass_fields__[name].metadata = {"description": field.description}
    return made


def _check_pattern(text: str) -> str:
    Pattern.parse(text)
    return text


_METHOD = f"({'|'.join(sorted(METHODS))})"
# For editors only: what is wrong with a pattern, ``Pattern.parse`` says better.
_SCHEMA = {"type": "string", "title": "path pattern", "pattern": rf"^({_METHOD}(,{_METHOD})* +)?/[^?#]*$"}

PathPattern = Annotated[str, AfterValidator(_check_pattern), WithJsonSchema(_SCHEMA)]
"""``[METHOD[,METHOD] ]/path``; ``*`` stands for text within a segment, ``**`` for any number of segments."""
