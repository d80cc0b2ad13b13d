"""What one request was: measured once, told to everybody who observes.

``Record``: the facts; ``Outcome``: what became of it, in one word; ``of_answer`` and ``of_socket``: the rules for that.
"""

from typing import Final, Literal, TypeAlias, final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import RawHeaders

Outcome: TypeAlias = Literal[
    "ok",
    "client_error",
    "server_error",
    "client_disconnect",
    "timeout",
    "rejected",
    "shed",
    "incomplete",
]
"""What became of a request.

- ``ok``: answered, 4xx and 5xx apart; a WebSocket: closed as one that is done.
- ``client_error``, ``server_error``: answered with 4xx, 5xx; the app raised, before the head or after.
- ``client_disconnect``: the client left before the answer was whole.
- ``timeout``, ``rejected``, ``shed``: one of our layers ended it: too late, against a rule, for want of room.
- ``incomplete``: the app ended, or was cancelled, before its answer did.
"""

ABNORMAL: Final = 1006
"""RFC 6455 7.4.1: the connection was lost, nobody has closed the WebSocket."""
_SERVER_CODES: Final = frozenset({1011, 1012, 1013, 1014})
_CLIENT_CODES: Final = frozenset({1002, 1003, 1007, 1008, 1009, 1010})


@final
class Record:
    """One request or WebSocket connection. Complete when an observer gets it, and not changed any more."""

    # No slots and no __init__: what most requests never set stands on the class, and costs them nothing.
    exchange: Exchange
    """Whose record it is: scope, headers, client."""
    method: str
    """``GET`` for a WebSocket."""
    path: str
    """As the client asked for it, decoded. Not for labels: there is no end of them."""
    route: str | None = None
    """The template of the route that was taken; ``None`` where none was or none is known. Read when all is over."""
    status: int | None = None
    """Of the answer. 500 where the app raised before it had begun one, as all servers do then; ``None`` where nothing
    was answered. A WebSocket: 101, or the status that it was refused with."""
    outcome: Outcome = "incomplete"
    answered_by: str | None = None
    """The label of our layer that answered in the app's place; ``None``: the app did."""
    head: float | None = None
    """Seconds from when the request came to us until the app, or who answered for it, gave the head."""
    first_byte: float | None = None
    """The same until the first byte of content; of a WebSocket its first message."""
    seconds: float = 0.0
    """The same until the last message was sent, or until the app ended without one."""
    received: int = 0
    """Bytes of the request's content that were read, not decoded; of a WebSocket of its messages."""
    sent: int | None = 0
    """Bytes of the answer's content; ``None`` where a server sends a file of unknown size."""
    is_stream: bool = False
    """Whether the content came in parts and nobody said how long it would be."""
    is_websocket: bool = False
    code: int | None = None
    """The code that a WebSocket was closed with."""
    headers: RawHeaders | None = None
    """The fields of the answer's head, as they came by the outermost observing layer. Not to be changed."""
    request_id: str | None = None
    exception: BaseException | None = None
    """What the app raised, where that has spoilt the answer."""


def of_status(status: int) -> Outcome:
    """Return what a whole answer with ``status`` is."""
    if status < 400:
        return "ok"
    return "client_error" if status < 500 else "server_error"


def of_answer(record: Record, said: Outcome | None, *, gone: bool, complete: bool) -> Outcome:
    """Return what became of an HTTP request.

    ``said``: what a layer said that answered it; ``gone``: the client had left before the end was sent.
    """
    if gone:
        return "client_disconnect"
    if said is not None:
        return said
    status = record.status
    if not complete or status is None:
        return "incomplete" if record.exception is None else "server_error"
    return "ok" if status < 400 else of_status(status)


def of_socket(record: Record, said: Outcome | None, *, gone: bool, by_client: bool) -> Outcome:
    """Return what became of a WebSocket; ``by_client``: it was the client who closed it."""
    code = record.code
    if gone or (by_client and code == ABNORMAL):
        return "client_disconnect"
    if said is not None:
        return said
    if record.exception is not None:
        return "server_error"
    if record.status != 101:
        return "incomplete" if record.status is None else of_status(record.status)
    if code is None:
        return "incomplete"
    return "ok" if by_client else _of_code(code)


def _of_code(code: int) -> Outcome:
    if code in _SERVER_CODES:
        return "server_error"
    return "client_error" if code in _CLIENT_CODES else "ok"
