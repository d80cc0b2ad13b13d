"""Answers to GET and HEAD: tags for those that have none, and 304 or 412 where the conditions say so.

``Reader``: what all requests of a layer share; ``Tagged``: the ``send`` of a GET without conditions; ``Reading``: the
one of a GET or HEAD with conditions, which are read once there is an answer that they could change.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias, final

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
    read_conditions,
)
from asgi_patterns.caching.refusals import failed
from asgi_patterns.caching.validators import Selected, read_selected
from asgi_patterns.kernel.exchange import KEY, Exchange, is_off
from asgi_patterns.kernel.headers import content_length, has, short_length, unless
from asgi_patterns.kernel.look import Holding
from asgi_patterns.kernel.tags import format_tag
from asgi_patterns.kernel.types import Message, RawHeaders, Receive, Scope, Send

Answer: TypeAlias = Callable[[], Awaitable[None]]

UNTAGGED: Final = unless(b"etag")
"""For ``short_length``: of answers that have no tag."""

_KNOWN: Final = NotModified()


@final
class Reader:
    """What the requests of a layer share.

    ``tagging``: makes the value of ``ETag`` for a body; ``limit``: bytes that it may have to get one, below 0 where
    none gets any; ``label``: what a handler switches the layer off by.
    """

    __slots__ = ("label", "limit", "tagging")

    def __init__(self, tagging: Tagging, limit: int, label: str) -> None:
        self.tagging = tagging
        self.limit = limit
        self.label = label


class Tagged(Holding):
    """Puts a tag on a short 200 that has none, and lets everything else go on at once."""

    __slots__ = ("reader", "scope")

    reader: Reader
    scope: Scope

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        """Hold the answer, if it is one that can have a tag."""
        if head["status"] != 200:
            return None
        reader = self.reader
        expected = short_length(headers, reader.limit, UNTAGGED)
        if expected is None or head.get("trailers"):
            return None
        return None if self.scope["state"] and is_off(self.scope, reader.label) else expected

    async def decide(self, head: Message, whole: Message) -> None:
        """Send it with its tag."""
        send = self.outer
        head["headers"].append((b"etag", self.reader.tagging(whole["body"])))
        await send(head)
        await send(whole)


@final
class Reading(Tagged):
    """Decides on the conditions, if the answer has what is needed for that; otherwise once it can be tagged."""

    __slots__ = ("_lines", "_receive", "ignores_range")

    def __init__(self, reader: Reader, lines: RawHeaders, scope: Scope, receive: Receive, send: Send) -> None:
        self.outer = self.onward = send
        self.out = self.head = None
        self.ignores_range = False
        """Whether what the app answers is a range that it should not have looked at: the request starts again."""
        self.reader = reader
        self._lines = lines
        self.scope = scope
        self._receive = receive

    @property
    def may_ignore_range(self) -> bool:
        """Whether the request may have to start again."""
        return any(name == b"if-range" for name, _ in self._lines)

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        """Hold the answer, if it is one that can have a tag; otherwise decide, and have that stand in for it."""
        if not 200 <= head["status"] < 300 or is_off(self.scope, self.reader.label):
            return None  # RFC 9110 13.2.1: any other answer is the better one
        expected = super().expect(head, headers) if self.scope["method"] == "GET" else None
        if expected is None and (sink := self._sink(head)) is not None:
            self.takes_over(sink)
        return expected

    def _sink(self, head: Message) -> Send | None:
        """Return what the conditions put in place of an answer without a tag of ours."""
        conditions = read_conditions(self._lines, time.time())
        if conditions is None or self._may_have_a_tag(conditions, head):
            return None
        verdict = self._judge(conditions, read_selected(head["headers"], time.time()))
        if isinstance(verdict, IgnoreRange) and head["status"] == 206:
            self.ignores_range = True
            return _swallow
        send = self._instead(verdict, head)
        return None if send is None else _Instead(send)

    def _may_have_a_tag(self, conditions: Conditions, head: Message) -> bool:
        """Whether ``If-Match`` may name a tag that was made of the whole answer to a GET, and is not known here."""
        match = conditions.match
        if match is None or match.is_any or self.reader.limit < 0 or has(head["headers"], b"etag"):
            return False
        return bool(head["status"] == 206 or self.scope["method"] == "HEAD")

    async def decide(self, head: Message, whole: Message) -> None:
        """Send it with its tag, or what the conditions make of it."""
        tag = self.reader.tagging(whole["body"])
        headers: RawHeaders = head["headers"]
        headers.append((b"etag", tag))
        send = self._instead(self._verdict(tag, headers), head, tag)
        if send is not None:
            return await send()
        await self.outer(head)
        await self.outer(whole)

    def other(self) -> Send:
        """Decide by the head of what turned out to be no short answer: what it says is all there is."""
        return _Undecided(self)

    def sink(self, head: Message) -> Send:
        """Return where an answer goes that could not be tagged."""
        return self._sink(head) or self.outer

    def _verdict(self, tag: bytes, headers: RawHeaders) -> Verdict | None:
        if self._is_known(tag):
            return _KNOWN
        now = time.time()
        conditions = read_conditions(self._lines, now)
        return None if conditions is None else self._judge(conditions, read_selected(headers, now))

    def _is_known(self, tag: bytes) -> bool:
        """Whether the one condition there is names just this tag, as nearly all do: then nothing needs to be read."""
        if len(self._lines) != 1 or self._lines[0] != (b"if-none-match", tag):
            return False
        exchange: Exchange | None = self.scope.get(KEY)
        return exchange is None or exchange.coding is None

    def _judge(self, conditions: Conditions, selected: Selected) -> Verdict:
        exchange: Exchange | None = self.scope.get(KEY)
        coding = None if exchange is None else exchange.coding
        return evaluate(conditions, self.scope["method"], selected, coding)

    def _instead(self, verdict: Verdict | None, head: Message, tag: bytes | None = None) -> Answer | None:
        """Return what sends the 304 or the 412; ``None`` where the answer goes on."""
        if isinstance(verdict, NotModified):
            known = tag if verdict.tag is None else format_tag(verdict.tag)
            return partial(self._not_modified, head, known)
        return partial(self._failed, verdict) if isinstance(verdict, Failed) else None

    async def _not_modified(self, head: Message, tag: bytes | None) -> None:
        if (exchange := self._answering()) is not None and exchange.context.listeners:
            exchange.emit(NotModifiedSent(saved=content_length(head["headers"])))
        headers = not_modified(head["headers"], tag)
        await self.outer({"type": "http.response.start", "status": 304, "headers": headers})
        await self.outer({"type": "http.response.body", "body": b""})

    async def _failed(self, verdict: Failed) -> None:
        if (exchange := self._answering()) is not None:
            exchange.emit(PreconditionRefused(field=verdict.field))
        await failed(verdict)(self.scope, self._receive, self.outer)

    def _answering(self) -> Exchange | None:
        """Return the exchange, if there is one, and have it know who answers."""
        exchange: Exchange | None = self.scope.get(KEY)
        if exchange is not None:
            exchange.answered(self.reader.label)
        return exchange


@final
class _Instead:
    """A sink that sends something else in place of an answer, and nothing of that."""

    __slots__ = ("_send",)

    def __init__(self, send: Answer) -> None:
        self._send: Answer | None = send

    async def __call__(self, message: Message) -> None:
        send, self._send = self._send, None
        await (_swallow(message) if send is None else send())


@final
class _Undecided:
    """A sink for what was held and is no short answer after all."""

    __slots__ = ("_out", "_reading")

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._out: Send | None = None

    def __call__(self, message: Message) -> Awaitable[None]:
        if self._out is None:
            self._out = self._reading.sink(message)
        return self._out(message)


async def _swallow(message: Message) -> None:
    """Send nothing, but let others have their turn: a long answer would be none of a slow client's otherwise."""
    if message.get("more_body", False):
        await checkpoint()


def without_range(scope: Scope) -> Scope:
    """Return the request for all of what ``scope`` asks a part of."""
    left_out = (b"range", b"if-range", b"content-length", b"content-type", b"transfer-encoding")
    return {**scope, "headers": [line for line in scope["headers"] if line[0] not in left_out]}
