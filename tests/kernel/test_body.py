"""The one wrapper of ``receive``: what layers ask of a body changes nothing for the app."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from asgi_patterns.kernel.body import Body, BodyConsumed, BodyTooLarge, ClientDisconnected
from asgi_patterns.kernel.types import Message

pytestmark = pytest.mark.anyio

GONE: Message = {"type": "http.disconnect"}


def part(body: bytes, more: bool = True) -> Message:
    """A message of a request's body."""
    return {"type": "http.request", "body": body, "more_body": more}


class Wire:
    """A server's ``receive``: hands out what has arrived, waits when nothing has, is never entered twice."""

    def __init__(self, *messages: Message) -> None:
        self.left = deque(messages)
        self._inside = False
        self._arrived: anyio.Event | None = None

    def put(self, *messages: Message) -> None:
        self.left.extend(messages)
        if self._arrived is not None:
            self._arrived.set()

    async def __call__(self) -> Message:
        assert not self._inside, "the server's receive was called twice at a time"
        self._inside = True
        try:
            while not self.left:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            return self.left.popleft()
        finally:
            self._inside = False


async def take(body: Body, count: int) -> list[Message]:
    """Call the app's ``receive`` so many times."""
    return [await body() for _ in range(count)]


class Upper:
    """A decoder that keeps the last byte back, so that something is left to finish."""

    def __init__(self) -> None:
        self.kept = b""

    def decode(self, chunk: bytes) -> bytes:
        whole = self.kept + chunk.upper()
        self.kept = whole[-1:]
        return whole[:-1]

    def finish(self) -> bytes:
        return self.kept


class Double:
    """A decoder whose output is twice as long."""

    def decode(self, chunk: bytes) -> bytes:
        return chunk * 2

    def finish(self) -> bytes:
        return b""


class Corrupt(Double):
    """A decoder that finds an error once, and would go on with what is left."""

    found = False

    def finish(self) -> bytes:
        if self.found:
            return b"garbage"
        self.found = True
        raise ValueError("the body is cut short")


def test_layers_share_one_body() -> None:
    outer = Body.of(Wire())

    inner = Body.of(outer)

    assert inner is outer


STREAMS = [
    ("one message", [part(b"abc", more=False)], b"abc"),
    ("several chunks", [part(b"ab"), part(b"c"), part(b"d", more=False)], b"abcd"),
    ("an empty last chunk", [part(b"ab"), part(b"", more=False)], b"ab"),
    ("empty chunks between", [part(b""), part(b"a"), part(b""), part(b"b", more=False)], b"ab"),
    ("no body key at the end", [part(b"ab"), {"type": "http.request"}], b"ab"),
    ("no more_body key", [{"type": "http.request", "body": b"ab"}], b"ab"),
    ("no keys at all", [{"type": "http.request"}], b""),
    ("an unknown message between", [part(b"a"), {"type": "http.new", "x": 1}, part(b"b", more=False)], b"ab"),
]


@pytest.mark.parametrize(("messages", "whole"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
async def test_what_was_read_ahead_is_replayed_as_it_came(messages: list[Message], whole: bytes) -> None:
    body = Body(Wire(*messages, GONE))

    read = await body.read(limit=len(whole))
    seen = await take(body, len(messages) + 2)

    assert read == whole
    assert seen == [*messages, GONE, GONE]
    assert (body.received, body.complete, body.disconnected) == (len(whole), True, True)


async def test_a_second_read_returns_the_same_bytes() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))

    reads = [await body.read(limit=10), await body.read(limit=4)]

    assert reads == [b"abcd", b"abcd"]


async def test_a_second_read_keeps_to_its_own_limit() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))
    await body.read(limit=4)

    with pytest.raises(BodyTooLarge) as refusal:
        await body.read(limit=3)

    assert (refusal.value.limit, refusal.value.received) == (3, 4)
    assert await take(body, 2) == [part(b"ab"), part(b"cd", more=False)]


