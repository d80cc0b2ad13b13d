"""A refusal while the content of the request is still on its way (RFC 9110 15.5.14, RFC 9112 9.6).

Who is sending must get to read the answer, and the connection must be safe afterwards. A server that closes while bytes
come in has them answered with a reset, which may take the answer away from a client that has not read it yet. So all of
the answer is sent at once, a bounded amount of what still comes is thrown away, and only then is the answer ended.
"""

from dataclasses import dataclass
from typing import Final, final

import anyio

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.headers import request_lines
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import Message, Scope, Send

HTTP_1: Final = ("1.1", "1.0")
"""Where a connection carries one request at a time, so that ``Connection`` means something."""
CLOSE: Final = (b"connection", b"close")


@final
@dataclass(frozen=True, slots=True)
class Drain:
    """How much is thrown away after a refusal."""

    most: int
    """Bytes."""
    seconds: float


async def refuse(
    problem: Problem, scope: Scope, body: Body, send: Send, drain: Drain, rest: int | None
) -> None:
    """Answer with ``problem``, and throw away what still comes of the content.

    ``rest`` is how many bytes that is, as far as the request says so. On HTTP/1 the connection is closed where it is
    unknown or more than ``drain`` allows. A client that waits for a 100 (RFC 9110 10.1.1) is never given one.
    """
    head, content = problem.answer(scope)
    waits = body.received == 0 and _waits(scope)
    comes = not body.complete and rest != 0
    if comes and scope.get("http_version", "1.1") in HTTP_1 and (waits or _is_beyond(rest, drain)):
        head["headers"].append(CLOSE)
    await send(head)
    answer = {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content}
    await (_drained(answer, body, send, drain) if comes and not waits else send(answer))


def _is_beyond(rest: int | None, drain: Drain) -> bool:
    return rest is None or rest > drain.most


def _waits(scope: Scope) -> bool:
    """Whether the client sends no content before it is asked to."""
    return any(value.lower() == b"100-continue" for value in request_lines(scope["headers"], b"expect"))


async def _drained(answer: Message, body: Body, send: Send, drain: Drain) -> None:
    """Send all of the answer, and its end when what still comes has been taken."""
    await send({**answer, "more_body": True})
    end = body.received + drain.most
    with anyio.move_on_after(drain.seconds):
        while not (body.complete or body.disconnected or body.received > end):
            await body.discard()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
