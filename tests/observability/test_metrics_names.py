"""With ``names="instrumentator"`` everything is called as prometheus-fastapi-instrumentator calls it."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_patterns.observability.metrics_instruments import HIGH, LOW
from asgi_patterns.testing import chunk, head, hello, scripted
from tests.observability.measured import Measured

pytestmark = pytest.mark.anyio

MIGRATED: dict[str, Any] = {"names": "instrumentator"}


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse("12345")


APP = Starlette(routes=[Route("/items/{item_id}", item, methods=["GET", "POST"])])


async def test_the_names_and_labels_are_those_of_that_package() -> None:
    measured = Measured(APP, **MIGRATED)

    await measured.client.get("/items/7")
    await measured.client.post("/items/8", content=b"abc")
    await measured.client.get("/nowhere")

    found = await measured.samples()
    # handler, method, status
    assert found["http_requests_total"] == {
        ("/items/{item_id}", "GET", "2xx"): 1,
        ("/items/{item_id}", "POST", "2xx"): 1,
        ("none", "GET", "4xx"): 1,
    }
    assert found["http_response_size_bytes_sum"][("/items/{item_id}",)] == 10
    assert found["http_request_size_bytes_count"] == {("/items/{item_id}",): 2, ("none",): 1}
    assert found["http_request_duration_highr_seconds_count"] == {(): 3}
    assert found["http_request_duration_seconds_count"] == {
        ("/items/{item_id}", "GET"): 1,
        ("/items/{item_id}", "POST"): 1,
        ("none", "GET"): 1,
    }
    assert found["http_requests_inprogress"] == {(): 0}


async def test_there_is_nothing_by_the_other_names() -> None:
    measured = Measured(hello, **MIGRATED)

    await measured.client.get("/")

    assert not [name for name in await measured.samples() if name.startswith("http_server")]


async def test_the_buckets_are_those_of_that_package() -> None:
    measured = Measured(hello, **MIGRATED)
    await measured.client.get("/")

    found = await measured.samples()

    bounds = [float(key[-1]) for key in found["http_request_duration_highr_seconds_bucket"]]
    assert tuple(bounds[:-1]) == HIGH
    assert [float(key[1]) for key in found["http_request_duration_seconds_bucket"]][:-1] == list(LOW)


async def test_a_stream_is_a_request_and_no_duration() -> None:
    measured = Measured(scripted(head(), chunk(b"ab"), chunk(b"cd", more=False)), **MIGRATED)

    await measured.client.get("/")

    found = await measured.samples()
    assert found["http_requests_total"] == {("none", "GET", "2xx"): 1}
    assert found["asgi_patterns_stream_duration_seconds_count"] == {("GET", "ok", "none", "200"): 1}
    assert found["http_request_duration_highr_seconds_count"] == {(): 0}