async def test_a_body_that_is_too_long_to_read_streams_on_to_the_app() -> None:
    messages = [part(b"ab"), part(b"cd"), part(b"ef"), part(b"", more=False)]
    wire = Wire(*messages)
    body = Body(wire)

    with pytest.raises(BodyTooLarge) as refusal:
        await body.read(limit=3)
    left = len(wire.left)

    assert (refusal.value.limit, refusal.value.received) == (3, 4)
    assert body.exceeded is None, "the layer could not hold it, but the app may have it"
    assert left == 2, "no more was read than was needed to know"
    assert await take(body, 4) == messages


async def test_a_client_that_leaves_during_a_read_is_known_to_layer_and_app() -> None:
    body = Body(Wire(part(b"ab"), GONE))

    with pytest.raises(ClientDisconnected):
        await body.read(limit=10)
    with pytest.raises(ClientDisconnected):
        await body.read(limit=10)
    seen = await take(body, 3)

    assert seen == [part(b"ab"), GONE, GONE]
    with pytest.raises(BodyConsumed):
        await body.read(limit=10)


async def test_a_client_that_leaves_after_its_body_does_not_spoil_the_read() -> None:
    body = Body(Wire(part(b"ab", more=False), GONE))
    await body.wait_disconnect()

    read = await body.read(limit=2)

    assert read == b"ab"


async def test_a_read_after_the_app_took_a_part_is_refused() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))
    await body()

    with pytest.raises(BodyConsumed):
        await body.read(limit=10)

    assert await body() == part(b"cd", more=False)


async def test_an_empty_body_that_the_app_took_can_still_be_read() -> None:
    body = Body(Wire(part(b"", more=False)))
    await body()

    assert await body.read(limit=0) == b""


