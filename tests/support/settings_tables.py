"""The tables of settings in the documentation, made from what the fields say about themselves.

    python -m tests.support.settings_tables

rewrites, in every page, what stands between ``<!-- settings: Health -->`` and ``<!-- end -->``. The name is that
of a settings class, or ``Options`` for what stands above the first section. Run by ``make docs``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from asgi_patterns.kernel.layer import Layer
from asgi_patterns.settings.json_schema import json_schema
from asgi_patterns.settings.sections import SECTIONS
from tests.support.pages import PAGES

Schema = Mapping[str, Any]

OPTIONS: Final = "Options"

_BETWEEN = re.compile(r"^(<!-- settings: (\w+) -->\n).*?^(<!-- end -->)$", re.MULTILINE | re.DOTALL)
_COMMON = [field.name for field in fields(Layer)]  # at the end of each table: they are the same everywhere
_NOUNS = {"boolean": "boolean", "integer": "whole number", "number": "number", "string": "text"}


def rewritten(page: str) -> str:
    """Return the text of a page with its tables as they should be."""
    schema = json_schema()

    def table(match: re.Match[str]) -> str:
        rows = "\n".join(_rows(_properties(schema, match[2]), _required(schema, match[2])))
        return f"{match[1]}\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}\n\n{match[3]}"

    return _BETWEEN.sub(table, page)


def named(page: str) -> list[str]:
    """Return the classes that the page has a table of."""
    return [match[2] for match in _BETWEEN.finditer(page)]


def _properties(schema: Schema, name: str) -> Schema:
    if name == OPTIONS:
        return {option: field for option, field in schema["properties"].items() if option not in SECTIONS}
    found: Schema = schema["$defs"][name]["properties"]
    return {field: found[field] for field in sorted(found, key=lambda field: field in _COMMON)}


def _required(schema: Schema, name: str) -> list[str]:
    required: list[str] = schema["$defs"].get(name, {}).get("required", [])
    return required


def _rows(properties: Schema, required: list[str]) -> Iterator[str]:
    for name, field in properties.items():
        default = "required" if name in required else _default(field)
        cells = [f"`{name}`", kind(field), default, field["description"]]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def kind(field: Schema, *, several: bool = False) -> str:
    """Return what may be written there, in words; ``several`` of it, as in a list."""
    plural = "s" if several else ""
    match field:
        case {"anyOf": alternatives}:
            return " or ".join(dict.fromkeys(kind(each, several=several) for each in alternatives))
        case {"$ref": reference}:
            return f"`{reference.rpartition('/')[2]}` table{plural}"
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"type": "array", "items": items}:
            return f"list of {kind(items, several=True)}"
        case {"type": "object", "additionalProperties": values}:
            return f"table{plural} with {kind(values)}"
        case {"writeOnly": True}:
            return f"secret text{plural}"
        case {"title": noun} | {"format": noun}:
            return f"{noun}{plural}"
    return _NOUNS[field["type"]] + plural + _bounds(field)


def _bounds(field: Schema) -> str:
    match field:
        case {"minimum": least, "maximum": most}:
            return f" ({least} to {most})"
        case {"exclusiveMinimum": least, "maximum": most}:
            return f" (above {least}, to {most})"
        case {"minimum": least}:
            return f" ({least} or more)"
        case {"exclusiveMinimum": least}:
            return f" (above {least})"
    return ""


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, [], {}, ""):
        return "none"
    return f"`{json.dumps(int(default) if isinstance(default, float) and default.is_integer() else default)}`"


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = rewritten(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.name)


if __name__ == "__main__":
    main()
