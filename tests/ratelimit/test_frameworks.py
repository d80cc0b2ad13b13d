"""The same quotas hold in front of each framework."""

from importlib import import_module
from typing import Any

import pytest

from asgi_patterns import Health, Pipeline, Problems, RateLimit, wrap
from asgi_patterns.testing import Answer, Client, Clock
from tests.ratelimit.reading import left, one

pytestmark = pytest.mark.asyncio  # Django and Quart know no other loop

FRAMEWORKS = ["bare", "starlette", "fastapi", "litestar", "quart", "django"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_same_quotas_hold(framework: str) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    quotas = [
        one(name="json", limit=2, match="GET /json"),
        one(name="failed", limit=3, counts="failed"),
        one(name="slots", algorithm="concurrency", limit=1),
    ]
    layer = RateLimit(quotas=quotas, default=[one(name="rest", limit=9)], clock=Clock(), warn_at=1)
    app = Pipeline(Health(), Problems(upgrade="all"), layer)(bare)

    # Not linted: Django writes names of fields in mixed case.
    client = Client(app, lint=False, headers={"host": "localhost"})

    async def get(path: str) -> Answer:
        return await client.get(path, raise_app_exceptions=False)

    allowed = [await get("/json"), await get("/json/")]
    refused = await get("/json")
    missing = [await get("/nothing") for _ in range(4)]
    probe = await get("/health/live")

    assert allowed[0].status == 200
    assert left(allowed[0]) == {"slots": 0, "json": 1, "failed": 2}
    assert (refused.status, refused.json()["violated-policies"]) == (429, ["json"])
    # The slash at the end is answered as the framework likes; it is charged in any case.
    tries = 3 if allowed[1].status < 400 else 2
    assert [answer.status for answer in missing] == [404] * tries + [429] * (4 - tries)
    assert missing[0].json()["status"] == 404
    assert probe.status == 200
    for answer in (*allowed, refused, *missing):
        assert len(answer.all("ratelimit")) == 1, answer.headers


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_settings_alone_are_enough(framework: str) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    section: dict[str, Any] = {"quotas": ["2/hour"], "profiles": ["draft", "x-ratelimit"]}
    client = Client(wrap(bare, config={}, rate_limit=section), lint=False, headers={"host": "localhost"})

    found = [await client.get("/json") for _ in range(3)]

    assert [answer.status for answer in found] == [200, 200, 429]
    assert found[2].json()["requestId"] == found[2].header("x-request-id")
    assert found[0].header("x-ratelimit-remaining") == "1"
