"""What proxies wrote down: ``Forwarded`` (RFC 7239) and the ``X-Forwarded-For`` list, as hops.

Nothing here decides whom to believe; that is :mod:`asgi_patterns.kernel.address`.

- :class:`Hop`: one element, in wire order; ``address`` is ``None`` when the element is broken.
- :func:`forwarded`, :func:`x_forwarded_for`: field lines to hops.
- :func:`parse_ip`: text to an address object, cached.

Readers walk the hops from the right, so a field that is too long loses its left end, and the cut
is marked with a broken hop: what was cut off can never be taken for a client.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from asgi_patterns.kernel.parameters import PARAMETER, elements, parameter, parts

MAX_BYTES: Final = 8192
MAX_HOPS: Final = 32
# One element with every parameter and the longest host name stays far below this.
MAX_ELEMENT: Final = 512
# The longest address text is 45 characters; the rest is room for a zone id, brackets and a port.
MAX_NODE: Final = 80

IPAddress = IPv4Address | IPv6Address

_NODE = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(?:([0-9]{1,5})|_[A-Za-z0-9._-]+))?")


class Hop(NamedTuple):
    """One element of the chain: who spoke to the proxy that wrote it.

    ``address`` is canonical text without brackets or zone, an IPv4-mapped address as IPv4; ``None``
    when it is missing, ``unknown``, obfuscated (``_x``) or not readable. ``proto`` and ``authority``
    come from ``Forwarded`` alone and are not validated.
    """

    address: str | None
    port: int | None = None
    proto: str | None = None
    authority: str | None = None


BROKEN: Final = Hop(None)


@lru_cache(maxsize=4096)
def _parse_ip(text: str) -> IPAddress | None:
    # The zone of an IPv6 address names an interface of the machine that wrote it; here it means nothing.
    plain = text.partition("%")[0] if ":" in text else text
    try:
        address = ip_address(plain)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def parse_ip(text: str) -> IPAddress | None:
    """The address, an IPv4-mapped one as IPv4 and without its zone; ``None`` for any other text."""
    # Here and below: long text is refused before the cache, which would keep it.
    return _parse_ip(text) if len(text) <= MAX_NODE else None


def x_forwarded_for(lines: Sequence[bytes]) -> list[Hop]:
    """Read the field lines of ``X-Forwarded-For``: IPv4, IPv6, ``IPv4:port``, ``[IPv6]:port``."""
    text = (lines[0] if len(lines) == 1 else b",".join(lines)).decode("latin-1")
    # Elements past the last split stay together in the first one, and their comma makes it broken.
    pieces = text[-MAX_BYTES:].rsplit(",", MAX_HOPS - 1)
    hops = [_plain_hop(piece) for each in pieces if (piece := each.strip(" \t"))]
    if len(text) > MAX_BYTES:
        # Half an address can look like a whole one.
        hops[:1] = [BROKEN]
    return hops


def forwarded(lines: Sequence[bytes]) -> list[Hop]:
    """Read the field lines of ``Forwarded``; an error breaks its own element only."""
    found = _forwarded_elements(lines)
    hops = [_forwarded_hop(element) for element in found[-MAX_HOPS:]]
    if len(found) > MAX_HOPS:
        hops[0] = BROKEN
    return hops


def _forwarded_elements(lines: Sequence[bytes]) -> list[str]:
    """The elements of all lines; an empty one stands where a line was too long to be read.

    Lines are read one by one, so that a quote left open by a client cannot swallow the line that
    the proxy added below it.
    """
    found: list[str] = []
    room = MAX_BYTES
    for line in reversed(lines):
        room -= len(line)
        if room < 0:
            return ["", *found]
        found[:0] = elements(line.decode("latin-1"))
    return found


def _plain_hop(text: str) -> Hop:
    return _cached_plain_hop(text) if len(text) <= MAX_NODE else BROKEN


@lru_cache(maxsize=4096)
def _cached_plain_hop(text: str) -> Hop:
    if text.count(":") > 1 and text[0] != "[":
        address = parse_ip(text)
        return BROKEN if address is None else Hop(str(address))
    return _read_node(text)


def _forwarded_hop(text: str) -> Hop:
    return _cached_forwarded_hop(text) if len(text) <= MAX_ELEMENT else BROKEN


@lru_cache(maxsize=1024)
def _cached_forwarded_hop(text: str) -> Hop:
    pairs: dict[str, str] = {}
    for part in parts(text):
        match = PARAMETER.fullmatch(part)
        if match is None or match[1].lower() in pairs:
            return BROKEN
        name, value = parameter(match)
        pairs[name] = value
    hop = _read_node(pairs.get("for", ""))
    return hop if hop is BROKEN else hop._replace(proto=pairs.get("proto"), authority=pairs.get("host"))


def _read_node(text: str) -> Hop:
    match = _NODE.fullmatch(text)
    # Only IPv6 stands in brackets, and never without: a port could not be told from a group.
    if match is None or (match[1] and ":" not in match[1]):
        return BROKEN
    address = parse_ip(match[1] or match[2])
    port = int(match[3]) if match[3] else None
    if address is None or (port is not None and port > 65535):
        return BROKEN
    return Hop(str(address), port)
