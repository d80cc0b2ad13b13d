"""What ``BodyLimit`` would do with a request, in words."""

from collections.abc import Iterator, Sequence
from typing import Final

from asgi_patterns.kernel.durations import seconds
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.origins import OPAQUE
from asgi_patterns.kernel.sizes import octets, spell_size
from asgi_patterns.kernel.types import Scope
from asgi_patterns.protection.body_rule import BodyRule, ContentLimits
from asgi_patterns.protection.request_head import HeadLimits, measure
from asgi_patterns.protection.websockets import WebSocketLimits

_HEADS: Final = {
    "uri": "refuses it with 414: its path and query have {} bytes, {} are allowed",
    "count": "refuses it with 431: it has {} header fields, {} are allowed",
    "size": "refuses it with 431: its header fields have {} bytes, {} are allowed",
}


def forecast(head: HeadLimits, content: ContentLimits, scope: Scope) -> Forecast:
    """Return what becomes of the request in ``scope``."""
    size, length = measure(scope["headers"])
    if (found := head.excess(scope, size)) is not None:
        excess, size = found
        return Forecast((_HEADS[excess].format(size, getattr(head, excess)),), ends=True)
    limit, index = content.find(scope)
    why = "" if index is None else f", as rules[{index}] has it"
    if length is not None and length > limit:
        return Forecast(
            (f"refuses it with 413: it announces {length} bytes, {limit} are allowed{why}",), ends=True
        )
    return Forecast((f"lets content of up to {spell_size(limit)} through{why}",))


def outline(limit: int, rules: Sequence[BodyRule]) -> Iterator[str]:
    """Yield what each limit is for."""
    for index, rule in enumerate(rules):
        types = f" of {' or '.join(rule.media_types)}" if rule.media_types else ""
        where = " and ".join(rule.texts)
        yield f"lets content{types} of up to {spell_size(octets(rule.limit))} through on {where}, as rules[{index}]"
    yield f"lets {'other ' if rules else ''}content of up to {spell_size(limit)} through"


def doubts(rules: Sequence[BodyRule], sockets: WebSocketLimits) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    for index, rule in enumerate(rules):
        earlier = next((at for at, each in enumerate(rules[:index]) if _covers(each, rule)), None)
        if earlier is not None:
            yield f"never gets to rules[{index}]: rules[{earlier}] is for the same requests and comes first"
    if OPAQUE in sockets.origins:
        yield "has null among websocket.origins: any page can give itself this origin, in a sandboxed frame"
    idle, life = sockets.idle_timeout, sockets.lifetime
    if idle is not None and life is not None and seconds(idle) >= seconds(life):
        yield "has a websocket.idle_timeout that is never reached: websocket.lifetime ends before"


def _covers(earlier: BodyRule, later: BodyRule) -> bool:
    """Whether the earlier one certainly takes whatever the later one is for."""
    if not ("/**" in earlier.texts or set(later.texts) <= set(earlier.texts)):
        return False
    if not earlier.media_types:
        return True
    # What has no type is none of those that a rule names, of any type or not.
    return bool(later.media_types) and (
        "*/*" in earlier.media_types or set(later.media_types) <= set(earlier.media_types)
    )
