"""The label ``route`` is the complete template in every framework, below a root path too."""

from typing import Any

import pytest

from asgi_patterns.testing import Client
from tests.observability.measured import DURATION, Measured
from tests.routes import test_fastapi, test_litestar, test_quart, test_starlette
from tests.routes.contract import EVERYWHERE, REFUSED, Row

# The apps that keep the contract on templates, each on the loop that all of them know.
APPS: dict[str, Any] = {
    "Starlette": test_starlette.app,
    "FastAPI": test_fastapi.app,
    "Litestar": test_litestar.app,
    "Quart": test_quart.app,
}
ROWS: list[Row] = [*EVERYWHERE, *REFUSED]


@pytest.mark.asyncio
@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
@pytest.mark.parametrize("root", ["", "/api"], ids=["no root", "a root"])
async def test_the_label_is_the_template_or_none(app: Any, root: str) -> None:
    measured = Measured(app, lint=False)
    client = Client(measured.layer(app), root_path=root, lint=False)
    expected: dict[tuple[str, str, str], float] = {}
    for _, line, status, template in ROWS:
        method, _, path = line.partition(" ")
        await client.request(method, path, raise_app_exceptions=False)
        key = (method, "none" if template is None else root + template, str(status))
        expected[key] = expected.get(key, 0) + 1

    found = await measured.samples()
    counted: dict[tuple[str, str, str], float] = {}
    for name in (f"{DURATION}_count", "asgi_patterns_stream_duration_seconds_count"):
        for (method, _, route, code), count in found.get(name, {}).items():
            counted[method, route, code] = counted.get((method, route, code), 0) + count
    assert counted == expected
