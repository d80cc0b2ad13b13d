"""The tables of settings say in words what a file may hold."""

from typing import Any

import pytest

from tests.support.settings_tables import kind, named, rewritten

KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "a switch": ({"type": "boolean"}, "boolean"),
    "a number with both ends": ({"type": "number", "minimum": 0, "maximum": 3600}, "number (0 to 3600)"),
    "a number above something": ({"type": "number", "exclusiveMinimum": 0}, "number (above 0)"),
    "a number above something, with an end": (
        {"type": "integer", "exclusiveMinimum": 0, "maximum": 60},
        "whole number (above 0, to 60)",
    ),
    "a number with a beginning": ({"type": "integer", "minimum": 1}, "whole number (1 or more)"),
    "words": ({"type": "string", "enum": ["text", "off"]}, "`text`, `off`"),
    "a secret": ({"type": "string", "format": "password", "writeOnly": True}, "secret text"),
    "a text with a name of its own": ({"type": "string", "title": "origin"}, "origin"),
    "a path": ({"type": "string", "format": "path"}, "path"),
    "a list of texts": ({"type": "array", "items": {"type": "string"}}, "list of texts"),
    "a list of tables": ({"type": "array", "items": {"$ref": "#/$defs/Check"}}, "list of `Check` tables"),
    "either": (
        {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["off"]}]},
        "whole number or `off`",
    ),
    "a list of either": (
        {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Check"}, {"type": "string"}]}},
        "list of `Check` tables or texts",
    ),
    "a table with any keys": (
        {"type": "object", "additionalProperties": {"type": "string", "enum": ["live"]}},
        "table with `live`",
    ),
}


@pytest.mark.parametrize(("schema", "words"), KINDS.values(), ids=KINDS)
def test_a_type_is_said_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind(schema) == words


def test_what_stands_between_the_marks_is_replaced_and_nothing_else() -> None:
    page = "before\n<!-- settings: RequestId -->\nold\n<!-- end -->\nafter\n<!-- end -->\n"

    written = rewritten(page)

    assert written.startswith(
        "before\n<!-- settings: RequestId -->\n\n| field | type | default | meaning |\n"
    )
    assert '\n| `header` | field name | `"X-Request-ID"` | The field that carries the id,' in written
    assert written.endswith(" |\n\n<!-- end -->\nafter\n<!-- end -->\n")
    assert "old" not in written
    assert rewritten(written) == written


def test_the_fields_that_all_layers_have_come_last() -> None:
    written = rewritten("<!-- settings: Health -->\n<!-- end -->\n")

    rows = [line.split("`")[1] for line in written.splitlines() if line.startswith("| `")]

    assert rows[0] == "path"
    assert rows[-4:] == ["enabled", "include", "exclude", "name"]


def test_a_bar_does_not_end_a_cell() -> None:
    written = rewritten("<!-- settings: Options -->\n<!-- end -->\n")

    assert r"`scope -> Caller \| None`" in written


def test_a_page_tells_which_tables_it_has() -> None:
    page = "<!-- settings: Cors -->\n<!-- end -->\n\n<!-- settings: Options -->\nx\n<!-- end -->\n"

    assert named(page) == ["Cors", "Options"]
