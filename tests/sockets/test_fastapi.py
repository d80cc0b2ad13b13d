"""The pipeline is a middleware like any other: the app stays a FastAPI app."""

import pytest

from asgi_patterns.testing import Client
from examples.fastapi_app import build, price

pytestmark = pytest.mark.anyio


async def test_a_dependency_can_be_overridden() -> None:
    app = build(wrapped=True)
    app.dependency_overrides[price] = lambda: 99

    async with Client(app) as client:
        answer = await client.get("/json", headers={"X-Request-ID": "override-0001"})

    assert answer.json() == {"product": "teapot", "price": 99}
    assert answer.all("x-request-id") == ["override-0001"]


async def test_a_route_can_be_added_after_the_pipeline() -> None:
    app = build(wrapped=True)

    @app.get("/late")
    async def late() -> str:
        return "in time"

    async with Client(app) as client:
        answer = await client.get("/late")

    assert answer.json() == "in time"
    assert len(answer.all("x-request-id")) == 1
