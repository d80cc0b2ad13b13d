"""What the rules of ``CachePolicy`` refuse at start-up, what they warn of, and what is said about them."""

import re
from typing import Any

import pytest

from asgi_patterns import CachePolicy, CacheRule
from asgi_patterns.caching import CacheDirectives
from asgi_patterns.caching.media_types import TYPES, extension
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.settings import SettingsError, load

HOUR = CacheDirectives(max_age="1h")

REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("what directives refuse", {"public": True, "private": True}, "private", "leave one of them out"),
    ("a pattern that is none", {"match": "assets"}, "match", "must start with"),
    ("a method that is none", {"match": "GTE /x"}, "match", "unknown method"),
    ("9110-9.3.4 PUT", {"match": "PUT /x", "max_age": 1}, "no_store", "no cache keeps the answer to PUT"),
    ("9110-9.3.5 DELETE beside GET", {"match": "GET,DELETE /x", "max_age": 1}, "no_store", "answer to DELETE"),
    ("9110-9.3.7 OPTIONS in a list", {"match": ["/x", "OPTIONS /x"], "max_age": 1}, "no_store", "answer to OPTIONS"),
    ("no status", {"statuses": []}, "statuses", "at least 1"),
    ("a status that is no answer", {"statuses": [101]}, "statuses.0", "200"),
    ("statuses of another kind", {"statuses": ["1xx"]}, "statuses.0", "2xx"),
    ("a type that is none", {"media_types": ["css"]}, "media_types.0", "pattern"),
    ("a type with parameters", {"media_types": ["text/css; charset=utf-8"]}, "media_types.0", "pattern"),
    ("an extension that nobody knows", {"match": "/**/*.xyzzy"}, "media_types", "nobody knows what .xyzzy is to be"),
    ("one of several", {"match": ["/*.css", "/x/*.v2"]}, "media_types", ".v2"),
    ("Expires without a lifetime", {"expires": True, "s_maxage": 1}, "expires", "set max_age"),
    ("a field for a CDN that says nothing", {"cdn": {}}, "cdn", "says nothing"),
    ("9213 one that contradicts itself", {"cdn": {"no_store": True, "max_age": 1}}, "cdn.max_age", "every cache"),
    ("9213 Cache-Control as one cache's", {"targeted": {"Cache-Control": HOUR}}, "targeted", "in the rule itself"),
    ("9213 that of CDNs as one cache's", {"targeted": {"CDN-Cache-Control": HOUR}}, "targeted", "in cdn"),
    ("9213 a field that is no target", {"targeted": {"Set-Cookie": HOUR}}, "targeted", "no targeted field"),
    ("9213 a name that ends its line", {"targeted": {"X\r\nY-Control": HOUR}}, "targeted", "letters, digits"),
    ("9110-12.5.5 a star", {"vary": ["*"]}, "vary", "set no_store"),
    ("a name that is none", {"vary": ["Accept Language"]}, "vary.0", "letters, digits"),
    ("two keys in one", {"surrogate_key": ["a b"]}, "surrogate_key.0", "pattern"),
    ("a key that ends its line", {"surrogate_key": ["a\r\nb"]}, "surrogate_key.0", "pattern"),
    ("a key of nothing", {"surrogate_key": [""]}, "surrogate_key.0", "1 character"),
    ("credentials, and private", {"private": True, "despite_credentials": True}, "despite_credentials", "private"),
    ("cookies, and no-store", {"no_store": True, "despite_cookies": True}, "despite_cookies", "no_store"),
    ("9111-3.5 credentials, not public", {"max_age": 1, "despite_credentials": True}, "despite_credentials", "public"),
    ("a field that there is not", {"path": "/x"}, "path", "nexpected"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_rule_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)for CacheRule\n{re.escape(field)}\b.*{re.escape(right)}"):
        CacheRule(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"match": "PUT /x", "no_store": True}, id="a write that is not kept"),
        pytest.param({"match": "/**/*.xyzzy", "media_types": ["*/*"]}, id="an extension, in so many words"),
        pytest.param({"match": "/report.v2"}, id="one path with an extension that nobody knows"),
        pytest.param({"match": "/files/*.*"}, id="any extension"),
        pytest.param({"statuses": [200, "3xx", 404]}, id="statuses"),
        pytest.param({"s_maxage": 1, "despite_credentials": True}, id="9111-3.5 credentials, s-maxage"),
        pytest.param({"max_age": 1, "despite_cookies": True}, id="cookies"),
        pytest.param({"no_store": True, "cdn": HOUR}, id="9213-3.1 for the CDN alone"),
    ],
)
def test_a_rule_accepts(settings: dict[str, Any]) -> None:
    rule = CacheRule(**settings)

    assert all(getattr(rule, name) for name in settings)


