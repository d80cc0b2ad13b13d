"""The handlers for Litestar, in a real app."""

from typing import Any

import pytest

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.errors import Crashed, Problems
from asgi_patterns.errors.litestar import problem_handlers
from asgi_patterns.kernel.events import Event
from asgi_patterns.testing import Client
from tests.errors import failing

pytestmark = pytest.mark.anyio

ANSWERS: list[tuple[str, str, str, object, int, dict[str, Any]]] = [
    ("no route", "GET", "/nowhere", None, 404, {}),
    ("another method", "PUT", "/crash", None, 405, {}),
    ("a text and data", "GET", "/refused", None, 403, {"detail": "not yours", "extra": {"code": 7}}),
    ("a text route", "GET", "/text", None, 403, {"detail": "not yours"}),
    ("an exception of Starlette's", "GET", "/classic", None, 403, {"detail": "not yours"}),
    ("a problem", "GET", "/problem", None, 409,
     {"type": "https://shop.example/problems/shipped", "detail": "shipped", "order": 7}),
    ("a crash", "GET", "/crash", None, 500, {}),
    ("a missing parameter", "GET", "/page?token=hunter2", None, 400, {
        "detail": "The request has 1 invalid value.",
        "errors": [{"detail": "Required", "parameter": "page", "in": "query"}],
    }),
    ("a failed validation, by the client's names", "POST", "/plain-orders?page=hunter2",
     {"items": [{"price": "hunter2"}]}, 400, {
        "detail": "The request has 2 invalid values.",
        "errors": [
            {"detail": "Expected `float`, got `str`", "pointer": "#/items/0/price"},
            {"detail": "Expected `int`, got `str`", "parameter": "page", "in": "query"},
        ],
    }),
    ("one of pydantic's, with its place", "POST", "/orders", {"items": [{}]}, 400, {
        "detail": "The request has 1 invalid value.",
        "errors": [{"detail": "Field required", "type": "missing", "pointer": "#/items/0/price"}],
    }),
]  # fmt: skip


@pytest.mark.parametrize("problems", [[], [Problems()]], ids=["no Problems layer", "one around"])
@pytest.mark.parametrize(
    ("method", "url", "content", "status", "said"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS]
)
async def test_answers(
    problems: list[Problems], method: str, url: str, content: object, status: int, said: dict[str, Any]
) -> None:
    app = Pipeline(RequestId(), *problems)(failing.litestar(exception_handlers=problem_handlers()))

    answer = await Client(app, lint=False).request(method, url, json=content)

    members = answer.json()
    assert (answer.status, members.pop("status")) == (status, status)
    assert members.pop("requestId") == answer.header("x-request-id")
    del members["title"]
    assert members == {"type": "about:blank", **said}
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("content-length") == [str(len(answer.body))]
    assert answer.header("x-why") == ("late" if url == "/refused" else None)


@pytest.mark.parametrize("debug", [False, True])
async def test_observers_hear_of_a_crash_that_litestar_keeps_to_itself(debug: bool) -> None:
    heard: list[Event] = []
    pipeline = Pipeline(Problems(debug=debug), listeners=[lambda event, _: heard.append(event)])
    app = pipeline(failing.litestar(exception_handlers=problem_handlers()))

    answer = await Client(app, lint=False).get("/crash")

    assert answer.exception is None
    assert ("hunter2" in answer.text) is debug
    assert [repr(event.exception) for event in heard if isinstance(event, Crashed)] == [
        "RuntimeError('the password is hunter2')"
    ]


async def test_a_head_has_the_length_of_the_get() -> None:
    client = Client(failing.litestar(exception_handlers=problem_handlers()), lint=False)

    head, get = await client.head("/nowhere"), await client.get("/nowhere")

    assert head.all("content-length") == get.all("content-length") == [str(len(get.body))]
    assert head.body == b""
