"""Whatever framework answers or refuses: a page of an allowed origin can read it, and it carries the id."""

from importlib import import_module

import pytest

from asgi_patterns import wrap
from asgi_patterns.testing import Client

pytestmark = pytest.mark.asyncio  # Django and Quart know no other loop

FRAMEWORKS = ["bare", "starlette", "fastapi", "litestar", "quart", "django"]
REFUSALS = [
    ("a crash", "GET", "/error", 500),
    ("an unknown path", "GET", "/nothing", 404),
    ("an answer that is no refusal", "GET", "/json", 200),
]
PAGE = "https://page.example"


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("method", "path", "status"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS]
)
async def test_a_page_can_read_it(framework: str, method: str, path: str, status: int) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    app = wrap(bare, config={}, cors={"allow_origins": [PAGE]}, security_headers=True)

    # Not linted: Django writes names of fields in mixed case.
    answer = await Client(app, lint=False).request(
        method, path, headers={"host": "localhost", "origin": PAGE}, raise_app_exceptions=False
    )

    exposed = (answer.header("access-control-expose-headers") or "").lower()
    assert answer.all("access-control-allow-origin") == [PAGE]
    assert len(answer.all("x-request-id")) == 1
    assert "x-request-id" in exposed
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.status == status