async def test_a_read_that_the_app_overtakes_is_refused() -> None:
    wire = Wire()
    body = Body(wire)
    seen: list[Message] = []
    refusals: list[BodyConsumed] = []

    async def handler() -> None:
        seen.append(await body())

    async def layer() -> None:
        with pytest.raises(BodyConsumed) as refusal:
            await body.read(limit=10)
        refusals.append(refusal.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(handler)
        await wait_all_tasks_blocked()
        tasks.start_soon(layer)
        await wait_all_tasks_blocked()
        wire.put(part(b"ab"))

    assert seen == [part(b"ab")]
    assert len(refusals) == 1


async def test_a_body_in_very_many_chunks_does_not_fill_the_memory_with_messages() -> None:
    chunks = [b"%d" % (n % 10) for n in range(5000)]
    body = Body(Wire(*[part(chunk) for chunk in chunks], part(b"", more=False)))

    read = await body.read(limit=5000)
    request = Request({"type": "http", "method": "POST", "headers": []}, body)
    queued = len(body._queue)

    assert read == b"".join(chunks)
    assert queued < 1040, "1024 messages and the logarithm of the rest"
    assert await request.body() == read


@pytest.mark.parametrize("size", [500, 1500, 2000, 2999])
async def test_a_limit_that_is_set_after_many_chunks_were_joined_counts_them_all(size: int) -> None:
    body = Body(Wire(*[part(b"x")] * 3000, part(b"", more=False)))
    await body.read(limit=3000)
    body.limit(size)

    seen, refusal = await drain(body)

    assert refusal is not None
    assert sum(len(message["body"]) for message in seen) <= size


async def test_chunks_that_a_watcher_kept_and_a_read_joined_are_free_once_the_app_took_them() -> None:
    wire = Wire(*[part(b"x")] * 2000)
    body = Body(wire)
    refusals: list[BodyTooLarge] = []

    async def layer() -> None:
        with pytest.raises(BodyTooLarge) as refusal:
            await body.read(limit=2000)
        refusals.append(refusal.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(body.wait_disconnect, 2**20)
        await wait_all_tasks_blocked()
        tasks.start_soon(layer)
        await wait_all_tasks_blocked()
        wire.put(part(b"x"))
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    taken = 0
    while taken < 2001:
        taken += len((await body())["body"])
    wire.put(GONE)
    await body.wait_disconnect(ahead=1)

    assert len(refusals) == 1


async def test_messages_with_keys_of_their_own_are_not_joined() -> None:
    messages = [{**part(b"a"), "trace": n} for n in range(2000)]
    body = Body(Wire(*messages, part(b"", more=False)))

    await body.read(limit=2000)

    assert await take(body, 2001) == [*messages, part(b"", more=False)]


LIMITS = [
    ("at the limit", [4], None),
    ("one below the limit", [5], None),
    ("one above the limit", [3], 3),
    ("the smallest of several holds", [9, 3, 7], 3),
    ("nothing is allowed", [0], 0),
]


@pytest.mark.parametrize("decoded", [False, True], ids=["before decoding", "after decoding"])
@pytest.mark.parametrize("ahead", [False, True], ids=["as the app reads", "when it was read ahead"])
@pytest.mark.parametrize(("limits", "refused"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
async def test_a_limit_holds_for_the_app(
    limits: list[int], refused: int | None, ahead: bool, decoded: bool
) -> None:
    messages = [part(b"ab"), part(b"cd", more=False)]
    body = Body(Wire(*messages))
    if ahead:
        await body.read(limit=100)
    for size in limits:
        body.limit(size, decoded=decoded)

    seen, refusal = await drain(body)

    if refused is None:
        assert (seen, refusal, body.exceeded) == (messages, None, None)
    else:
        assert refusal is not None
        assert refusal.limit == refused
        assert seen == messages[: refused // 2], "whole messages only"
        assert body.exceeded is not None


async def drain(body: Body) -> tuple[list[Message], BodyTooLarge | None]:
    """Read to the end as an app does."""
    seen: list[Message] = []
    try:
        while not seen or seen[-1].get("more_body"):
            seen.append(await body())
    except BodyTooLarge as refusal:
        return seen, refusal
    return seen, None


async def test_an_app_that_swallows_the_refusal_gets_it_again() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd"), part(b"ef", more=False), GONE))
    body.limit(3)
    await body()

    for _ in range(3):
        with pytest.raises(BodyTooLarge) as refusal:
            await body()
        assert (refusal.value.limit, refusal.value.received) == (3, 4)


async def test_a_layer_further_in_cannot_read_past_a_limit() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))
    body.limit(3)

    with pytest.raises(BodyTooLarge) as refusal:
        await body.read(limit=100)

    assert (refusal.value.limit, refusal.value.received) == (3, 4)


async def test_a_limit_that_comes_too_late_still_lets_the_disconnect_through() -> None:
    body = Body(Wire(part(b"abcd"), GONE))
    await body()
    body.limit(1)

    assert await body() == GONE


async def test_limits_before_and_after_decoding_count_differently() -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))
    body.decode(Double())
    body.limit(4)
    body.limit(7, decoded=True)

    first = await body()
    with pytest.raises(BodyTooLarge) as refusal:
        await body()

    assert first == part(b"abab")
    assert (refusal.value.limit, refusal.value.received) == (7, 8)
    assert body.received == 4


async def test_an_observer_sees_every_chunk_once_and_in_order() -> None:
    body = Body(Wire(part(b"ab"), part(b""), part(b"cd"), part(b"ef", more=False)))
    seen: list[bytes] = []
    body.tee(seen.append)
    body.decode(Double())

    with pytest.raises(BodyTooLarge):
        await body.read(limit=5)
    early = list(seen)
    await take(body, 4)

    assert early == [b"ab", b"cd"], "shown when it is taken, not when it is replayed"
    assert seen == [b"ab", b"cd", b"ef"], "not decoded, and the empty one left out"


async def test_an_observer_that_fails_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    body = Body(Wire(part(b"ab"), part(b"cd", more=False)))
    seen: list[bytes] = []

    def broken(chunk: bytes) -> None:
        raise ValueError(chunk)

    body.tee(broken)
    body.tee(seen.append)

    messages = await take(body, 2)

    assert messages == [part(b"ab"), part(b"cd", more=False)]
    assert seen == [b"ab", b"cd"]
    assert [record.name for record in caplog.records] == ["asgi_patterns.body"], "logged once"


async def test_the_app_gets_decoded_chunks_one_for_one() -> None:
    extra = {**part(b""), "trace": 1}
    body = Body(Wire(part(b"abc"), extra, {"type": "http.new"}, part(b"de", more=False), GONE))
    body.decode(Upper())

    seen = await take(body, 5)

    expected = [part(b"AB"), extra, {"type": "http.new"}, part(b"CDE", more=False), GONE]
    assert seen == expected
    assert body.received == 5


async def test_a_read_is_decoded_and_decoded_once() -> None:
    body = Body(Wire(part(b"abc"), {"type": "http.request", "body": b"de"}))
    body.decode(Upper())

    reads = [await body.read(limit=5), await body.read(limit=5)]
    seen = await take(body, 2)

    assert reads == [b"ABCDE", b"ABCDE"]
    assert seen == [part(b"AB"), {"type": "http.request", "body": b"CDE"}]


async def test_a_decoder_that_is_set_after_a_read_decodes_what_was_read() -> None:
    body = Body(Wire(part(b"abc"), part(b"de", more=False)))
    raw = await body.read(limit=5)
    body.decode(Upper())

    decoded = await body.read(limit=5)

    assert (raw, decoded) == (b"abcde", b"ABCDE")
    assert await take(body, 2) == [part(b"AB"), part(b"CDE", more=False)]


async def test_a_second_decoder_follows_the_first() -> None:
    body = Body(Wire(part(b"ab"), part(b"c", more=False)))
    body.decode(Double())
    await body.read(limit=6)
    body.decode(Upper())

    assert await body.read(limit=6) == b"ABABCC"


async def test_a_decoder_is_refused_once_the_app_reads() -> None:
    body = Body(Wire(part(b"ab"), part(b"c", more=False)))
    await body()

    with pytest.raises(BodyConsumed):
        body.decode(Upper())


async def test_what_a_decoder_raises_is_raised_wherever_somebody_reads() -> None:
    body = Body(Wire(part(b"ab"), part(b"c", more=False)))
    body.decode(Corrupt())

    with pytest.raises(ValueError, match="cut short"):
        await body.read(limit=100)
    first = await body()

    assert first == part(b"abab")
    for _ in range(2):
        with pytest.raises(ValueError, match="cut short"):
            await body()


async def test_messages_after_the_end_pass_and_do_not_count() -> None:
    late = part(b"late")
    body = Body(Wire(part(b"ab", more=False), late))
    body.decode(Upper())
    body.limit(2)

    seen = await take(body, 2)

    assert seen == [part(b"AB", more=False), late]
    assert body.received == 2


async def test_an_app_that_reads_on_after_the_end_waits_for_the_disconnect() -> None:
    wire = Wire(part(b"ab", more=False))
    body = Body(wire)
    await body.read(limit=2)
    await body()
    seen: list[Message] = []

    async def app() -> None:
        seen.append(await body())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app)
        await wait_all_tasks_blocked()
        assert seen == []
        wire.put(GONE)

    assert seen == [GONE]


