"""Who has what in a cluster: the slot of a hash tag, the table of slots, and where a redirection points.

A cluster has 16384 slots; a key is in the slot of its hash tag, ``{tag}``, and each slot has one owner.
"""

import binascii
from functools import lru_cache
from typing import Final

from asgi_patterns.kernel.resp import ErrorReply, Reply
from asgi_patterns.kernel.store import Node

__all__ = ["SLOTS", "Owners", "owners", "redirected", "slot_of"]

SLOTS: Final = 16384

Owners = list[Node | None]
"""The owner of each slot; ``None`` for a slot that nobody has."""


@lru_cache(maxsize=4096)
def slot_of(tag: str) -> int:
    """Return the slot of the keys whose hash tag is ``tag``, which is not empty and has no ``}``."""
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


def owners(reply: Reply, asked: Node) -> Owners:
    """Read the answer to ``CLUSTER SLOTS`` from ``asked``. Raises ``ValueError`` where it is none."""
    if not isinstance(reply, list):
        raise ValueError("has no table of slots")
    found: Owners = [None] * SLOTS
    for row in reply:
        match row:
            case [int(first), int(last), [bytes() | None as host, int(port), *_], *_] if (
                0 <= first <= last < SLOTS
            ):
                found[first : last + 1] = [_node(host, port, asked)] * (last + 1 - first)
            case _:
                raise ValueError("has a table of slots that cannot be read")
    return found


def redirected(error: ErrorReply, asked: Node) -> Node:
    """Return where ``MOVED 3999 host:port`` or ``ASK 3999 host:port`` points. Raises ``ValueError``."""
    words = str(error).split(" ")
    if len(words) != 3:
        raise ValueError("no redirection")
    host, _, port = words[2].rpartition(":")
    return _node(host.encode(), int(port), asked)


def _node(host: bytes | None, port: int, asked: Node) -> Node:
    # A node that does not know its own name, or was told to keep it, means the name it was asked by.
    return Node(host.decode() if host and host != b"?" else asked.host, port)
