"""Random stacks of layers, each written twice: with links, and as nested functions.

``Spec`` names a layer of a stack; ``linked`` and ``nested`` build the stack from the same specs; ``run`` calls
one and returns everything that a server and the app could notice.
"""

from collections.abc import Callable, Container, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from asgi_patterns.kernel.ending import Watching
from asgi_patterns.kernel.headers import content_length, short_length
from asgi_patterns.kernel.link import HEADS, Held, Link, hold
from asgi_patterns.kernel.look import Editing, Holding
from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send


@dataclass(frozen=True)
class Spec:
    """A layer: what it does, the text it leaves behind, and the status or length that it looks at."""

    kind: str
    tag: str
    number: int = 0


@dataclass
class Trace:
    """What could be noticed: messages at the server, errors that reached the app, what came out of the stack."""

    sent: list[Message] = field(default_factory=list)
    app_saw: list[str] = field(default_factory=list)
    raised: str | None = None


Op = Message | str
"""What an app does: sends the message, or raises an exception with this text."""


def mark(head: Message, tag: str) -> None:
    head["headers"].append((b"x-mark", tag.encode()))


def is_marked(head: Message, tag: str) -> bool:
    return (b"x-mark", tag.encode()) in head["headers"]


def copied(head: Message) -> Message:
    return {**head, "headers": [*head.get("headers", ())]}