async def test_a_watcher_returns_when_the_client_leaves_and_eats_nothing() -> None:
    messages = [part(b"ab"), part(b"cd", more=False)]
    body = Body(Wire(*messages, GONE))

    await body.wait_disconnect()
    known = body.disconnected
    seen = await take(body, 4)

    assert known
    assert seen == [*messages, GONE, GONE]


AHEAD = [
    ("large chunks stop it when they pass the bound", [part(b"x" * 1000)] * 5, 2500, 3),
    ("a bound that is met exactly", [part(b"x" * 1000)] * 5, 2000, 2),
    ("small chunks cost 256 bytes each", [part(b"x")] * 5, 512, 2),
    ("empty chunks do too", [part(b"")] * 5, 513, 3),
    ("and unknown messages", [{"type": "http.new"}] * 5, 256, 1),
    ("nothing may be kept", [part(b"x")] * 5, 0, 0),
    ("the end of the body frees it", [part(b"x" * 1000), part(b"x" * 9000, more=False), GONE], 1001, 3),
]


@pytest.mark.parametrize(
    ("messages", "ahead", "taken"), [row[1:] for row in AHEAD], ids=[row[0] for row in AHEAD]
)
async def test_a_watcher_keeps_a_bounded_part_for_an_app_that_does_not_read(
    messages: list[Message], ahead: int, taken: int
) -> None:
    wire = Wire(*messages)
    body = Body(wire)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(body.wait_disconnect, ahead)
        await wait_all_tasks_blocked()
        left = len(wire.left)
        tasks.cancel_scope.cancel()

    assert left == len(messages) - taken
    assert await take(body, len(messages)) == messages


