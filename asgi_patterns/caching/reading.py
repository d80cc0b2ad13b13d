"""Answers to GET and HEAD: tags for those that have none, and 304 or 412 where the conditions say so.

``Reader``: what all requests of a layer share; ``Reading``: one request with conditions.
"""

import time
from collections.abc import Awaitable
from typing import final

from anyio.lowlevel import checkpoint

from asgi_patterns.caching.digest import Tagging
from asgi_patterns.caching.events import NotModifiedSent, PreconditionRefused
from asgi_patterns.caching.not_modified import not_modified
from asgi_patterns.caching.preconditions import (
    Conditions,
    Failed,
    IgnoreRange,
    NotModified,
    Verdict,
    evaluate,
)
from asgi_patterns.caching.refusals import failed
from asgi_patterns.caching.tags import Tag, format_tag
from asgi_patterns.caching.validators import Selected, read_selected
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import KEY, Exchange, is_off
from asgi_patterns.kernel.headers import content_length, has, short_length
from asgi_patterns.kernel.link import Held
from asgi_patterns.kernel.types import Message, RawHeaders, Receive, Scope, Send


@final
class Reader:
    """Makes tags, and looks which answers may get one. ``tagging`` is ``None`` where none are made."""

    __slots__ = ("label", "limit", "tagging")

    def __init__(self, tagging: Tagging | None, limit: int, label: str) -> None:
        self.tagging = tagging
        self.limit = limit
        self.label = label

    def tag(self, head: Message, scope: Scope, send: Send) -> Held | None:
        """Return what puts a tag on a short 200 that has none, and lets everything else go on at once."""
        tagging = self.tagging
        if tagging is None or (expected := self.untagged(head)) is None or is_off(scope, self.label):
            return None

        async def decide(head: Message, body: bytes) -> None:
            head["headers"].append((b"etag", format_tag(tagging(body))))
            await send(head)
            await send({"type": "http.response.body", "body": body})

        return Held(send, head, expected, decide)

    def untagged(self, head: Message) -> int | None:
        """Return the length of an answer that could get a tag; ``None`` for one that cannot."""
        if head["status"] != 200 or head.get("trailers", False) or has(head["headers"], b"etag"):
            return None
        return short_length(head["headers"], self.limit)


@final
class Reading:
    """One GET or HEAD with conditions."""

    def __init__(
        self, reader: Reader, conditions: Conditions, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.ignores_range = False
        """Whether what the app answers is a range that it should not have looked at: the request starts again."""
        self._reader = reader
        self._conditions = conditions
        self.scope = scope
        self.receive = receive
        self.send = send

    def on_head(self, head: Message) -> Send | None:
        """Decide, if the answer has what is needed for that; otherwise hold it until it can be tagged."""
        if not 200 <= head["status"] < 300 or is_off(self.scope, self._reader.label):
            return None  # RFC 9110 13.2.1: any other answer is the better one
        selected = read_selected(head["headers"], time.time())
        if selected.tag is None:
            held = self._hold(head, selected)
            if held is not None or self._may_have_a_tag(head):
                return held
        return self._act(self._evaluate(selected), head)

    def _may_have_a_tag(self, head: Message) -> bool:
        """Whether ``If-Match`` may name a tag that was made of the whole answer to a GET, and is not known here."""
        match = self._conditions.match
        if match is None or match.is_any or self._reader.tagging is None or has(head["headers"], b"etag"):
            return False
        return bool(head["status"] == 206 or self.scope["method"] == "HEAD")

    def _hold(self, head: Message, selected: Selected) -> Held | None:
        tagging, expected = self._reader.tagging, self._reader.untagged(head)
        if tagging is None or expected is None or self.scope["method"] != "GET":
            return None

        async def decide(head: Message, body: bytes) -> None:
            tag = tagging(body)
            head["headers"].append((b"etag", format_tag(tag)))
            sink = self._act(self._evaluate(selected._replace(tag=tag)), head)
            if sink is None:
                await self.send(head)
                await self.send({"type": "http.response.body", "body": body})
            else:
                await sink(head)

        return Held(_Undecided(self, selected), head, expected, decide)

    def sink(self, head: Message, selected: Selected) -> Send:
        """Return where an answer goes that could not be tagged: what its head says is all there is."""
        return self._act(self._evaluate(selected), head) or self.send

    def _evaluate(self, selected: Selected) -> Verdict:
        exchange: Exchange | None = self.scope.get(KEY)
        coding = None if exchange is None else exchange.coding
        return evaluate(self._conditions, self.scope["method"], selected, coding)

    def _act(self, verdict: Verdict, head: Message) -> Send | None:
        """Return what stands in for the answer; ``None`` where it goes on."""
        match verdict:
            case NotModified(tag=tag):
                return _Instead(self, tag)
            case Failed():
                return _Instead(self, verdict)
            case IgnoreRange() if head["status"] == 206:
                self.ignores_range = True
                return _swallow
        return None

    async def answer(self, head: Message, verdict: Tag | Failed | None) -> None:
        """Send the 304 or the 412."""
        if isinstance(verdict, Failed):
            self.tell(PreconditionRefused(field=verdict.field))
            return await failed(verdict)(self.scope, self.receive, self.send)
        self.tell(NotModifiedSent(saved=content_length(head["headers"])))
        headers: RawHeaders = not_modified(head["headers"], verdict)
        await self.send({"type": "http.response.start", "status": 304, "headers": headers})
        await self.send({"type": "http.response.body", "body": b""})

    def tell(self, event: Event) -> None:
        """Report ``event``, if there is an exchange to do so."""
        exchange: Exchange | None = self.scope.get(KEY)
        if exchange is not None:
            exchange.emit(event)


@final
class _Instead:
    """A sink that sends something else in place of an answer, and nothing of that."""

    __slots__ = ("_has_sent", "_reading", "_verdict")

    def __init__(self, reading: Reading, verdict: Tag | Failed | None) -> None:
        self._reading = reading
        self._verdict = verdict
        self._has_sent = False

    async def __call__(self, message: Message) -> None:
        if self._has_sent:
            return await _swallow(message)
        self._has_sent = True
        await self._reading.answer(message, self._verdict)


@final
class _Undecided:
    """A sink for what was held and is no short answer after all."""

    __slots__ = ("_out", "_reading", "_selected")

    def __init__(self, reading: Reading, selected: Selected) -> None:
        self._reading = reading
        self._selected = selected
        self._out: Send | None = None

    def __call__(self, message: Message) -> Awaitable[None]:
        if self._out is None:
            self._out = self._reading.sink(message, self._selected)
        return self._out(message)


async def _swallow(message: Message) -> None:
    """Send nothing, but let others have their turn: a long answer would be none of a slow client's otherwise."""
    if message.get("more_body", False):
        await checkpoint()


def without_range(scope: Scope) -> Scope:
    """Return the request for all of what ``scope`` asks a part of."""
    left_out = (b"range", b"if-range", b"content-length", b"content-type", b"transfer-encoding")
    return {**scope, "headers": [line for line in scope["headers"] if line[0] not in left_out]}


def without_content(receive: Receive) -> Receive:
    """Return what a request receives that is made a second time: no content, and then only the end of it."""
    has_come = False

    async def receiving() -> Message:
        nonlocal has_come
        if not has_come:
            has_come = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while (message := await receive())["type"] == "http.request":
            pass
        return message

    return receiving
