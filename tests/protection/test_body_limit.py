"""How large the content of a request may be: announced, in chunks, by path and by type."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from asgi_patterns import BodyLimit, BodyRule, Pipeline, Problems, RequestId
from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.protection import ContentRefused
from asgi_patterns.testing import UNUSUAL_APPS, Answer, Client, echo, hello
from tests.protection.bounded_apps import APPS, answers_first, lets_it_out, never_reads, tries_again

pytestmark = pytest.mark.anyio


def said(answer: Answer) -> tuple[int, object, object]:
    """Status, ``maxSize`` and ``receivedSize``."""
    problem = answer.json()
    return answer.status, problem["maxSize"], problem["receivedSize"]


SIZES: list[tuple[str, Any, int]] = [
    # what is sent to a limit of 10                            content                 status
    ("nothing", None, 200),
    ("an empty body", b"", 200),
    ("one byte less", b"x" * 9, 200),
    ("just as much", b"x" * 10, 200),
    ("one byte more", b"x" * 11, 413),
    ("just as much in chunks", [b"x" * 5, b"x" * 5], 200),
    ("one byte more in chunks", [b"x" * 5, b"x" * 6], 413),
    ("one byte more in the last of many chunks", [b"x"] * 11, 413),
    ("empty chunks count nothing", [b"", b"x" * 5, b"", b"", b"x" * 5, b""], 200),
    ("a first chunk that is too large", [b"x" * 100, b"x"], 413),
    ("a message without a body", [b"x" * 5, {"type": "http.request", "more_body": True}, b"x" * 5], 200),
    ("the end on a last message without a body", [b"x" * 10, {"type": "http.request"}], 200),
]


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
@pytest.mark.parametrize(("content", "status"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
async def test_how_much_is_let_through(content: Any, status: int, version: str) -> None:
    client = Client(BodyLimit(limit=10)(lets_it_out), http_version=version)

    answer = await client.post("/", content=content)

    assert answer.status == status


@pytest.mark.parametrize("app", APPS.values(), ids=APPS.keys())
async def test_whatever_an_app_makes_of_it_the_answer_is_a_413(app: ASGIApp) -> None:
    client = Client(BodyLimit(limit=10)(app))

    answer = await client.post("/", content=[b"x" * 8, b"x" * 8, b"x"])

    assert said(answer) == (413, 10, 16)
    assert answer.header("content-type") == "application/problem+json"
    assert answer.complete


ONCE = {name: app for name, app in APPS.items() if app is not tries_again}


@pytest.mark.parametrize("app", ONCE.values(), ids=ONCE.keys())
async def test_what_is_within_the_limit_is_the_apps(app: ASGIApp) -> None:
    answer = await Client(BodyLimit(limit=16)(app)).post("/", content=[b"x" * 8, b"x" * 8])

    assert (answer.status, answer.header("content-type")) == (200, "text/plain")


async def test_what_is_announced_is_refused_before_the_app_runs() -> None:
    called = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope["path"])

    answer = await Client(BodyLimit(limit="1 KB")(app)).post("/", content=b"x" * 1001)

    assert said(answer) == (413, 1000, 1001)
    assert answer.json()["detail"] == "The content may have 1 kB."
    assert called == []


async def test_who_waits_for_a_100_gets_the_refusal_instead() -> None:
    received = []

    async def receive() -> Message:
        received.append(True)
        return {"type": "http.request"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-length", b"11"), (b"expect", b"100-Continue")],
    }
    await BodyLimit(limit=10)(hello)(scope, receive, send)

    assert received == []
    assert (b"connection", b"close") in sent[0]["headers"]
    assert [message.get("more_body", False) for message in sent] == [False, False]


LIES: list[tuple[str, list[tuple[str, str]], int]] = [
    # what the head says of 20 bytes in chunks, with a limit of 10
    ("a length that is shorter than the content", [("content-length", "5")], 413),
    ("no content at all", [("transfer-encoding", "chunked"), ("content-length", "0")], 413),
    ("chunks win over a length", [("transfer-encoding", "chunked"), ("content-length", "99")], 413),
    ("the larger of two lengths", [("content-length", "5"), ("content-length", "50")], 413),
    ("a length that is no number", [("content-length", "5x")], 413),
    ("a length beyond all numbers", [("content-length", "9" * 5000)], 413),
]


@pytest.mark.parametrize(("headers", "status"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
async def test_a_head_that_lies_gets_no_more_through(headers: list[tuple[str, str]], status: int) -> None:
    client = Client(BodyLimit(limit=10)(lets_it_out), lint=False)

    answer = await client.post("/", headers=headers, content=[b"x" * 10, b"x" * 10])

    assert answer.status == status


RULES = [
    BodyRule(match=["POST /photos/**", "PUT /photos/**"], media_types=["image/*"], limit=40),
    BodyRule(match="/photos/**", limit=20),
    BodyRule(media_types=["application/json", "application/*+json"], limit=30),
]

RULED: list[tuple[str, str, str, str | None, int]] = [
    # what falls under which limit                method   path          type                             limit
    ("path and type", "POST", "/photos/7", "image/png", 40),
    ("capitals and parameters of a type", "POST", "/photos/7", "IMAGE/png; q=1", 40),
    ("another method", "PATCH", "/photos/7", "image/png", 20),
    ("another type", "PUT", "/photos/7", "text/plain", 20),
    ("no type", "PUT", "/photos", None, 20),
    ("the type alone", "POST", "/orders", "application/json", 30),
    ("a type by its suffix", "POST", "/orders", "application/problem+json", 30),
    ("neither", "POST", "/orders", "image/png", 10),
    ("the first that fits wins", "POST", "/photos/7", "application/json", 20),
]


@pytest.mark.parametrize("content", ["whole", "chunks"])
@pytest.mark.parametrize(
    ("method", "path", "kind", "limit"), [row[1:] for row in RULED], ids=[row[0] for row in RULED]
)
async def test_which_limit_holds(method: str, path: str, kind: str | None, limit: int, content: str) -> None:
    client = Client(BodyLimit(limit=10, rules=RULES)(lets_it_out))
    headers = {} if kind is None else {"content-type": kind}

    async def send(size: int) -> Answer:
        body = b"x" * size
        return await client.request(
            method, path, headers=headers, content=body if content == "whole" else [body[:5], body[5:]]
        )

    within, beyond = await send(limit), await send(limit + 1)

    assert within.status == 200
    assert said(beyond) == (413, limit, limit + 1)


async def test_rules_go_by_the_path_below_the_root() -> None:
    client = Client(BodyLimit(limit=10, rules=RULES)(lets_it_out), root_path="/v1")

    answer = await client.post("/photos/7", content=b"x" * 21)

    assert said(answer)[:2] == (413, 20)


async def test_an_answer_that_has_begun_breaks_off() -> None:
    client = Client(BodyLimit(limit=10)(answers_first))

    answer = await client.post("/", content=[b"x" * 8, b"x" * 8], raise_app_exceptions=False)

    assert (answer.status, answer.body, answer.complete) == (200, b"begun", False)
    assert "larger than 10 bytes" in str(answer.exception)


async def test_who_never_reads_answers_as_ever() -> None:
    answer = await Client(BodyLimit(limit=10)(never_reads)).post("/", content=[b"x" * 8, b"x" * 8])

    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_watcher_that_reads_ahead_refuses_nothing() -> None:
    """Who listens for the client's leaving reads on, but no app has asked for these bytes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = Body.of(receive)
        async with anyio.create_task_group() as group:
            group.start_soon(body.wait_disconnect)
            await anyio.wait_all_tasks_blocked()
            await never_reads(scope, receive, send)
            group.cancel_scope.cancel()

    answer = await Client(BodyLimit(limit=10)(app)).post("/", content=[b"x" * 8, b"x" * 8])

    assert answer.status == 200