async def test_a_watcher_goes_on_when_the_app_has_taken_what_it_kept() -> None:
    wire = Wire(part(b"x" * 600), part(b"y" * 600), GONE)
    body = Body(wire)
    returned = anyio.Event()

    async def watcher() -> None:
        await body.wait_disconnect(ahead=500)
        returned.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher)
        await wait_all_tasks_blocked()
        before = returned.is_set()
        first = await take(body, 1)
        await wait_all_tasks_blocked()
        between = (returned.is_set(), len(wire.left))
        second = await take(body, 1)
        await wait_all_tasks_blocked()

    assert (before, between, returned.is_set()) == (False, (False, 1), True)
    assert [*first, *second] == [part(b"x" * 600), part(b"y" * 600)]


async def test_a_body_that_a_layer_read_does_not_hold_up_the_watcher() -> None:
    body = Body(Wire(part(b"x" * 1000), part(b"x" * 1000, more=False), GONE))
    await body.read(limit=2000)

    await body.wait_disconnect(ahead=1)

    assert body.disconnected


async def test_a_read_that_completes_the_body_sets_the_watcher_free_but_not_without_bound() -> None:
    wire = Wire(part(b"x" * 1000), part(b"y", more=False), *[part(b"")] * 6)
    body = Body(wire)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(body.wait_disconnect, 512)
        await wait_all_tasks_blocked()
        stopped = len(wire.left)
        await body.read(limit=1001)
        await wait_all_tasks_blocked()
        freed = len(wire.left)
        await take(body, 2)
        await wait_all_tasks_blocked()
        left = len(wire.left)
        tasks.cancel_scope.cancel()

    assert (stopped, freed, left) == (7, 4, 4)


async def test_a_server_that_repeats_the_same_message_for_ever_does_not_trap_the_watcher() -> None:
    async def receive() -> Message:
        return part(b"", more=False)

    body = Body(receive)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(body.wait_disconnect)
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert len(body._queue) == 1 + 65536 // 256


async def test_two_watchers_and_the_app_share_the_server() -> None:
    wire = Wire()
    body = Body(wire)
    returned: list[str] = []
    seen: list[Message] = []

    async def watcher(name: str, ahead: int) -> None:
        await body.wait_disconnect(ahead)
        returned.append(name)

    async def app() -> None:
        seen.extend(await take(body, 3))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watcher, "near", 1)
        tasks.start_soon(app)
        tasks.start_soon(watcher, "far", 1000)
        for message in (part(b"a"), part(b"b"), GONE):
            await wait_all_tasks_blocked()
            wire.put(message)

    assert seen == [part(b"a"), part(b"b"), GONE]
    assert sorted(returned) == ["far", "near"]


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "beside a watcher"])
async def test_starlettes_is_disconnected_still_works(watched: bool) -> None:
    wire = Wire(part(b"ab", more=False))
    body = Body(wire)
    request = Request({"type": "http", "method": "POST", "headers": []}, body)
    await request.body()

    async with anyio.create_task_group() as tasks:
        if watched:
            tasks.start_soon(body.wait_disconnect)
            await wait_all_tasks_blocked()
        before = await request.is_disconnected()
        wire.put(GONE)
        await wait_all_tasks_blocked()
        after = await request.is_disconnected()

    assert (before, after) == (False, True)


Call = Callable[[Body], Awaitable[object]]


