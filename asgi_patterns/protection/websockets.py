"""Limits of WebSockets: settings, whose origins may open one, how large a message is."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Annotated, Any, Final, TypeAlias, final

from pydantic import AfterValidator

from asgi_patterns.kernel.declaring import settings
from asgi_patterns.kernel.durations import PositiveDuration
from asgi_patterns.kernel.headers import request_lines
from asgi_patterns.kernel.origins import EVERY, Pattern, matches, origin
from asgi_patterns.kernel.sizes import Size
from asgi_patterns.kernel.types import RawHeaders


def _check_origin(text: str) -> str:
    if text == EVERY:
        raise ValueError("'*' is every origin: leave origins out for that")
    if "*" not in text:
        return origin(text)
    Pattern.parse(text)
    return text


Origin: TypeAlias = Annotated[str, AfterValidator(_check_origin)]


@final
@settings
class WebSocketLimits:
    """What a WebSocket may have."""

    max_message_size: Size = "1 MB"
    """How large a message of the client may be: bytes of UTF-8, or binary. A larger one closes the WebSocket (1009)."""
    idle_timeout: PositiveDuration | None = None
    """After how long without a message in either direction it is closed (1001). Pings are no messages."""
    lifetime: PositiveDuration | None = None
    """After how long it is closed in any case (1001)."""
    grace: PositiveDuration = 5
    """How much longer an app may take to notice that before it is cancelled."""
    origins: Sequence[Origin] = ()
    """Whose pages may open one: `https://shop.example`, `https://*.shop.example`. Empty means all."""
    require_origin: bool = False
    """Whether clients that send no `Origin`, which browsers always do, are refused too."""


@final
class Origins:
    """Which origins may open a WebSocket, ready to be asked."""

    __slots__ = ("_exact", "_patterns", "_requires")

    def __init__(self, texts: Sequence[str], *, requires: bool) -> None:
        self._exact = frozenset(origin(text).encode() for text in texts if "*" not in text)
        self._patterns = [Pattern.parse(text) for text in texts if "*" in text]
        self._requires = requires

    def has(self, headers: RawHeaders) -> bool:
        """Whether a handshake with these fields may go on. Two origins are none."""
        sent = request_lines(headers, b"origin")
        if not sent:
            return not self._requires
        if not (self._exact or self._patterns):
            return True
        return len(sent) == 1 and (sent[0] in self._exact or matches(self._patterns, sent[0]))


MOST_SHOWN: Final = 255


def shown(headers: RawHeaders) -> str | None:
    """Return the origin that a client sent, for an event."""
    sent = request_lines(headers, b"origin")
    return sent[0][:MOST_SHOWN].decode("latin-1") if sent else None


def message_size(message: Mapping[str, Any]) -> int:
    """Return the bytes of a message: of its text in UTF-8, or binary."""
    text = message.get("text")
    if text is None:
        return len(message.get("bytes") or b"")
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def span_of(duration: float | None) -> float:
    """Return seconds, ``inf`` for no end."""
    return inf if duration is None else duration
