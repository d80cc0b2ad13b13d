"""A tag over the bytes of an answer.

Measured here for a body of 2 KB and one of 50 KB, digest and text (CPython 3.11, OpenSSL 3, a CPU with SHA
instructions): xxh3_128 0.1 and 0.8 us; sha256 1.5 and 29 us; blake2b 2.4 and 54; sha512 2.9 and 60; md5 3.1 and 67;
blake2s 4.1 and 97; sha3_256 4.8 and 103. Only sha1 is as fast as sha256 (1.4 and 27), and two bodies with one sha1
can be made by whoever likes to.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeAlias

from asgi_patterns.kernel.optional import MissingExtra, require

SIZE: Final = 32
"""Hexadecimal digits of a tag: 128 bits, enough for bodies that nobody made to collide."""

Tagging: TypeAlias = Callable[[bytes], bytes]
"""Returns the value of ``ETag`` for a body."""


def tagging(*, weak: bool = False, fast: bool = True) -> Tagging:
    """Return what makes a tag of a body, by the fastest digest that is installed: xxh3_128, or sha256.

    All processes that serve one resource have to come to the same tag: ``fast=False`` is sha256 everywhere.
    """
    hexdigest = _xxh3() if fast else None
    shape = b'W/"%b"' if weak else b'"%b"'
    if hexdigest is None:
        return lambda body: shape % sha256(body).hexdigest()[:SIZE].encode()
    return lambda body: shape % hexdigest(body).encode()


def _xxh3() -> Callable[[bytes], str] | None:
    try:
        found: Callable[[bytes], str] = require("xxhash", "compression").xxh3_128_hexdigest
    except MissingExtra:
        return None
    return found
