"""The client is the first address from the right that is not ours; a client can hide it, never choose it."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.address import (
    MAX_KEY,
    MAX_LIST,
    MAX_PREFIX,
    Client,
    TrustedProxies,
    address_key,
    is_loopback,
    resolve,
    written_by_proxies,
)

OURS = ["10.0.0.0/8", "192.168.1.7", "fd00::/8", "unix"]
PROXY = ("10.0.0.1", 5000)
PEER = Client("10.0.0.1", 5000)
ALL = written_by_proxies(["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix"])
IN_FORWARDED = written_by_proxies(["Forwarded", "X-Forwarded-Prefix"])


def x(**fields: str | list[str]) -> list[tuple[bytes, bytes]]:
    """Header lines ``X-Forwarded-<Name>``; a list makes several lines."""
    lines = [
        (f"x-forwarded-{name.rstrip('_')}".encode(), line.encode("latin-1"))
        for name, value in fields.items()
        for line in (value if isinstance(value, list) else [value])
    ]
    return [(b"host", b"inside:8000"), *lines, (b"accept", b"*/*")]


CHAINS = [
    # what happens                                        peer        X-Forwarded-For                      client
    ("the first from the right that is not ours", PROXY, "203.0.113.9", "203.0.113.9"),
    ("our own hops are skipped", PROXY, "203.0.113.9, 10.0.0.2, 192.168.1.7", "203.0.113.9"),
    ("what the client sent is left of it", PROXY, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
    ("a trusted address further left does not help", PROXY, "10.9.9.9, 203.0.113.9", "203.0.113.9"),
    ("all ours: the leftmost", PROXY, "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("lines are one list", PROXY, ["1.1.1.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
    ("an IPv6 client", PROXY, "2001:db8::9, fd00::1", "2001:db8::9"),
    ("a proxy on a dual-stack socket", ("::ffff:10.0.0.1", 1), "203.0.113.9", "203.0.113.9"),
    ("a proxy that the list names as IPv4-mapped", PROXY, "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
    ("a proxy with a zone id", ("fd00::1%eth0", 1), "203.0.113.9", "203.0.113.9"),
    ("a Unix socket is the proxy named unix", None, "203.0.113.9", "203.0.113.9"),
    ("an empty host is a Unix socket", ("", 0), "203.0.113.9", "203.0.113.9"),
    ("a peer given as a list", ["10.0.0.1", 5000], "203.0.113.9", "203.0.113.9"),
    ("garbage that the walk does not meet", PROXY, "garbage, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
]


@pytest.mark.parametrize(("peer", "chain", "client"), [pytest.param(*row[1:], id=row[0]) for row in CHAINS])
def test_a_trusted_chain_names_the_client(
    peer: tuple[str, int] | None, chain: str | list[str], client: str
) -> None:
    found = resolve(peer, x(for_=chain), TrustedProxies(OURS), ALL)

    assert found == Client(client, proxied=True)


PEERS = [
    ("no proxy is configured", PROXY, x(for_="203.0.113.9"), [], Client(*PROXY)),
    ("the peer is not ours", ("203.0.113.1", 9), x(for_="1.1.1.1"), OURS, Client("203.0.113.1", 9)),
    ("the peer is no address", ("testclient", 50000), x(for_="1.1.1.1"), OURS, Client("testclient", 50000)),
    ("the peer is one off the only address", ("192.168.1.8", 9), x(for_="1.1.1.1"), OURS,
     Client("192.168.1.8", 9)),
    ("a Unix socket is not trusted unasked", None, x(for_="1.1.1.1"), ["10.0.0.0/8"], Client(None)),
    ("an over-long peer is nobody", ("1" * 200, 9), x(for_="1.1.1.1"), OURS, Client("1" * 200, 9)),
    ("there is no field", PROXY, x(), OURS, PEER),
    ("the field is empty", PROXY, x(for_=""), OURS, PEER),
    ("unknown comes before the client", PROXY, x(for_="203.0.113.9, unknown, 10.0.0.2"), OURS, PEER),
    ("garbage comes before the client", PROXY, x(for_="203.0.113.9, 10.0.0.2x"), OURS, PEER),
    ("all ours up to garbage", PROXY, x(for_="garbage, 10.0.0.2"), OURS, PEER),
    ("nothing else is believed without a chain", PROXY, x(proto="https", host="a.example", prefix="/p"), OURS,
     PEER),
    ("nothing else is believed in a broken chain", PROXY, x(for_="?", proto="https", host="a.example"), OURS,
     PEER),
    ("nothing else is believed from a stranger", ("203.0.113.1", 9), x(for_="1.1.1.1", proto="https"), OURS,
     Client("203.0.113.1", 9)),
    ("the port 0 is unknown", ("203.0.113.1", 0), x(), OURS, Client("203.0.113.1")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "headers", "proxies", "client"), [pytest.param(*row[1:], id=row[0]) for row in PEERS]
)
def test_otherwise_the_client_is_the_peer(
    peer: tuple[str, int] | None, headers: list[tuple[bytes, bytes]], proxies: list[str], client: Client
) -> None:
    assert resolve(peer, headers, TrustedProxies(proxies), ALL) == client


def test_the_port_of_the_client_is_kept() -> None:
    found = resolve(PROXY, x(for_="203.0.113.9:4711"), TrustedProxies(OURS), ALL)

    assert found == Client("203.0.113.9", 4711, proxied=True)


def test_only_the_chosen_fields_are_read() -> None:
    headers = [*x(for_="203.0.113.9", proto="http"), (b"forwarded", b"for=198.51.100.1;proto=https")]
    proxies = TrustedProxies(OURS)

    by_lists = resolve(PROXY, headers, proxies, ALL)
    by_forwarded = resolve(PROXY, headers, proxies, IN_FORWARDED)

    assert by_lists == Client("203.0.113.9", proxied=True, scheme="http")
    assert by_forwarded == Client("198.51.100.1", proxied=True, scheme="https")


def test_a_host_and_a_prefix_are_believed_only_where_the_proxies_write_them() -> None:
    headers = x(for_="203.0.113.9", proto="https", host="evil.example", prefix="/evil")

    found = resolve(PROXY, headers, TrustedProxies(OURS))

    assert found == Client("203.0.113.9", proxied=True, scheme="https")


def test_a_prefix_may_stand_beside_forwarded() -> None:
    headers = [*x(prefix="/shop"), (b"forwarded", b"for=203.0.113.9")]

    found = resolve(PROXY, headers, TrustedProxies(OURS), IN_FORWARDED)

    assert found == Client("203.0.113.9", proxied=True, prefix="/shop")


def test_both_families_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="either Forwarded or"):
        written_by_proxies(["Forwarded", "X-Forwarded-For"])


FORWARDED = [
    ("the element of the client says scheme and host", "for=203.0.113.9;proto=https;host=api.example",
     Client("203.0.113.9", None, True, "https", "api.example")),
    ("the elements of others do not", "for=1.1.1.1;host=evil.example, for=203.0.113.9, for=10.0.0.2;proto=https",
     Client("203.0.113.9", None, True)),
    ("an invalid host is ignored", 'for=203.0.113.9;host="a/b";proto=https',
     Client("203.0.113.9", None, True, "https")),
    ("all ours: the leftmost", "for=10.0.0.3;proto=http, for=10.0.0.2", Client("10.0.0.3", None, True, "http")),
    ("an obfuscated client is the peer", "for=_hidden, for=10.0.0.2", PEER),
    ("an open quote is the peer", 'for=203.0.113.9;x=", for=10.0.0.2', PEER),
]  # fmt: skip


@pytest.mark.parametrize(("line", "client"), [pytest.param(*row[1:], id=row[0]) for row in FORWARDED])
def test_the_forwarded_family(line: str, client: Client) -> None:
    found = resolve(PROXY, [(b"forwarded", line.encode())], TrustedProxies(OURS), IN_FORWARDED)

    assert found == client


# The chain is always: a lie of the client, the client, one proxy of ours; so the client stands second.
CHAIN = "1.1.1.1, 203.0.113.9, 10.0.0.2"
ASIDE = [
    ("one value was written last", "proto", "https", "https"),
    ("of a list, the one beside the client", "proto", "http, https, http", "https"),
    ("a list counts from the right", "proto", "https, http", "https"),
    ("a list may come in lines", "proto", ["https", "http"], "https"),
    ("a list that is longer than the chain counts from the right", "proto", "http, http, https, http", "https"),
    ("a scheme has no case", "proto", "HTTPS", "https"),
    ("another scheme is ignored", "proto", "javascript", None),
    ("a WebSocket scheme is the same", "proto", "wss", "https"),
    ("the plain one too", "proto", "ws", "http"),
    ("an empty scheme is ignored", "proto", "", None),
    ("a list that is too long is ignored", "proto", "https" + "," * MAX_LIST, None),
    ("a host", "host", "api.example.com", "api.example.com"),
    ("a host with a port", "host", "api.example.com:8443", "api.example.com:8443"),
    ("an IPv6 host", "host", "[2001:db8::1]:443", "[2001:db8::1]:443"),
    ("an IPv6 host that maps IPv4", "host", "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
    ("of hosts, the one beside the client", "host", "evil.example, api.example, inner", "api.example"),
    ("a host with user information is ignored", "host", "me@api.example", None),
    ("a host with a path is ignored", "host", "api.example/x", None),
    ("a host with white space is ignored", "host", "api example", None),
    ("a host with a control character is ignored", "host", "api\r\nx", None),
    ("a host beyond ASCII is ignored", "host", "caf\xe9.example", None),
    ("a host of brackets without IPv6 is ignored", "host", "[192.0.2.1]", None),
    ("a host of impossible IPv6 is ignored", "host", "[1::2::3]", None),
    ("the port 0 is ignored", "host", "api.example:0", None),
    ("the highest port", "host", "api.example:65535", "api.example:65535"),
    ("a port above is ignored", "host", "api.example:65536", None),
    ("an empty port is ignored", "host", "api.example:", None),
    ("a host that is too long is ignored", "host", "a" * 254, None),
    ("a prefix", "prefix", "/api", "/api"),
    ("a deep prefix", "prefix", "/api/v1.2/~me", "/api/v1.2/~me"),
    ("of a prefix no slash is kept at the end", "prefix", "/api/", "/api"),
    ("the root is no prefix", "prefix", "/", None),
    ("a prefix without slash is ignored", "prefix", "api", None),
    ("a prefix that is another host is ignored", "prefix", "//evil.example", None),
    ("a prefix with two slashes is ignored", "prefix", "/a//b", None),
    ("a prefix with two slashes at the end is ignored", "prefix", "/a//", None),
    ("a prefix that climbs is ignored", "prefix", "/a/../b", None),
    ("an encoded prefix is ignored", "prefix", "/%2e%2e/b", None),
    ("a prefix with a backslash is ignored", "prefix", "/\\evil.example", None),
    ("a prefix with a query is ignored", "prefix", "/a?b", None),
    ("a prefix with a control character is ignored", "prefix", "/a\x00b", None),
    ("a prefix with a line end is ignored", "prefix", "/a\n", None),
    ("the longest prefix", "prefix", "/".ljust(MAX_PREFIX, "p"), "/".ljust(MAX_PREFIX, "p")),
    ("a prefix that is too long is ignored", "prefix", "/".ljust(MAX_PREFIX + 1, "p"), None),
]  # fmt: skip
ATTRIBUTES = {"proto": "scheme", "host": "authority", "prefix": "prefix"}


@pytest.mark.parametrize(
    ("name", "value", "expected"), [pytest.param(*row[1:], id=f"{row[1]}: {row[0]}") for row in ASIDE]
)
def test_what_else_the_proxies_say(name: str, value: str | list[str], expected: str | None) -> None:
    found = resolve(PROXY, x(for_=CHAIN, **{name: value}), TrustedProxies(OURS), ALL)

    assert getattr(found, ATTRIBUTES[name]) == expected


def test_a_list_that_is_too_short_belongs_to_nobody() -> None:
    chain = "203.0.113.9, 10.0.0.4, 10.0.0.3"

    found = resolve(PROXY, x(for_=chain, proto="https, http"), TrustedProxies(OURS), ALL)

    assert found == Client("203.0.113.9", proxied=True)


BAD_ENTRIES = [
    ("a star", "*", 'would let every client choose its own address; name your proxies instead'),
    ("all of IPv4", "0.0.0.0/0", "would let every client choose its own address"),
    ("all of IPv4, sloppily", "10.0.0.0/0", "would let every client choose its own address"),
    ("all of IPv6", "::/0", "would let every client choose its own address"),
    ("all of IPv4, mapped", "::ffff:0:0/96", "would let every client choose its own address"),
    ("a name", "nginx", "is neither an address, nor a network, nor the word \"unix\"; names are not looked up"),
    ("an empty text", "", "is neither an address"),
    ("a pattern", "10.0.*", "is neither an address"),
    ("a path", "/run/app.sock", "is neither an address"),
    ("a mask that is too long", "10.0.0.0/33", "is neither an address"),
    ("an address with a port", "10.0.0.1:80", "is neither an address"),
    ("bits behind the network part", "10.0.0.1/8", 'has bits set behind its network part; write "10.0.0.0/8"'),
    ("bits behind an IPv6 network part", "fd00::1/8", 'write "fd00::/8"'),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "message"), [pytest.param(*row[1:], id=row[0]) for row in BAD_ENTRIES])
def test_a_bad_entry_is_refused_and_says_what_is_right(entry: str, message: str) -> None:
    with pytest.raises(ValueError, match="trusted proxy") as caught:
        TrustedProxies(["10.0.0.0/8", entry])

    assert repr(entry) in str(caught.value)
    assert message in str(caught.value)


def test_one_text_is_no_list_of_proxies() -> None:
    with pytest.raises(ValueError, match=r"write \['10.0.0.0/8'\]"):
        TrustedProxies("10.0.0.0/8")


TRUST = [
    ("the first address of a network", "10.0.0.0", True),
    ("the last address of a network", "10.255.255.255", True),
    ("one above a network", "11.0.0.0", False),
    ("one below a network", "9.255.255.255", False),
    ("a network written as IPv4-mapped", "172.16.5.5", True),
    ("an address of it in IPv4-mapped form", "::ffff:172.16.5.5", True),
    ("an entry with space around it", "192.0.2.1", True),
    ("no address", "localhost", False),
    ("a Unix socket", None, False),
]


@pytest.mark.parametrize(("host", "trusted"), [pytest.param(*row[1:], id=row[0]) for row in TRUST])
def test_trust(host: str | None, trusted: bool) -> None:
    proxies = TrustedProxies(["10.0.0.0/8", "::ffff:172.16.0.0/112", " 192.0.2.1 "])

    assert proxies.trusts(host) is trusted


KEYS = [
    ("an IPv4 address is itself", "203.0.113.9", "203.0.113.9"),
    ("an IPv6 address is its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("its neighbour is the same", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
    ("the next /64 is another", "2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ("an IPv4-mapped address is the IPv4 address", "::ffff:203.0.113.9", "203.0.113.9"),
    ("a zone id does not count", "fe80::1%eth0", "fe80::/64"),
    ("a Unix socket", None, "unix"),
    ("an empty host is a Unix socket", "", "unix"),
    ("no address is itself", "testclient", "testclient"),
    ("no address is cut", "h" * 1000, "h" * MAX_KEY),
]


@pytest.mark.parametrize(("host", "key"), [pytest.param(*row[1:], id=row[0]) for row in KEYS])
def test_clients_are_counted_by(host: str | None, key: str) -> None:
    assert Client(host).key == key
    assert address_key(host) == key


LOOPBACK = [
    ("127.0.0.1", True), ("127.255.255.254", True), ("::1", True), ("::ffff:127.0.0.1", True),
    ("128.0.0.1", False), ("::2", False), ("localhost", False), ("", False), (None, False),
]  # fmt: skip


@pytest.mark.parametrize(("host", "expected"), LOOPBACK)
def test_loopback(host: str | None, expected: bool) -> None:
    assert is_loopback(host) is expected


sent = st.lists(st.text(st.characters(max_codepoint=255), max_size=30), max_size=40)
public = st.ip_addresses(v=4, network="203.0.113.0/24").map(str)
ours = st.lists(st.ip_addresses(v=4, network="10.0.0.0/8").map(str), max_size=5)


@given(sent, public, ours)
def test_whatever_a_client_sends_it_is_found_behind_a_plain_list(
    lies: list[str], client: str, proxies: list[str]
) -> None:
    lines = [*lies, *[", ".join([client, *proxies])]]

    assert resolve(PROXY, x(for_=lines), TrustedProxies(OURS), ALL).host == client
    assert resolve(PROXY, x(for_=", ".join(lines)), TrustedProxies(OURS), ALL).host == client


@given(sent, public, ours)
def test_whatever_a_client_sends_it_is_found_or_the_peer_behind_forwarded(
    lies: list[str], client: str, proxies: list[str]
) -> None:
    line = ", ".join([*lies, *(f"for={each}" for each in [client, *proxies])]).encode("latin-1")

    found = resolve(PROXY, [(b"forwarded", line)], TrustedProxies(OURS), IN_FORWARDED)

    assert found == PEER or found.host == client


@given(st.ip_addresses())
def test_a_key_is_the_network_of_the_address(address: IPv4Address | IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = mapped or address

    network = ip_network(address_key(str(address)))

    assert plain in network
    assert network.prefixlen == (32 if plain.version == 4 else 64)