async def app(body: Body) -> object:
    return await body()


async def reader(body: Body) -> object:
    return await body.read(limit=100)


async def watcher(body: Body) -> object:
    await body.wait_disconnect()
    return "left"


async def full_watcher(body: Body) -> object:
    await body.wait_disconnect(ahead=0)
    return "left"


CALLS = [app, reader, watcher, full_watcher]


@pytest.mark.parametrize("leaves", [0, 1], ids=["the first is cancelled", "the second is cancelled"])
@pytest.mark.parametrize("second", CALLS, ids=lambda call: f"then {call.__name__}")
@pytest.mark.parametrize("first", CALLS, ids=lambda call: f"first {call.__name__}")
async def test_whoever_is_cancelled_loses_nothing_and_lets_the_other_go_on(
    first: Call, second: Call, leaves: int
) -> None:
    wire = Wire()
    body = Body(wire)
    messages = [part(b"ab"), part(b"cd", more=False), GONE]
    scopes = [anyio.CancelScope(), anyio.CancelScope()]
    results: list[object] = []

    async def run(call: Call, scope: anyio.CancelScope) -> None:
        with scope:
            results.append(await call(body))

    async with anyio.create_task_group() as tasks:
        for call, scope in zip((first, second), scopes, strict=True):
            tasks.start_soon(run, call, scope)
            await wait_all_tasks_blocked()
        scopes[leaves].cancel()
        await wait_all_tasks_blocked()
        wire.put(*messages)
        await wait_all_tasks_blocked()
        seen: list[Message] = [result for result in results if isinstance(result, dict)]
        seen += await take(body, len(messages) - len(seen))

    assert seen == messages
    assert len(results) == 1, "the other one came to its end"


async def test_an_app_that_asks_again_at_once_does_not_overtake_a_waiting_read() -> None:
    wire = Wire()
    body = Body(wire)
    scope = anyio.CancelScope()
    results: list[object] = []

    async def impatient() -> None:
        with scope:
            await body()
        results.append(await body())

    async def layer() -> None:
        results.append(await body.read(limit=2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(impatient)
        await wait_all_tasks_blocked()
        tasks.start_soon(layer)
        await wait_all_tasks_blocked()
        scope.cancel()
        await wait_all_tasks_blocked()
        wire.put(part(b"ab", more=False))

    assert results == [b"ab", part(b"ab", more=False)]


async def test_the_end_of_a_read_lets_a_waiting_app_go_on() -> None:
    wire = Wire()
    body = Body(wire)
    seen: list[object] = []

    async def run(call: Call) -> None:
        seen.append(await call(body))

    async with anyio.create_task_group() as tasks:
        for call in (watcher, app, reader):
            tasks.start_soon(run, call)
            await wait_all_tasks_blocked()
        wire.put(part(b"", more=False))
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert part(b"", more=False) in seen
    assert b"" in seen


async def test_two_layers_that_read_at_once_both_keep_to_their_limit() -> None:
    body = Body(SlowWire(*[part(b"x")] * 3000, part(b"", more=False)))
    refusals: list[int] = []

    async def layer(limit: int) -> None:
        with pytest.raises(BodyTooLarge) as refusal:
            await body.read(limit)
        refusals.append(refusal.value.limit)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(layer, 2900)
        tasks.start_soon(layer, 2999)

    assert sorted(refusals) == [2900, 2999]


async def test_a_server_that_fails_lets_the_next_one_try() -> None:
    class Broken(Wire):
        async def __call__(self) -> Message:
            await super().__call__()
            raise OSError("the connection broke")

    wire = Broken()
    body = Body(wire)
    failures: list[OSError] = []

    async def run(call: Call) -> None:
        with pytest.raises(OSError, match="broke") as failure:
            await call(body)
        failures.append(failure.value)

    async with anyio.create_task_group() as tasks:
        for call in (app, reader, watcher):
            tasks.start_soon(run, call)
        await wait_all_tasks_blocked()
        wire.put(GONE, GONE, GONE)

    assert len(failures) == 3


REQUESTS: st.SearchStrategy[Message] = st.fixed_dictionaries(
    {"type": st.just("http.request")},
    optional={
        "body": st.sampled_from([b"", b"x", b"hello", b"x" * 300]),
        "more_body": st.sampled_from([True, True, True, False]),
        "trace": st.just(1),
    },
)
UNKNOWN = st.sampled_from([{"type": "http.new"}, {"type": "acme.thing", "body": b"??"}])
SEQUENCES = st.lists(st.one_of(REQUESTS, REQUESTS, REQUESTS, UNKNOWN), max_size=12)
# What happens around one receive of the app: layers' calls with a number of turns that they get.
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["app", "app", "read", "watch", "tee"]), st.integers(0, 4), st.integers(0, 600)
    ),
    max_size=12,
)


