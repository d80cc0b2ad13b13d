"""What an answer needed is given back when it has ended: a codec has megabytes, and the collector takes its time."""

import gc
from collections.abc import Iterator

import pytest

from asgi_patterns import Pipeline
from asgi_patterns.compression import Compression
from asgi_patterns.compression.sending import Coded, Flowing, Varying
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import Client
from tests.compression.reading import LONG, document, stream

pytestmark = pytest.mark.anyio


async def unchanged(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"1"')]})
    await send({"type": "http.response.body"})


async def partial(scope: Scope, receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 206}
    start["headers"] = [(b"content-type", b"text/plain"), (b"content-range", b"bytes 0-0/2")]
    await send(start)
    await send({"type": "http.response.body", "body": b"x"})


ANSWERS: list[tuple[str, ASGIApp, str]] = [
    ("a short one", document(), "GET"),
    ("a stream", stream(LONG, LONG), "GET"),
    ("one to HEAD", document(), "HEAD"),
    ("a 304", unchanged, "GET"),
    ("a part", partial, "GET"),
]


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "none"])
@pytest.mark.parametrize(("app", "method"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_nothing_waits_for_the_collector(app: ASGIApp, method: str, coding: str) -> None:
    client = Client(Pipeline(Compression())(app))

    await client.request(method, "/", headers={"accept-encoding": coding, "if-none-match": '"1-zstd"'})

    assert [each for each in gc.get_objects() if type(each) in (Coded, Flowing, Varying, Link)] == []
