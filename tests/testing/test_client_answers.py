"""What the client makes of an answer, of an error, and of none."""

from typing import Any

import pytest

from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import (
    BROKEN_APPS,
    RAISING_APPS,
    UNUSUAL_APPS,
    Client,
    Crash,
    chunk,
    echo,
    head,
    scripted,
    unusual,
)

pytestmark = pytest.mark.anyio


async def test_an_answer_is_read_in_every_form() -> None:
    app = scripted(
        head(201, (b"X-A", b"1"), (b"x-a", b"2"), (b"content-type", b"text/plain; charset=latin-1")),
        chunk(b""),
        chunk(b'"\xe9'),
        chunk(b'"', more=False),
    )

    answer = await Client(app, lint=False).get("/")

    assert answer.status == 201
    assert answer.headers[:2] == [(b"X-A", b"1"), (b"x-a", b"2")]
    assert answer.header("x-A") == "1"
    assert answer.all("x-a") == ["1", "2"]
    assert (answer.header("missing"), answer.all("missing")) == (None, [])
    assert answer.body == b'"\xe9"'
    assert answer.text == '"é"'
    assert answer.chunks == [b'"\xe9', b'"']
    assert [message["type"] for message in answer.messages] == ["http.response.start"] + [
        "http.response.body"
    ] * 3
    assert answer.complete
    assert repr(answer) == "<Answer: 201, 4 messages, 3 body bytes>"


async def test_json_is_parsed() -> None:
    answer = await Client(echo).post("/", json={"a": [1, None]})

    assert answer.json() == {"a": [1, None]}
    assert answer.header("content-type") == "application/json"


UNUSUAL_ANSWERS: dict[str, bytes] = {
    "a 204 has no content": b"",
    "a 304 has the length of what it does not send": b"",
    "a file is sent by its path": unusual.FILE.read_bytes(),
    "a file is sent by its descriptor between chunks": b"hel"
    + unusual.FILE.read_bytes()[3:13]
    + unusual.FILE.read_bytes()
    + b"lo",
    "the body of the request is asked for again after the answer": b"4",
    "the body of the request is read after the head": b"4",
}


@pytest.mark.parametrize("sentence", UNUSUAL_APPS)
async def test_unusual_answers_are_understood_and_legal(sentence: str) -> None:
    answer = await Client(UNUSUAL_APPS[sentence]).post("/", content=b"body")

    assert answer.body == UNUSUAL_ANSWERS.get(sentence, b"hello")
    assert answer.complete


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS.keys())
async def test_no_unusual_answer_to_head_has_a_body(app: Any) -> None:
    answer = await Client(app).head("/")

    assert answer.status in {200, 204, 304}
    assert answer.body == b""


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS.keys())
async def test_unusual_apps_have_a_lifespan(app: Any) -> None:
    async with Client(app) as client:
        assert client.lifespan is not None
        assert client.lifespan.supported


async def test_trailers_come_together() -> None:
    answer = await Client(unusual.trailers).get("/")

    assert answer.trailers == [(b"digest", b"abc"), (b"expires", b"never")]


async def test_a_message_is_kept_as_it_was_sent() -> None:
    answer = await Client(unusual.reuses_messages).get("/")

    assert answer.messages == [head(), chunk(b"hel"), chunk(b"lo", more=False)]


@pytest.mark.parametrize("app", RAISING_APPS.values(), ids=RAISING_APPS.keys())
async def test_what_an_app_raises_reaches_the_test(app: Any) -> None:
    with pytest.raises(Crash, match="the app crashed"):
        await Client(app).post("/", content=b"body")


RAISED = {
    "the app raises before the head": 0,
    "the app raises after it has read the body": 0,
    "the app raises after the head": 1,
    "the app raises in the middle of the body": 2,
    "the app raises after the answer": 2,
}


@pytest.mark.parametrize("sentence", RAISING_APPS)
async def test_what_an_app_raises_can_be_kept(sentence: str) -> None:
    answer = await Client(RAISING_APPS[sentence]).get("/", raise_app_exceptions=False)

    assert isinstance(answer.exception, Crash)
    assert len(answer.messages) == RAISED[sentence]


async def test_an_answer_without_head_says_what_came_instead() -> None:
    answer = await Client(RAISING_APPS["the app raises before the head"]).get("/", raise_app_exceptions=False)

    with pytest.raises(AssertionError, match=r"no head, only \[\]; it raised Crash"):
        _ = answer.status


@pytest.mark.parametrize("app", BROKEN_APPS.values(), ids=BROKEN_APPS.keys())
async def test_without_the_linter_everything_that_a_broken_app_sends_is_kept(app: Any) -> None:
    sent: list[Message] = []

    async def recording(scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            sent.append(message)
            await send(message)

        await app(scope, receive, record)

    answer = await Client(recording, lint=False).get("/")

    assert answer.messages == sent


async def test_what_follows_the_end_is_no_body() -> None:
    answer = await Client(BROKEN_APPS["a chunk follows the last one"], lint=False).get("/")

    assert answer.body == b"hello"


async def test_the_first_of_two_heads_counts() -> None:
    answer = await Client(BROKEN_APPS["the head is sent twice"], lint=False).get("/")

    assert answer.status == 200
