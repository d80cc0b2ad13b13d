"""What proxies wrote is read element by element; what cannot be read is a broken hop, never a guess."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.forwarded import (
    BROKEN,
    MAX_BYTES,
    MAX_ELEMENT,
    MAX_HOPS,
    Hop,
    forwarded,
    parse_ip,
    x_forwarded_for,
)

FORWARDED = [
    ("an IPv4 address is a token", [b"for=192.0.2.60"], [Hop("192.0.2.60")]),
    ("every parameter is read", [b"for=192.0.2.60;proto=http;by=203.0.113.43;host=example.com"],
     [Hop("192.0.2.60", None, "http", "example.com")]),
    ("IPv6 stands in brackets and quotes", [b'for="[2001:db8:cafe::17]"'], [Hop("2001:db8:cafe::17")]),
    ("an IPv6 port stands behind the bracket", [b'for="[2001:db8:cafe::17]:4711"'],
     [Hop("2001:db8:cafe::17", 4711)]),
    ("an IPv4 port needs quotes", [b'for="192.0.2.43:47011"'], [Hop("192.0.2.43", 47011)]),
    ("parameter names have no case", [b'For="192.0.2.43";PROTO=https'], [Hop("192.0.2.43", None, "https")]),
    ("elements stay in the order of the wire", [b"for=192.0.2.43, for=198.51.100.17"],
     [Hop("192.0.2.43"), Hop("198.51.100.17")]),
    ("lines follow one another", [b"for=192.0.2.43", b"for=198.51.100.17"],
     [Hop("192.0.2.43"), Hop("198.51.100.17")]),
    ("a quoted pair stands for its character", [b'for="192\\.0.2.43";host="a\\"b"'],
     [Hop("192.0.2.43", None, None, 'a"b')]),
    ("a comma in quotes separates nothing", [b'for=192.0.2.43;host="a,b;c", for=192.0.2.1'],
     [Hop("192.0.2.43", None, None, "a,b;c"), Hop("192.0.2.1")]),
    ("empty elements and pairs are skipped", [b", ,for=192.0.2.43;;proto=http;,"],
     [Hop("192.0.2.43", None, "http")]),
    ("white space around a semicolon is forgiven", [b"for=192.0.2.43 ;\tproto=http"],
     [Hop("192.0.2.43", None, "http")]),
    ("an IPv4-mapped address is that IPv4 address", [b'for="[::ffff:192.0.2.1]"'], [Hop("192.0.2.1")]),
    ("a zone id is dropped", [b'for="[fe80::1%eth0]"'], [Hop("fe80::1")]),
    ("an obfuscated port is no port", [b'for="192.0.2.43:_p"'], [Hop("192.0.2.43")]),
    ("an unknown parameter is no harm", [b'for=192.0.2.43;secret="x"'], [Hop("192.0.2.43")]),
    ("unknown is broken", [b"for=unknown"], [BROKEN]),
    ("an obfuscated name is broken", [b"for=_gazonk"], [BROKEN]),
    ("an element without for is broken", [b"proto=https;by=10.0.0.1"], [BROKEN]),
    ("for given twice is broken", [b"for=192.0.2.1;for=192.0.2.2"], [BROKEN]),
    ("IPv6 without brackets is broken", [b'for="2001:db8::1"'], [BROKEN]),
    ("IPv4 in brackets is broken", [b'for="[192.0.2.1]"'], [BROKEN]),
    ("IPv6 without quotes is broken", [b"for=[2001:db8::1]"], [BROKEN]),
    ("an IPv4 port without quotes is broken", [b"for=192.0.2.1:80"], [BROKEN]),
    ("a port above 65535 is broken", [b'for="192.0.2.1:65536"'], [BROKEN]),
    ("white space around the equals sign is broken", [b"for = 192.0.2.1"], [BROKEN]),
    ("text behind a closing quote is broken", [b'for="192.0.2.1"x'], [BROKEN]),
    ("a control character in quotes is broken", [b'for=192.0.2.1;host="a\x00b"'], [BROKEN]),
    ("an address with leading zeros is broken", [b"for=192.0.2.01"], [BROKEN]),
    ("IPv4 has no zone", [b"for=192.0.2.1%eth0"], [BROKEN]),
    ("a broken element leaves its neighbours", [b"for=192.0.2.1, what is this, for=192.0.2.3"],
     [Hop("192.0.2.1"), BROKEN, Hop("192.0.2.3")]),
    ("an open quote takes the rest of its line", [b'for=192.0.2.1, x=", for=192.0.2.3'],
     [Hop("192.0.2.1"), BROKEN]),
    ("an open quote ends with its line", [b'x="', b"for=192.0.2.3"], [BROKEN, Hop("192.0.2.3")]),
    ("an open quote may end in a backslash", [b'x="\\', b"for=192.0.2.3"], [BROKEN, Hop("192.0.2.3")]),
    ("no line is no hop", [], []),
    ("an empty line is no hop", [b""], []),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "hops"), [pytest.param(*row[1:], id=row[0]) for row in FORWARDED])
def test_forwarded(lines: list[bytes], hops: list[Hop]) -> None:
    assert forwarded(lines) == hops


X_FORWARDED_FOR = [
    ("one address", [b"192.0.2.60"], [Hop("192.0.2.60")]),
    ("a list in the order of the wire", [b"192.0.2.60, 198.51.100.17"],
     [Hop("192.0.2.60"), Hop("198.51.100.17")]),
    ("lines follow one another", [b"192.0.2.60", b"198.51.100.17"], [Hop("192.0.2.60"), Hop("198.51.100.17")]),
    ("white space is not needed", [b"192.0.2.60,198.51.100.17"], [Hop("192.0.2.60"), Hop("198.51.100.17")]),
    ("IPv4 with a port", [b"192.0.2.60:8080"], [Hop("192.0.2.60", 8080)]),
    ("IPv6 as it is", [b"2001:db8::17"], [Hop("2001:db8::17")]),
    ("IPv6 as it is never has a port", [b"2001:db8::17:8080"], [Hop("2001:db8::17:8080")]),
    ("IPv6 in brackets", [b"[2001:db8::17]"], [Hop("2001:db8::17")]),
    ("IPv6 in brackets with a port", [b"[2001:db8::17]:8080"], [Hop("2001:db8::17", 8080)]),
    ("IPv6 in canonical form", [b"2001:DB8:0:0::0017"], [Hop("2001:db8::17")]),
    ("a zone id is dropped", [b"fe80::1%eth0"], [Hop("fe80::1")]),
    ("an IPv4-mapped address is that IPv4 address", [b"::ffff:192.0.2.1"], [Hop("192.0.2.1")]),
    ("empty elements are skipped", [b", 192.0.2.60,,"], [Hop("192.0.2.60")]),
    ("unknown is broken", [b"unknown, 192.0.2.60"], [BROKEN, Hop("192.0.2.60")]),
    ("a name is broken", [b"localhost"], [BROKEN]),
    ("the word for a Unix socket is broken", [b"unix"], [BROKEN]),
    ("a colon without port is broken", [b"192.0.2.60:"], [BROKEN]),
    ("a port that is no number is broken", [b"192.0.2.60:http"], [BROKEN]),
    ("a port above 65535 is broken", [b"192.0.2.60:65536"], [BROKEN]),
    ("the highest port is a port", [b"192.0.2.60:65535"], [Hop("192.0.2.60", 65535)]),
    ("an open bracket is broken", [b"[2001:db8::17"], [BROKEN]),
    ("quotes are broken", [b'"192.0.2.60"'], [BROKEN]),
    ("bytes that are no text are broken", [b"\xff\x00"], [BROKEN]),
    ("no line is no hop", [], []),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "hops"), [pytest.param(*row[1:], id=row[0]) for row in X_FORWARDED_FOR])
def test_x_forwarded_for(lines: list[bytes], hops: list[Hop]) -> None:
    assert x_forwarded_for(lines) == hops


def numbered(count: int) -> list[str]:
    return [f"192.0.2.{number}" for number in range(count)]


@pytest.mark.parametrize("count", [MAX_HOPS - 1, MAX_HOPS])
def test_up_to_the_limit_every_hop_is_kept(count: int) -> None:
    addresses = numbered(count)

    plain = x_forwarded_for([", ".join(addresses).encode()])
    rich = forwarded([", ".join(f"for={each}" for each in addresses).encode()])

    assert [hop.address for hop in plain] == addresses
    assert [hop.address for hop in rich] == addresses


def test_past_the_limit_the_left_end_is_cut_and_the_cut_is_broken() -> None:
    addresses = numbered(MAX_HOPS + 1)

    plain = x_forwarded_for([", ".join(addresses).encode()])
    rich = forwarded([", ".join(f"for={each}" for each in addresses).encode()])

    expected = [None, *addresses[2:]]
    assert [hop.address for hop in plain] == expected
    assert [hop.address for hop in rich] == expected


@pytest.mark.parametrize(
    ("excess", "first"),
    [pytest.param(0, "1.1.1.1", id="at the limit"), pytest.param(1, None, id="one above")],
)
def test_a_list_that_is_too_long_is_cut_at_its_left_end(excess: int, first: str | None) -> None:
    tail = b",192.0.2.2"
    line = b"1.1.1.1".ljust(MAX_BYTES + excess - len(tail)) + tail

    hops = x_forwarded_for([line])

    assert [hop.address for hop in hops] == [first, "192.0.2.2"]


def test_half_an_address_is_not_taken_for_a_whole_one() -> None:
    tail = b",192.0.2.2".rjust(MAX_BYTES - len("1.2.3.4"))
    line = b"11.2.3.4" + tail

    hops = x_forwarded_for([line])

    assert hops == [BROKEN, Hop("192.0.2.2")]


def test_a_forwarded_line_over_the_limit_leaves_the_lines_below_it() -> None:
    hops = forwarded([b"for=192.0.2.1;x=" + b"a" * MAX_BYTES, b"for=192.0.2.2"])

    assert hops == [BROKEN, Hop("192.0.2.2")]


def test_lines_above_one_that_is_too_long_are_not_read() -> None:
    hops = forwarded([b"for=192.0.2.1", b"for=192.0.2.3;x=" + b"a" * MAX_BYTES, b"for=192.0.2.2"])

    assert hops == [BROKEN, Hop("192.0.2.2")]


@pytest.mark.parametrize(
    ("size", "address"),
    [
        pytest.param(MAX_ELEMENT, "192.0.2.1", id="at the limit"),
        pytest.param(MAX_ELEMENT + 1, None, id="one above"),
    ],
)
def test_an_element_that_is_too_long_is_broken(size: int, address: str | None) -> None:
    line = b"for=192.0.2.1;host=".ljust(size, b"h")

    (hop,) = forwarded([line])

    assert hop.address == address


def test_an_over_long_text_is_no_address() -> None:
    assert parse_ip("fe80::1%" + "z" * 100) is None


addresses = st.ip_addresses().map(lambda ip: getattr(ip, "ipv4_mapped", None) or ip)
ports = st.none() | st.integers(0, 65535)
texts = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)
hops_sent = st.lists(
    st.builds(lambda ip, *rest: Hop(str(ip), *rest), addresses, ports, texts, texts), max_size=6
)


def node_of(hop: Hop) -> str:
    host = f"[{hop.address}]" if ":" in str(hop.address) else str(hop.address)
    return host if hop.port is None else f"{host}:{hop.port}"


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(hop: Hop) -> str:
    pairs = {"for": node_of(hop), "proto": hop.proto, "host": hop.authority}
    return ";".join(f"{name}={quote(text)}" for name, text in pairs.items() if text is not None)


@given(hops_sent)
def test_what_is_written_by_the_rules_is_read_as_it_was(hops: list[Hop]) -> None:
    assert forwarded([", ".join(map(write, hops)).encode()]) == hops
    assert forwarded([write(hop).encode() for hop in hops]) == hops


@given(hops_sent)
def test_a_plain_list_is_read_as_it_was(hops: list[Hop]) -> None:
    line = ", ".join(map(node_of, hops)).encode()

    assert x_forwarded_for([line]) == [Hop(hop.address, hop.port) for hop in hops]


# What a client may send, close to the grammar so that the parsers get beyond the first character.
words = st.sampled_from(
    ['"', "\\", ",", ";", "=", "for", "for=192.0.2.66", "[", "]", ":", "_x", " ", "host="]
)
garbage = st.lists(words, max_size=30).map("".join) | st.text(st.characters(max_codepoint=255), max_size=60)
lines_of_garbage = st.lists(garbage.map(lambda text: text.encode("latin-1")), max_size=4)


@given(lines_of_garbage)
def test_whatever_comes_hops_come_out_and_their_addresses_are_addresses(lines: list[bytes]) -> None:
    for hops in (forwarded(lines), x_forwarded_for(lines)):
        assert len(hops) <= MAX_HOPS
        assert all(hop == BROKEN or parse_ip(str(hop.address)) for hop in hops)


@given(
    garbage,
    st.lists(st.builds(lambda ip: Hop(str(ip), 80, "http", 'a"b'), addresses), min_size=1, max_size=3),
)
def test_a_client_cannot_write_what_stands_to_its_right(sent: str, hops: list[Hop]) -> None:
    line = ", ".join([sent, *map(write, hops)]).encode("latin-1")

    assert forwarded([line])[-1] in (hops[-1], BROKEN)
    assert forwarded([sent.encode("latin-1"), write(hops[-1]).encode()])[-1] == hops[-1]


@given(garbage, addresses)
def test_in_a_plain_list_not_even_break_it(sent: str, ip: IPv6Address) -> None:
    assert x_forwarded_for([f"{sent}, {ip}".encode("latin-1")])[-1] == Hop(str(ip))
