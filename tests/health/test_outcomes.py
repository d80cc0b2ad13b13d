"""What a check does, and how it then is."""

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Client, Clock, hello
from tests.health.gates import TOKEN, details, probed

pytestmark = pytest.mark.anyio


CHECKS: list[tuple[str, Callable[[], Any], str, object]] = []


def check(sentence: str, status: str, shown: object) -> Callable[[Callable[[], Any]], None]:
    def add(function: Callable[[], Any]) -> None:
        CHECKS.append((sentence, function, status, shown))

    return add


@check("a sync check that returns nothing is up", "UP", None)
def _() -> None: ...


@check("a sync check that returns false is down", "DOWN", None)
def _() -> bool:
    return False


@check("a sync check that raises is down", "DOWN", "OSError: gone")
def _() -> None:
    raise OSError("gone")


@check("a sync check that wants to leave is down", "DOWN", "SystemExit: 1")
def _() -> None:
    raise SystemExit(1)


@check("a sync check that is interrupted is down", "DOWN", "KeyboardInterrupt")
def _() -> None:
    raise KeyboardInterrupt


@check(
    "a sync check that returns what none returns is down",
    "DOWN",
    "returned int: a check returns None, bool, str or a mapping",
)
def _() -> int:
    return 5


@check("an async check that says more is up", "UP", {"pool": 3})
async def _() -> dict[str, int]:
    return {"pool": 3}


@check("an async check that raises is down", "DOWN", "OSError: gone")
async def _() -> None:
    raise OSError("gone")


@check("an async check that wants to leave is down", "DOWN", "SystemExit: 1")
async def _() -> None:
    raise SystemExit(1)


@check("an async check that raises what is no Exception is down", "DOWN", "Strange")
async def _() -> None:
    class Strange(BaseException):
        pass

    raise Strange


@check("an async check that fails in groups is down", "DOWN", "ExceptionGroup: all of it (1 sub-exception)")
async def _() -> None:
    raise ExceptionGroup("all of it", [OSError("gone")])


@check("a sync check that returns an awaitable is awaited", "UP", "waited")
def _() -> Awaitable[str]:
    async def wait() -> str:
        await checkpoint()
        return "waited"

    return wait()


class Pool:
    """What has an async method to check it with."""

    async def ping(self) -> str:
        return "pong"

    async def __call__(self) -> str:
        return "called"


check("a bound method is a check", "UP", "pong")(Pool().ping)
check("so is an object with an async call", "UP", "called")(Pool())
check("so is a part of a function", "UP", "pong")(functools.partial(Pool.ping, Pool()))


@pytest.mark.parametrize(
    ("function", "status", "shown"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS]
)
async def test_what_a_check_does(function: Callable[[], Any], status: str, shown: object) -> None:
    client = probed(Check(name="check", check=function))

    answer = await client.get("/health")

    assert answer.json()["checks"]["check"]["status"] == status
    assert details(answer) == shown


ASYNC: list[tuple[str, Callable[[], Any]]] = [
    ("a function", checkpoint),
    ("a bound method", Pool().ping),
    ("an object", Pool()),
    ("a part of an object", functools.partial(Pool())),
]


@pytest.mark.parametrize("function", [row[1] for row in ASYNC], ids=[row[0] for row in ASYNC])
async def test_an_async_check_needs_no_thread(
    function: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", None)

    answer = await probed(Check(name="check", check=function)).get("/health")

    assert answer.status == 200


async def test_an_exception_is_shown_to_nobody_else() -> None:
    def broken() -> None:
        raise OSError("db.internal refused")

    answer = await Client(Health(checks=[broken], details_token=TOKEN, clock=Clock())(hello)).get("/health")

    assert answer.json()["checks"]["broken"] == {"status": "DOWN", "responseTime": "0ms"}


def test_a_check_that_was_cancelled_by_somebody_else_is_down() -> None:
    async def broken() -> None:
        raise asyncio.CancelledError("the pool was shut down")

    client = probed(Check(name="check", check=broken))

    async def probe() -> object:
        return details(await client.get("/health"))

    assert anyio.run(probe, backend="asyncio") == "CancelledError: the pool was shut down"
