"""What the Redis adapter says to its script, ``script.lua``, in bytes, and what that says to it.

The script does in Lua what ``buckets``, ``windows`` and ``slots`` do in Python, with the same steps in the same
order, so that both come to the same numbers. Its text is constant: orders travel in one packed argument, keys in KEYS.

``encode``: orders to keys and that argument; ``decode``: the reply to what became of each order.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.rules import Rule, Taken
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow

Verb: TypeAlias = Literal[b"T", b"C", b"R", b"N", b"F"]
"""Take, charge, refund, renew, forget."""

NO_TOKEN: Final = bytes(8)

_ORDER = struct.Struct("<cBd8s")
_ASK = struct.Struct("<cBddd")
_NOW = struct.Struct("<d")
_TAKEN = struct.Struct("<Bddd")


class Broken(Exception):
    """The store could not do what one order asked, such as to count on a key that holds something else."""


class Order(NamedTuple):
    """One thing to do to several keys in one step."""

    verb: Verb
    keys: Sequence[bytes]
    asks: Sequence[bytes]
    """What ``encode_ask`` makes, one for each key."""
    at: float = 0.0
    """When that was taken which is refunded or renewed."""
    token: bytes = NO_TOKEN
    """Whose entries of a log, or slots, these are."""


class Reply(NamedTuple):
    """What became of an order to take. ``taken`` has an entry for each ask."""

    at: float
    allowed: bool
    taken: Sequence[Taken]


def encode_ask(rule: Rule, cost: float, *, binding: bool) -> bytes:
    """Return what is asked of one key. ``binding``: whether a refusal refuses the whole order."""
    code, one, two = _parameters(rule)
    return _ASK.pack(code, binding, cost, one, two)


def code_of(rule: Rule) -> str:
    """Return the letter of its algorithm, which stands in its keys: what one has counted, another cannot read."""
    return _parameters(rule)[0].decode()


def _parameters(rule: Rule) -> tuple[bytes, float, float]:
    match rule:
        case TokenBucket(capacity=one, rate=two):
            return b"T", one, two
        case LeakyBucket(interval=one, max_delay=two):
            return b"L", one, two
        case FixedWindow(limit=one, window=two):
            return b"F", one, two
        case SlidingWindow(limit=one, window=two):
            return b"S", one, two
        case SlidingLog(limit=one, window=two):
            return b"G", one, two
        case Slots(limit=one, lease=two):
            return b"C", one, two
    raise TypeError(f"{rule!r} is not known to the script")


def encode(orders: Sequence[Order]) -> tuple[list[bytes], bytes]:
    """Return the keys of all orders, and what to do with them."""
    keys: list[bytes] = []
    parts: list[bytes] = []
    for verb, own, asks, at, token in orders:
        keys += own
        parts.append(_ORDER.pack(verb, len(own), at, token))
        parts += asks
    return keys, b"".join(parts)


def decode(reply: bytes, orders: Sequence[Order]) -> Iterator[Reply | Broken]:
    """Yield what became of each order, in their order; of all but taking, only whether it was done."""
    (now,) = _NOW.unpack_from(reply)
    place = _NOW.size
    for order in orders:
        status = reply[place]
        place += 1
        if status == 2:
            yield Broken("the store could not do this: a key may hold something else")
        elif order.verb == b"T":
            end = place + _TAKEN.size * len(order.keys)
            yield Reply(now, status == 1, [_taken(*each) for each in _TAKEN.iter_unpack(reply[place:end])])
            place = end
        else:
            yield Reply(now, True, ())


def _taken(allowed: int, remaining: float, more_in: float, wait: float) -> Taken:
    return Taken(allowed == 1, int(remaining), more_in, wait)
