"""How large the head of a request may be."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns import BodyLimit, Pipeline
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.protection import HeadRefused
from asgi_patterns.protection.request_head import measure, uri_length
from asgi_patterns.testing import Client, hello

pytestmark = pytest.mark.anyio

URIS: list[tuple[str, str, int]] = [
    # what is asked of a limit of 20                  target                      status
    ("just as long", "/" + "a" * 19, 200),
    ("one byte more", "/" + "a" * 20, 414),
    ("the query counts, and its mark", "/aaaaaaaaa?bbbbbbbbb", 200),
    ("one byte more in the query", "/aaaaaaaaa?bbbbbbbbbb", 414),
    ("a path counts as it is written", "/" + "%20" * 6, 200),
    ("not as it is read", "/" + "%20" * 7, 414),
]


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize(("target", "status"), [row[1:] for row in URIS], ids=[row[0] for row in URIS])
async def test_how_long_a_uri_may_be(target: str, status: int, minimal: bool) -> None:
    client = Client(BodyLimit(max_uri_length=20)(hello), minimal=minimal)

    answer = await client.get(target)

    assert answer.status == status


async def test_a_uri_that_is_too_long_is_told_by_how_much() -> None:
    answer = await Client(BodyLimit(max_uri_length=20)(hello)).get("/" + "a" * 30)

    problem = answer.json()
    assert (problem["maxSize"], problem["receivedSize"]) == (20, 31)
    assert problem["detail"] == "Path and query may have 20 bytes."


async def test_how_many_fields_there_may_be() -> None:
    client = Client(BodyLimit(max_header_count=3)(hello))

    within = await client.get("/", headers=[("x-a", "1"), ("x-a", "2")], scope={})
    lines = [("x-a", "1")] * 4
    beyond = await client.get("/", headers=lines)

    assert within.status == 200
    assert beyond.status == 431
    problem = beyond.json()
    assert problem["maxCount"] == 3
    assert problem["receivedCount"] >= 4


async def test_how_large_the_fields_may_be_together() -> None:
    async def status(size: int) -> int:
        raw = [(b"cookie", b"x" * (size - 6))]
        return (await client.get("/", scope={"headers": raw})).status

    client = Client(BodyLimit(max_header_size=100)(hello), lint=False)

    assert [await status(size) for size in (99, 100, 101)] == [200, 200, 431]


@pytest.mark.parametrize("content", [b"", b"x" * 50], ids=["without content", "with content"])
async def test_a_refused_post_is_drained_as_any_other(content: bytes) -> None:
    client = Client(BodyLimit(max_uri_length=20, drain_size=50)(hello))

    answer = await client.post("/" + "a" * 30, content=content)

    assert (answer.status, answer.header("connection")) == (414, None)


async def test_a_websocket_has_a_head_as_well() -> None:
    async with Client(BodyLimit(max_uri_length=20)(hello)).websocket("/" + "a" * 30) as socket:
        assert socket.denial is not None
        assert socket.denial.status == 414


async def test_the_defaults_let_through_what_browsers_send() -> None:
    headers = [("cookie", "x" * 4000)] * 7 + [(f"x-{number}", "1") for number in range(80)]

    answer = await Client(BodyLimit()(hello)).get("/" + "a" * 8000, headers=headers)

    assert answer.status == 200


async def test_listeners_are_told() -> None:
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    client = Client(Pipeline(BodyLimit(max_uri_length=20), listeners=[listen])(hello))
    await client.get("/" + "a" * 30)

    assert told == [HeadRefused(excess="uri", limit=20, received=31)]


MEASURED: list[tuple[str, list[tuple[bytes, bytes]], tuple[int, int | None]]] = [
    ("nothing", [], (0, 0)),
    ("a length", [(b"content-length", b"12")], (16, 12)),
    ("the larger of two", [(b"content-length", b"9"), (b"content-length", b"8")], (30, 9)),
    ("chunks win", [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")], (39, None)),
    ("what is no number is too much", [(b"content-length", b"-1")], (16, 10**18)),
    ("so is what no number has", [(b"content-length", b"1" * 30)], (44, 10**18)),
    ("and nothing at all", [(b"content-length", b"")], (14, 10**18)),
]


@pytest.mark.parametrize(
    ("headers", "found"), [row[1:] for row in MEASURED], ids=[row[0] for row in MEASURED]
)
def test_what_a_head_tells(headers: list[tuple[bytes, bytes]], found: tuple[int, int | None]) -> None:
    assert measure(headers) == found


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_without_the_raw_path_it_is_no_longer_than_it_must_have_been(text: str) -> None:
    scope: dict[str, Any] = {"path": "/" + text, "query_string": b""}
    raw = {**scope, "raw_path": quote("/" + text, safe="").encode()}

    assert len(("/" + text).encode()) <= uri_length(scope) <= uri_length(raw)
