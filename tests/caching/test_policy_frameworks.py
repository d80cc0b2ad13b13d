"""The same rules in front of each framework, from settings alone."""

from importlib import import_module

import pytest

from asgi_patterns import wrap
from asgi_patterns.testing import Client

pytestmark = pytest.mark.asyncio  # Django and Quart know no other loop

FRAMEWORKS = ["bare", "starlette", "fastapi", "litestar", "quart", "django"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_same_rules_hold(framework: str) -> None:
    bare = import_module(f"examples.{framework}_app").bare
    rules = [
        {
            "match": "/json",
            "media_types": ["application/json"],
            "public": True,
            "max_age": "1m",
            "cdn": {"max_age": "1h"},
            "vary": ["Accept-Language"],
        }
    ]
    # Not linted: Django writes names of fields in mixed case.
    client = Client(
        wrap(bare, config={}, cache_policy={"rules": rules}), lint=False, headers={"host": "localhost"}
    )

    plain = await client.get("/json")
    own = await client.get("/json", headers={"authorization": "Bearer x"})
    head = await client.head("/json")
    missing = await client.get("/nothing", headers={"authorization": "Bearer x"})
    crash = await client.get("/error", raise_app_exceptions=False)

    assert plain.all("cache-control") == ["public, max-age=60"]
    assert plain.all("cdn-cache-control") == ["max-age=3600"]
    assert "Accept-Language" in ", ".join(plain.all("vary"))
    assert own.all("cache-control") == ["private, max-age=60"]
    assert own.header("cdn-cache-control") is None
    # Where a framework has no HEAD for the route, that is a refusal.
    assert head.all("cache-control") == (["public, max-age=60"] if head.status == 200 else [])
    assert missing.all("cache-control") == ["private"]
    assert (crash.status, crash.all("cache-control")) in [(500, ["no-store"]), (500, [])]
