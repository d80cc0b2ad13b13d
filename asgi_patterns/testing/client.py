"""An HTTP and WebSocket client that plays the server of an app in the test's own event loop."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack, final

from asgi_patterns.kernel.types import AnyApp, Message
from asgi_patterns.testing.answer import Answer
from asgi_patterns.testing.lifespan import Lifespan, lifespan
from asgi_patterns.testing.lint import lint as linted
from asgi_patterns.testing.scopes import EXTENSIONS, Fields, Server, merged, raw_fields
from asgi_patterns.testing.stream import Stream
from asgi_patterns.testing.uploads import Content, framing, json_content, messages
from asgi_patterns.testing.websocket import ABNORMAL, WebSocket
from asgi_patterns.testing.wire import Wire

FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Options(TypedDict, total=False):
    """What every request takes besides method and URL; ``Client`` says what each is."""

    headers: Fields
    content: Content | None
    json: object
    raise_app_exceptions: bool
    scope: Mapping[str, Any]


class RequestOptions(Options, total=False):
    """What a request takes whose answer is taken at once."""

    leave_after: int | None


@final
class Client:
    """Calls an app without a socket. Works at once; ``async with Client(app)`` also starts and stops the app.

    Of the server it plays: ``client`` address, ``scheme``, ``root_path`` (put before every path, as servers
    do), ``http_version``, ``spec_version`` (since 2.4, ``send`` raises ``OSError`` once the client has gone),
    the ``extensions`` it offers (names, or names with their values), the ``state`` that requests copy.
    ``headers`` go with every request. ``minimal`` leaves out every key that ASGI makes optional. ``lint``
    checks each call against the protocol; off only for apps that are meant to break it. ``timeout`` in seconds
    bounds every wait for the app; ``None`` waits for ever.

    Of a request: ``headers`` as mapping or pairs; ``content`` whole or in chunks, where a dict is a message
    that is sent exactly as it is and ``{"type": "http.disconnect"}`` is a client that leaves there; ``json``;
    ``raise_app_exceptions=False`` to find what the app raised in ``answer.exception``; ``scope`` entries that
    replace those of the server; ``leave_after``: the client hangs up after that many messages of the answer,
    with 0 before the head; ``keep_open``: the body goes on with ``stream.feed``.
    """

    lifespan: Lifespan | None
    """How the app took its start; ``None`` outside ``async with``."""

    def __init__(
        self,
        app: AnyApp,
        *,
        client: tuple[str, int] | None = ("127.0.0.1", 50000),
        scheme: str = "http",
        root_path: str = "",
        headers: Fields = (),
        http_version: str = "1.1",
        spec_version: str = "2.5",
        extensions: Iterable[str] | Mapping[str, Mapping[str, Any]] | None = None,
        state: Mapping[str, Any] | None = None,
        minimal: bool = False,
        lint: bool = True,
        timeout: float | None = 10.0,
    ) -> None:
        offered = EXTENSIONS if extensions is None else extensions
        self._app = linted(app) if lint else app
        self._timeout = timeout
        self._server = Server(
            client=client,
            scheme=scheme,
            root_path=root_path,
            headers=raw_fields(headers),
            http_version=http_version,
            spec_version=spec_version,
            extensions=offered if isinstance(offered, Mapping) else {name: {} for name in offered},
            state=state or {},
            minimal=minimal,
        )
        self._idle = self._server
        self.lifespan = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.lifespan = await stack.enter_async_context(
                lifespan(self._app, self._server, patience=self._timeout)
            )
            self._server = replace(self._server, state=self.lifespan.state)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._server, self.lifespan = self._idle, None
        return await self._stack.__aexit__(kind, raised, trace)

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, keep_open: bool = False, **options: Unpack[Options]
    ) -> AsyncIterator[Stream]:
        """Send a request and take its answer step by step."""
        content = json_content(options["json"]) if "json" in options else options.get("content")
        headers = raw_fields(options.get("headers", ()))
        if "json" in options:
            headers = merged([(b"content-type", b"application/json")], headers)
        if not FRAMING & {name for name, _ in headers}:
            headers += framing(method, content, self._server.http_version, keep_open=keep_open)
        scope = self._server.http(method, url, headers, options.get("scope", {}))
        feed = messages(content, keep_open=keep_open, minimal=self._server.minimal)
        wire = self._wire(feed, {"type": "http.disconnect"})
        raising = options.get("raise_app_exceptions", True)
        stream = Stream(wire, Answer(method), raise_app_exceptions=raising)
        async with wire.run(self._app, scope):
            yield stream
            stream.disconnect()
            await stream.ended()

    async def request(
        self, method: str, url: str, *, leave_after: int | None = None, **options: Unpack[Options]
    ) -> Answer:
        """Send a request and take its whole answer; returns when the app has returned."""
        async with self.stream(method, url, **options) as stream:
            if leave_after is None:
                await stream.ended()
            for _ in range(leave_after or 0):
                await stream.next_message()
        return stream.answer

    async def get(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with GET."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with HEAD."""
        return await self.request("HEAD", url, **options)

    async def post(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with POST."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with PUT."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with PATCH."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with DELETE."""
        return await self.request("DELETE", url, **options)

    async def options(self, url: str, **options: Unpack[RequestOptions]) -> Answer:
        """``request`` with OPTIONS."""
        return await self.request("OPTIONS", url, **options)

    @asynccontextmanager
    async def websocket(
        self,
        url: str,
        *,
        headers: Fields = (),
        subprotocols: Iterable[str] = (),
        scope: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[WebSocket]:
        """Open a WebSocket; entered when the app has accepted or denied. Raises what the app raises."""
        wire = self._wire(iter(()), {"type": "websocket.disconnect", "code": ABNORMAL})
        socket = WebSocket(wire)
        described = self._server.websocket(url, raw_fields(headers), subprotocols, scope or {})
        async with wire.run(self._app, described):
            await socket.handshake()
            yield socket
            await socket.close()
            await socket.ended()

    def _wire(self, feed: Iterator[Message], farewell: Message) -> Wire:
        return Wire(feed, farewell=farewell, refuses=self._server.refuses, patience=self._timeout)
