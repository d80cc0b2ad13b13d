"""Settings of ``BodyLimit``: which are refused, which are doubted, and what is said of a request."""

from typing import Any

import pytest

from asgi_patterns import BodyLimit, BodyRule, Settings, WebSocketLimits
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Scope
from asgi_patterns.settings import load

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a size without a unit", {"limit": "10"}, "limit.*is no size: write"),
    ("a size below nothing", {"limit": -1}, "limit.*write bytes, 0 or more"),
    ("a rule without a limit", {"rules": [{"match": "/a"}]}, r"rules.*limit"),
    ("a rule for everything", {"rules": [{"limit": 5}]}, r"\[0\] is for everything"),
    ("a rule with no pattern", {"rules": [{"match": [], "limit": 5}]}, "rules"),
    ("a pattern that is none", {"rules": [{"match": "a", "limit": 5}]}, "must start with"),
    ("a type that is none", {"rules": [{"media_types": ["json"], "limit": 5}]}, "media_types"),
    ("no fields at all", {"max_header_count": 0}, "max_header_count"),
    ("every origin", {"websocket": {"origins": ["*"]}}, "leave origins out for that"),
    ("an origin with a path", {"websocket": {"origins": ["https://a.example/"]}}, "leave out the path"),
    (
        "a pattern for strangers",
        {"websocket": {"origins": ["https://*.example"]}},
        "open to whoever registers",
    ),
    ("a lifetime of nothing", {"websocket": {"lifetime": 0}}, "is no time at all"),
    ("an unknown name", {"websocket": {"life": 5}}, "life"),
    ("no time for draining", {"drain_timeout": 0}, "is no time at all"),
]


@pytest.mark.parametrize(("section", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_refused_at_the_start(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        BodyLimit(**section)


def test_a_file_says_the_same_as_code() -> None:
    section = {
        "limit": "2 MB",
        "rules": [{"match": "/photos/**", "media_types": ["image/*"], "limit": "20 MB"}],
        "websocket": {"lifetime": "1h", "origins": ["https://shop.example"]},
    }

    settings: Settings = load({"body_limit": section})

    (layer,) = [each for each in settings.pipeline().layers if isinstance(each, BodyLimit)]
    assert layer == BodyLimit(
        limit="2 MB",
        rules=[BodyRule(match="/photos/**", media_types=["image/*"], limit="20 MB")],
        websocket=WebSocketLimits(lifetime="1h", origins=["https://shop.example"]),
    )


DOUBTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("the defaults", {}, []),
    (
        "rules that are for other requests each",
        {
            "rules": [
                BodyRule(match="/a", media_types=["image/*"], limit=1),
                BodyRule(match="/a", media_types=["text/*"], limit=1),
                BodyRule(match="/a", limit=1),
                BodyRule(match="/b", limit=1),
            ]
        },
        [],
    ),
    (
        "a rule behind one for the same path",
        {"rules": [BodyRule(match="/a", limit=1), BodyRule(match="/a", media_types=["text/*"], limit=2)]},
        ["never gets to rules[1]: rules[0] is for the same requests and comes first"],
    ),
    (
        "a rule behind one for the same type everywhere",
        {
            "rules": [
                BodyRule(media_types=["text/csv", "text/html"], limit=1),
                BodyRule(match="/a", media_types=["text/csv"], limit=2),
            ]
        },
        ["never gets to rules[1]: rules[0] is for the same requests and comes first"],
    ),
    (
        "a rule behind one for any type, and one for no type",
        {
            "rules": [
                BodyRule(match="/a", media_types=["*/*"], limit=1),
                BodyRule(match="/a", limit=2),
            ]
        },
        [],
    ),
    (
        "an origin that is nobody's",
        {"websocket": WebSocketLimits(origins=["null"])},
        ["has null among websocket.origins: any page can give itself this origin, in a sandboxed frame"],
    ),
    (
        "an idle time that never comes",
        {"websocket": WebSocketLimits(idle_timeout="1h", lifetime="60m")},
        ["has a websocket.idle_timeout that is never reached: websocket.lifetime ends before"],
    ),
]


@pytest.mark.parametrize(("section", "doubts"), [row[1:] for row in DOUBTS], ids=[row[0] for row in DOUBTS])
def test_what_is_probably_not_meant(section: dict[str, Any], doubts: list[str]) -> None:
    assert BodyLimit(**section).doubts(DEFAULT) == doubts


RULES = [BodyRule(match="/photos/**", media_types=["image/*"], limit="20 MB")]


def test_its_outline_names_every_limit() -> None:
    assert BodyLimit(rules=RULES).outline == [
        "lets content of image/* of up to 20 MB through on /photos/**, as rules[0]",
        "lets other content of up to 1 MB through",
    ]
    assert BodyLimit(limit=1500).outline == ["lets content of up to 1500 bytes through"]


def request(path: str = "/", *headers: tuple[bytes, bytes]) -> Scope:
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [*headers]}
    return Exchange.of(scope)[1]


KIND, LENGTH = (b"content-type", b"image/png"), (b"content-length", b"30000000")

FORECASTS: list[tuple[str, Scope, str, bool]] = [
    ("a limit", request(), "lets content of up to 1 MB through", False),
    (
        "the limit of a rule",
        request("/photos/1", KIND),
        "lets content of up to 20 MB through, as rules[0] has it",
        False,
    ),
    (
        "a length that is too much",
        request("/photos/1", KIND, LENGTH),
        "refuses it with 413: it announces 30000000 bytes, 20000000 are allowed, as rules[0] has it",
        True,
    ),
    (
        "a URI that is too long",
        request("/" + "a" * 9000),
        "refuses it with 414: its path and query have 9001 bytes, 8192 are allowed",
        True,
    ),
    (
        "too many fields",
        request("/", *[(b"a", b"")] * 101),
        "refuses it with 431: it has 101 header fields, 100 are allowed",
        True,
    ),
    (
        "fields that are too large",
        request("/", (b"a", b"b" * 40_000)),
        "refuses it with 431: its header fields have 40001 bytes, 32768 are allowed",
        True,
    ),
]


@pytest.mark.parametrize(
    ("scope", "says", "ends"), [row[1:] for row in FORECASTS], ids=[row[0] for row in FORECASTS]
)
def test_what_becomes_of_a_request_is_said(scope: Scope, says: str, ends: bool) -> None:
    found = BodyLimit(rules=RULES).explain(scope)

    assert (found.says, found.ends) == ((says,), ends)
