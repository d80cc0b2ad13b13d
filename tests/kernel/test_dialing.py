"""How connections are opened: over TLS to whom they were meant for, and with a login only then."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from asgi_patterns.kernel.redis import Call, Redis, Script, Unreachable, lease
from asgi_patterns.kernel.store import Store
from tests.serving.hosts import CERTIFICATE
from tests.support.redis_server import redis_server

PASSWORD = "pa55word"
ECHO = Script("return ARGV[1]")
CALLS = [Call("1", [b"{1}"], [b"a"]), Call("1", [b"{1}"], [b"x" * 300_000])]


@asynccontextmanager
async def tunnel(port: int, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server with a certificate for 127.0.0.1 and localhost, which hands what it hears on to a port, and back."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)
        writer.close()
        far_writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def leased(url: str) -> AsyncIterator[Redis]:
    redis = lease(Store.parse(url))
    try:
        yield redis
    finally:
        await redis.release()


@pytest.mark.asyncio
async def test_over_tls_scripts_are_answered_by_who_can_prove_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))

    with redis_server(tmp_path, password=PASSWORD) as server:
        async with tunnel(server.port) as port, leased(f"rediss://:{PASSWORD}@localhost:{port}/1") as redis:
            outcomes = [await redis.run(ECHO, CALLS) for _ in range(3)]

    assert outcomes == [[b"a", b"x" * 300_000]] * 3


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        pytest.param("127.0.0.1", False, id="who vouches for itself is refused"),
        pytest.param("127.0.0.2", True, id="a certificate for another host is refused"),
    ],
)
async def test_over_tls_others_are_refused(
    host: str, is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))

    async with tunnel(1, host) as port, leased(f"rediss://:{PASSWORD}@{host}:{port}") as redis:
        with pytest.raises(Unreachable, match="SSLCertVerificationError"):
            await redis.open()


KINDS = [
    ("a server", "rediss://:{}@127.0.0.1:{}"),
    ("a cluster", "redis+cluster://:{}@127.0.0.1:{}?tls=true"),
    ("sentinels", "redis+sentinel://127.0.0.1:{1}/shop?tls=true&sentinel_password={0}"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("url", [row[1] for row in KINDS], ids=[row[0] for row in KINDS])
async def test_over_tls_nothing_is_said_before_the_other_side_has_proven_who_it_is(url: str) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server, leased(url.format(PASSWORD, server.sockets[0].getsockname()[1])) as redis:
        with pytest.raises(Unreachable):
            await redis.open()

    assert heard
    assert all(each.startswith(b"\x16\x03") and PASSWORD.encode() not in each for each in heard)
