"""What a field of cache directives says, what is refused as it has no meaning, and how others' fields are read."""

import re
from typing import Any

import http_sf
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_patterns.caching.directives import MOST, CacheDirectives, lifetime, may_share, read, text

SAID: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, ""),
    ("9111-5.2.2.1 max-age", {"max_age": "5m"}, "max-age=300"),
    ("9111-5.2.2.1 no time at all", {"max_age": 0}, "max-age=0"),
    ("9111-1.2.2 the longest time", {"max_age": MOST}, "max-age=2147483648"),
    ("9111-5.2.2.2 must-revalidate", {"max_age": "1h", "must_revalidate": True}, "max-age=3600, must-revalidate"),
    (
        "9111-5.2.2.3 must-understand, with what others go by",
        {"must_understand": True, "no_store": True, "max_age": 60},
        "must-understand, no-store, max-age=60",
    ),
    ("9111-5.2.2.4 no-cache", {"no_cache": True}, "no-cache"),
    ("9111-5.2.2.4 no-cache, and for old caches", {"no_cache": True, "max_age": 0}, "no-cache, max-age=0"),
    ("9111-5.2.2.5 no-store", {"no_store": True}, "no-store"),
    (
        "9111-5.2.2.5 no-store, and for caches that know less",
        {"no_store": True, "no_cache": True, "private": True, "must_revalidate": True},
        "private, no-store, no-cache, must-revalidate",
    ),
    ("9111-5.2.2.6 no-transform", {"no_transform": True}, "no-transform"),
    ("9111-5.2.2.6 no-transform beside no-store", {"no_transform": True, "no_store": True}, "no-store, no-transform"),
    ("9111-5.2.2.7 private", {"private": True, "max_age": "1m"}, "private, max-age=60"),
    (
        "9111-5.2.2.8 proxy-revalidate",
        {"public": True, "max_age": 60, "proxy_revalidate": True},
        "public, max-age=60, proxy-revalidate",
    ),
    ("9111-5.2.2.9 public", {"public": True}, "public"),
    ("9111-5.2.2.10 s-maxage", {"s_maxage": "1d"}, "s-maxage=86400"),
    ("8246-2 immutable", {"max_age": "52w", "immutable": True}, "max-age=31449600, immutable"),
    (
        "5861-3 stale-while-revalidate",
        {"max_age": 600, "stale_while_revalidate": 30},
        "max-age=600, stale-while-revalidate=30",
    ),
    ("5861-4 stale-if-error", {"max_age": 600, "stale_if_error": "1d"}, "max-age=600, stale-if-error=86400"),
    ("a number as a text, as from a variable", {"max_age": "90s"}, "max-age=90"),
    ("minutes and a half", {"max_age": "1.5m"}, "max-age=90"),
]  # fmt: skip
NAMES = [row[0] for row in SAID]


@pytest.mark.parametrize(("settings", "expected"), [row[1:] for row in SAID], ids=NAMES)
def test_a_field_says(settings: dict[str, Any], expected: str) -> None:
    assert text(CacheDirectives(**settings)) == expected


@pytest.mark.parametrize("settings", [row[1] for row in SAID[1:]], ids=NAMES[1:])
def test_it_is_a_dictionary_too_of_integers_and_bare_keys(settings: dict[str, Any]) -> None:
    said = text(CacheDirectives(**settings))

    parsed: Any = http_sf.parse(said.encode(), tltype="dictionary")  # RFC 9213 2.1

    assert {name.replace("-", "_"): value for name, (value, _) in parsed.items()} == {
        name: value if value is True else lifetime(read([said.encode()]), name.replace("_", "-"))
        for name, value in settings.items()
    }


OWN: list[tuple[str, dict[str, Any], str]] = [
    ("what invites shared caches goes", {"public": True, "s_maxage": 60, "max_age": 5}, "private, max-age=5"),
    ("what is for them alone goes", {"max_age": 5, "proxy_revalidate": True}, "private, max-age=5"),
    ("what is private stays", {"private": True, "max_age": 5}, "private, max-age=5"),
    ("what nobody keeps stays", {"no_store": True}, "no-store"),
    (
        "what some may keep is for the receiver",
        {"no_store": True, "must_understand": True},
        "private, must-understand, no-store",
    ),
    ("what is always checked stays so", {"no_cache": True}, "private, no-cache"),
    ("where nothing is said", {}, "private"),
]


@pytest.mark.parametrize(("settings", "expected"), [row[1:] for row in OWN], ids=[row[0] for row in OWN])
def test_for_the_receiver_alone(settings: dict[str, Any], expected: str) -> None:
    assert text(CacheDirectives(**settings), shared=False) == expected


