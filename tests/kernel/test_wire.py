"""Connections to a server that says what a test tells it to."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from asgi_patterns.kernel import wire as module
from asgi_patterns.kernel.resp import Reply
from asgi_patterns.kernel.wire import Link, Unreachable, Wire

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Dialer:
    """Opens connections when it may, and counts them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.count = 0
        self.may = asyncio.Event()
        self.may.set()
        self.error: Exception | None = None

    async def __call__(self) -> Wire:
        self.count += 1
        await self.may.wait()
        if self.error is not None:
            raise self.error
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Wire(writer, "the server")


@asynccontextmanager
async def linked(serve: Serve) -> AsyncIterator[tuple[Link, Dialer]]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    dialer = Dialer(server.sockets[0].getsockname()[1])
    link = Link(dialer, "the server")
    try:
        async with asyncio.timeout(10):
            yield link, dialer
    finally:
        await link.aclose()
        server.close()
        await server.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while word := await reader.readline():
        for place in range(len(word)):
            writer.write(word[place : place + 1])
            await asyncio.sleep(0)


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def opened(link: Link) -> Wire:
    """The connection of a link."""
    await link.open()
    (wire,) = link.wires
    return wire


@pytest.mark.asyncio
async def test_replies_reach_those_who_asked_in_their_order() -> None:
    async with linked(echo) as (link, _):
        await link.open()
        futures = [link.ask(b":%d\r\n" % number * 2, 2) for number in range(20)]

        assert await asyncio.gather(*futures) == [[number] * 2 for number in range(20)]


@pytest.mark.asyncio
async def test_who_gives_up_is_passed_over() -> None:
    async with linked(echo) as (link, _):
        await link.open()
        first, second, third = (link.ask(b":%d\r\n" % number, 1) for number in range(3))
        second.cancel()

        assert [await first, await third] == [[0], [2]]


@pytest.mark.asyncio
async def test_all_who_wait_while_it_connects_share_the_connection() -> None:
    async with linked(echo) as (link, dialer):
        dialer.may.clear()
        futures = [link.ask(b":%d\r\n" % number, 1) for number in range(20)]
        await turn()
        dialer.may.set()

        assert await asyncio.gather(*futures) == [[number] for number in range(20)]
        assert dialer.count == 1


@pytest.mark.asyncio
async def test_connecting_goes_on_when_nobody_waits_any_more() -> None:
    async with linked(echo) as (link, dialer):
        dialer.may.clear()
        leaving = link.ask(b":1\r\n", 1)
        await turn()
        leaving.cancel()
        await turn()
        dialer.may.set()

        assert await link.ask(b":2\r\n", 1) == [2]
        assert dialer.count == 1


@pytest.mark.asyncio
async def test_a_failure_to_connect_is_heard_by_all_who_wait_and_tried_again_by_the_next() -> None:
    async with linked(echo) as (link, dialer):
        dialer.error = ValueError("with a s3cret")
        futures = [link.ask(b":1\r\n", 1) for _ in range(3)]
        for future in futures:
            with pytest.raises(Unreachable, match="cannot connect to the server: ValueError") as caught:
                await future
            assert "s3cret" not in "".join(traceback.format_exception(caught.value))
        dialer.error = None

        assert await link.ask(b":1\r\n", 1) == [1]
        assert dialer.count == 2


@pytest.mark.asyncio
async def test_a_failure_to_connect_that_nobody_hears_is_not_reported() -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async with linked(echo) as (link, dialer):
        dialer.may.clear()
        dialer.error = OSError()
        leaving = link.ask(b":1\r\n", 1)
        await turn()
        leaving.cancel()
        dialer.may.set()
        await turn()

    assert reported == []


@pytest.mark.asyncio
async def test_connecting_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.01)

    async with linked(echo) as (link, dialer):
        dialer.may.clear()

        with pytest.raises(Unreachable, match="cannot connect to the server: TimeoutError"):
            await link.ask(b":1\r\n", 1)


@pytest.mark.asyncio
async def test_a_renewed_link_finishes_on_the_old_connection_and_begins_on_a_new_one() -> None:
    async with linked(echo) as (link, dialer):
        old = await opened(link)
        before = link.ask(b":1\r\n", 1)
        link.renew()
        after = link.ask(b":2\r\n", 1)

        assert [await before, await after] == [[1], [2]]
        assert dialer.count == 2
        await old.closed
        assert link.is_open


@pytest.mark.asyncio
async def test_a_renewed_link_that_owes_nothing_closes_the_old_connection() -> None:
    async with linked(never) as (link, _):
        old = await opened(link)
        link.renew()
        link.renew()

        await old.closed
        assert link.wires == set()


@pytest.mark.asyncio
async def test_a_renewed_link_closes_the_old_connection_when_nobody_waits_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.01)

    async with linked(never) as (link, _):
        old = await opened(link)
        leaving, staying = (link.ask(b":1\r\n", 1) for _ in range(2))
        leaving.cancel()
        link.renew()
        assert link.wires == {old}
        staying.cancel()

        await old.closed
        assert link.wires == set()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="words of another protocol"),
        pytest.param(b":1\r\n:2\r\n", id="more replies than questions"),
        pytest.param(b"$10\r\nabc", id="half a reply"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_a_connection_that_cannot_be_believed_is_given_up(words: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(words)

    async with linked(say) as (link, dialer):
        wire = await opened(link)
        answer = link.ask(b":1\r\n", 1)
        await wire.closed

        if words.startswith(b":1"):
            assert await answer == [1]
        else:
            with pytest.raises(Unreachable, match="has left before it answered"):
                await answer
        late: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        wire.ask(b":1\r\n", 1, late)
        with pytest.raises(Unreachable, match="has left"):
            await late
        assert not link.is_open
        await link.open()
        assert dialer.count == 2


@pytest.mark.asyncio
async def test_closing_is_heard_by_who_waits() -> None:
    async with linked(never) as (link, dialer):
        await link.open()
        answer = link.ask(b":1\r\n", 1)
        await link.aclose()
        with pytest.raises(Unreachable, match="has left"):
            await answer

        dialer.may.clear()
        connecting = link.ask(b":1\r\n", 1)
        await turn()
        await link.aclose()
        with pytest.raises(Unreachable, match="was closed"):
            await connecting
