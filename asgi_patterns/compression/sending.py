"""Answers on their way out: coded in one call where they are short, part by part where they are not.

``Varying``: the ``send`` of a client that reads none of our codings; ``Coded``: the one of a client that reads one;
``Flowing``: a sink for an answer that is coded in parts.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final, final

from anyio import to_thread

from asgi_patterns.compression.codecs import Flow
from asgi_patterns.compression.events import Compressed
from asgi_patterns.compression.files import parts
from asgi_patterns.compression.known_tags import held
from asgi_patterns.compression.plan import Choice, Plan
from asgi_patterns.compression.rewriting import (
    VARIES,
    coded_fields,
    simply_coded,
    varying,
    with_tag,
    without_digests,
)
from asgi_patterns.compression.sorting import EVENTS, TIED, UNKNOWN, VARY, Fate, sort
from asgi_patterns.kernel.exchange import KEY, SWITCHED_OFF, Exchange
from asgi_patterns.kernel.headers import get
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.look import Editing, Holding, readable
from asgi_patterns.kernel.types import Message, RawHeaders, Scope, Send

_LEAVE, _PLAIN, _CODE = Fate.LEAVE, Fate.PLAIN, Fate.CODE
_SPECIAL: Final = VARY | TIED


@final
class Varying(Editing):
    """Says on an answer that another client would get it coded."""

    __slots__ = ("plan", "state")

    plan: Plan
    state: Mapping[str, Any]
    """The state of the scope, in which a handler says what it wants none of."""

    def edit(self, head: Message) -> Message:
        """Return the head with its ``Vary``."""
        headers = head.get("headers")
        if type(headers) is not list:
            head, headers = readable(head)
        plan, state = self.plan, self.state
        fate, _, seen = sort(head["status"], headers, plan.terms, False)
        if fate is _LEAVE or (state and plan.label in state.get(SWITCHED_OFF, ())):
            return head
        head = {**head}
        head["headers"] = varying(headers) if seen & VARY else [*headers, VARIES]
        return head


@final
class Coded(Holding):
    """Codes an answer that is worth it."""

    __slots__ = ("_seen", "choice", "has_cookie", "scope", "tags")

    choice: Choice
    scope: Scope
    has_cookie: bool
    """Whether the request had one."""
    tags: frozenset[bytes] | None
    """The opaque parts of plain tags whose coded ones the client holds, if it holds any."""
    _seen: int

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        """Hold a short answer that is worth it, and have others coded, or told from coded ones, on their way."""
        choice, scope = self.choice, self.scope
        fate, length, self._seen = sort(head["status"], headers, choice.plan.terms, self.has_cookie)
        if fate is _LEAVE or ((state := scope["state"]) and choice.label in state.get(SWITCHED_OFF, ())):
            return None
        if fate is not _CODE:
            known = _plain if fate is _PLAIN else partial(_known, self.tags, choice.name)
            self.takes_over(Link(self.outer, known))
        elif scope["method"] == "HEAD":
            self.takes_over(Link(self.outer, partial(_bodiless, choice.name)))
        elif UNKNOWN < length <= choice.at_once and not head.get("trailers"):
            return length
        else:
            self.takes_over(self._flowing(length))
        return None

    async def decide(self, head: Message, whole: Message) -> None:
        """Send a short answer coded, unless that is no shorter."""
        choice, fields, body = self.choice, head["headers"], whole["body"]
        coded = choice.whole(body)
        size = len(body)
        left = len(coded)
        if left < size:
            if self._seen & _SPECIAL:
                head["headers"] = coded_fields(fields, choice.name, coded)
            else:
                head["headers"] = simply_coded(fields, choice.added, left)
            whole = {"type": "http.response.body", "body": coded}
            exchange: Exchange | None = self.scope.get(KEY)
            if exchange is not None and exchange.context.listeners:
                exchange.emit(Compressed(coding=choice.coding, size=size, coded=left))
        else:
            head["headers"] = varying(fields)
        await self.outer(head)
        await self.outer(whole)

    def other(self) -> Send:
        """Return where what is no short answer after all goes: it is coded in parts."""
        return self._flowing(self._expected)

    def _flowing(self, length: int) -> Send:
        choice, plan, size = self.choice, self.choice.plan, None if length == UNKNOWN else length
        flow = plan.begin(choice.coder, size, lean=bool(self._seen & EVENTS))
        return Flowing(self.outer, plan, flow, size, choice.name, partial(_tell, self.scope, choice.coding))


# None of these is a method: what takes an answer over and knows who handed it on holds itself, and a codec with it,
# until the collector comes.
def _plain(head: Message) -> None:
    head["headers"] = varying(head["headers"])


def _known(tags: frozenset[bytes] | None, coding: bytes, head: Message) -> None:
    """Say which answer a 304 or a part stands for."""
    headers: RawHeaders = varying(head["headers"])
    tag = get(headers, b"etag")
    known = held(tag, tags, coding) if tag is not None and tags else None
    head["headers"] = headers if known is None else with_tag(headers, known)


def _bodiless(coding: bytes, head: Message) -> None:
    """Say what a GET would have got, as far as that is known (RFC 9110 9.3.2)."""
    head["headers"] = coded_fields(head["headers"], coding)


def _tell(scope: Scope, coding: str, size: int, coded: int) -> None:
    exchange: Exchange | None = scope.get(KEY)
    if exchange is not None and exchange.context.listeners:
        exchange.emit(Compressed(coding=coding, size=size, coded=coded))


@final
class Flowing:
    """Codes an answer part by part: what the app has sent can be read before it sends more.

    Its head goes out at once. Where its length was said, and is another one in the end, the answer breaks off there,
    as it would without us: nobody shall take what is cut off for the whole.
    """

    __slots__ = ("_coded", "_coding", "_flow", "_is_over", "_length", "_plan", "_send", "_size", "_tell")

    def __init__(
        self,
        send: Send,
        plan: Plan,
        flow: Flow,
        length: int | None,
        coding: bytes,
        tell: Callable[[int, int], None],
    ) -> None:
        self._send = send
        self._plan = plan
        self._flow = flow
        self._length = length
        self._coding = coding
        self._tell = tell
        self._size = self._coded = 0
        self._is_over = False

    async def __call__(self, message: Message) -> None:
        """Take the head, and then all that follows."""
        match message["type"]:
            case "http.response.body" if not self._is_over:
                more = message.get("more_body", False)
                await self._pass(message.get("body", b""), message, more=more)
            case "http.response.pathsend" | "http.response.zerocopysend" if not self._is_over:
                await self._read(message)
            case "http.response.start":
                headers = coded_fields([*message.get("headers", ())], self._coding)
                await self._send({**message, "headers": headers})
            case "http.response.trailers":
                headers = without_digests([*message.get("headers", ())])
                await self._send({**message, "headers": headers})
            case _:
                await self._send(message)

    async def _pass(self, chunk: bytes, message: Message, *, more: bool) -> None:
        if chunk or not more:
            coded = await self._code(chunk, more=more)
            message = {**message, "body": coded}
        await self._send(message)
        if self._is_over:
            self._tell(self._size, self._coded)

    async def _code(self, chunk: bytes, *, more: bool) -> bytes:
        work = self._flow.add if more else self._flow.end
        if self._plan.leaves_the_loop(len(chunk), self._size):
            coded = await to_thread.run_sync(work, chunk, limiter=self._plan.threads())
        else:
            coded = work(chunk)
        self._size += len(chunk)
        self._coded += len(coded)
        if not more:
            self._end()
        return coded

    def _end(self) -> None:
        self._is_over = True
        if self._length is not None and self._size != self._length:
            raise RuntimeError(
                f"the answer has {self._size} bytes, and its Content-Length said {self._length}"
            )

    async def _read(self, message: Message) -> None:
        """Read the file that a server would have sent by itself."""
        async with aclosing(parts(message)) as chunks:
            async for chunk in chunks:
                await self._pass(chunk, {"type": "http.response.body", "more_body": True}, more=True)
        if not message.get("more_body", False):
            await self._pass(b"", {"type": "http.response.body"}, more=False)
