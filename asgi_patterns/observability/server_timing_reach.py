"""Takes the time from when all layers have let a request pass until the app behind them gives its head."""

from typing import final

from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.observability.timings import CURRENT


@final
class Reached:
    """``app``, whose own time is taken. It stands within all layers; nobody asks where no ``ServerTiming`` acts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app."""
        timings = CURRENT.get()
        if timings is None or scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = timings.clock()

        def on_head(head: Message) -> None:
            timings.add_app(timings.clock() - began)

        link = Link(send, on_head)
        try:
            await self._app(scope, receive, link)
        finally:
            if not link.started:  # a layer answers in its place
                timings.add_app(timings.clock() - began)
