"""The ``RequestId`` layer, and the id where handlers and log lines find it."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from random import getrandbits
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import AfterValidator, Field

from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import KEY, SWITCHED_OFF, Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import Names, field_name, remove, request_lines
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.look import Editing
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.request_id.core import forecast, keep

_current: ContextVar[str | None] = ContextVar("asgi_patterns_request_id", default=None)


def request_id() -> str | None:
    """Return the id of the request that this code runs for; ``None`` outside one."""
    return _current.get()


@final
class RequestIdFilter(logging.Filter):
    """A logging filter that puts ``request_id`` on every record, ``"-"`` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attribute; every record passes."""
        record.request_id = _current.get() or "-"
        return True


def _is_field_name(text: str) -> str:
    field_name(text)
    return text


@final
@settings
class RequestId(Layer):
    """Gives every request an id: on the answer, in the log, in every problem."""

    place: ClassVar[Place] = Place.REQUEST_ID

    header: Annotated[str, AfterValidator(_is_field_name), Field(title="field name")] = "X-Request-ID"
    """The field that carries the id, on the request and on the answer."""
    accept: Literal["anyone", "proxies"] = "anyone"
    """Whose ids are kept: `anyone`'s, or only those that come through the trusted `proxies`."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, field_name(self.header), only_proxies=self.accept == "proxies", label=self.label)

    def explain(self, scope: Scope) -> Forecast:
        """Say where the id comes from."""
        exchange, scope = Exchange.of(scope)
        if exchange.request_id is not None:
            return Forecast((f"says the same id again, as {self.header}",))
        claimed = request_lines(scope["headers"], field_name(self.header))
        believed = self.accept == "anyone" or exchange.client(scope).proxied
        exchange.request_id = keep(claimed) or "new"
        return Forecast((forecast(claimed, self.header, believed=believed),))


@final
class _Wired(Entered):
    __slots__ = ("_app", "_header", "_only_proxies", "label", "names")

    def __init__(self, app: ASGIApp, header: bytes, *, only_proxies: bool, label: str) -> None:
        self._app = app
        self._header = header
        self._only_proxies = only_proxies
        self.label = label
        self.names = Names(header)

    async def enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange: Exchange | None = scope.get(KEY)
        if exchange is None:
            exchange, scope = Exchange.of(scope)
        identity = exchange.request_id
        if identity is None:  # otherwise ours already: a second layer, or a request that we made
            for name, _ in scope["headers"]:
                if name == self._header:
                    identity = self._kept(exchange, scope)
                    break
            # Python seeds this generator again in a forked child, so workers never repeat each other.
            exchange.request_id = identity = identity or getrandbits(128).to_bytes(16).hex()
        answer = _Answer()
        answer.outer, answer.out = send, None
        answer.state, answer.wired = scope["state"], self
        # Harmless as it is: what a client said has been looked at, and what we make has nothing but digits.
        answer.line = (self._header, identity.encode())
        token = _current.set(identity)
        await self._app(scope, receive, answer.send)
        # Not in a finally: what the server logs of an exception still runs in this context, with the id.
        _current.reset(token)

    __call__ = enter

    def _kept(self, exchange: Exchange, scope: Scope) -> str | None:
        kept = keep(request_lines(scope["headers"], self._header))
        believed = kept is not None and (not self._only_proxies or exchange.client(scope).proxied)
        return kept if believed else None


@final
class _Answer(Editing):
    __slots__ = ("line", "state", "wired")

    line: tuple[bytes, bytes]
    state: Mapping[str, Any]
    wired: _Wired

    def edit(self, head: Message) -> Message:
        """Return ``head`` with the id, which stands there once whatever the app has said."""
        wired, state = self.wired, self.state
        if SWITCHED_OFF in state and wired.label in state[SWITCHED_OFF]:
            return head
        line, headers, names = self.line, [*head.get("headers", ())], wired.names
        others = names.others
        for name, _ in headers:
            if name not in others and names.has(name):
                remove(headers, name.lower())
                break
        headers.append(line)
        head = {**head}  # two steps, which take half as long as {**head, "headers": headers}
        head["headers"] = headers
        return head
