"""Which texts are origins, and which origins a pattern stands for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.origins import Pattern, matches, origin

READ = [
    ("a host", "https://shop.example", "https://shop.example"),
    ("with a port", "https://shop.example:8443", "https://shop.example:8443"),
    ("capitals mean nothing", "HTTPS://Shop.EXAMPLE", "https://shop.example"),
    ("browsers leave out the default port", "https://shop.example:443", "https://shop.example"),
    ("of each scheme", "http://shop.example:80", "http://shop.example"),
    ("but not the other's", "http://shop.example:443", "http://shop.example:443"),
    ("the last port", "https://shop.example:65535", "https://shop.example:65535"),
    ("a name of one label", "http://localhost:3000", "http://localhost:3000"),
    ("an address", "http://127.0.0.1:3000", "http://127.0.0.1:3000"),
    ("an address in brackets", "http://[::1]:3000", "http://[::1]:3000"),
    ("a browser extension", "chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
    ("a mobile shell", "capacitor://localhost", "capacitor://localhost"),
    ("a name in punycode", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ("every one", "*", "*"),
    ("the opaque one", "null", "null"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_an_origin_is_written_as_browsers_send_it(text: str, expected: str) -> None:
    assert origin(text) == expected


NOT_READ = [
    ("a slash at the end", "https://shop.example/", "leave out the path"),
    ("a path", "https://shop.example/cart", "leave out the path"),
    ("a query", "https://shop.example?a=1", "leave out the path"),
    ("no scheme", "shop.example", "begin with the scheme"),
    ("only a port besides", "shop.example:8443", "begin with the scheme"),
    ("nothing", "", "begin with the scheme"),
    ("a user", "https://me@shop.example", "leave out user"),
    ("letters beyond ASCII", "https://b\xfccher.example", "xn--"),
    ("a letter that only looks like k", "https://\u212aiosk.example", "xn--"),
    ("a port beyond the last", "https://shop.example:65536", "65535"),
    ("a port of six digits", "https://shop.example:123456", "write scheme://host"),
    ("port 0", "https://shop.example:0", "write scheme://host"),
    ("no host", "https://", "write scheme://host"),
    ("a dot at the end", "https://shop.example.", "write scheme://host"),
    ("two dots", "https://shop..example", "write scheme://host"),
    ("a space", " https://shop.example", "write scheme://host"),
    ("a line break", "https://shop.example\n", "write scheme://host"),
    ("two at once", "https://a.example, https://b.example", "leave out the path"),
    ("a star", "https://*.shop.example", "allow_origin_patterns"),
    ("null in capitals", "NULL", "begin with the scheme"),
]


@pytest.mark.parametrize(("text", "right"), [row[1:] for row in NOT_READ], ids=[row[0] for row in NOT_READ])
def test_what_is_no_origin_is_refused_with_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=re.escape(right)):
        origin(text)


MATCHES: list[tuple[str, str, str, bool]] = [
    ("the star is a label", "https://*.shop.example", "https://a.shop.example", True),
    ("of any length", "https://*.shop.example", f"https://{'a' * 63}.shop.example", True),
    ("that DNS has", "https://*.shop.example", f"https://{'a' * 64}.shop.example", False),
    ("one with hyphens", "https://*.shop.example", "https://pr-12.shop.example", True),
    ("it is not nothing", "https://*.shop.example", "https://shop.example", False),
    ("nor an empty label", "https://*.shop.example", "https://.shop.example", False),
    ("nor two labels", "https://*.shop.example", "https://a.b.shop.example", False),
    ("two stars are two labels", "https://*.*.shop.example", "https://a.b.shop.example", True),
    ("a star in the middle", "https://a.*.shop.example", "https://a.b.shop.example", True),
    ("a star within a label", "https://pr-*.shop.example", "https://pr-12.shop.example", True),
    ("is not nothing either", "https://pr-*.shop.example", "https://pr-.shop.example", False),
    ("with something behind it", "https://pr-*-web.shop.example", "https://pr-12-web.shop.example", True),
    ("both ends at once are not enough", "https://ab*ba.shop.example", "https://aba.shop.example", False),
    ("a path with the host in it", "https://*.shop.example", "https://evil.com/.shop.example", False),
    ("a host with the host in it", "https://*.shop.example", "https://a.shop.example.evil.com", False),
    ("a host that ends alike", "https://*.shop.example", "https://a.evilshop.example", False),
    ("a port in place of the rest", "https://*.shop.example", "https://evil.com:80.shop.example", False),
    ("a port that nobody named", "https://*.shop.example", "https://a.shop.example:8443", False),
    ("the default port, spelt out", "https://*.shop.example", "https://a.shop.example:443", False),
    ("a user with the host behind", "https://*.shop.example", "https://evil.com@a.shop.example", False),
    ("a user with the host in it", "https://*.shop.example", "https://a.shop.example@evil.com", False),
    ("a fragment", "https://*.shop.example", "https://evil.com#.shop.example", False),
    ("a backslash", "https://*.shop.example", "https://evil.com\\.shop.example", False),
    ("a percent sign", "https://*.shop.example", "https://evil.com%2f.shop.example", False),
    ("a line break at the end", "https://*.shop.example", "https://a.shop.example\n", False),
    ("a space in front", "https://*.shop.example", " https://a.shop.example", False),
    ("two origins", "https://*.shop.example", "https://a.shop.example https://b.shop.example", False),
    ("a dot at the end", "https://*.shop.example", "https://a.shop.example.", False),
    ("a star in the request", "https://*.shop.example", "https://*.shop.example", False),
    ("capitals, which no browser sends", "https://*.shop.example", "https://A.shop.example", False),
    ("another scheme", "https://*.shop.example", "http://a.shop.example", False),
    ("a scheme that begins alike", "http://*.shop.example", "https://a.shop.example", False),
    ("the opaque origin", "https://*.shop.example", "null", False),
    ("nothing at all", "https://*.shop.example", "", False),
    ("the port that is named", "https://*.shop.example:8443", "https://a.shop.example:8443", True),
    ("not another", "https://*.shop.example:8443", "https://a.shop.example:8444", False),
    ("nor none", "https://*.shop.example:8443", "https://a.shop.example", False),
    ("a default port in the pattern is none", "https://*.shop.example:443", "https://a.shop.example", True),
    ("any port", "http://localhost:*", "http://localhost:5173", True),
    ("the default one, too", "http://localhost:*", "http://localhost", True),
    ("but only a port", "http://localhost:*", "http://localhost:5173.evil.com", False),
    ("not two", "http://localhost:*", "http://localhost:1:2", False),
    ("nor an empty one", "http://localhost:*", "http://localhost:", False),
    ("below localhost one label is enough", "http://*.localhost:3000", "http://a.localhost:3000", True),
    ("capitals in the pattern mean nothing", "https://*.Shop.example", "https://a.shop.example", True),
    ("no star at all", "https://shop.example", "https://shop.example", True),
]


@pytest.mark.parametrize(
    ("pattern", "sent", "expected"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_what_a_pattern_matches(pattern: str, sent: str, expected: bool) -> None:
    assert matches([Pattern.parse(pattern)], sent.encode()) is expected


def test_one_of_several_patterns_is_enough() -> None:
    patterns = [Pattern.parse("https://*.shop.example"), Pattern.parse("http://localhost:*")]

    assert matches(patterns, b"http://localhost:3000")
    assert not matches(patterns, b"https://localhost:3000")


NO_PATTERNS = [
    ("every name there is", "https://*", "two labels"),
    ("every name below a top-level domain", "https://*.com", "two labels"),
    ("any top-level domain", "https://shop.*", "two labels"),
    ("a star in front of the last label", "https://a.*.com", "two labels"),
    ("a star in the last label", "https://a.shop.ex*", "two labels"),
    ("two stars in a label", "https://a*b*.shop.example", "one * in a label"),
    ("the double star of paths", "https://**.shop.example", "one * in a label"),
    ("any scheme", "*://a.shop.example", "one * in a label"),
    ("a star in the port", "https://a.shop.example:80*", "one * in a label"),
    ("a path", "https://*.shop.example/", "leave out the path"),
    ("the star alone", "*", "begin with the scheme"),
    ("null", "null", "begin with the scheme"),
    ("a regular expression", r"https://.+\.shop\.example", "write scheme://host"),
    ("an empty label", "https://*..shop.example", "one * in a label"),
    ("a port beyond the last", "https://*.shop.example:70000", "65535"),
]


@pytest.mark.parametrize(
    ("text", "right"), [row[1:] for row in NO_PATTERNS], ids=[row[0] for row in NO_PATTERNS]
)
def test_what_is_no_pattern_is_refused_with_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=re.escape(right)):
        Pattern.parse(text)


labels = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
globs = st.from_regex(r"[a-z0-9]{0,3}\*?[a-z0-9]{0,3}", fullmatch=True).filter(bool)
hosts = st.lists(labels, min_size=1, max_size=5).map(".".join)
ports = st.integers(1, 65535).map(lambda port: f":{port}") | st.just("")
schemes = st.sampled_from(["http", "https", "capacitor"])
origins = st.builds(lambda scheme, host, port: f"{scheme}://{host}{port}", schemes, hosts, ports)
patterns = st.builds(
    lambda scheme, globbed, port: f"{scheme}://{'.'.join(globbed)}.shop.example{port}",
    schemes,
    st.lists(globs, min_size=1, max_size=3),
    ports | st.just(":*"),
)


@given(origins)
def test_an_origin_that_was_read_stays_as_it_is(text: str) -> None:
    once = origin(text)

    assert origin(once) == once
    assert matches([Pattern.parse(once)], once.encode())


def reference(pattern: str) -> re.Pattern[str]:
    """The same pattern as a regular expression, which settings may not have."""
    head, colon, port = pattern.rpartition(":")
    if colon and not port.startswith("//"):
        tail = r"(:[1-9][0-9]{0,4})?" if port == "*" else f":{port}"
    else:
        head, tail = pattern, ""
    if (head.split(":")[0], tail) in (("http", ":80"), ("https", ":443")):
        tail = ""
    return re.compile(re.escape(head).replace(r"\*", "[a-z0-9_-]+") + tail)


near = st.builds(
    lambda scheme, sub, rest, port: f"{scheme}://{sub}{rest}{port}",
    schemes,
    st.text("ab.-_/:@*# ", max_size=8),
    st.sampled_from([".shop.example", "shop.example", ".shop.example.", ".shopXexample", ".evil.example"]),
    st.sampled_from(["", ":80", ":443", ":8443", ":", ":x", "/", "\n"]),
)


@given(patterns, near | origins | st.text(max_size=40))
def test_a_pattern_says_what_its_regular_expression_would(pattern: str, sent: str) -> None:
    expected = reference(pattern).fullmatch(sent) is not None

    assert matches([Pattern.parse(pattern)], sent.encode()) is expected


@given(patterns, st.data())
def test_what_stands_for_the_stars_matches(pattern: str, data: st.DataObject) -> None:
    head, _, port = pattern.rpartition(":")
    host = head if port == "*" else pattern
    sent = "".join(data.draw(labels) if each == "*" else each for each in host)
    if sent.startswith("http://"):
        sent = sent.removesuffix(":80")
    elif sent.startswith("https://"):
        sent = sent.removesuffix(":443")

    assert matches([Pattern.parse(pattern)], sent.encode())


@given(st.binary(max_size=80))
def test_whatever_is_sent_is_looked_at(sent: bytes) -> None:
    assert matches([Pattern.parse("https://*.shop.example")], sent) is False


def read(text: str) -> str | None:
    try:
        return origin(text)
    except ValueError:
        return None


@given(st.text(max_size=60) | origins)
def test_whatever_is_written_is_sent_by_a_browser_or_refused(text: str) -> None:
    found = read(text)

    sent = re.compile(r"[*]|null|[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
    assert found is None or sent.fullmatch(found)
