"""What every request pays for the probes, and what a probe costs."""

import json
import time
from datetime import UTC, datetime
from typing import final

from asgi_patterns import Health
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.asking import asking
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.results import Group


@final
class Floor:
    """One path that answers what ours does, by hand: nothing is checked, and nothing drained."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.began = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/health/live":
            return await self.app(scope, receive, send)
        now, uptime = datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic() - self.began
        body = json.dumps(
            {"status": "UP", "timestamp": now, "uptime": round(uptime, 1), "checks": {}}
        ).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    alone = app("the app alone", lambda: small)
    other = compare("a request that is no probe", alone, *_entrants("Health"), rounds=rounds, calls=calls)
    # The app has no part in a probe, so it is no part of the case.
    probe = compare(
        "a probe for life", *_entrants(), rounds=rounds, calls=calls, how=asking(path="/health/live")
    )
    return Group(name="health", title="Health probes", cases=(other, probe))


def _entrants(layer: str = "") -> list[Entrant]:
    return [floor("by hand", lambda: Floor(small)), ours("Health", lambda: Health()(small), layer=layer)]
