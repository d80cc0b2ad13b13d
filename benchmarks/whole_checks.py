"""Whether a stack does what it is there for: without that a comparison would mean nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from backports import zstd

from asgi_patterns.kernel.types import ASGIApp, Message
from benchmarks.harness import scope
from benchmarks.whole_stacks import Asking, Stack, alone

FIELDS: Final[Mapping[str, Sequence[bytes]]] = {
    "id": (b"x-request-id",),
    # The draft's field, or those that came before it.
    "limit": (b"ratelimit", b"x-ratelimit-remaining"),
    "coding": (b"content-encoding",),
    "tag": (b"etag",),
}
"""The fields of an answer that show a feature; one of them is enough."""


async def check(stack: Stack) -> None:
    """Ask once. Raises ``AssertionError`` naming what is missing."""
    before = seen(stack)
    headers, body = await answer(Asking(stack.app))
    missing = [*lacking(stack.features, headers)]
    _, plain = await answer(alone().app)
    if "coding" in stack.features:
        assert headers.get(b"content-encoding") == b"zstd", f"{headers} says no zstd"
        body = zstd.decompress(body)
    assert body == plain, "it is another body than the app's"
    after = seen(stack)
    missing += [feature for feature, number in after.items() if number == before[feature]]
    assert not missing, f"{missing} is not done: {headers}"


def seen(stack: Stack) -> dict[str, int]:
    """Return how much each instrument of a stack has seen."""
    told = stack.instruments
    counts = {"tracing": told.spans, "metrics": told.requests, "log": told.lines}
    return {feature: count() for feature, count in counts.items() if feature in stack.features}


def lacking(features: Sequence[str], headers: Mapping[bytes, bytes]) -> Sequence[str]:
    """Return the features that an answer should show, and does not."""
    return [
        feature
        for feature in features
        if feature in FIELDS and not any(headers.get(name) for name in FIELDS[feature])
    ]


async def answer(app: ASGIApp) -> tuple[dict[bytes, bytes], bytes]:
    """Ask an app, and return the fields and the body of its answer."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope(), receive, send)
    start = next(each for each in messages if each["type"] == "http.response.start")
    assert start["status"] == 200, f"the answer is {start}"
    body = b"".join(each.get("body", b"") for each in messages if each["type"] == "http.response.body")
    return {name.lower(): value for name, value in start["headers"]}, body
