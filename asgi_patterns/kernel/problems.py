"""Problem details (RFC 9457): what a refusal or an error looks like on the wire.

``Problem``: an exception to raise and an answer to send; ``ProblemType``: its constants, declared next to a
rule. Only this module turns a problem into bytes.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, final
from weakref import WeakValueDictionary

from starlette.exceptions import HTTPException

from asgi_patterns.kernel import headers as fields
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.types import Message, RawHeaders, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
BLANK = "about:blank"
MARK = b"asgi-patterns-problem"
"""Names a raised problem on the answer that a framework makes of it. The ``Problems`` layer takes it off."""

_raised: "WeakValueDictionary[str, Problem]" = WeakValueDictionary()


def phrase(status: int) -> str:
    """Return the reason phrase of ``status``; of its class where it is unknown (RFC 9110 15)."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Error" if status < 500 else "Server Error"


@final
class Problem(HTTPException):
    """An error as problem details. Raise it in a handler, or return it where any ASGI app is an answer.

    ``status`` is 400 to 599. ``type`` is a URI; with ``about:blank`` the title is the status phrase. ``detail``
    is about this occurrence and says how to mend it. Further keywords become members of their own.
    It is Starlette's ``HTTPException`` too, so that frameworks built on Starlette treat it as an answer and not
    as a crash. Raises ``ValueError`` for a status or a member name that cannot be.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        type: str = BLANK,
        title: str | None = None,
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"a problem has a status from 400 to 599, not {status}")
        if "requestId" in members:
            raise ValueError("the member requestId is written by the toolkit; choose another name")
        mark = secrets.token_hex(8)
        _raised[mark] = self
        self.type = type
        self.title = title or phrase(status)
        self.text = detail
        self.instance = instance
        self.members = members
        self.fields: RawHeaders = [fields.field(name, value) for name, value in (headers or {}).items()]
        super().__init__(status, detail or self.title, {**(headers or {}), MARK.decode(): mark})

    def as_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the members in the order in which they are sent; absent ones are left out."""
        whole = {
            "type": self.type,
            "title": self.title,
            "status": self.status_code,
            "detail": self.text,
            "instance": self.instance,
            **self.members,
            "requestId": request_id,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def body(self, request_id: str | None = None) -> bytes:
        """Return the JSON text, UTF-8. What JSON has no form for becomes its ``str``."""
        members = self.as_dict(request_id)
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"), default=str).encode()

    def head(self, length: int) -> Message:
        """Return the head of the answer that carries ``length`` bytes of this problem."""
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % length),
            *self.fields,
        ]
        # RFC 9457 leaves caching to HTTP, which lets a cache keep some errors by itself (RFC 9111 4.2.2).
        if not fields.has(headers, b"cache-control"):
            headers.append((b"cache-control", b"no-store"))
        return {"type": "http.response.start", "status": self.status_code, "headers": headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with this problem; a WebSocket that is not accepted yet is denied with it."""
        exchange: Exchange | None = scope.get(KEY)
        request_id = None
        if exchange is not None:
            exchange.problem = self
            request_id = exchange.request_id
        body = self.body(request_id)
        head = self.head(len(body))
        if scope["type"] == "websocket":
            await _deny(scope, send, head, body)
        else:
            await send(head)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _deny(scope: Scope, send: Send, head: Message, body: bytes) -> None:
    # Without the extension, closing before accept is all a server can turn into a refusal (a bare 403).
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008 if head["status"] < 500 else 1011})
        return
    await send({**head, "type": "websocket.http.response.start"})
    await send({"type": "websocket.http.response.body", "body": body})


@final
@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: the constants of a slice, next to the rule that refuses."""

    type: str
    title: str
    status: int

    def __call__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> Problem:
        """Return one occurrence of it."""
        return Problem(self.status, detail, type=self.type, title=self.title, headers=headers, **members)


def take_marked(headers: RawHeaders) -> Problem | None:
    """Take the mark of a raised problem off ``headers`` and return that problem, if it is still alive."""
    mark = fields.get(headers, MARK)
    if mark is None:
        return None
    fields.remove(headers, MARK)
    return _raised.get(mark.decode("latin-1"))