def test_credentials_are_names_of_fields() -> None:
    with pytest.raises(ValueError, match=r"(?s)credentials\.0.*letters, digits"):
        CachePolicy(credentials=["X A"])


def test_a_file_is_told_which_rule_is_wrong() -> None:
    rules = [{"match": "/a", "max_age": "5m"}, {"match": "/b", "no_store": True, "max_age": "5m"}]

    with pytest.raises(SettingsError) as wrong:
        load({"cache_policy": {"rules": rules}})

    (complaint,) = wrong.value.complaints
    assert "cache_policy.rules[1].max_age: no_store keeps the answer out of every cache" in complaint


def test_a_variable_holds_rules_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = '[{"match": "/a", "max_age": "5m", "cdn": {"max_age": 60}, "targeted": {"X-Control": {"no_store": true}}}]'
    monkeypatch.setenv("ASGI_PATTERNS_CACHE_POLICY__RULES", rules)

    (layer,) = load().cache_policy

    assert layer.outline == [
        (
            "gives a 2xx on /a Cache-Control: max-age=300; CDN-Cache-Control: max-age=60; X-Control: no-store, "
            "as rules[0]"
        )
    ]


DOUBTED: list[tuple[str, list[CacheRule], list[str]]] = [
    ("nothing", [CacheRule(match="/a"), CacheRule(match="/b/**"), CacheRule()], []),
    (
        "9111-5.2.2.10 s-maxage and stale",
        [CacheRule(s_maxage=1, stale_if_error=1)],
        [
            (
                "has s_maxage and stale_if_error in rules[0]: s_maxage forbids shared caches what is stale "
                "(RFC 9111 5.2.2.10), so say stale_if_error in cdn, with a max_age of its own"
            )
        ],
    ),
    (
        "a rule after one for all",
        [CacheRule(), CacheRule(match="/b/*")],
        ["never gets to '/b/*' in rules[1]: rules[0] has '/**' and comes first"],
    ),
    (
        "a path after its tree",
        [CacheRule(match="/b/**"), CacheRule(match=["/b", "/bc", "GET /b/c"])],
        [
            "never gets to '/b' in rules[1]: rules[0] has '/b/**' and comes first",
            "never gets to 'GET /b/c' in rules[1]: rules[0] has '/b/**' and comes first",
        ],
    ),
    ("a tree beside one with the same beginning", [CacheRule(match="/b/**"), CacheRule(match="/bc/**")], []),
    ("another status", [CacheRule(), CacheRule(statuses=[404])], []),
    ("another method", [CacheRule(), CacheRule(match="POST /x", max_age=1)], []),
    ("a type that may be another", [CacheRule(match="/**/*.css"), CacheRule(match="/a/*.css")], []),
    (
        "the same again",
        [CacheRule(match="/a*/x"), CacheRule(match="/a*/x/")],
        ["never gets to '/a*/x/' in rules[1]: rules[0] has '/a*/x' and comes first"],
    ),
]


@pytest.mark.parametrize(("rules", "expected"), [row[1:] for row in DOUBTED], ids=[row[0] for row in DOUBTED])
def test_it_warns_of(rules: list[CacheRule], expected: list[str]) -> None:
    assert CachePolicy(rules=rules).doubts(DEFAULT) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/**/*.css", "css"),
        ("/a/x.min.JS", "js"),
        ("/a/*.css/", "css"),
        ("GET /a/*.css ", "css"),
        ("/a.b/c", None),
        ("/a/*", None),
        ("/a/*.*", None),
        ("/a/*.c*", None),
        ("/a/x.", None),
        ("/", None),
    ],
)
def test_the_extension_of_a_pattern(pattern: str, expected: str | None) -> None:
    assert extension(pattern) == expected


def test_no_extension_promises_a_page_but_those_of_pages() -> None:
    pages = {name for name, types in TYPES.items() if {"text/html", "*/*", "text/*"} & {*types}}

    assert pages == {"html", "htm", "xhtml"}
