"""The servers that every example runs on, and where one differs from the others, with the reason.

``HOSTS``: the servers; ``FRAMEWORKS``: what each example's framework says by itself.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, final

import pytest
from _pytest.mark import ParameterSet

from tests.support.servers import granian, hypercorn, uvicorn

TEXT, HTML, JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """What a framework answers by itself, by content type, and what it can do."""

    crashed: str = ""
    """Empty where the exception goes to the server."""
    missing: str
    speaks_websocket: bool = True
    needs_asyncio: bool = False


FRAMEWORKS: Final = {
    "bare": Framework(missing=TEXT),
    "starlette": Framework(crashed=TEXT, missing=TEXT),
    "fastapi": Framework(crashed=TEXT, missing=JSON),
    "litestar": Framework(crashed=JSON, missing=JSON),
    "django": Framework(crashed=HTML, missing=HTML, speaks_websocket=False, needs_asyncio=True),
    # Quart starts asyncio tasks for every request.
    "quart": Framework(crashed=HTML, missing=HTML, needs_asyncio=True),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A server as the tests run it."""

    command: Callable[[str], tuple[str, ...]]
    exit_code: int = 0
    """After SIGTERM and a stop in good order."""
    logged: str
    """The end of the access log's line for ``GET /json``."""
    crash: list[str] = field(default_factory=list)
    """The content type of its own answer to an exception; without a body there is none."""
    offered: list[str] = field(default_factory=list)
    """Extensions in the scope of a request."""
    offered_http2: list[str] | None = None
    """The same over HTTP/2, which here begins without TLS; ``None`` where the server does not speak it."""
    sends_fields_of_accept: bool = True
    """Whether fields of ``websocket.accept`` reach the client."""
    drops_body_of_head: bool = True
    """Whether HEAD is answered without a body over HTTP/2, too, where the app sends one."""
    ends_late_answers: bool = True
    """Whether an app that answers over HTTP/2 after its client has hung up ever gets to the end of that."""
    has_trio: bool = False


_HYPERCORN_HTTP2: Final = ["http.response.early_hint", "http.response.push", "http.response.trailers"]

_GRANIAN: Final = ["http.response.pathsend", "websocket.http.response"]

_hypercorn = partial(hypercorn, config="tests/sockets/hypercorn.toml")

HOSTS: Final = {
    "uvicorn": Host(
        command=uvicorn,
        exit_code=-signal.SIGTERM,  # once all is done, it ends itself with the signal that it got
        logged='"GET /json HTTP/1.1" 200',
        crash=[TEXT],
    ),
    # Its H2Protocol.send_task ends with the connection and leaves the buffers of the streams as they are: an app
    # that ends an answer after that stays in StreamBuffer.drain for ever, and the connection waits for the app.
    "hypercorn": Host(
        command=_hypercorn,
        logged='"GET /json 1.1" 200',
        offered_http2=_HYPERCORN_HTTP2,
        ends_late_answers=False,
    ),
    # In the app's last send it tells the app that the client is gone. An app that then cancels its stream
    # cancels what hypercorn had still to do: to hang up, at "Connection: close" or when it stops.
    "hypercorn-trio": Host(
        command=partial(_hypercorn, worker="trio"),
        logged='"GET /json 1.1" 200',
        offered_http2=_HYPERCORN_HTTP2,
        ends_late_answers=False,
        has_trio=True,
    ),
    "granian": Host(
        command=granian,
        logged='"GET /json HTTP/1.1" 200',
        offered=_GRANIAN,
        offered_http2=_GRANIAN,
        sends_fields_of_accept=False,  # only the subprotocol
        drops_body_of_head=False,  # over HTTP/2 it sends what the app sent
    ),
}

PAIRS: Final = [
    (host, name)
    for host, about in HOSTS.items()
    for name, framework in FRAMEWORKS.items()
    if not (about.has_trio and framework.needs_asyncio)
]


def pairs(
    *names: str, http2: bool = False, head: bool = False, websocket: bool = False
) -> list[ParameterSet]:
    """Every server with every example that runs on it, or with those called ``names``."""
    return [
        pytest.param((host, name), id=f"{host}-{name}")
        for host, name in PAIRS
        if (not names or name in names)
        and (not http2 or HOSTS[host].offered_http2 is not None)
        and (not head or HOSTS[host].drops_body_of_head)
        and (not websocket or FRAMEWORKS[name].speaks_websocket)
    ]
