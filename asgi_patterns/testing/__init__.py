"""Call an ASGI app in a test, as a strict server and as a difficult client would.

Everything runs in the test's own event loop, on asyncio and on trio, without sockets, threads or sleeping:

    async def test_a_product_has_a_price():
        async with Client(app) as client:  # starts and stops the app; Client(app) alone does not
            answer = await client.get("/products/1", headers={"accept": "application/json"})

        assert answer.status == 200
        assert answer.json()["price"] == 12

A request in slow motion, where each ``send`` of the app waits until the test takes the message:

    async with client.stream("GET", "/events") as stream:
        await stream.head()
        assert await stream.next_chunk() == b"tick"
        stream.disconnect()

- Every call is watched by ``lint``: breaking ASGI raises ``ProtocolViolation`` with a sentence. Put it inside
  a layer, ``Client(layer(lint(app)))``, and it also checks what that layer hands inwards.
- ``UNUSUAL_APPS``, ``UNUSUAL_SOCKETS`` and ``UNUSUAL_BODIES`` are what is legal and breaks careless layers;
  ``RAISING_APPS``, ``BROKEN_APPS`` and ``ABANDONED_BODIES`` what goes wrong in life. Parametrise over them.
- ``Clock`` is for layers that take a clock; ``override`` switches or replaces layers for one test.
- What the app raises reaches the test, unless ``raise_app_exceptions=False`` leaves it in
  ``answer.exception``. An app that does not answer, or does not end when its client leaves, is a
  ``TimeoutError`` after ``timeout`` seconds.
- To look at an app at rest, wait with ``anyio.wait_all_tasks_blocked``.
"""

from asgi_patterns.testing import unusual
from asgi_patterns.testing.answer import Answer
from asgi_patterns.testing.apps import chunk, echo, head, hello, read_body, scripted
from asgi_patterns.testing.bodies import ABANDONED_BODIES, UNUSUAL_BODIES
from asgi_patterns.testing.broken import BROKEN_APPS, RAISING_APPS, Crash
from asgi_patterns.testing.client import Client
from asgi_patterns.testing.clock import Clock
from asgi_patterns.testing.lifespan import Lifespan, LifespanFailed
from asgi_patterns.testing.lint import lint
from asgi_patterns.testing.override import override
from asgi_patterns.testing.stream import Stream
from asgi_patterns.testing.unusual import UNUSUAL_APPS, UNUSUAL_SOCKETS
from asgi_patterns.testing.violation import ProtocolViolation
from asgi_patterns.testing.websocket import WebSocket
from asgi_patterns.testing.wire import ClientLeft

__all__ = [
    "ABANDONED_BODIES",
    "BROKEN_APPS",
    "RAISING_APPS",
    "UNUSUAL_APPS",
    "UNUSUAL_BODIES",
    "UNUSUAL_SOCKETS",
    "Answer",
    "Client",
    "ClientLeft",
    "Clock",
    "Crash",
    "Lifespan",
    "LifespanFailed",
    "ProtocolViolation",
    "Stream",
    "WebSocket",
    "chunk",
    "echo",
    "head",
    "hello",
    "lint",
    "override",
    "read_body",
    "scripted",
    "unusual",
]
