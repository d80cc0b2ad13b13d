"""Where an answer ends: with its last message, not when the app's call returns.

``Ending``: a sink that passes an answer on and tells when its last message is sent; ``is_last``: whether one
is it.
"""

from collections.abc import Awaitable, Callable
from typing import final

from asgi_patterns.kernel.types import Message, Send


@final
class Ending:
    """Passes an HTTP answer on to ``send``; calls ``ended`` after its last message, if that can be sent.

    ``ended`` may be async.

    An answer that breaks off never ends in this way: whoever needs to know calls ``ended`` himself when the app
    has returned.
    """

    __slots__ = ("_ended", "_has_trailers", "_send")

    def __init__(self, send: Send, head: Message, ended: Callable[[], Awaitable[None] | None]) -> None:
        self._send = send
        self._ended = ended
        self._has_trailers = head.get("trailers", False)

    async def __call__(self, message: Message) -> None:
        """Pass ``message`` on."""
        await self._send(message)
        if is_last(message, self._has_trailers) and (rest := self._ended()) is not None:
            await rest


def is_last(message: Message, has_trailers: bool) -> bool:
    """Whether an answer ends with ``message``; ``has_trailers``: whether its head has announced some."""
    match message["type"]:
        case "http.response.body" | "http.response.zerocopysend":
            return not message.get("more_body", False) and not has_trailers
        case "http.response.pathsend":
            return not has_trailers
        case "http.response.trailers":
            return not message.get("more_trailers", False)
    return False
