"""Problem types: declared, given to the layer, put on the wire and documented under their own URIs."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.caching.refusals import PRECONDITION_FAILED, PRECONDITION_REQUIRED, WRITERS_BUSY
from asgi_patterns.compression.decompression_refusals import (
    CODING_NOT_SUPPORTED,
    DECODED_TOO_LARGE,
    NOT_DECODABLE,
)
from asgi_patterns.errors import Problem, Problems, ProblemType
from asgi_patterns.errors.validation import INVALID
from asgi_patterns.kernel.capacity import REDUCED_CAPACITY
from asgi_patterns.kernel.problems import built_in, built_in_types
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection.body_limit_refusals import (
    CONTENT_TOO_LARGE,
    FOREIGN_ORIGIN,
    HEADERS_TOO_LARGE,
    URI_TOO_LONG,
)
from asgi_patterns.protection.deadline_refusals import SLOW_ANSWER, SLOW_CLIENT
from asgi_patterns.ratelimit.refusals import QUOTA_EXCEEDED
from asgi_patterns.testing import Client

pytestmark = pytest.mark.anyio

SOLD_OUT = ProblemType("sold-out", "Sold out", 409, "There are fewer left.\n\nAsk for <less> & try again.")
SHIPPED = ProblemType("https://shop.example/problems/shipped", "Shipped already", 409)
TYPES = [SOLD_OUT, SHIPPED]


def raising(problem: Problem) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise problem

    return app


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"hello"})


WIRE: list[tuple[str, str | None, Problem, dict[str, Any]]] = [
    ("a slug below a path", "/problems/", SOLD_OUT("only 2"),
     {"type": "/problems/sold-out", "title": "Sold out", "detail": "only 2"}),
    ("a slug below a URL", "https://shop.example/problems", SOLD_OUT("only 2"),
     {"type": "https://shop.example/problems/sold-out", "title": "Sold out", "detail": "only 2"}),
    ("without a base the title is the phrase", None, SOLD_OUT("only 2"),
     {"type": "about:blank", "title": "Conflict", "detail": "only 2"}),
    ("and what it said becomes the detail", None, SOLD_OUT(),
     {"type": "about:blank", "title": "Conflict", "detail": "Sold out"}),
    ("a URI needs no base", None, SHIPPED(), {"type": SHIPPED.type, "title": "Shipped already"}),
    ("and takes none", "/problems/", SHIPPED(), {"type": SHIPPED.type, "title": "Shipped already"}),
    ("a problem without a type", "/problems/", Problem(409), {"type": "about:blank", "title": "Conflict"}),
    ("one with a type that nobody listed", "/problems/", Problem(409, type="new", title="New"),
     {"type": "/problems/new", "title": "New"}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "problem", "said"), [r[1:] for r in WIRE], ids=[r[0] for r in WIRE])
async def test_the_type_on_the_wire(base: str | None, problem: Problem, said: dict[str, Any]) -> None:
    answer = await Client(Problems(base=base)(raising(problem))).get("/orders")

    assert answer.json() == {**said, "status": 409}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a slug without a base", {"types": [SOLD_OUT]}, "set base"),
    ("one URI with two meanings", {"base": "/problems/", "types": [SOLD_OUT, ProblemType("sold-out", "Gone", 410)]},
     "two problem types are called '/problems/sold-out'"),
    ("a slug and the URI that it becomes", {"base": "https://shop.example/problems/", "types": [
        ProblemType("shipped", "Gone", 410), SHIPPED]}, "two problem types"),
    ("one that this package has", {"base": "/problems/", "types": [ProblemType("invalid-request", "Mine", 400)]},
     "two problem types are called '/problems/invalid-request'"),
    ("the root as a base", {"base": "/"}, "is no base"),
    ("a base that is a word", {"base": "problems"}, "is no base"),
    ("one with a query", {"base": "/problems?x="}, "is no base"),
    ("one that goes up", {"base": "/problems/../"}, "is no base"),
    ("one with a pattern", {"base": "/problems/*/"}, "is no base"),
    ("one of another scheme", {"base": "ftp://shop.example/problems/"}, "is no base"),
    ("a dotted name of nothing", {"types": ["tests.errors.test_types:NOTHING"]}, "NOTHING"),
    ("a dotted name of something else", {"types": ["tests.errors.test_types:TYPES"]}, "types"),
    ("fields that cannot be", {"base": "/problems/", "types": [{"type": "x", "title": "X", "status": 200}]},
     "400 to 599"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "why"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_settings_that_cannot_be(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Problems(**fields)


@pytest.mark.parametrize(
    ("type", "title", "status"),
    [
        ("Sold Out", "Sold out", 409),
        ("sold_out", "Sold out", 409),
        ("", "Sold out", 409),
        ("https://shop.example/<b>", "Sold out", 409),
        ("sold-out", "", 409),
        ("sold-out", "Sold\nout", 409),
        ("sold-out", "Sold out", 399),
        ("sold-out", "Sold out", 600),
    ],
)
def test_a_type_that_no_problem_could_have_is_refused(type: str, title: str, status: int) -> None:
    with pytest.raises(ValueError, match=r"no problem type|no title|400 to 599"):
        ProblemType(type, title, status)


OURS = {each.type: each for each in (QUOTA_EXCEEDED, REDUCED_CAPACITY)}
"""The types of this package whose URIs are others' and need no base."""
CACHING = (PRECONDITION_FAILED, PRECONDITION_REQUIRED, WRITERS_BUSY)
DECODING = (CODING_NOT_SUPPORTED, DECODED_TOO_LARGE, NOT_DECODABLE)
SIZES = (CONTENT_TOO_LARGE, FOREIGN_ORIGIN, HEADERS_TOO_LARGE, URI_TOO_LONG)
TIMES = (SLOW_ANSWER, SLOW_CLIENT)
SLUGS = (*CACHING, *DECODING, *SIZES, *TIMES)
"""Those that the base makes URIs."""

