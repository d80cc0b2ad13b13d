"""A strict server: whoever breaks ASGI hears it at once, in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, final

from asgi_patterns.kernel.types import AnyApp, ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing.http_rules import HttpRules
from asgi_patterns.testing.lifespan_rules import LifespanRules
from asgi_patterns.testing.scope_rules import Untouched, check_scope
from asgi_patterns.testing.violation import ProtocolViolation, require
from asgi_patterns.testing.websocket_rules import WebSocketRules

# All linters of one call share one list: a layer between them may swallow what the inner one raises.
_found: ContextVar[list[ProtocolViolation] | None] = ContextVar("asgi_patterns.testing.lint", default=None)


def lint(app: AnyApp, *, any_case: bool = False) -> ASGIApp:
    """Wrap ``app`` so that breaking the protocol raises ``ProtocolViolation``.

    Around a layer it is a strict server; as the app inside a layer it checks what that layer hands inwards.
    A violation is raised where it happens, and again when the outermost linter's call ends, so no
    ``except Exception`` in between hides it. ``any_case`` allows capitals in the names of answered headers.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        with _collected() as found:
            call = _Call(scope, receive, send, found, any_case=any_case)
            result: object = await app(scope, call.receive, call.send)  # type: ignore[func-returns-value]  # it may
            call.returned(result)

    return checked


class Rules(Protocol):
    """What one kind of scope allows."""

    left: bool
    """Whether the client has gone, as far as the app was told."""

    def sent(self, message: Message) -> None:
        """Follow one message of the app; raises ``ProtocolViolation``."""

    def received(self, message: Message) -> None:
        """Follow one message to the app; raises ``ProtocolViolation``."""

    def returned(self) -> None:
        """Check the end of the call; raises ``ProtocolViolation``."""


@contextmanager
def _collected() -> Iterator[list[ProtocolViolation]]:
    outer = _found.get()
    found: list[ProtocolViolation] = [] if outer is None else outer
    token = _found.set(found)
    try:
        yield found
    except Exception as raised:
        if found and raised is not found[0]:
            raise found[0] from raised
        raise
    finally:
        _found.reset(token)
    if found:
        raise found[0]


def _rules(scope: Scope, *, any_case: bool) -> Rules | None:
    match scope["type"]:
        case "http":
            return HttpRules(scope, any_case=any_case)
        case "websocket":
            return WebSocketRules(scope, any_case=any_case)
        case "lifespan":
            return LifespanRules()
        case _:
            return None  # a scope of some other specification


@final
class _Call:
    """One call of the app, watched on both sides."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, found: list[ProtocolViolation], *, any_case: bool
    ) -> None:
        self._receive = receive
        self._send = send
        self._found = found
        self._over = False
        with self._noting():
            check_scope(scope)
        self._untouched = Untouched(scope)
        self._rules = _rules(scope, any_case=any_case)

    async def receive(self) -> Message:
        message = await self._receive()
        with self._noting():
            require(not self._over, "receive was called by a task that outlived its call")
            if self._rules:
                self._rules.received(message)
        return message

    async def send(self, message: Message) -> None:
        with self._noting():
            require(isinstance(message.get("type"), str), f"a message without a type: {message}")
            require(not self._over, f"{message['type']} was sent by a task that outlived its call")
            message = _settled(message)
            if self._rules:
                self._rules.sent(message)
        try:
            await self._send(message)
        except OSError:
            if self._rules:
                self._rules.left = True
            raise

    def returned(self, result: object) -> None:
        self._over = True
        with self._noting():
            require(result is None, f"the app returned {result!r}; an app returns None")
            self._untouched.check()
            if self._rules:
                self._rules.returned()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except ProtocolViolation as violation:
            self._found.append(violation)
            raise


def _settled(message: Message) -> Message:
    """Make lists of what may be read only once: the server wants to read it too."""
    once = {key for key in ("headers", "links") if isinstance(message.get(key), Iterator)}
    return {**message, **{key: list(message[key]) for key in once}} if once else message
