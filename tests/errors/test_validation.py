"""The items of ``errors``: what is wrong with a request, and where."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.errors.validation import (
    MAX_ITEMS,
    MAX_TEXT,
    from_pydantic,
    in_parameter,
    invalid,
    item,
    pointer,
)

POINTERS: list[tuple[str, list[str | int], str]] = [
    ("the body itself", [], "#"),
    ("a member of an item of a list", ["items", 3, "price"], "#/items/3/price"),
    ("a slash and a tilde in a name", ["a/b~c"], "#/a~1b~0c"),
    ("a name that looks escaped", ["~1"], "#/~01"),
    ("an empty name", [""], "#/"),
    ("what a fragment may not hold", ["a b#c%"], "#/a%20b%23c%25"),
    ("what it may hold", ["a?b:c@d$e"], "#/a?b:c@d$e"),
    ("letters from elsewhere", ["größe"], "#/gr%C3%B6%C3%9Fe"),
    ("half a character", ["\ud800"], "#/?"),
]


@pytest.mark.parametrize(("steps", "expected"), [r[1:] for r in POINTERS], ids=[r[0] for r in POINTERS])
def test_pointer(steps: list[str | int], expected: str) -> None:
    assert pointer(steps) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_pointer_leads_back_to_its_steps(steps: list[str]) -> None:
    fragment = pointer(steps)

    read = unquote(fragment[1:]).split("/")[1:]

    assert [step.replace("~1", "/").replace("~0", "~") for step in read] == steps
    assert fragment.isascii()


BODY = {"items": [{"price": "x"}, {}], "kind": "q", "by_number": {"7": "z"}}
PLACES: list[tuple[str, str, tuple[Any, ...], dict[str, str]]] = [
    ("in the body", "float_parsing", ("body", "items", 0, "price"), {"pointer": "#/items/0/price"}),
    ("what is missing in the body", "missing", ("body", "items", 1, "price"), {"pointer": "#/items/1/price"}),
    ("what is missing below a union", "missing", ("body", "items", 1, "Fruit", "price"),
     {"pointer": "#/items/1/price"}),
    ("the body as a whole", "list_type", ("body",), {"pointer": "#"}),
    ("a member of a union is no step", "int_parsing", ("body", "kind", "int"), {"pointer": "#/kind"}),
    ("a key that pydantic read as a number", "int_parsing", ("body", "by_number", 7), {"pointer": "#/by_number/7"}),
    ("a place in text that is no JSON", "json_invalid", ("body", 17), {"pointer": "#"}),
    ("a query parameter", "int_parsing", ("query", "page"), {"parameter": "page", "in": "query"}),
    ("an item of one", "int_parsing", ("query", "tags", 1), {"parameter": "tags", "in": "query"}),
    ("a part of the path", "int_parsing", ("path", "n"), {"parameter": "n", "in": "path"}),
    ("a header", "missing", ("header", "x-n"), {"parameter": "x-n", "in": "header"}),
    ("a cookie", "missing", ("cookie", "sid"), {"parameter": "sid", "in": "cookie"}),
    ("somewhere else", "missing", ("elsewhere", "x"), {}),
    ("all parameters of a kind", "missing", ("query",), {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "loc", "place"), [r[1:] for r in PLACES], ids=[r[0] for r in PLACES])
def test_where_it_is(kind: str, loc: tuple[Any, ...], place: dict[str, str]) -> None:
    found = from_pydantic({"type": kind, "loc": loc, "msg": "no"}, BODY)

    assert found == {"detail": "no", "type": kind, **place}


def test_without_the_body_every_step_is_believed() -> None:
    found = from_pydantic({"type": "int_parsing", "loc": ["body", "kind", "int"], "msg": "no"})

    assert found["pointer"] == "#/kind/int"


LEAKS: list[tuple[str, dict[str, Any], str]] = [
    ("input, context and link stay behind", {"type": "x", "loc": ["body"], "msg": "no", "input": "hunter2",
     "ctx": {"error": "hunter2"}, "url": "https://errors.pydantic.dev/hunter2"}, "no"),
    ("a tag is not repeated", {"type": "union_tag_invalid", "loc": ["body"], "msg": "Input tag 'hunter2' found using "
     "'kind' does not match any of the expected tags: 'a'"}, "Input tag does not match any of the expected tags: 'a'"),
    ("an error made by hand says what it can", {}, "Not valid"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "detail"), [r[1:] for r in LEAKS], ids=[r[0] for r in LEAKS])
def test_what_was_sent_is_not_repeated(error: dict[str, Any], detail: str) -> None:
    found = from_pydantic(error)

    assert found["detail"] == detail
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(("length", "kept"), [(MAX_TEXT, True), (MAX_TEXT + 1, False)])
def test_texts_are_bounded(length: int, kept: bool) -> None:
    found = item("x" * length, place=in_parameter("query", "y" * length))

    assert len(found["detail"]) == MAX_TEXT
    assert found["detail"].endswith("x") is kept
    assert ("parameter" in found) is kept
    assert found["in"] == "query"


COUNTS = [
    (1, 1, "The request has 1 invalid value."),
    (2, 2, "The request has 2 invalid values."),
    (MAX_ITEMS, MAX_ITEMS, f"The request has {MAX_ITEMS} invalid values."),
    (MAX_ITEMS + 1, MAX_ITEMS, f"The request has 101 invalid values. The first {MAX_ITEMS} are listed."),
]


@pytest.mark.parametrize(("count", "listed", "detail"), COUNTS)
def test_the_list_is_bounded_and_says_so(count: int, listed: int, detail: str) -> None:
    problem = invalid(422, range(count), lambda number: item(str(number), place={}))

    assert (problem.text, len(problem.members["errors"])) == (detail, listed)