GIVEN: list[tuple[str, Sequence[Any]]] = [
    ("objects", TYPES),
    ("dotted names", ["tests.errors.test_types:SOLD_OUT", "tests.errors.test_types.SHIPPED"]),
    ("fields", [
        {"type": each.type, "title": each.title, "status": each.status, "documentation": each.documentation}
        for each in TYPES
    ]),
    ("one of them twice", [*TYPES, SOLD_OUT]),
]  # fmt: skip


@pytest.mark.parametrize("types", [row[1] for row in GIVEN], ids=[row[0] for row in GIVEN])
def test_types_are_listed_by_uri_with_those_of_the_package(types: Sequence[Any]) -> None:
    layer = Problems(base="/problems/", types=types)

    assert (
        layer.problem_types()
        == {
            "/problems/invalid-request": INVALID,
            "/problems/sold-out": SOLD_OUT,
            SHIPPED.type: SHIPPED,
        }
        | {f"/problems/{each.type}": each for each in SLUGS}
        | OURS
    )


def test_without_a_base_only_whole_uris_are_listed() -> None:
    assert Problems(types=[SHIPPED]).problem_types() == {SHIPPED.type: SHIPPED} | OURS


def test_a_built_in_type_is_listed_once() -> None:
    before = built_in_types()

    built_in(ProblemType(INVALID.type, INVALID.title, INVALID.status, INVALID.documentation))

    assert built_in_types() == before


def test_the_layer_says_which_paths_it_answers() -> None:
    assert Problems().paths == ()
    assert set(Problems(base="/problems", types=[SOLD_OUT]).paths) == {
        "/problems/",
        "/problems/sold-out",
        "/problems/invalid-request",
        *(f"/problems/{each.type}" for each in SLUGS),
    }


DOCUMENTED = {
    "type": "/problems/sold-out",
    "title": "Sold out",
    "status": 409,
    "documentation": SOLD_OUT.documentation,
}
served = Problems(base="/problems/", types=TYPES)


async def test_a_type_is_documented_under_its_uri() -> None:
    answer = await Client(served(hello)).get("/problems/sold-out")

    assert (answer.status, answer.json()) == (200, DOCUMENTED)
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "public, max-age=3600"
    assert answer.header("vary") == "Accept"


async def test_the_base_lists_all_of_its_types() -> None:
    answer = await Client(served(hello)).get("/problems/")

    listed = {each["type"]: (each["title"], each["status"]) for each in answer.json()["types"]}
    assert listed == {
        "/problems/invalid-request": (INVALID.title, 422),
        "/problems/sold-out": ("Sold out", 409),
        **{f"/problems/{each.type}": (each.title, each.status) for each in SLUGS},
    }