def answer(tag: str) -> list[Message]:
    body = f"answered by {tag}".encode()
    return [
        {"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"%d" % len(body))]},
        {"type": "http.response.body", "body": body},
    ]


async def say(send: Send, tag: str) -> None:
    for message in answer(tag):
        await send(message)


def changed(body: bytes, tag: str) -> bytes:
    return body + tag.encode()


# ------------------------------------------------------------------------------------------- with links


def link_edit(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, Link(send, lambda head: mark(head, spec.tag)))

    return layer


def link_hold(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def decide(head: Message, body: bytes) -> None:
            mark(head, spec.tag)
            await send(head)
            await send({"type": "http.response.body", "body": changed(body, spec.tag)})

        def on_head(head: Message) -> Held | None:
            return hold(head, send, limit=spec.number, decide=decide)

        await app(scope, receive, Link(send, on_head))

    return layer


def link_transform(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def sink(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": changed(message.get("body", b""), spec.tag)}
            await send(message)

        def on_head(head: Message) -> Send | None:
            return sink if is_marked(head, "edited") or spec.number == 0 else None

        await app(scope, receive, Link(send, on_head))

    return layer


def link_replace(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def sink(message: Message) -> None:
            if message["type"] in HEADS:
                await say(send, spec.tag)

        def on_head(head: Message) -> Send | None:
            return sink if head.get("status") == spec.number else None

        await app(scope, receive, Link(send, on_head))

    return layer


def link_catch(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        link = Link(send, lambda head: mark(head, spec.tag))
        try:
            await app(scope, receive, link)
        except ValueError:
            if link.started:
                raise
            await say(send, spec.tag)

    return layer


def link_retry(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        link = Link(send, lambda head: None)
        try:
            await app(scope, receive, link)
        except ValueError:
            if link.started:
                raise
            await app(scope, receive, Link(send, lambda head: mark(head, spec.tag)))

    return layer


class Watch(Watching):
    """Sees head and end, and does nothing about either."""

    def begins(self, status: int, headers: RawHeaders) -> None: ...

    def ended(self) -> None: ...


def link_watch(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, Watch(send).send)

    return layer


class Look(Editing):
    """Edits a copy of the head."""

    def __init__(self, send: Send, tag: str) -> None:
        self.outer = send
        self.out = None
        self.tag = tag

    def edit(self, head: Message) -> Message:
        edited = copied(head)
        mark(edited, self.tag)
        return edited


def link_look(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, Look(send, spec.tag).send)

    return layer


class Short(Holding):
    """Holds what ``hold`` does."""

    def __init__(self, send: Send, spec: Spec) -> None:
        self.outer = self.onward = send
        self.out = self.head = None
        self.spec = spec

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        return None if head.get("trailers", False) else short_length(headers, self.spec.number)

    async def decide(self, head: Message, whole: Message) -> None:
        mark(head, self.spec.tag)
        await self.outer(head)
        await self.outer({"type": "http.response.body", "body": changed(whole["body"], self.spec.tag)})


def link_short(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, Short(send, spec).send)

    return layer


# -------------------------------------------------------------------------------------------- by nesting


def nest_edit(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            if message["type"] in HEADS:
                message = copied(message)
                mark(message, spec.tag)
            await send(message)

        await app(scope, receive, wrapped)

    return layer


class NestedHold:
    """``hold`` as one would write it alone: a function around ``send`` with its own idea of what is held."""

    def __init__(self, send: Send, spec: Spec, copies: Container[str] = HEADS) -> None:
        self.send = send
        self.spec = spec
        self.copies = copies
        self.held: Message | None = None
        self.chunks: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] in self.copies:
            message = copied(message)
        if self.held is not None:
            await self.go_on(self.held, message)
        elif self.is_short(message):
            self.held = message
        else:
            await self.send(message)

    def is_short(self, message: Message) -> bool:
        length = content_length(message.get("headers", []))
        is_whole = message["type"] == "http.response.start" and not message.get("trailers", False)
        return is_whole and length is not None and length <= self.spec.number

    async def go_on(self, head: Message, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self.release(head, more=True)
            return await self.send(message)
        self.chunks.append(message.get("body", b""))
        more, length = message.get("more_body", False), content_length(head["headers"]) or 0
        size = sum(map(len, self.chunks))
        if not more and size == length:
            self.held = None
            mark(head, self.spec.tag)
            await self.send(head)
            body = changed(b"".join(self.chunks), self.spec.tag)
            await self.send({"type": "http.response.body", "body": body})
        elif not more or size > length:
            await self.release(head, more=more)

    async def release(self, head: Message, *, more: bool) -> None:
        self.held = None
        await self.send(head)
        if self.chunks:
            await self.send({"type": "http.response.body", "body": b"".join(self.chunks), "more_body": more})


def nest_hold(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, NestedHold(send, spec))

    return layer


def nest_short(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, NestedHold(send, spec, copies=("http.response.start",)))

    return layer


def nest_transform(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        active = False

        async def wrapped(message: Message) -> None:
            nonlocal active
            if message["type"] in HEADS:
                active = is_marked(copied(message), "edited") or spec.number == 0
                message = copied(message)
            elif active and message["type"] == "http.response.body":
                message = {**message, "body": changed(message.get("body", b""), spec.tag)}
            await send(message)

        await app(scope, receive, wrapped)

    return layer


def nest_replace(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def wrapped(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return None
            if message["type"] in HEADS:
                message = copied(message)
                if message.get("status") == spec.number:
                    replaced = True
                    return await say(send, spec.tag)
            await send(message)

        await app(scope, receive, wrapped)

    return layer


def nest_catch(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def wrapped(message: Message) -> None:
            nonlocal started
            if message["type"] in HEADS:
                started = True
                message = copied(message)
                mark(message, spec.tag)
            await send(message)

        try:
            await app(scope, receive, wrapped)
        except ValueError:
            if started:
                raise
            await say(send, spec.tag)

    return layer


def nest_retry(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        started = again = False

        async def wrapped(message: Message) -> None:
            nonlocal started
            if message["type"] in HEADS:
                started = True
                message = copied(message)
                if again:
                    mark(message, spec.tag)
            await send(message)

        try:
            await app(scope, receive, wrapped)
        except ValueError:
            if started:
                raise
            again = True
            await app(scope, receive, wrapped)

    return layer


def nest_watch(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            await send(copied(message) if message["type"] == "http.response.start" else message)

        await app(scope, receive, wrapped)

    return layer


# ------------------------------------------------------------------------------- the same in both worlds


def refuse(app: ASGIApp, spec: Spec) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if spec.number == 0:
            await say(send, spec.tag)
        else:
            await app(scope, receive, send)

    return layer


def foreign(app: ASGIApp, spec: Spec) -> ASGIApp:
    """A middleware that somebody else wrote: it keeps the head back until the first part of the body."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        head: Message | None = None

        async def wrapped(message: Message) -> None:
            nonlocal head
            if message["type"] in HEADS and spec.number == 0:
                head = copied(message)
                mark(head, spec.tag)
                return
            if head is not None:
                first, head = head, None
                await send(first)
            await send(message)

        await app(dict(scope), receive, wrapped)

    return layer


Build = Callable[[ASGIApp, Spec], ASGIApp]

LINKED: dict[str, Build] = {
    "edit": link_edit,
    "hold": link_hold,
    "transform": link_transform,
    "replace": link_replace,
    "catch": link_catch,
    "retry": link_retry,
    "watch": link_watch,
    "look": link_look,
    "short": link_short,
    "refuse": refuse,
    "foreign": foreign,
}
NESTED: dict[str, Build] = {
    "edit": nest_edit,
    "hold": nest_hold,
    "transform": nest_transform,
    "replace": nest_replace,
    "catch": nest_catch,
    "retry": nest_retry,
    "watch": nest_watch,
    "look": nest_edit,
    "short": nest_short,
    "refuse": refuse,
    "foreign": foreign,
}


def build(app: ASGIApp, specs: Sequence[Spec], world: dict[str, Build]) -> ASGIApp:
    for spec in reversed(specs):
        app = world[spec.kind](app, spec)
    return app


@dataclass
class Play:
    """One call of a stack: the app that plays its part, and the server that writes everything down."""

    attempts: Sequence[Sequence[Op]]
    fails_at: int | None
    trace: Trace = field(default_factory=Trace)
    calls: int = 0

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        ops = self.attempts[min(self.calls, len(self.attempts) - 1)]
        self.calls += 1
        for op in ops:
            if isinstance(op, str):
                raise ValueError(op)
            await self.tell(send, deepcopy(op))

    async def tell(self, send: Send, message: Message) -> None:
        before = deepcopy(message)
        try:
            await send(message)
        except OSError as exc:
            self.trace.app_saw.append(repr(exc))
            raise
        finally:
            if message != before:
                self.trace.app_saw.append(f"its own message was changed: {message}")

    async def server(self, message: Message) -> None:
        if self.fails_at is not None and len(self.trace.sent) >= self.fails_at:
            raise OSError("the client has left")
        self.trace.sent.append(deepcopy(message))


async def receive() -> Message:
    raise AssertionError("nobody asks for the request here")


async def run(
    world: dict[str, Build], specs: Sequence[Spec], attempts: Sequence[Sequence[Op]], fails_at: int | None
) -> Trace:
    """Call the stack once. The app's n-th call plays ``attempts[n]``; sending fails from ``fails_at`` on."""
    play = Play(attempts, fails_at)
    scope: dict[str, Any] = {"type": "http", "headers": []}
    try:
        await build(play.app, specs, world)(scope, receive, play.server)
    except (ValueError, OSError) as exc:
        play.trace.raised = repr(exc)
    return play.trace
