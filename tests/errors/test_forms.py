"""Which JSON bodies are the error forms of FastAPI and Litestar, and what their problems say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.errors.forms import from_json

LOC = {"type": "missing", "loc": ["query", "page"], "msg": "Field required", "input": None}
ITEM = {"detail": "Field required", "type": "missing", "parameter": "page", "in": "query"}
WRONG = {"message": "Expected `float`, got `str`", "key": "items[0].price", "source": "body"}

FORMS: list[tuple[str, int, Any, dict[str, Any]]] = [
    ("FastAPI: a text", 404, {"detail": "no such order"}, {"detail": "no such order"}),
    ("FastAPI: the phrase says nothing new", 404, {"detail": "Not Found"}, {}),
    ("FastAPI: a failed validation", 422, {"detail": [LOC]},
     {"detail": "The request has 1 invalid value.", "errors": [ITEM]}),
    ("Litestar: a text", 409, {"status_code": 409, "detail": "shipped"}, {"detail": "shipped"}),
    ("Litestar: the phrase", 404, {"status_code": 404, "detail": "Not Found"}, {}),
    ("Litestar: data of the app's own", 409, {"status_code": 409, "detail": "shipped", "extra": {"order": 7}},
     {"detail": "shipped", "extra": {"order": 7}}),
    ("Litestar: a list of the app's own", 409, {"status_code": 409, "detail": "shipped", "extra": [7]},
     {"detail": "shipped", "extra": [7]}),
    ("Litestar: a failed validation", 400,
     {"status_code": 400, "detail": "Validation failed for POST /orders?token=hunter2", "extra": [WRONG]},
     {"detail": "The request has 1 invalid value.",
      "errors": [{"detail": "Expected `float`, got `str`", "pointer": "#/items/0/price"}]}),
    ("Litestar: a parameter is missing", 400,
     {"status_code": 400, "detail": "Missing required query parameter 'page' for path /orders?token=hunter2"},
     {"detail": "The request has 1 invalid value.",
      "errors": [{"detail": "Required", "parameter": "page", "in": "query"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "said"), [r[1:] for r in FORMS], ids=[r[0] for r in FORMS])
def test_a_form_becomes_a_problem(status: int, body: Any, said: dict[str, Any]) -> None:
    problem = from_json(status, json.dumps(body).encode())

    assert problem is not None
    members = problem.as_dict()
    assert members.pop("status") == status
    del members["type"], members["title"]
    assert members == said


OTHERS: list[tuple[str, int, bytes]] = [
    ("no JSON", 400, b'{"detail": '),
    ("no object", 400, b'["detail"]'),
    ("more than a detail", 400, b'{"detail": "x", "code": 7}'),
    ("less", 400, b"{}"),
    ("a detail that is an object", 400, b'{"detail": {"code": 7}}'),
    ("a detail that is a list of something", 400, b'{"detail": ["x"]}'),
    ("an empty list", 422, b'{"detail": []}'),
    ("no detail", 400, b'{"detail": null}'),
    ("an error with a member of its own", 422, json.dumps({"detail": [{**LOC, "hint": "x"}]}).encode()),
    ("an error without a place", 422, b'{"detail": [{"type": "x", "msg": "y"}]}'),
    ("one with a place that is none", 422, json.dumps({"detail": [{**LOC, "loc": ["elsewhere"]}]}).encode()),
    ("one with a step that is none", 422, json.dumps({"detail": [{**LOC, "loc": ["body", None]}]}).encode()),
    ("one good error and one other", 422, json.dumps({"detail": [LOC, "x"]}).encode()),
    ("Litestar's form with another status", 400, b'{"status_code": 401, "detail": "x"}'),
    ("Litestar's form with a detail that is no text", 400, b'{"status_code": 400, "detail": 7}'),
    ("deeper than anybody nests", 400, b'{"detail": ' + b"[" * 100_000),
    ("a status that is no error's", 600, b'{"detail": "x"}'),
]


@pytest.mark.parametrize(("status", "body"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_anything_else_is_no_form(status: int, body: bytes) -> None:
    assert from_json(status, body) is None


PLACES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("an index", {"key": "items[0].price", "source": "body"}, {"pointer": "#/items/0/price"}),
    ("indices next to each other", {"key": "grid[1][2]", "source": "body"}, {"pointer": "#/grid/1/2"}),
    ("a key that is not told", {"key": "stock[...].count", "source": "body"}, {"pointer": "#/stock"}),
    ("the whole body", {"key": "data", "source": "body"}, {"pointer": "#"}),
    ("a key that cannot be read", {"key": "a..[", "source": "body"}, {"key": "a..["}),
    ("a query parameter", {"key": "page", "source": "query"}, {"parameter": "page", "in": "query"}),
    ("a header", {"key": "x_n", "source": "header"}, {"parameter": "x_n", "in": "header"}),
    ("no source, so nobody knows", {"key": "items.0.price"}, {"key": "items.0.price"}),
    ("no key", {}, {}),
]


@pytest.mark.parametrize(("named", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_litestars_places(named: dict[str, str], place: dict[str, str]) -> None:
    body = {
        "status_code": 400,
        "detail": "Validation failed for GET /",
        "extra": [{"message": "no", **named}],
    }

    problem = from_json(400, json.dumps(body).encode())

    assert problem is not None
    assert problem.members["errors"] == [{"detail": "no", **place}]


def test_what_msgspec_quotes_of_the_input_is_left_out() -> None:
    wrong = {"message": "Invalid enum value 'hunter2'", "key": "kind", "source": "query"}
    body = {"status_code": 400, "detail": "Validation failed for GET /", "extra": [wrong]}

    problem = from_json(400, json.dumps(body).encode())

    assert problem is not None
    assert problem.members["errors"][0]["detail"] == "Invalid enum value"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["detail", "status_code", "extra", "type", "loc", "msg", "message", "key", "source"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from([400, 422, 500]), JSON)
def test_no_body_breaks_it(status: int, body: Any) -> None:
    problem = from_json(status, json.dumps(body).encode())

    if problem is not None:
        assert json.loads(problem.body())["status"] == status
