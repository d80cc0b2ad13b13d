"""The complete template is the span's name, whatever the framework: the same routes, in all of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_patterns import Tracing
from asgi_patterns.testing import Client
from tests.observability.traced import Spans
from tests.routes import test_fastapi, test_litestar, test_quart, test_starlette
from tests.routes.contract import EVERYWHERE, REFUSED

pytestmark = pytest.mark.anyio

APPS: Mapping[str, Any] = {
    "Starlette": test_starlette.app,
    "FastAPI": test_fastapi.app,
    "Litestar": test_litestar.app,
    "Quart": test_quart.app,
}


@pytest.fixture
def anyio_backend() -> str:
    """Quart is of asyncio alone."""
    return "asyncio"


@pytest.mark.parametrize("framework", APPS)
async def test_a_span_is_called_after_the_complete_template(framework: str) -> None:
    rows = [*EVERYWHERE, *REFUSED]
    spans = Spans()

    async with Client(Tracing(tracer_provider=spans.provider)(APPS[framework])) as client:
        for _, line, *_ in rows:
            method, path = line.split(" ", 1)
            await client.request(method, path, raise_app_exceptions=False)

    expected = [
        method if template is None else f"{method} {template}"
        for method, template in ((line.split(" ")[0], template) for _, line, _, template in rows)
    ]
    assert [span.name for span in spans.ended] == expected
