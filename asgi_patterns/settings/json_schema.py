"""The settings file as a JSON Schema, from which an editor completes and checks it.

It says what stands in a file: no null, which TOML does not have, and dotted names in place of callables. What it
lets pass can still be refused at start-up, where a check needs more than the value itself.
"""

from functools import reduce
from typing import Any, Final, final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from asgi_patterns.kernel.dotted import NAME, Dotted
from asgi_patterns.settings.files import TABLE
from asgi_patterns.settings.sections import SECTIONS, Settings

DIALECT: Final = GenerateJsonSchema.schema_dialect
"""The version of JSON Schema: 2020-12."""

_TITLE = "asgi_patterns settings"
_DOTTED = {"type": "string", "title": "dotted name", "pattern": f"^{NAME.pattern}$"}


def json_schema(*, pyproject: bool = False) -> dict[str, Any]:
    """Return the schema of ``asgi-patterns.toml``, or of our table in ``pyproject.toml``."""
    whole = TypeAdapter(Settings).json_schema(schema_generator=_FileSchema)
    classes = whole.pop("$defs")
    for name in SECTIONS:
        whole["properties"][name] = _section(whole["properties"][name], classes)
    whole = {**whole, "title": _TITLE, "description": "Settings of the layers in front of an ASGI app."}
    if pyproject:
        whole = reduce(_below, reversed(TABLE), whole)
    return {"$schema": DIALECT, **whole, "$defs": classes}


def _below(inner: JsonSchemaValue, name: str) -> JsonSchemaValue:
    """Return the schema of a table with other things in it beside ``inner``."""
    return {"type": "object", "properties": {name: inner}}


def _section(layers: JsonSchemaValue, classes: JsonSchemaValue) -> JsonSchemaValue:
    """Return what may stand in a file for ``layers``, a list: one table, several, or only on or off."""
    reference: str = layers["items"]["$ref"]
    # Each keyword is for one of the types and silent about the others. As alternatives (anyOf), an editor could
    # only say of a misspelt key that none of them fits, and some follow no reference that has a neighbour.
    return {
        **classes[reference.rpartition("/")[2]],
        "description": layers["description"],
        "type": ["object", "array", "boolean"],
        "items": layers["items"],
    }


@final
class _FileSchema(GenerateJsonSchema):
    """What pydantic accepts, as far as a TOML file can say it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title would only repeat the field's name."""
        return False

    def callable_schema(self, schema: core_schema.CallableSchema) -> JsonSchemaValue:
        """Return what names a callable in a file."""
        return {**_DOTTED}

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """Return the schema, with the dotted name of a value wherever that is taken, too."""
        found = super().function_before_schema(schema)
        alternatives = found.get("anyOf", [found])
        if schema["function"]["function"] is not Dotted.func or _DOTTED in alternatives:
            return found
        return {"anyOf": [*alternatives, {**_DOTTED}]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema without null: a file leaves the field out."""
        return self.generate_inner(schema["schema"])

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        """Return the alternatives as a person would write them down."""
        return _plain(super().union_schema(schema))

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema with its default, unless that is to leave the field out."""
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found

    def encode_default(self, dft: Any) -> Any:
        """Return a default as a file would have it."""
        return f"{dft.__module__}:{dft.__qualname__}" if callable(dft) else super().encode_default(dft)


def _plain(union: JsonSchemaValue) -> JsonSchemaValue:
    """Return ``union`` with its words in one list, and without any text beside a secret, which is one too."""
    found = union.get("anyOf", [union])
    words = [word for each in found for word in _words(each)]
    rest = [each for each in found if not _words(each)]
    if any(each.get("writeOnly") for each in rest):
        rest = [each for each in rest if each != {"type": "string"}]
    if words:
        rest.append({"type": "string", "enum": words})
    return {"anyOf": rest} if len(rest) > 1 else rest[0]


def _words(schema: JsonSchemaValue) -> list[str]:
    """Return the words that ``schema`` consists of; none where it allows anything else."""
    words: list[str] = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return words
