"""An app as its server sees it: what it has in hand ends before its lifespan does, or is cut off."""

import logging

import anyio
import pytest

from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.serving import hosted as module
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.hosted import Hosted

pytestmark = pytest.mark.anyio

LOG = logging.getLogger(__name__)


class App:
    """Notes what happens to it; its requests take until they are let go."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.go = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                self.happened.append((await receive())["type"])
                await send({"type": f"{self.happened[-1]}.complete"})
            return
        self.happened.append("asked")
        try:
            await self.go.wait()
        finally:
            self.happened.append("finished" if self.go.is_set() else "cancelled")


class Lifespan:
    """A server's side of it: says start, and later stop."""

    def __init__(self) -> None:
        self.stop = anyio.Event()
        self.said: list[str] = []
        self._messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive(self) -> Message:
        message = next(self._messages)
        if message == "lifespan.shutdown":
            await self.stop.wait()
        return {"type": message}

    async def send(self, message: Message) -> None:
        self.said.append(message["type"])


async def nothing() -> Message:
    return {"type": "http.request"}


async def nowhere(message: Message) -> None:
    pass


async def test_shutdown_waits_until_nothing_is_in_hand() -> None:
    app, lifespan = App(), Lifespan()
    hosted = Hosted(app, LOG)

    async with anyio.create_task_group() as group:
        group.start_soon(hosted, {"type": "lifespan"}, lifespan.receive, lifespan.send)
        for _ in range(2):
            group.start_soon(hosted, {"type": "http"}, nothing, nowhere)
        await anyio.wait_all_tasks_blocked()
        lifespan.stop.set()
        await anyio.wait_all_tasks_blocked()
        before = [*app.happened]
        app.go.set()

    assert sorted(before) == ["asked", "asked", "lifespan.startup"]
    assert app.happened[len(before) :] == ["finished", "finished", "lifespan.shutdown"]
    assert hosted.has_started


async def test_what_is_in_hand_at_the_end_of_time_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    app, lifespan = App(), Lifespan()
    hosted = Hosted(app, LOG)

    async with anyio.create_task_group() as group:
        group.start_soon(hosted, {"type": "lifespan"}, lifespan.receive, lifespan.send)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(hosted, {"type": "http"}, nothing, nowhere)
        await anyio.wait_all_tasks_blocked()
        lifespan.stop.set()
        await hosted.end(Commands(), 0)

    assert app.happened == ["lifespan.startup", "asked", "cancelled", "lifespan.shutdown"]
    assert caplog.messages == ["Giving up 1 running request(s)"]


async def test_the_lifespan_ends_also_when_the_server_never_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLEANING_UP", 0.0)
    app, lifespan = App(), Lifespan()
    hosted = Hosted(app, LOG)

    async with anyio.create_task_group() as group:
        group.start_soon(hosted, {"type": "lifespan"}, lifespan.receive, lifespan.send)
        await anyio.wait_all_tasks_blocked()
        await hosted.end(Commands(), 0)

    assert app.happened == ["lifespan.startup", "lifespan.shutdown"]
    assert lifespan.said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_shutdown_that_is_held_up_for_ever_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLEANING_UP", 0.0)
    lifespan = Lifespan()
    happened: list[str] = []
    go = anyio.Event()

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            happened.extend([(await receive())["type"], (await receive())["type"]])
        else:
            with anyio.CancelScope(shield=True):
                await go.wait()

    hosted = Hosted(stubborn, LOG)

    async with anyio.create_task_group() as group:
        group.start_soon(hosted, {"type": "lifespan"}, lifespan.receive, lifespan.send)
        group.start_soon(hosted, {"type": "http"}, nothing, nowhere)
        await anyio.wait_all_tasks_blocked()
        lifespan.stop.set()
        await hosted.end(Commands(), 0)
        before = [*happened]
        go.set()

    assert before == ["lifespan.startup", "lifespan.shutdown"]