async def test_a_limit_further_in_is_not_ours() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = Body.of(receive)
        body.limit(4, decoded=True)
        await APPS["an app that answers 400"](scope, body, send)

    answer = await Client(BodyLimit(limit=10)(app)).post("/", content=[b"x" * 8])

    assert answer.status == 400


async def test_what_an_app_breaks_afterwards_is_heard() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await APPS["an app that answers 400"](scope, receive, send)
        raise KeyError("a bug")

    answer = await Client(BodyLimit(limit=10)(app)).post("/", content=[b"x" * 11], raise_app_exceptions=False)

    assert answer.status == 413
    # What it raises outside of the except block comes from nothing else.
    assert isinstance(answer.exception, KeyError)


async def test_head_gets_the_head_alone() -> None:
    answer = await Client(BodyLimit(limit=10)(hello)).head("/", content=b"x" * 11)

    assert (answer.status, answer.body) == (413, b"")


async def test_a_client_that_leaves_within_its_body_is_no_refusal() -> None:
    left: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        left.append(message)

    await Client(BodyLimit(limit=10)(app), lint=False).post(
        "/", content=[b"x" * 5, {"type": "http.disconnect"}], raise_app_exceptions=False
    )

    assert left == [{"type": "http.disconnect"}]


async def test_two_requests_at_once_are_counted_apart() -> None:
    client = Client(BodyLimit(limit=10)(lets_it_out))

    async with (
        client.stream("POST", "/a", keep_open=True) as one,
        client.stream("POST", "/b", keep_open=True) as other,
    ):
        one.feed(b"x" * 8)
        other.feed(b"x" * 8)
        one.feed(b"x" * 8, more=False)
        other.feed(b"x" * 2, more=False)
        await one.ended()
        await other.ended()

    assert (one.answer.status, other.answer.status) == (413, 200)
    assert other.answer.body == b"10"


