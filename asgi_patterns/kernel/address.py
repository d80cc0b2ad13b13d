"""Who the client is, behind proxies that we trust and nobody else.

- :class:`TrustedProxies`: the addresses and networks of our own proxies, and the word ``unix``.
- ``Networks``: a setting that lists these.
- :func:`resolve`: peer and request headers to a :class:`Client`.
- :func:`address_key`: the text to count a client by. :func:`is_loopback`: is it this machine?

The fields are a list that every proxy appends to, so only its right end was written by somebody we
know. The walk goes from the right and stops at the first address that is not ours: that one is the
client, whatever stands left of it. Anything that cannot be read on the way means the peer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator

from asgi_patterns.kernel.forwarded import Hop, forwarded, parse_ip, x_forwarded_for
from asgi_patterns.kernel.types import RawHeaders

ProxyField = Literal[
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded"
]
Network = IPv4Network | IPv6Network

UNIX: Final = "unix"
MAX_KEY: Final = 64
MAX_PREFIX: Final = 256
MAX_AUTHORITY: Final = 260
MAX_LIST: Final = 2048

_FOR, _HOST, _PROTO, _PREFIX = (
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-prefix",
)
_FORWARDED = b"forwarded"
# A proxy in front of a WebSocket may call the scheme by either name.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
USUAL_FIELDS = frozenset({_FOR, _PROTO})
"""What nearly every proxy writes. One that leaves the others alone would pass a client's own on."""

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~-]{1,253}|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{1,5}))?")
# The path characters of RFC 3986 without the comma, which separates the values of a list, and without
# percent-encoding: an encoded slash or dot would come to life where the path is decoded.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@-]+)+")
_EVERYBODY = (
    "would let every client choose its own address; "
    'name your proxies instead, for example "10.0.0.0/8" or "unix"'
)
_NEITHER = (
    'is neither an address, nor a network, nor the word "unix"; '
    'names are not looked up, write for example "10.1.2.3", "10.0.0.0/8" or "2001:db8::/32"'
)


@dataclass(frozen=True, slots=True)
class Client:
    """The client of one request, as far as it can be believed.

    ``host`` is ``None`` for a Unix socket. ``proxied`` says that it was read from a trusted chain;
    only then can ``scheme`` (``http`` or ``https``), ``authority`` (``host[:port]`` of the public
    URL) and ``prefix`` (the path that a proxy cut off, without trailing slash) be set.
    """

    host: str | None
    port: int | None = None
    proxied: bool = False
    scheme: str | None = None
    authority: str | None = None
    prefix: str | None = None

    @property
    def key(self) -> str:
        """The text to count this client by; see :func:`address_key`."""
        return address_key(self.host)


class TrustedProxies:
    """The proxies whose word is taken: addresses, networks, and ``unix`` for a Unix socket.

    Raises ``ValueError`` for an entry that is none of these, with what to write instead.
    """

    __slots__ = ("_networks", "_remembered", "_unix", "nobody")

    def __init__(self, entries: Sequence[str] = ()) -> None:
        if isinstance(entries, str):
            raise ValueError(f"trusted proxies are a list: write [{entries!r}], not {entries!r}")
        names = [entry.strip() for entry in entries]
        self._unix = UNIX in names
        self._networks = tuple(_parse_network(name) for name in names if name != UNIX)
        self._remembered = lru_cache(maxsize=4096)(self._holds)
        self.nobody = not names
        """True when no proxy is configured."""

    def trusts(self, host: str | None) -> bool:
        """Whether this is one of our proxies. ``None`` and the empty text are a Unix socket."""
        if self.nobody:
            return False
        if not host:
            return self._unix
        # An over-long text is no address, and must not stay in the cache.
        return len(host) <= MAX_KEY and self._remembered(host)

    def _holds(self, host: str) -> bool:
        address = parse_ip(host)
        return address is not None and any(address in network for network in self._networks)


def written_by_proxies(names: Sequence[str]) -> frozenset[bytes]:
    """The fields that the proxies write, for ``resolve``. Raises ``ValueError`` for two that say the same."""
    fields = frozenset(name.lower().encode() for name in names)
    if _FORWARDED in fields and fields & {_FOR, _PROTO, _HOST}:
        raise ValueError(
            "proxies write either Forwarded or X-Forwarded-For, -Proto and -Host; name those that yours write"
        )
    return fields


def resolve(
    peer: Sequence[Any] | None,
    headers: RawHeaders,
    proxies: TrustedProxies,
    fields: frozenset[bytes] = USUAL_FIELDS,
) -> Client:
    """Find the client. ``peer`` is ``scope["client"]``, ``headers`` have lower-case names.

    ``fields`` are those that the proxies write, overwriting or appending. No other one is looked at: a
    proxy that does not know a field passes it on as the client sent it.
    """
    client = _read_peer(tuple(peer) if peer else ())
    if not proxies.trusts(client.host):
        return client
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in fields:
            found.setdefault(name, []).append(value)
    read = _read_forwarded if _FORWARDED in fields else _read_x_forwarded
    return read(found, proxies) or client


