"""Where an answer ends: with its last message, not when the app's call returns.

``Ending``: a sink that passes an answer on and tells when its last message is sent; ``Watching``: its cheaper relative
for layers that change nothing, which sees the head go by, too; ``is_last``: whether an answer ends with a message.
"""

from collections.abc import Awaitable, Callable
from typing import final

from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.look import beyond, readable
from asgi_patterns.kernel.types import Message, RawHeaders, Send


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


class Watching:
    """Has a ``send`` that passes everything of one HTTP request on as it is. A subclass says what is done meanwhile.

    As with ``Ending``, an answer that breaks off does not end here.
    """

    __slots__ = ("_has_trailers", "_out", "outer")

    def __init__(self, send: Send) -> None:
        self.outer = send
        self._out: Send | None = None
        self._has_trailers = False

    def begins(self, status: int, headers: RawHeaders) -> None:
        """Be told of the head, before it goes on."""
        raise NotImplementedError

    def ended(self) -> None:
        """Be told that the last message has been sent."""
        raise NotImplementedError

    # A plain method: a coroutine is made for the last message only.
    @final
    def send(self, message: Message) -> Awaitable[None]:
        """Pass ``message`` outwards."""
        out = self._out
        if out is not None:
            if message["type"] == "http.response.body":  # nearly every one, seen without a further call
                ends = not self._has_trailers and not message.get("more_body")
            else:
                ends = is_last(message, self._has_trailers)
            return self._end(out, message) if ends else out(message)
        outer = self.outer
        if message["type"] != "http.response.start":
            return outer(message)
        headers = message.get("headers")
        if type(headers) is not list:
            message, headers = readable(message)
        if "trailers" in message:
            self._has_trailers = message["trailers"]
        self.begins(message["status"], headers)
        passed = outer(message)
        self._out = beyond(outer) if type(outer) is Link else outer
        return passed

    async def _end(self, out: Send, message: Message) -> None:
        await out(message)
        self.ended()


def is_last(message: Message, has_trailers: bool) -> bool:
    """Whether an answer ends with ``message``; ``has_trailers``: whether its head has announced some."""
    kind = message["type"]
    if kind == "http.response.body":  # nearly every one
        return not has_trailers and not message.get("more_body")
    match kind:
        case "http.response.zerocopysend":
            return not message.get("more_body", False) and not has_trailers
        case "http.response.pathsend":
            return not has_trailers
        case "http.response.trailers":
            return not message.get("more_trailers", False)
    return False
