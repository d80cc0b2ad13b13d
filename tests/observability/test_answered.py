"""Every layer that answers in the app's place says so, and what that means for the request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from asgi_patterns import (
    BodyLimit,
    ConditionalRequests,
    Cors,
    Deadline,
    Decompression,
    Health,
    LoadShedding,
    Problems,
    RateLimit,
    WebSocketLimits,
)
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.record import Outcome
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.testing import Client, echo, head, hello, read_body
from tests.observability.observed import Observed

pytestmark = pytest.mark.anyio


async def crashes(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("on purpose")


async def sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


async def stops(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    await anyio.sleep_forever()


@dataclass
class Case:
    layer: Layer
    outcome: Outcome
    status: int
    app: ASGIApp = hello
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Sequence[bytes] = b""
    before: int = 0
    """How many requests pass first."""


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    await read_body(receive)
    await hello(scope, receive, send)


ORIGIN = {"origin": "https://shop.example"}
PREFLIGHT = {**ORIGIN, "access-control-request-method": "GET"}
CORS = Cors(allow_origins=["https://shop.example"])
CASES: dict[str, Case] = {
    "a quota is used up": Case(RateLimit(quotas=["1/hour"]), "rejected", 429, before=1),
    "a client is blocked": Case(
        RateLimit(quotas=["9/hour"], block=["127.0.0.0/8"], name="gate"), "rejected", 403
    ),
    "content announces too much": Case(
        BodyLimit(limit=2), "rejected", 413, method="POST", content=b"123", headers={"content-length": "3"}
    ),
    "content is too much": Case(
        BodyLimit(limit=2), "rejected", 413, app=reads, method="POST", content=[b"123"]
    ),
    "the head is too large": Case(BodyLimit(max_header_count=1), "rejected", 431),
    "a coding is not known": Case(
        Decompression(), "rejected", 415, method="POST", content=b"x", headers={"content-encoding": "x"}
    ),
    "content is broken": Case(
        Decompression(read_first=True),
        "rejected",
        400,
        method="POST",
        content=b"x",
        headers={"content-encoding": "gzip"},
    ),
    "the handler is late": Case(Deadline(start=0.01), "timeout", 504, app=sleeps),
    "a client has the answer": Case(ConditionalRequests(), "ok", 304, headers={"if-none-match": "*"}),
    "a client has another one": Case(
        ConditionalRequests(), "client_error", 412, headers={"if-match": '"other"'}
    ),
    "a write says no condition": Case(ConditionalRequests(require=True), "client_error", 428, method="PUT"),
    "a browser asks whether it may": Case(CORS, "ok", 204, method="OPTIONS", headers=PREFLIGHT),
    "a browser asks in vain": Case(
        CORS, "rejected", 403, method="OPTIONS", headers={**PREFLIGHT, "origin": "https://other.example"}
    ),
    "a probe": Case(Health(), "ok", 200, path="/health"),
    "a failure becomes a problem": Case(Problems(reraise=False), "server_error", 500, app=crashes),
    "a type of problems is read about": Case(
        Problems(base="/problems/"), "client_error", 404, path="/problems/x"
    ),
}


def behind(layer: Layer, app: ASGIApp) -> Observed:
    return Observed(Pipeline(layer)(app))


async def ask(observed: Observed, case: Case) -> int:
    client = Client(observed, lint=False)
    options: dict[str, Any] = {
        "raise_app_exceptions": False,
        "headers": case.headers,
        "content": case.content,
    }
    return (await client.request(case.method, case.path, **options)).status


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_who_answers_says_so(case: Case) -> None:
    observed = behind(case.layer, case.app)
    for _ in range(case.before):
        await ask(observed, case)
    observed.records.clear()

    status = await ask(observed, case)

    record = observed.record
    assert (status, record.status, record.answered_by, record.outcome) == (
        case.status,
        case.status,
        case.layer.label,
        case.outcome,
    )


async def test_who_lets_pass_says_nothing() -> None:
    observed = Observed(Pipeline(RateLimit(quotas=["9/hour"]), BodyLimit(), Deadline(), Problems())(hello))

    await Client(observed).get("/")

    assert (observed.record.answered_by, observed.record.outcome) == (None, "ok")


async def test_there_is_no_room() -> None:
    observed = behind(LoadShedding(limit=1, queue=0), sleeps)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Client(observed).get, "/")
        await anyio.wait_all_tasks_blocked()
        await Client(observed).get("/")
        found = [(each.answered_by, each.outcome, each.status) for each in observed.records]
        tasks.cancel_scope.cancel()

    assert found == [("load_shedding", "shed", 503)]


async def test_a_stream_is_broken_off() -> None:
    observed = behind(Deadline(gap=0.01), stops)

    await Client(observed, lint=False).get("/", raise_app_exceptions=False)

    record = observed.record
    assert (record.answered_by, record.outcome, record.status) == ("deadline", "timeout", 200)


@pytest.mark.parametrize(
    ("layer", "outcome", "code"),
    [
        pytest.param(
            BodyLimit(websocket=WebSocketLimits(max_message_size=2)),
            "rejected",
            1009,
            id="too large a message",
        ),
        pytest.param(
            RateLimit(quotas=["9/hour"], messages="1/hour"), "rejected", 1008, id="too many messages"
        ),
        pytest.param(
            BodyLimit(websocket=WebSocketLimits(idle_timeout=0.01)), "timeout", 1001, id="too long a silence"
        ),
    ],
)
async def test_a_websocket_is_closed(layer: Layer, outcome: Outcome, code: int) -> None:
    observed = behind(layer, echo)

    async with Client(observed, lint=False).websocket("/") as socket:
        if code != 1001:
            await socket.send_text("12" if code == 1008 else "123")
            await socket.send_text("12")
        await socket.ended()

    record = observed.record
    assert (record.answered_by, record.outcome, record.code) == (layer.label, outcome, code)


async def test_a_websocket_is_refused() -> None:
    layer = BodyLimit(websocket=WebSocketLimits(origins=["https://shop.example"]))
    observed = behind(layer, echo)

    async with Client(observed).websocket("/", headers={"origin": "https://other.example"}):
        pass

    assert (observed.record.answered_by, observed.record.outcome) == ("body_limit", "rejected")