class SlowWire(Wire):
    """Lets others run before it hands a message out; who is cancelled until then loses none."""

    async def __call__(self) -> Message:
        if len(self.left) % 2:
            await checkpoint()
        return await super().__call__()


class Around:
    """Layers and an app around one body, driven by a list of actions."""

    def __init__(self, messages: list[Message]) -> None:
        self.body = Body(SlowWire(*messages, GONE))
        self.seen: list[Message] = []
        self.observed: list[bytes] = []
        self.reads: set[bytes] = set()

    async def app(self, _size: int) -> None:
        self.seen.append(await self.body())

    async def read(self, size: int) -> None:
        with suppress(BodyTooLarge, BodyConsumed, ClientDisconnected):
            self.reads.add(await self.body.read(limit=size))

    async def watch(self, size: int) -> None:
        await self.body.wait_disconnect(ahead=size)

    async def tee(self, _size: int) -> None:
        self.body.tee(lambda _chunk: None)

    async def play(self, actions: list[tuple[str, int, int]]) -> None:
        """Start each action, give it some turns and go on; whatever still runs at the end is cancelled."""
        async with anyio.create_task_group() as tasks:
            for action, turns, size in actions:
                scope = anyio.CancelScope()
                tasks.start_soon(self._run, getattr(self, action), size, scope)
                for _ in range(turns):
                    await checkpoint()
                if turns % 2:
                    scope.cancel()
            tasks.cancel_scope.cancel()

    async def _run(self, call: Callable[[int], Awaitable[None]], size: int, scope: anyio.CancelScope) -> None:
        with scope:
            await call(size)


def body_of(messages: list[Message]) -> list[bytes]:
    """The chunks up to the message that says it is the last."""
    chunks = []
    for message in messages:
        if message["type"] == "http.request":
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
    return chunks


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(messages=SEQUENCES, actions=ACTIONS)
async def test_whatever_layers_do_the_app_sees_what_it_would_see_without_them(
    messages: list[Message], actions: list[tuple[str, int, int]]
) -> None:
    around = Around(messages)
    around.body.tee(around.observed.append)

    await around.play(actions)
    early = len(around.seen)
    around.seen += await take(around.body, max(0, len(messages) + 2 - early))

    assert around.seen[: len(messages)] == messages
    assert all(message == GONE for message in around.seen[len(messages) :])
    assert around.observed == [chunk for chunk in body_of(messages) if chunk]
    assert around.body.received == sum(map(len, around.observed))
    assert around.reads <= {b"".join(body_of(messages))}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(messages=SEQUENCES, actions=ACTIONS, limit=st.integers(0, 900))
async def test_a_limit_cuts_the_same_sequence_and_changes_nothing_before(
    messages: list[Message], actions: list[tuple[str, int, int]], limit: int
) -> None:
    around = Around(messages)
    around.body.limit(limit)
    for action in actions:
        if action[0] != "app":
            await around.play([action])
    refused = False

    for _ in messages:
        try:
            around.seen.append(await around.body())
        except BodyTooLarge:
            refused = True
            break

    assert around.seen == messages[: len(around.seen)]
    assert sum(map(len, body_of(around.seen))) <= limit
    assert refused == (sum(map(len, body_of(messages))) > limit)