FORMS = [
    ("a program that says nothing", None, "application/json"),
    ("one that wants JSON", "application/json", "application/json"),
    ("a browser", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
    ("who takes neither", "image/*", "application/json"),
]


@pytest.mark.parametrize(("accept", "media_type"), [r[1:] for r in FORMS], ids=[r[0] for r in FORMS])
async def test_who_gets_which_form(accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"accept": accept}

    answers = [
        await Client(served(hello)).get(path, headers=headers)
        for path in ("/problems/sold-out", "/problems/")
    ]

    assert [answer.header("content-type") for answer in answers] == [media_type, media_type]


async def test_the_page_escapes_what_it_shows() -> None:
    odd = ProblemType("odd", "<script>alert(1)</script>", 400, '"><img src=x>')
    client = Client(Problems(base="/problems/", types=[odd])(hello), headers={"accept": "text/html"})

    answers = [await client.get(path) for path in ("/problems/odd", "/problems/")]

    assert ["<script" in answer.text or "<img" in answer.text for answer in answers] == [False, False]
    assert "&lt;script&gt;" in answers[0].text
    assert "default-src 'none'" in (answers[0].header("content-security-policy") or "")


async def test_a_head_has_the_head_of_the_get() -> None:
    client = Client(served(hello))

    head, get = await client.head("/problems/sold-out"), await client.get("/problems/sold-out")

    assert (head.headers, head.body) == (get.headers, b"")


async def test_an_unknown_type_is_a_problem() -> None:
    answer = await Client(Pipeline(RequestId(), served)(hello)).get("/problems/nothing")

    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such problem type.",
        "requestId": answer.header("x-request-id"),
    }


async def test_nothing_is_changed_there() -> None:
    answer = await Client(served(hello)).post("/problems/sold-out", json={})

    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


PASSED: list[tuple[str, Problems, str, str]] = [
    ("a path beside the base", served, "/problemsolving", "shop.example"),
    ("the base without its slash", served, "/problems", "shop.example"),
    ("no base", Problems(), "/problems/sold-out", "shop.example"),
    ("a base on another host", Problems(base="https://docs.example/problems/"), "/problems/", "shop.example"),
    ("a host that is all base", Problems(base="https://shop.example/"), "/", "shop.example"),
    (
        "a layer that is switched off",
        Problems(base="/problems/", enabled=False),
        "/problems/",
        "shop.example",
    ),
]


@pytest.mark.parametrize(("layer", "path", "host"), [r[1:] for r in PASSED], ids=[r[0] for r in PASSED])
async def test_the_app_answers_everything_else(layer: Problems, path: str, host: str) -> None:
    answer = await Client(layer(hello), headers={"host": host}, scheme="https").get(path)

    assert answer.text == "hello"


@pytest.mark.parametrize("host", ["shop.example", "SHOP.example:443"])
async def test_a_base_with_this_host_is_answered_here(host: str) -> None:
    layer = Problems(base="https://shop.example/problems/", types=[SOLD_OUT])

    answer = await Client(layer(hello), headers={"host": host}, scheme="https").get("/problems/sold-out")

    assert answer.json() == {**DOCUMENTED, "type": "https://shop.example/problems/sold-out"}


async def test_include_does_not_hide_the_documentation() -> None:
    layer = Problems(base="/problems/", types=[SOLD_OUT], include=["/api/**"])

    answer = await Client(layer(hello)).get("/problems/sold-out")

    assert answer.json() == DOCUMENTED


async def test_a_websocket_below_the_base_is_the_app_s() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    async with Client(served(app)).websocket("/problems/sold-out") as socket:
        assert socket.accepted


def test_a_file_can_declare_a_type_with_its_fields() -> None:
    layer = Problems(
        base="/problems/", types=json.loads(json.dumps([{"type": "x", "title": "X", "status": 400}]))
    )

    assert layer.problem_types()["/problems/x"] == ProblemType("x", "X", 400)


def test_it_can_be_explained() -> None:
    scope = {"type": "http", "method": "GET", "path": "/problems/sold-out", "headers": []}

    answered, passed = served.explain(scope), served.explain({**scope, "path": "/orders"})

    assert (answered.ends, passed.ends) == (True, False)
    assert "problem types" in answered.says[0]