def seen(answer: Answer) -> list[dict[str, Any]]:
    """The messages, with what a missing key stands for; each call opens a file of its own."""
    return [
        {"headers": [], **message, "file": None} if "status" in message else {**message, "file": None}
        for message in answer.messages
    ]


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS.keys())
async def test_an_unusual_answer_passes_unchanged(app: ASGIApp) -> None:
    def content() -> Sequence[bytes]:
        return [b"x" * 5, b"x" * 5]

    without = await Client(app).post("/", content=content(), raise_app_exceptions=False)
    within = await Client(BodyLimit(limit=10)(app)).post("/", content=content(), raise_app_exceptions=False)

    assert seen(within) == seen(without)


async def test_the_refusal_has_the_id_and_the_uri_of_its_type() -> None:
    app = Pipeline(RequestId(), Problems(base="/problems/"), BodyLimit(limit=10))(lets_it_out)

    answer = await Client(app).post("/", content=[b"x" * 11])

    problem = answer.json()
    assert (problem["type"], problem["title"]) == (
        "/problems/content-too-large",
        "The content of the request is too large",
    )
    assert problem["requestId"] == answer.header("x-request-id")


async def test_listeners_are_told() -> None:
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    client = Client(Pipeline(BodyLimit(limit=10), listeners=[listen])(lets_it_out))
    await client.post("/", content=b"x" * 11)
    await client.post("/", content=[b"x" * 8, b"x" * 8])
    await client.post("/", content=b"x")

    assert told == [
        ContentRefused(limit=10, received=11, announced=True),
        ContentRefused(limit=10, received=16, announced=False),
    ]


async def test_a_stream_that_is_echoed_passes_chunk_by_chunk() -> None:
    async with Client(BodyLimit(limit=10)(echo)).stream("POST", "/", keep_open=True) as stream:
        stream.feed(b"abc")
        await stream.head()
        first = await stream.next_chunk()
        stream.feed(b"de", more=False)
        await stream.ended()

    assert first == b"abc"
    assert stream.answer.body == b"abcde"
