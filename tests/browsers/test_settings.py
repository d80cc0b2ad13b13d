"""What the two layers refuse at start-up, and what they say would be right."""

import re
from typing import Any

import pytest

from asgi_patterns.browsers import Cors, SecurityHeaders
from asgi_patterns.browsers.policies import YEAR

SHOP = "https://shop.example"

CORS: list[tuple[str, dict[str, Any], str, str]] = [
    ("no list of origins", {"allow_origins": SHOP}, "allow_origins", "Sequence"),
    ("a path", {"allow_origins": [f"{SHOP}/"]}, "allow_origins.0", "leave out the path"),
    (
        "a pattern among the origins",
        {"allow_origins": [SHOP, "https://*.a.b"]},
        "allow_origins.1",
        "patterns",
    ),
    ("every one and one", {"allow_origins": ["*", SHOP]}, "allow_origins", "leave out the others"),
    ("a regular expression", {"allow_origin_patterns": [".*"]}, "allow_origin_patterns.0", "the scheme"),
    (
        "every one and a pattern",
        {"allow_origins": ["*"], "allow_origin_patterns": ["https://*.shop.example"]},
        "allow_origin_patterns",
        "leave out the patterns",
    ),
    (
        "every one with cookies",
        {"allow_origins": ["*"], "allow_credentials": True},
        "allow_credentials",
        "list the origins",
    ),
    (
        "any sandbox with cookies",
        {"allow_origins": ["null"], "allow_credentials": True},
        "allow_credentials",
        "list the origins",
    ),
    (
        "every field with cookies",
        {"allow_origins": [SHOP], "allow_credentials": True, "expose_headers": ["*"]},
        "expose_headers",
        "list the names",
    ),
    ("no method", {"allow_methods": []}, "allow_methods", "at least 1"),
    ("a method that is none", {"allow_methods": ["GET, POST"]}, "allow_methods.0", "letters, digits"),
    ("a field that is none", {"allow_headers": ["X A"]}, "allow_headers.0", "letters, digits"),
    ("a field that ends its line", {"expose_headers": ["X\r\nY"]}, "expose_headers.0", "letters, digits"),
    ("a time before now", {"max_age": -1}, "max_age", "greater than or equal to 0"),
    ("more than a day", {"max_age": 86401}, "max_age", "less than or equal to 86400"),
    ("a method in a path pattern", {"include": ["GET /orders"]}, "include", "choose by path"),
    ("also to leave out", {"exclude": ["GET,PUT /orders"]}, "exclude", "choose by path"),
    ("a name that is none", {"allow_origin": [SHOP]}, "allow_origin", "nexpected"),
]


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in CORS], ids=[row[0] for row in CORS]
)
def test_cors_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)for Cors\n{re.escape(field)}\b.*{re.escape(right)}"):
        Cors(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="nobody"),
        pytest.param({"max_age": 86400}, id="a day"),
        pytest.param({"allow_origins": ["*"], "expose_headers": ["*"]}, id="everything for everybody"),
        pytest.param({"allow_origins": ["null"]}, id="any sandbox without cookies"),
        pytest.param({"allow_origins": [SHOP], "allow_credentials": True}, id="cookies"),
        pytest.param({"include": ["/api/**"], "exclude": ["/api/private/**"]}, id="paths"),
    ],
)
def test_cors_accepts(settings: dict[str, Any]) -> None:
    layer = Cors(**settings)

    assert layer.section() == "cors"
    assert {
        name: [*value] if isinstance(value, tuple | list) else value
        for name, value in layer.changed().items()
    } == settings


SECURITY: list[tuple[str, dict[str, Any], str, str]] = [
    ("HSTS as a switch", {"hsts": True}, "hsts", "a number of seconds"),
    ("HSTS as a word", {"hsts": "forever"}, "hsts", "integer"),
    ("a time before now", {"hsts": -1}, "hsts", "greater than or equal to 0"),
    ("more than ten years", {"hsts": 10 * YEAR + 1}, "hsts", "less than or equal to"),
    ("built in, without the names below", {"hsts_preload": True}, "hsts_preload", "include_subdomains"),
    (
        "built in, for less than a year",
        {"hsts": YEAR - 1, "hsts_include_subdomains": True, "hsts_preload": True},
        "hsts_preload",
        str(YEAR),
    ),
    (
        "built in, and not sent",
        {"hsts": "off", "hsts_include_subdomains": True, "hsts_preload": True},
        "hsts_preload",
        str(YEAR),
    ),
    ("frames in another way", {"frame": "ALLOW-FROM https://a.example"}, "frame", "SAMEORIGIN"),
    ("a misspelt referrer policy", {"referrer_policy": "no-referer"}, "referrer_policy", "no-referrer"),
    ("permissions as they were before", {"permissions_policy": "camera 'none'"}, "permissions_policy", "camera=()"),
    ("permissions of two lines", {"permissions_policy": "camera=()\r\nx"}, "permissions_policy", "CR, LF"),
    ("a policy that ends its line", {"content_security_policy": "a\r\nb: c"}, "content_security_policy", "CR, LF"),
    ("one with a NUL", {"content_security_policy": "a\0"}, "content_security_policy", "CR, LF"),
    ("one beyond ASCII", {"content_security_policy": "img-src b\xfccher.example"}, "content_security_policy", "xn--"),
    ("one with a tab", {"content_security_policy_report_only": "a\tb"}, "content_security_policy_report_only", "xn--"),
    ("an empty one", {"content_security_policy": " "}, "content_security_policy", "leave it out"),
    ("one that is too long", {"content_security_policy": "a" * 16385}, "content_security_policy", "16384"),
    ("a misspelt opener policy", {"cross_origin_opener_policy": "none"}, "cross_origin_opener_policy", "unsafe-none"),
    ("a misspelt resource policy", {"cross_origin_resource_policy": "*"}, "cross_origin_resource_policy", "same-site"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "field", "right"), [row[1:] for row in SECURITY], ids=[row[0] for row in SECURITY]
)
def test_security_headers_refuses(settings: dict[str, Any], field: str, right: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)for SecurityHeaders\n{field}\b.*{re.escape(right)}"):
        SecurityHeaders(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"hsts": 10 * YEAR}, id="ten years"),
        pytest.param({"hsts": "off"}, id="off"),
        pytest.param({"hsts_include_subdomains": True, "hsts_preload": True}, id="built in, for a year"),
        pytest.param({"content_security_policy": "a" * 16384}, id="a long policy"),
        pytest.param({"permissions_policy": 'geolocation=(self "https://a.example"), camera=*'}, id="permissions"),
    ],
)  # fmt: skip
def test_security_headers_accepts(settings: dict[str, Any]) -> None:
    layer = SecurityHeaders(**settings)

    assert layer.section() == "security_headers"
    assert layer.changed() == settings


def test_seconds_may_come_as_text_as_variables_do() -> None:
    assert SecurityHeaders(hsts="300").changed() == {"hsts": 300}  # type: ignore[arg-type]  # as from a file
