"""Problem details (RFC 9457): what a refusal or an error looks like on the wire.

``Problem``: an exception to raise and an answer to send; ``ProblemType``: its constants, declared next to a
rule; ``built_in``: lists such a type for documentation. Only this module turns a problem into bytes.
"""

import json
import re
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
BASE = "asgi_patterns_problem_base"
"""Where the scope says what to put before a slug to make it the URI of a problem type."""

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# A scheme, or the full path on this host; nothing that would have to be escaped on a page or in a log.
_URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|/)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

_raised: "WeakValueDictionary[str, Problem]" = WeakValueDictionary()


def phrase(status: int) -> str:
    """Return the reason phrase of ``status``; of its class where it is unknown (RFC 9110 15)."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Error" if status < 500 else "Server Error"


def is_slug(type: str) -> bool:
    """Whether ``type`` is a short name (``sold-out``) that has still to be made a URI."""
    return _SLUG.fullmatch(type) is not None


@final
class Problem(HTTPException):
    """An error as problem details. Raise it in a handler, or return it where any ASGI app is an answer.

    ``status`` is 400 to 599. ``type`` is a URI; with ``about:blank`` the title is the status phrase. A slug
    (``sold-out``) becomes one where the ``Problems`` layer has a ``base``, and ``about:blank`` elsewhere.
    ``detail`` is about this occurrence and says how to mend it. Further keywords become members of their own.
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

    def as_dict(self, request_id: str | None = None, base: str | None = None) -> dict[str, Any]:
        """Return the members in the order in which they are sent; absent ones are left out."""
        uri, title, text = self._named(base)
        whole = {
            "type": uri,
            "title": title,
            "status": self.status_code,
            "detail": text,
            "instance": self.instance,
            **self.members,
            "requestId": request_id,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def _named(self, base: str | None) -> tuple[str, str, str | None]:
        """Return type, title and detail as they are sent."""
        if not is_slug(self.type):
            return self.type, self.title, self.text
        if base is not None:
            return base + self.type, self.title, self.text
        # RFC 9457 4.2.1: with about:blank the title is the status phrase; what it said must not be lost.
        plain = phrase(self.status_code)
        return BLANK, plain, self.text or (None if self.title == plain else self.title)

    def body(self, request_id: str | None = None, base: str | None = None) -> bytes:
        """Return the JSON text, UTF-8. What JSON has no form for becomes its ``str``."""
        text = json.dumps(
            self.as_dict(request_id, base), ensure_ascii=False, separators=(",", ":"), default=str
        )
        return text.encode("utf-8", "replace")  # a text from elsewhere may hold half a character

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

    def answer(self, scope: Scope) -> tuple[Message, bytes]:
        """Return head and body of the answer to the request in ``scope``, for frameworks that send it themselves.

        The exchange hears of it. To a HEAD the body is not to be sent.
        """
        exchange: Exchange | None = scope.get(KEY)
        request_id = None
        if exchange is not None:
            exchange.problem = self
            request_id = exchange.request_id
        body = self.body(request_id, scope.get(BASE))
        return self.head(len(body)), body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with this problem; a WebSocket that is not accepted yet is denied with it."""
        head, body = self.answer(scope)
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
    """A kind of problem: the constants of a slice, next to the rule that refuses.

    Raises ``ValueError`` for constants that no problem could have.
    """

    type: str
    """A slug (``sold-out``), which the ``base`` of ``Problems`` makes a URI; or a whole URI."""
    title: str
    """What kind of problem it is, the same at every occurrence."""
    status: int
    """The status of its answers, 400 to 599."""
    documentation: str = ""
    """What it means and how to mend it: plain text, blank lines between paragraphs."""

    def __post_init__(self) -> None:
        if not is_slug(self.type) and not _URI.fullmatch(self.type):
            raise ValueError(f"{self.type!r} is no problem type: write a slug such as sold-out, or a URI")
        if not 400 <= self.status <= 599:
            raise ValueError(f"a problem has a status from 400 to 599, not {self.status}")
        if not self.title.strip() or not self.title.isprintable():
            raise ValueError(f"{self.title!r} is no title: write one line of text")

    def uri(self, base: str | None) -> str | None:
        """Return its URI below ``base``; ``None`` where a slug has no base."""
        if not is_slug(self.type):
            return self.type
        return None if base is None else base + self.type

    def __call__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> Problem:
        """Return one occurrence of it."""
        return Problem(self.status, detail, type=self.type, title=self.title, headers=headers, **members)


_built_in: list[ProblemType] = []


def built_in(kind: ProblemType) -> ProblemType:
    """List ``kind`` among the types that every ``Problems`` layer documents, and return it.

    For the slices of this package, at import: all of them are imported with it, so every process lists the
    same. A user's types are a setting instead, ``Problems(types=[...])``.
    """
    if kind not in _built_in:
        _built_in.append(kind)
    return kind


def built_in_types() -> tuple[ProblemType, ...]:
    """Return the types of our own slices."""
    return tuple(_built_in)


def take_marked(headers: RawHeaders) -> Problem | None:
    """Take the mark of a raised problem off ``headers`` and return that problem, if it is still alive."""
    mark = fields.get(headers, MARK)
    if mark is None:
        return None
    fields.remove(headers, MARK)
    return _raised.get(mark.decode("latin-1"))
