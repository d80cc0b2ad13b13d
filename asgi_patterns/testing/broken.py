"""Apps that raise, and apps that break the protocol.

Both mappings go into ``pytest.mark.parametrize``: a key is the sentence that becomes the id of a test.
"""

from collections.abc import Mapping

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing.apps import chunk, head, read_body, scripted, with_lifespan


class Crash(Exception):
    """What the apps of ``RAISING_APPS`` raise."""


def _crashing(*messages: Message) -> ASGIApp:
    sends = scripted(*messages)

    @with_lifespan
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sends(scope, receive, send)
        raise Crash("the app crashed")

    return app


raises_at_once = _crashing()
raises_after_head = _crashing(head())
raises_in_body = _crashing(head(), chunk(b"hel"))
raises_after_answer = _crashing(head(), chunk(b"hello", more=False))


@with_lifespan
async def raises_after_reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body, then fail."""
    await read_body(receive)
    raise Crash("the app crashed")


RAISING_APPS: Mapping[str, ASGIApp] = {
    "the app raises before the head": raises_at_once,
    "the app raises after it has read the body": raises_after_reading,
    "the app raises after the head": raises_after_head,
    "the app raises in the middle of the body": raises_in_body,
    "the app raises after the answer": raises_after_answer,
}
"""Apps that end with ``Crash``; call them with ``raise_app_exceptions=False`` or expect it."""

BROKEN_APPS: Mapping[str, ASGIApp] = {
    "the head is sent twice": scripted(head(), head(500), chunk(b"hello", more=False)),
    "a whole answer is sent twice": scripted(
        head(), chunk(b"a", more=False), head(), chunk(b"b", more=False)
    ),
    "the body comes before the head": scripted(chunk(b"hello", more=False)),
    "there is no answer": scripted(),
    "there is only a head": scripted(head()),
    "the last chunk is missing": scripted(head(), chunk(b"hello")),
    "a chunk follows the last one": scripted(head(), chunk(b"hello", more=False), chunk(b"!", more=False)),
    "the body is longer than it says": scripted(
        head(200, (b"content-length", b"4")), chunk(b"hello", more=False)
    ),
    "the body is shorter than it says": scripted(
        head(200, (b"content-length", b"6")), chunk(b"hello", more=False)
    ),
    "there are two lengths": scripted(
        head(200, (b"content-length", b"5"), (b"content-length", b"5")), chunk(b"hello", more=False)
    ),
    "a field name has capitals": scripted(
        head(200, (b"Content-Type", b"text/plain")), chunk(b"hi", more=False)
    ),
    "trailers are not announced": scripted(
        head(), chunk(b"hello", more=False), {"type": "http.response.trailers", "headers": []}
    ),
}
"""HTTP answers that break ASGI; ``lint`` refuses each, so call them with ``Client(app, lint=False)``."""