UNTIMED: list[tuple[str, dict[str, Any], str]] = [
    ("what invites goes", {"public": True, "max_age": 60, "immutable": True}, ""),
    ("times go", {"s_maxage": 60, "max_age": 5, "stale_if_error": 9}, ""),
    ("what restricts stays", {"private": True, "max_age": 5, "no_transform": True}, "private, no-transform"),
    ("what nobody keeps stays", {"no_store": True}, "no-store"),
]


@pytest.mark.parametrize(
    ("settings", "expected"), [row[1:] for row in UNTIMED], ids=[row[0] for row in UNTIMED]
)
def test_beside_what_says_how_long(settings: dict[str, Any], expected: str) -> None:
    assert text(CacheDirectives(**settings), timed=False) == expected


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("public with private", {"public": True, "private": True}, "private", "leave one of them out"),
    ("9111-5.2.2.5 no-store with public", {"no_store": True, "public": True}, "public", "out of every cache"),
    ("9111-5.2.2.5 no-store with max-age", {"no_store": True, "max_age": 60}, "max_age", "out of every cache"),
    ("9111-5.2.2.5 no-store with no time at all", {"no_store": True, "max_age": 0}, "max_age", "out of every cache"),
    ("9111-5.2.2.5 no-store with s-maxage", {"no_store": True, "s_maxage": 60}, "s_maxage", "out of every cache"),
    ("no-store with immutable", {"no_store": True, "immutable": True}, "immutable", "out of every cache"),
    (
        "no-store with stale-while-revalidate",
        {"no_store": True, "stale_while_revalidate": 1},
        "stale_while_revalidate",
        "out of every cache",
    ),
    ("no-store with stale-if-error", {"no_store": True, "stale_if_error": 1}, "stale_if_error", "every cache"),
    ("9111-5.2.2.4 no-cache with max-age", {"no_cache": True, "max_age": 60}, "max_age", "checked with the app"),
    ("9111-5.2.2.4 no-cache with s-maxage", {"no_cache": True, "s_maxage": 60}, "s_maxage", "checked with the app"),
    ("8246-2 no-cache with immutable", {"no_cache": True, "max_age": 0, "immutable": True}, "immutable", "checked"),
    (
        "9111-4.2.4 no-cache with stale-while-revalidate",
        {"no_cache": True, "stale_while_revalidate": 1},
        "stale_while_revalidate",
        "checked with the app",
    ),
    ("9111-4.2.4 no-cache with stale-if-error", {"no_cache": True, "stale_if_error": 1}, "stale_if_error", "checked"),
    ("9111-5.2.2.7 private with s-maxage", {"private": True, "s_maxage": 60}, "s_maxage", "for these alone"),
    (
        "9111-5.2.2.8 private with proxy-revalidate",
        {"private": True, "proxy_revalidate": True},
        "proxy_revalidate",
        "for these alone",
    ),
    ("8246-2 immutable without a lifetime", {"immutable": True}, "immutable", "max_age"),
    ("8246-2 immutable for no time at all", {"immutable": True, "max_age": 0}, "immutable", "max_age"),
    ("8246-2 immutable for no time at all, in words", {"immutable": True, "max_age": "0m"}, "immutable", "max_age"),
    ("8246-2 immutable for shared caches alone", {"immutable": True, "s_maxage": 60}, "immutable", "max_age"),
    (
        "9111-5.2.2.2 must-revalidate with stale-while-revalidate",
        {"must_revalidate": True, "stale_while_revalidate": 1},
        "stale_while_revalidate",
        "forbids stale",
    ),
    (
        "9111-5.2.2.2 must-revalidate with stale-if-error",
        {"must_revalidate": True, "stale_if_error": 1},
        "stale_if_error",
        "forbids stale",
    ),
    ("9111-5.2.2.3 must-understand alone", {"must_understand": True}, "must_understand", "needs no_store"),
    ("a part of a second", {"max_age": 1.5}, "max_age", "no whole number"),
    ("a part of a second in words", {"s_maxage": "500ms"}, "s_maxage", "no whole number"),
    ("9111-1.2.2 longer than caches count", {"max_age": MOST + 1}, "max_age", "longer than"),
    ("a time before now", {"max_age": -1}, "max_age", "0 or more"),
    ("a switch for a time", {"max_age": True}, "max_age", "takes no switch"),
    ("a word that is no time", {"max_age": "1y"}, "max_age", "no duration"),
    ("a name that is none", {"max_ages": 1}, "max_ages", "nexpected"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_it_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(
        ValueError, match=rf"(?s)for CacheDirectives\n{re.escape(field)}\b.*{re.escape(right)}"
    ):
        CacheDirectives(**settings)


READ: list[tuple[str, list[bytes], dict[str, str | None]]] = [
    ("nothing", [], {}),
    ("an empty field", [b""], {}),
    ("one", [b"no-store"], {"no-store": None}),
    ("several", [b"public, max-age=60"], {"public": None, "max-age": "60"}),
    ("9110-5.2 several lines", [b"public", b"max-age=60"], {"public": None, "max-age": "60"}),
    ("9111-5.2 names in any case", [b"Public, MAX-AGE=60"], {"public": None, "max-age": "60"}),
    ("9111-5.2 a quoted number", [b'max-age="60"'], {"max-age": "60"}),
    ("9110-5.6.1 empty elements", [b",, public ,,"], {"public": None}),
    ("spaces around the equals sign", [b"max-age = 60"], {"max-age": "60"}),
    ("9111-4.2.1 the first of several", [b"max-age=1, max-age=2"], {"max-age": "1"}),
    ("9111-5.2.2.4 names of fields", [b'no-cache="a, b", public'], {"no-cache": "a, b", "public": None}),
    ("9110-5.6.4 an escape", [b'x="a\\"b"'], {"x": 'a"b'}),
    ("9111-5.2.3 one that nobody knows", [b"community=UCI"], {"community": "UCI"}),
    ("what is no name", [b"max age=1, public, =5, a/b"], {"public": None}),
    (
        "an open quote takes its own line with it",
        [b'private="x, no-store', b"public"],
        {"private": '"x, no-store', "public": None},
    ),
    ("bytes beyond ASCII", [b"\xff, public"], {"public": None}),
    ("an argument of nothing", [b"max-age="], {"max-age": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_it_is_read(lines: list[bytes], expected: dict[str, str | None]) -> None:
    assert read(lines) == expected


LIFETIMES = [
    ("a number", b"max-age=60", 60),
    ("nothing", b"public", None),
    ("no time at all", b"max-age=0", 0),
    ("9111-1.2.2 more than caches count", b"max-age=99999999999", MOST),
    ("9111-1.2.2 more digits than anybody reads", b"max-age=" + b"9" * 9000, MOST),
    ("as many zeros", b"max-age=" + b"0" * 9000 + b"7", 7),
    ("9111-4.2.1 no number", b"max-age=soon", 0),
    ("9111-4.2.1 a negative number", b"max-age=-1", 0),
    ("9111-4.2.1 a part of a second", b"max-age=1.5", 0),
    ("9111-4.2.1 no argument", b"max-age", 0),
    ("digits of others", "max-age=\u00b2".encode("latin-1"), 0),
]


@pytest.mark.parametrize(
    ("line", "expected"), [row[1:] for row in LIFETIMES], ids=[row[0] for row in LIFETIMES]
)
def test_a_lifetime_is_read(line: bytes, expected: int | None) -> None:
    assert lifetime(read([line]), "max-age") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"public, max-age=60", True),
        (b"max-age=60", True),
        (b"", True),
        (b"private", False),
        (b'private="set-cookie"', False),
        (b"no-store", False),
        (b"No-Cache", False),
    ],
)
def test_what_keeps_shared_caches_out(line: bytes, expected: bool) -> None:
    assert may_share(read([line])) is expected


@example([b'a="\\'])
@example([b'"'])
@given(st.lists(st.binary(max_size=60) | st.text('max-age=, "\\0', max_size=40).map(str.encode), max_size=4))
def test_any_bytes_are_read_as_something(lines: list[bytes]) -> None:
    said = read(lines)

    assert all(name == name.lower() and re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name) for name in said)
    assert all((lifetime(said, name) or 0) in range(MOST + 1) for name in said)


TIMES = st.none() | st.integers(0, MOST)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.just(True) for name in ("public", "private", "no_store", "no_cache", "immutable")},
        **{name: st.just(True) for name in ("must_revalidate", "proxy_revalidate", "no_transform")},
        **dict.fromkeys(("max_age", "s_maxage", "stale_while_revalidate", "stale_if_error"), TIMES),
    },
)


@given(SETTINGS)
def test_what_is_said_is_read_again_or_was_refused(settings: dict[str, Any]) -> None:
    try:
        directives = CacheDirectives(**settings)
    except ValueError:
        return
    expected = {name.replace("_", "-"): value for name, value in settings.items() if value is not None}

    said = read([text(directives).encode()])

    assert {name: True if value is None else int(value) for name, value in said.items()} == expected