# A connection asks many times, and a client is dearer to build than to find.
@lru_cache(maxsize=2048)
def _read_peer(peer: tuple[Any, ...]) -> Client:
    if not peer or not peer[0]:
        return Client(None)
    # Servers write 0 for a port that they do not know.
    return Client(peer[0], peer[1] or None)


def _read_x_forwarded(fields: Mapping[bytes, list[bytes]], proxies: TrustedProxies) -> Client | None:
    hops = x_forwarded_for(fields[_FOR]) if _FOR in fields else []
    distance = _walk(hops, proxies)
    if distance is None:
        return None
    hop = hops[-1 - distance]
    return Client(
        hop.address,
        hop.port,
        True,
        _scheme(_aligned(fields.get(_PROTO), distance)),
        _authority(_aligned(fields.get(_HOST), distance)),
        _prefix(_aligned(fields.get(_PREFIX), distance)),
    )


def _read_forwarded(fields: Mapping[bytes, list[bytes]], proxies: TrustedProxies) -> Client | None:
    hops = forwarded(fields.get(_FORWARDED, ()))
    distance = _walk(hops, proxies)
    if distance is None:
        return None
    hop = hops[-1 - distance]
    # RFC 7239 has no word for the prefix.
    prefix = _prefix(_aligned(fields.get(_PREFIX), distance))
    return Client(hop.address, hop.port, True, _scheme(hop.proto), _authority(hop.authority), prefix)


def _walk(hops: Sequence[Hop], proxies: TrustedProxies) -> int | None:
    """How far from the right the client's hop is; ``None`` when the chain does not say."""
    for distance, hop in enumerate(reversed(hops)):
        if hop.address is None:
            return None
        if not proxies.trusts(hop.address):
            return distance
    # Nobody but our own machines: the leftmost is the one that asked.
    return len(hops) - 1 if hops else None


def _aligned(lines: list[bytes] | None, distance: int) -> str | None:
    """The value that the proxy next to the client wrote.

    Proxies either append, then the lists run side by side, or they replace, then there is one value.
    A list that is neither belongs to nobody.
    """
    if lines is None:
        return None
    text = lines[0] if len(lines) == 1 else b",".join(lines)
    if len(text) > MAX_LIST:
        return None
    values = [part for value in text.decode("latin-1").split(",") if (part := value.strip(" \t"))]
    if distance < len(values):
        return values[-1 - distance]
    return values[0] if len(values) == 1 else None


def _scheme(text: str | None) -> str | None:
    return _SCHEMES.get(text.lower()) if text else None


def _authority(text: str | None) -> str | None:
    return _cached_authority(text) if text and len(text) <= MAX_AUTHORITY else None


@lru_cache(maxsize=256)
def _cached_authority(text: str) -> str | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None or (match[1] and (":" not in match[1] or parse_ip(match[1]) is None)):
        return None
    return None if match[2] and not 0 < int(match[2]) < 65536 else text


def _prefix(text: str | None) -> str | None:
    path = text.removesuffix("/") if text and len(text) <= MAX_PREFIX else ""
    return path if _PATH.fullmatch(path) and ".." not in path else None


@lru_cache(maxsize=4096)
def _cached_key(host: str) -> str:
    address = parse_ip(host)
    if address is None:
        return host
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def address_key(host: str | None) -> str:
    """The text to count a client by: one IPv4 address, one IPv6 /64, or ``unix``.

    A household or a machine owns a whole /64 and could count as 2**64 clients otherwise. A host that
    is no address (test clients) stands for itself, cut to ``MAX_KEY`` characters.
    """
    if not host:
        return UNIX
    # Only an IPv6 address has a colon, and only one has to be taken apart.
    return _cached_key(host[:MAX_KEY]) if ":" in host else host[:MAX_KEY]


def is_loopback(host: str | None) -> bool:
    """Whether this is an address of the loopback interface. A Unix socket and a name are not."""
    address = parse_ip(host) if host else None
    return address is not None and address.is_loopback


def _parse_network(entry: str) -> Network:
    if entry == "*":
        raise ValueError(f"trusted proxy {entry!r} {_EVERYBODY}")
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"trusted proxy {entry!r} {_NEITHER}") from None
    plain = _unmapped(network)
    if plain.prefixlen == 0:
        raise ValueError(f"trusted proxy {entry!r} {_EVERYBODY}")
    if ip_address(entry.partition("/")[0]) != network.network_address:
        raise ValueError(f'trusted proxy {entry!r} has bits set behind its network part; write "{network}"')
    return plain


def _unmapped(network: Network) -> Network:
    """An IPv4-mapped network as IPv4, since addresses are compared that way."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def _check_networks(networks: Sequence[str]) -> Sequence[str]:
    TrustedProxies(networks)
    return networks


Networks: TypeAlias = Annotated[Sequence[str], AfterValidator(_check_networks)]
"""A setting that lists addresses, networks, and ``unix``, kept as they were written; ``TrustedProxies`` reads them."""
