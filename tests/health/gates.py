"""Checks that the test lets through, and probes that wait for them."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Answer, Client, hello

SOON = 0.05
"""Seconds: the limit of a check that is meant to pass it."""

TOKEN = "s3cret"
BEARER = {"authorization": f"Bearer {TOKEN}"}


class Gate:
    """An async check that the test lets through, and that counts who has come."""

    def __init__(self, *, shield: bool = False) -> None:
        self.runs = 0
        self.cancelled = 0
        self.open = anyio.Event()
        self._shield = shield

    async def __call__(self) -> None:
        self.runs += 1
        try:
            with anyio.CancelScope(shield=self._shield):
                await self.open.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise


class Door:
    """A sync check that the test lets through, and that counts the threads it holds."""

    def __init__(self) -> None:
        self.runs = 0
        self.open = threading.Event()

    def __call__(self) -> None:
        self.runs += 1
        assert self.open.wait(10)


def probed(*checks: Check | Callable[[], Any], **fields: Any) -> Client:
    return Client(Health(checks=checks, details_token=TOKEN, **fields)(hello), headers=BEARER)


def details(answer: Answer, name: str = "check") -> object:
    return answer.json()["checks"][name].get("details")


@asynccontextmanager
async def probing(client: Client, times: int) -> AsyncIterator[list[Answer]]:
    """Send ``times`` probes at once; they wait for the check inside the block and are done after it."""
    answers: list[Answer] = []

    async def probe() -> None:
        answers.append(await client.get("/health"))

    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(probe)
        await anyio.wait_all_tasks_blocked()
        yield answers
