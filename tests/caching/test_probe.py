"""``probe``: the app is asked what state it is in, and one request at a time writes there."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from asgi_patterns import ConditionalRequests, Pipeline, Problems, Quota, RateLimit
from asgi_patterns.caching import PreconditionRefused, WriterRefused
from asgi_patterns.caching.digest import tagging
from asgi_patterns.kernel.asking import GRACE
from asgi_patterns.kernel.exchange import KEY, switch_off
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, chunk, head, read_body, scripted
from tests.caching.documents import (
    BODY,
    EARLIER,
    MADE,
    OWN,
    PAST,
    Coding,
    Counter,
    Fields,
    document,
    heard,
    lines,
    served,
)

pytestmark = pytest.mark.anyio

IM, INM, IUS = "if-match", "if-none-match", "if-unmodified-since"


def made(body: bytes) -> str:
    """The tag of a body."""
    return tagging()(body).decode()


# --- deciding ---


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
async def test_an_app_without_validators_gets_lost_updates_refused(method: str) -> None:
    app = Counter(b"7")
    client = served(app, probe=True)
    seen = (await client.get("/")).header("etag") or ""

    first = await client.request(method, "/", content=b"8", headers={IM: seen})
    second = await client.request(method, "/", content=b"8", headers={IM: seen})

    assert (first.status, second.status) == (204, 412)
    assert app.methods == ["GET", "GET", method, "GET"]


async def test_two_at_once_with_the_same_tag() -> None:
    app = Counter(b"7")
    client = served(app, probe=True)
    statuses: list[int] = []

    async def write(number: int) -> None:
        answer = await client.put("/", content=b"%d" % number, headers={IM: made(b"7")})
        statuses.append(answer.status)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(write, number)

    assert sorted(statuses) == [204, 412, 412, 412, 412]
    assert app.methods.count("PUT") == 1


async def test_only_one_of_two_creates() -> None:
    app = Counter(None)
    client = served(app, probe=True)

    found = [(await client.put("/", content=b"1", headers={INM: "*"})).status for _ in range(2)]

    assert found == [204, 412]


TAGGED_FILE = scripted(head(200, *lines(("etag", OWN))), {"type": "http.response.pathsend", "path": __file__})
ANSWERS: list[tuple[str, ASGIApp, Fields, bool]] = [
    ("its own tag holds", document(("etag", OWN)), [(IM, OWN)], True),
    ("its own tag does not hold", document(("etag", OWN)), [(IM, MADE)], False),
    ("its own weak tag never holds", document(("etag", 'W/"v7"')), [(IM, OWN)], False),
    ("its date holds", document(("last-modified", PAST), sized=False), [(IUS, PAST)], True),
    ("its date does not hold", document(("last-modified", PAST), sized=False), [(IUS, EARLIER)], False),
    ("its own tag on a 206 counts", document(("etag", OWN), status=206), [(IM, '"v6"')], False),
    ("it has a stream: no tag", document(sized=False), [(IM, '"v6"')], True),
    ("it has a broken tag", document(("etag", "v7")), [(IM, '"v6"')], True),
    ("it has no GET", document(status=405), [(IM, '"v6"')], True),
    ("it does not let us in", document(status=401), [(IM, '"v6"')], True),
    ("it forbids it", document(status=403), [(IM, '"v6"')], True),
    ("it is elsewhere", document(("location", "/x"), status=303), [(IM, '"v6"')], True),
    ("it is gone", document(status=410), [(IM, '"v6"')], True),
    ("it fails", document(status=500), [(IM, '"v6"')], True),
    ("it is not there", document(status=404), [(IM, "*")], False),
    ("it is not there, as demanded", document(status=404), [(INM, "*")], True),
    ("it is there, although it should not", document(), [(INM, "*")], False),
    ("it is sent by its path, and has a tag", TAGGED_FILE, [(IM, '"v6"')], False),
    ("it is sent by its path, and has none", UNUSUAL_APPS["a file is sent by its path"], [(IM, '"v6"')], True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("get", "fields", "passes"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_what_a_get_says(get: ASGIApp, fields: Fields, passes: bool) -> None:
    written = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            return await get(scope, receive, send)
        written.append(await read_body(receive))
        await send(head(200))
        await send(chunk(b"", more=False))

    answer = await served(app, probe=True).put("/", content=b"1", headers=fields)

    assert (answer.status, written) == ((200, [b"1"]) if passes else (412, []))


LIMITS = [("one below the limit", 1, 412), ("at the limit", 0, 412), ("one above: no tag was made", -1, 204)]


@pytest.mark.parametrize(("more", "status"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
async def test_a_tag_is_made_where_a_client_would_have_got_one(more: int, status: int) -> None:
    app = Counter(b"x" * 100)

    answer = await served(app, probe=True, limit=100 + more).put("/", content=b"1", headers={IM: OWN})

    assert answer.status == status


async def test_where_no_tags_are_made_none_is_compared() -> None:
    answer = await served(Counter(), probe=True, tags="off").put("/", content=b"1", headers={IM: made(b"0")})

    assert answer.status == 204


async def test_a_tag_of_a_coding_holds() -> None:
    """13.1.1: behind compression, whichever it was."""
    app = Pipeline(Coding(coding="br"), ConditionalRequests(probe=True))(Counter(b"7"))
    seen = f'{made(b"7")[:-1]}-gzip"'

    found = [(await Client(app).put("/", content=b"8", headers={IM: seen})).status for _ in range(2)]

    assert found == [204, 412]


async def test_a_crash_lets_the_handler_decide() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            raise RuntimeError("the app has crashed")
        await document()(scope, receive, send)

    answer = await served(app, probe=True).put("/", content=b"1", headers={IM: OWN})

    assert answer.status == 200


async def test_an_app_that_says_nothing_lets_the_handler_decide() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await document()(scope, receive, send)

    assert (await served(app, probe=True).put("/", content=b"1", headers={IM: OWN})).status == 200


# --- the request that is made ---


async def test_it_is_the_callers_own_get_without_conditions_and_content() -> None:
    app = Counter()
    dropped: Fields = [
        *[(name, OWN) for name in ("if-match", "if-none-match", "if-range")],
        *[(name, PAST) for name in ("if-modified-since", "if-unmodified-since")],
        *[("range", "bytes=0-1"), ("content-type", "text/plain"), ("content-encoding", "identity")],
        *[("idempotency-key", '"k"'), ("expect", "100-continue"), ("content-length", "1")],
    ]
    kept: Fields = [
        *[("authorization", "Bearer of-alice"), ("cookie", "a=1"), ("cookie", "b=2")],
        *[("accept", "text/plain"), ("accept-language", "de"), ("host", "shop.example")],
    ]

    await served(app, probe=True).put("/x?y=z", headers=[*dropped, *kept], content=b"1")

    get = app.scopes[0]
    assert (get["method"], get["path"], get["query_string"]) == ("GET", "/x", b"y=z")
    assert get["headers"] == lines(*kept)
    assert get["client"] == ("127.0.0.1", 50000)


async def test_it_has_an_empty_body_and_then_its_client_leaves() -> None:
    bodies = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        bodies.append((scope["method"], await read_body(receive)))
        await document(("etag", OWN))(scope, receive, send)
        if scope["method"] == "GET":
            assert await receive() == {"type": "http.disconnect"}

    answer = await served(app, probe=True).put("/", content=b"12345", headers={IM: OWN})

    assert answer.status == 200
    assert bodies == [("GET", b""), ("PUT", b"12345")]


async def test_it_is_a_child_and_costs_nothing() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await document(("etag", OWN))(scope, receive, send)

    limits = RateLimit(quotas=[Quota(name="one", limit=2, window="1h")])
    # The other way round than in a pipeline, where no request of ours comes by the limits at all.
    client = Client(ConditionalRequests(probe=True)(limits(app)))

    found = [(await client.put("/", content=b"1", headers={IM: OWN})).status for _ in range(3)]

    assert found == [200, 200, 429]
    assert [scope[KEY].is_internal for scope in scopes[:2]] == [True, False]
    assert scopes[0][KEY].parent is scopes[1][KEY]


async def test_what_a_get_says_of_itself_does_not_count_for_the_write() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            switch_off(scope, "problems")
            scope["state"]["user"] = "of the GET"
        elif "user" in scope["state"]:
            raise AssertionError("it has been here before")
        else:
            raise RuntimeError("the app has crashed")
        await document(("etag", OWN))(scope, receive, send)

    client = Client(Pipeline(Problems(), ConditionalRequests(probe=True))(app))

    answer = await client.put("/", headers={IM: OWN}, raise_app_exceptions=False)

    assert answer.status == 500
    assert answer.header("content-type") == "application/problem+json"


async def test_behind_a_mount_it_finds_the_same_route() -> None:
    body = [b"7"]

    async def show(request: Request) -> Response:
        return PlainTextResponse(body[0] + request.path_params["name"].encode())

    async def change(request: Request) -> Response:
        body[0] = await request.body()
        return Response(status_code=204)

    inner = Starlette(
        routes=[Route("/{name}", show, methods=["GET"]), Route("/{name}", change, methods=["PUT"])]
    )
    client = Client(Starlette(routes=[Mount("/docs", ConditionalRequests(probe=True)(inner))]))
    seen = (await client.get("/docs/a")).header("etag") or ""

    found = [(await client.put("/docs/a", content=b"8", headers={IM: seen})).status for _ in range(2)]

    assert (seen, found) == (made(b"7a"), [204, 412])


def test_in_front_of_one_handler_it_refuses_to_stand() -> None:
    async def change(request: Request) -> Response:
        return Response()

    class Guard:
        def __new__(cls, app: ASGIApp) -> Any:
            return ConditionalRequests(probe=True)(app)

    with pytest.raises(ValueError, match="has to stand in front of all methods: put it around the app"):
        Route("/", change, methods=["PUT"], middleware=[Middleware(Guard)])


# --- answers that do not end ---


async def _endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head(200, *lines(("content-type", "text/event-stream"))))
    while True:
        await send(chunk(b": still here\n\n"))
        await anyio.sleep(3600)


async def _flood(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head(200, *lines(("etag", OWN))))
    while True:
        await send(chunk(b"x" * 1000))


async def _silent(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head(200, *lines(("last-modified", PAST))))
    await anyio.sleep_forever()


ENDLESS: list[tuple[str, ASGIApp, Fields, int]] = [
    ("events", _endless, [(IM, OWN)], 204),
    ("a flood with a tag", _flood, [(IM, OWN)], 204),
    ("a flood with another tag", _flood, [(IM, '"v6"')], 412),
    ("a head and nothing else", _silent, [(IUS, EARLIER)], 412),
]


@pytest.mark.parametrize(
    ("get", "fields", "status"), [row[1:] for row in ENDLESS], ids=[row[0] for row in ENDLESS]
)
async def test_an_endless_get_does_not_hang_the_write(get: ASGIApp, fields: Fields, status: int) -> None:
    ended = []
    counter = Counter()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            return await counter(scope, receive, send)
        try:
            await get(scope, receive, send)
        finally:
            ended.append(True)

    with anyio.fail_after(5):
        answer = await served(app, probe=True).put("/", content=b"1", headers=fields)

    assert (answer.status, ended) == (status, [True])


async def test_what_the_app_makes_of_being_cancelled_changes_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            return await document()(scope, receive, send)
        try:
            await _flood(scope, receive, send)
        finally:
            raise RuntimeError("did you cancel me?")

    answer = await served(app, probe=True).put("/", content=b"1", headers={IM: '"v6"'})

    assert answer.status == 412


async def test_a_get_that_does_not_answer_is_waited_for_only_so_long() -> None:
    """Nobody knows the state, so nobody may write on it."""
    app = Counter()

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await anyio.sleep_forever()
        await app(scope, receive, send)

    client, events = heard(hanging, ConditionalRequests(probe=True, wait=0.05))

    answer = await client.put("/", content=b"1", headers={IM: OWN})
    unconditional = await client.put("/", content=b"1")

    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert events == [WriterRefused(reason="busy")]
    assert (unconditional.status, app.methods) == (204, ["PUT"])


async def test_background_tasks_of_the_get_are_run_but_not_waited_for_long() -> None:
    ran = []

    async def note(what: str) -> None:
        ran.append(what)
        if what == "GET":
            await anyio.sleep_forever()

    async def show(request: Request) -> Response:
        return PlainTextResponse("7", background=BackgroundTask(note, "GET"))

    async def change(request: Request) -> Response:
        return PlainTextResponse("8", background=BackgroundTask(note, "PUT"))

    app = Starlette(routes=[Route("/", show, methods=["GET"]), Route("/", change, methods=["PUT"])])

    answer = await served(app, probe=True).put("/", content=b"8", headers={IM: made(b"7")})

    assert (answer.status, ran) == (200, ["GET", "PUT"])


async def test_a_stream_of_starlette_ends_at_once() -> None:
    """Without being cancelled: it hears that its client has left."""

    class Events:
        def __aiter__(self) -> "Events":
            return self

        async def __anext__(self) -> bytes:
            await anyio.sleep_forever()
            return b""

    async def show(request: Request) -> Response:
        return StreamingResponse(Events(), media_type="text/event-stream")

    async def change(request: Request) -> Response:
        return Response(status_code=204)

    app = Starlette(routes=[Route("/", show, methods=["GET"]), Route("/", change, methods=["PUT"])])
    began = anyio.current_time()

    answer = await served(app, probe=True).put("/", content=b"8", headers={IM: OWN})

    assert answer.status == 204
    assert anyio.current_time() - began < GRACE / 2


# --- turns ---


class Slow:
    """Answers a write when it is told to, and counts who is inside."""

    def __init__(self) -> None:
        self.go_on = anyio.Event()
        self.inside = 0
        self.most = 0
        self.reached: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(f"{scope['method']} {scope['path']}")
        if scope["method"] in ("GET", "HEAD"):
            return await document()(scope, receive, send)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go_on.wait()
        finally:
            self.inside -= 1
        await document()(scope, receive, send)


async def test_writes_without_a_condition_take_turns_too() -> None:
    app = Slow()
    client = served(app, probe=True)
    statuses = []

    async def write(method: str) -> None:
        statuses.append((await client.request(method, "/")).status)

    async with anyio.create_task_group() as group:
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            group.start_soon(write, method)
        await anyio.wait_all_tasks_blocked()
        app.go_on.set()

    assert (statuses, app.most) == ([200] * 4, 1)


KEYS: list[tuple[str, tuple[str, str], tuple[str, str], int]] = [
    ("the same", ("/a", "x"), ("/a", "x"), 1),
    ("another path", ("/a", "x"), ("/b", "x"), 2),
    ("another host", ("/a", "x"), ("/a", "y"), 2),
    ("the host in capitals", ("/a", "x.example"), ("/a", "X.Example"), 1),
    ("another query", ("/a?b=1", "x"), ("/a?b=2", "x"), 1),
    ("the same path in other letters", ("/a", "x"), ("/%61", "x"), 1),
]


@pytest.mark.parametrize(("one", "other", "most"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
async def test_turns_are_for(one: tuple[str, str], other: tuple[str, str], most: int) -> None:
    app = Slow()
    client = served(app, probe=True)

    async with anyio.create_task_group() as group:
        for url, host in (one, other):
            group.start_soon(lambda url, host: client.put(url, headers={"host": host}), url, host)
        await anyio.wait_all_tasks_blocked()
        app.go_on.set()

    assert app.most == most


async def test_reads_take_no_turns() -> None:
    app = Slow()
    client = served(app, probe=True)

    async with client.stream("PUT", "/") as stream:
        await anyio.wait_all_tasks_blocked()
        found = [(await client.request(method, "/")).status for method in ("GET", "HEAD")]
        app.go_on.set()
        await stream.ended()

    assert found == [200, 200]


async def test_who_waits_too_long_is_told_when_to_come_again() -> None:
    app = Slow()
    client, events = heard(app, ConditionalRequests(probe=True, wait=0.05))

    async with client.stream("PUT", "/") as stream:
        await anyio.wait_all_tasks_blocked()
        refused = await client.put("/", headers={IM: '"v6"'})
        app.go_on.set()
        await stream.ended()

    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert refused.json()["detail"] == "Others are writing."
    assert refused.header("content-type") == "application/problem+json"
    assert events == [WriterRefused(reason="busy")]
    assert app.reached == ["PUT /"]


async def test_background_tasks_after_the_answer_hold_no_turn() -> None:
    done = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await document()(scope, receive, send)
        if scope["path"] == "/" and scope["query_string"] == b"slow":
            await done.wait()

    client = served(app, probe=True, wait=0.05)

    async with client.stream("PUT", "/?slow") as stream:
        await stream.read()
        await anyio.wait_all_tasks_blocked()
        meanwhile = (await client.put("/")).status
        done.set()

    assert meanwhile == 200


async def test_a_turn_lasts_until_the_last_message() -> None:
    app = scripted(head(), chunk(b"hel"), chunk(b"lo", more=False))
    client = served(app, probe=True, wait=0.02)

    async with client.stream("PUT", "/") as stream:
        await stream.head()
        at_head = (await client.put("/")).status
        await stream.next_chunk()
        between = (await client.put("/")).status
        await stream.next_chunk()
        await anyio.wait_all_tasks_blocked()
        after = (await client.put("/")).status

    assert (at_head, between, after) == (503, 503, 200)


async def test_who_does_not_take_its_412_keeps_nobody_waiting() -> None:
    client = served(Counter(), probe=True, wait=0.05)

    async with client.stream("PUT", "/", headers={IM: OWN}) as refused:
        await anyio.wait_all_tasks_blocked()
        meanwhile = await client.put("/", content=b"1")
        await refused.read()

    assert (refused.answer.status, meanwhile.status) == (412, 204)


async def crashed(client: Client) -> None:
    assert (await client.put("/crash", raise_app_exceptions=False)).exception is not None


async def left_early(client: Client) -> None:
    async with client.stream("PUT", "/waits") as stream:
        await anyio.wait_all_tasks_blocked()
        stream.disconnect()


async def left_in_the_middle(client: Client) -> None:
    async with client.stream("PUT", "/streams") as stream:
        await stream.next_chunk()
        stream.disconnect()
        assert await stream.next_chunk() is None
        await stream.ended()


async def cancelled(client: Client) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: client.put("/sleeps"))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()


async def cancelled_while_asking(client: Client) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: client.put("/hangs", headers={IM: OWN}))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()


async def cancelled_in_line(client: Client) -> None:
    async with client.stream("PUT", "/waits") as stream:
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.put("/waits"))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        stream.disconnect()


ENDS: list[tuple[str, Callable[[Client], Awaitable[None]], str]] = [
    ("a crash", crashed, "/crash"),
    ("the client leaves before the answer", left_early, "/waits"),
    ("the client leaves in the middle of the answer", left_in_the_middle, "/streams"),
    ("the server cancels it", cancelled, "/sleeps"),
    ("the server cancels it while the app is asked", cancelled_while_asking, "/hangs"),
    ("the server cancels one in line", cancelled_in_line, "/waits"),
]


@pytest.mark.parametrize(("end", "path"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
async def test_a_turn_is_over_after(end: Callable[[Client], Awaitable[None]], path: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first, scope["state"]["path"] = scope["query_string"] != b"again", scope["path"]
        if first and scope["path"] == "/crash":
            raise RuntimeError("the app has crashed")
        if first and scope["path"] == "/waits":
            await receive()
            assert (await receive())["type"] == "http.disconnect"
            return
        if (first and scope["path"] == "/sleeps") or scope["method"] == "GET":
            await anyio.sleep_forever()
        await send(head())
        for _ in range(5):
            await send(chunk(b"x"))
        await send(chunk(b"", more=False))

    client = served(app, probe=True, wait=0.5)

    with suppress(OSError):  # what send raises when the client has left
        await end(client)
    after = await client.put(f"{path}?again")

    assert after.status == 200


async def test_many_writers_and_many_who_give_up() -> None:
    app = Counter(b"0")
    client = served(app, probe=True)

    async def add() -> None:
        while True:
            seen = await client.get("/")
            more = b"%d" % (int(seen.body) + 1)
            answer = await client.put("/", content=more, headers={IM: seen.header("etag") or ""})
            if answer.status == 204:
                return

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(add)
            if number % 3 == 0:
                with anyio.move_on_after(0):
                    await client.put("/", content=b"lost", headers={IM: '"nothing"'})

    assert app.body == b"20"


@pytest.mark.asyncio
async def test_while_the_store_is_away_nobody_writes(anyio_backend_name: str) -> None:
    if anyio_backend_name != "asyncio":
        pytest.skip("a Redis needs asyncio")
    app = Counter()
    client, events = heard(app, ConditionalRequests(probe=True, store="redis://127.0.0.1:1"))

    answer = await client.put("/", content=b"1")
    read = await client.get("/")

    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.json()["detail"] == "It cannot be seen to that only one request writes at a time."
    assert (read.status, app.methods) == (200, ["GET"])
    assert events == [WriterRefused(reason="store away")]


async def test_interleaved_writes_of_two_resources_do_not_mix() -> None:
    app = Slow()
    client, events = heard(app, ConditionalRequests(probe=True))

    async with client.stream("PUT", "/a", headers={IM: MADE}) as first:
        await anyio.wait_all_tasks_blocked()
        second = await client.put("/b", headers={IM: OWN})
        app.go_on.set()
        await first.read()

    assert (first.answer.status, second.status) == (200, 412)
    assert events == [PreconditionRefused(field="If-Match")]


# --- files, with a framework's own ranges ---


async def test_a_file_whose_date_is_too_young_for_if_range(tmp_path: Path) -> None:
    """RFC 9110 8.8.2.2: Starlette takes any date that is the same."""
    file = tmp_path / "lamps.txt"
    file.write_bytes(BODY)

    async def show(request: Request) -> Response:
        await request.body()
        return FileResponse(file)

    client = served(Starlette(routes=[Mount("/files", routes=[Route("/{name}", show)])]))
    whole = await client.get("/files/lamps.txt")
    tag, date = whole.header("etag") or "", whole.header("last-modified") or ""
    asked: list[Fields] = [
        [("if-range", tag)],
        [("if-range", '"v6"')],
        [("if-range", date), ("x-now", "young")],
        [("if-range", EARLIER)],
    ]

    found = [await client.get("/files/lamps.txt", headers=[("range", "bytes=0-2"), *each]) for each in asked]

    assert [answer.status for answer in found] == [206, 200, 200, 200]
    assert [answer.body for answer in found] == [BODY[:3], BODY, BODY, BODY]
    again = await client.get("/files/lamps.txt", headers={"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
