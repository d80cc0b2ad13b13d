"""What a health probe costs, and what it costs all other requests: ours, and by hand in front of an app and inside it.

``docs/health.md`` has what an answer looks like; those by hand say the same, of the same check.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_patterns import Health
from asgi_patterns.health import Check
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.asking import Asking
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.harness import ROUNDS, Contender, MakeRound, Round, call, scope
from benchmarks.results import Group
from benchmarks.whole_stacks import shop

PATHS: Final = {
    "a probe for life": "/health/live",
    "a probe for readiness, one check": "/health/ready",
}
SECONDS: Final = 1.0


async def database() -> None:
    """Stand for a check that is quick."""


@final
class ByHand:
    """Two paths, by hand: nothing is remembered from one probe to the next, and nothing drained."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.began = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/health/"):
            return await self.app(scope, receive, send)
        checks = await checked_now() if scope["path"] == "/health/ready" else {}
        up, body = told(checks, self.began)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200 if up else 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def checked_now() -> dict[str, Any]:
    """Run the check, within its time."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            await database()
    except Exception:
        return {"database": {"status": "DOWN"}}
    return {"database": {"status": "UP", "responseTime": round((time.monotonic() - began) * 1000, 1)}}


def told(checks: Mapping[str, Any], began: float) -> tuple[bool, bytes]:
    """Return whether all is up, and the body that says so."""
    up = all(each["status"] == "UP" for each in checks.values())
    answer = {
        "status": "UP" if up else "DOWN",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "uptime": round(time.monotonic() - began, 1),
        "checks": checks,
    }
    return up, json.dumps(answer).encode()


def routes() -> ASGIApp:
    """Return the app with two routes more, as most write them."""
    began = time.monotonic()

    async def live(request: Request) -> JSONResponse:
        return JSONResponse({"status": "UP", "uptime": round(time.monotonic() - began, 1)})

    async def ready(request: Request) -> JSONResponse:
        checks = await checked_now()
        up = checks["database"]["status"] == "UP"
        return JSONResponse({"status": "UP" if up else "DOWN", "checks": checks}, 200 if up else 503)

    probes = [Route("/health/live", live), Route("/health/ready", ready)]
    return Starlette(routes=[*probes, *shop().routes])


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure. The app has no part in a probe, so it is no part of those cases."""
    other = compare(
        "a request that is no probe",
        app("the app alone", lambda: small),
        floor("by hand", lambda: ByHand(small)),
        ours("Health", lambda: Health()(small), layer="Health"),
        rounds=rounds,
        calls=calls,
    )
    probes = [
        compare(name, *entrants(), rounds=rounds, calls=calls, how=partial(probing, path=path))
        for name, path in PATHS.items()
    ]
    return Group(name="probes", title="Health probes", cases=(other, *probes))


def entrants() -> Iterator[Entrant]:
    """Yield who answers probes."""
    yield floor("by hand, in front of the app", lambda: ByHand(shop()))
    yield floor("by hand, two routes of Starlette", routes)
    yield ours(
        "Health", lambda: Health(checks=[Check(name="database", check=database, limit=SECONDS)])(shop())
    )


def probing(make: Contender, path: str) -> MakeRound:
    """Return what measures requests for a path, once the first has been answered with 200."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = Asking(make(), path=path)
        assert await _status(app) == 200, f"{path} is not answered"
        await call(app, 50)
        yield partial(call, app)

    return rounds


async def _status(app: ASGIApp) -> int:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope(), receive, send)
    return statuses[0]
