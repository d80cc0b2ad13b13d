"""What the Redis adapter says to its script, ``script.lua``, in bytes, and what that says to it.

The script does in Lua what ``buckets``, ``windows`` and ``slots`` do in Python, with the same steps in the same
order, so that both come to the same numbers. Its text is constant: orders travel in one packed argument, keys in KEYS.

``encode``: orders to keys and that argument; ``decode``: the reply to what became of each order.
"""

import struct
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from asgi_patterns.ratelimit.asks import Decision
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.rules import Rule, Taken
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow

Verb: TypeAlias = Literal[b"T", b"C", b"R", b"N", b"F"]
"""Take, charge, refund, renew, forget."""

NO_TOKEN: Final = bytes(8)
DONE: Final = 1
BROKEN: Final = 2

_ORDER = struct.Struct("<cBd8s")
_ASK = struct.Struct("<cBddd")
_NOW = struct.Struct("<d")
_TAKEN = struct.Struct("<Bddd")
_ONE = struct.Struct("<BBddd")  # an order that takes of one key: most do


class Broken(Exception):
    """The store could not do what one order asked, such as to count on a key that holds something else."""


class Order(NamedTuple):
    """One thing to do to several keys in one step. ``order`` makes one."""

    tag: str
    """The hash tag that all keys have, which says where on a cluster they are."""
    keys: Sequence[bytes]
    packed: bytes
    """What is to be done, as the script reads it."""
    wants: int
    """How many outcomes it is answered with: as many as it takes of."""
    token: bytes = NO_TOKEN
    """Whose entries of a log, or slots, these are."""


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


def pack(verb: Verb, asks: Sequence[bytes], *, at: float = 0.0, token: bytes = NO_TOKEN) -> bytes:
    """Return an order as the script reads it. ``asks`` are what ``encode_ask`` makes, one for each key.

    ``at`` is when that was taken which is refunded.
    """
    return _ORDER.pack(verb, len(asks), at, token) + b"".join(asks)


def order(
    verb: Verb,
    keys: Sequence[bytes],
    asks: Sequence[bytes],
    *,
    at: float = 0.0,
    token: bytes = NO_TOKEN,
    tag: str = "",
) -> Order:
    """Return an order to do the same to several keys."""
    wants = len(keys) if verb == b"T" else 0
    return Order(tag, keys, pack(verb, asks, at=at, token=token), wants, token)


def encode(orders: Sequence[Order]) -> tuple[list[bytes], bytes]:
    """Return the keys of all orders, and what to do with them."""
    keys = [key for each in orders for key in each.keys]
    return keys, b"".join([each.packed for each in orders])


def by_tag(orders: Sequence[Order]) -> list[list[Order]]:
    """Return the orders of each tag, in their order."""
    groups: dict[str, list[Order]] = {}
    for order in orders:
        groups.setdefault(order.tag, []).append(order)
    return [*groups.values()]


def decode(reply: bytes, orders: Sequence[Order]) -> list[Decision | Broken]:
    """Return what became of each order, in their order; of all but taking, only whether it was done."""
    (now,) = _NOW.unpack_from(reply)
    place = _NOW.size
    answers: list[Decision | Broken] = []
    for _, _, _, wants, token in orders:
        if reply[place] == BROKEN:
            answers.append(Broken("the store could not do this: a key may hold something else"))
            place += 1
        elif wants == 1:
            done, allowed, left, more_in, wait = _ONE.unpack_from(reply, place)
            taken = Taken(allowed == 1, int(left), more_in, wait)
            answers.append(Decision(done == DONE, (taken,), (now,), token))
            place += _ONE.size
        else:
            end = place + 1 + _TAKEN.size * wants
            each = _TAKEN.iter_unpack(reply[place + 1 : end])
            several = [Taken(allowed == 1, int(left), more_in, wait) for allowed, left, more_in, wait in each]
            answers.append(Decision(reply[place] == DONE, several, [now] * wants, token))
            place = end
    return answers
