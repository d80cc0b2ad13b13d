"""``SecurityHeaders``: what is added to which answers, and what the app says instead."""

import pytest

from asgi_patterns import Pipeline, Problems
from asgi_patterns.browsers import SecurityHeaders
from asgi_patterns.browsers.policies import YEAR
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.link import HEADS
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import RAISING_APPS, UNUSUAL_APPS, UNUSUAL_SOCKETS, Client, hello, lint, scripted
from asgi_patterns.testing.apps import chunk, head

pytestmark = pytest.mark.anyio

DEFAULTS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
HSTS = {"strict-transport-security": f"max-age={YEAR}"}
NOTHING = SecurityHeaders(hsts="off", nosniff=False, frame="off", referrer_policy="off")


def added(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """What the layer puts on the answer of ``hello``."""
    return {
        name.decode(): value.decode()
        for name, value in headers
        if name not in (b"content-type", b"content-length")
    }


def only(**fields: str) -> SecurityHeaders:
    """A layer with nothing but these fields."""
    settings = {"hsts": "off", "nosniff": False, "frame": "off", "referrer_policy": "off", **fields}
    return SecurityHeaders(**settings)  # type: ignore[arg-type]  # a table of settings has no types of its own


SAID: list[tuple[str, SecurityHeaders, str, dict[str, str]]] = [
    ("the defaults", SecurityHeaders(), "https", {**DEFAULTS, **HSTS}),
    ("on plain HTTP without HSTS", SecurityHeaders(), "http", DEFAULTS),
    ("nothing", NOTHING, "https", {}),
    ("nothing, in code", SecurityHeaders(hsts=None, nosniff=False, frame=None, referrer_policy=None), "https", {}),
    ("HSTS for a while", SecurityHeaders(hsts=300), "https", {**DEFAULTS, "strict-transport-security": "max-age=300"}),
    ("the end of HSTS", SecurityHeaders(hsts=0), "https", {**DEFAULTS, "strict-transport-security": "max-age=0"}),
    (
        "HSTS for all names below",
        SecurityHeaders(hsts=300, hsts_include_subdomains=True),
        "https",
        {**DEFAULTS, "strict-transport-security": "max-age=300; includeSubDomains"},
    ),
    (
        "HSTS to be built in",
        SecurityHeaders(hsts_include_subdomains=True, hsts_preload=True),
        "https",
        {**DEFAULTS, "strict-transport-security": f"max-age={YEAR}; includeSubDomains; preload"},
    ),
    ("frames of its own", only(frame="SAMEORIGIN"), "https", {"x-frame-options": "SAMEORIGIN"}),
    ("another referrer policy", only(referrer_policy="same-origin"), "https", {"referrer-policy": "same-origin"}),
    ("permissions", only(permissions_policy="camera=()"), "https", {"permissions-policy": "camera=()"}),
    (
        "a policy for content",
        only(content_security_policy="default-src 'none'; frame-ancestors 'none'"),
        "https",
        {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"},
    ),
    (
        "one to try out",
        only(content_security_policy_report_only="default-src 'self'"),
        "https",
        {"content-security-policy-report-only": "default-src 'self'"},
    ),
    (
        "policies across origins",
        only(cross_origin_opener_policy="same-origin", cross_origin_resource_policy="same-site"),
        "https",
        {"cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-site"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "scheme", "expected"), [row[1:] for row in SAID], ids=[row[0] for row in SAID]
)
async def test_what_an_answer_says(layer: SecurityHeaders, scheme: str, expected: dict[str, str]) -> None:
    answer = await Client(layer(lint(hello)), scheme=scheme).get("/")

    assert answer.text == "hello"
    assert added(answer.headers) == expected


async def test_the_scheme_is_the_one_that_the_trusted_proxy_saw() -> None:
    app = Pipeline(SecurityHeaders(), trusted_proxies=["10.0.0.0/8"])(hello)
    fields = {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}

    through = await Client(app, client=("10.0.0.1", 1)).get("/", headers=fields)
    around = await Client(app, client=("192.0.2.9", 1)).get("/", headers=fields)

    assert through.header("strict-transport-security") is not None
    assert around.header("strict-transport-security") is None


@pytest.mark.parametrize(
    "name", ["x-frame-options", "X-Frame-Options", "X-FRAME-OPTIONS"], ids=["lower", "usual", "upper"]
)
async def test_what_the_app_says_itself_stays(name: str) -> None:
    own = (name.encode(), b"SAMEORIGIN")
    app = scripted(head(200, (b"content-type", b"text/plain"), own), chunk(b"hello", more=False))

    answer = await Client(SecurityHeaders()(app), lint=False).get("/")

    assert answer.all("x-frame-options") == ["SAMEORIGIN"]
    assert answer.all("referrer-policy") == ["no-referrer"]


async def test_a_handler_can_leave_them_all_out() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "security_headers")
        await hello(scope, receive, send)

    answer = await Client(SecurityHeaders()(app)).get("/")

    assert added(answer.headers) == {}


async def test_excluded_paths_have_none() -> None:
    answer = await Client(SecurityHeaders(exclude=["/docs"])(hello)).get("/docs")

    assert added(answer.headers) == {}


async def test_refusals_and_crashes_have_them() -> None:
    app = Pipeline(SecurityHeaders(), Problems())(RAISING_APPS["the app raises before the head"])

    answer = await Client(app, scheme="https").get("/", raise_app_exceptions=False)

    assert answer.status == 500
    assert {**DEFAULTS, **HSTS}.items() <= added(answer.headers).items()


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_with_nothing_but_fields_added(name: str) -> None:
    app = UNUSUAL_APPS[name]
    bare = await Client(app, lint=False).get("/")

    answer = await Client(SecurityHeaders()(app), lint=False).get("/")

    assert [_comparable(each) for each in answer.messages] == [_comparable(each) for each in bare.messages]
    assert {name: answer.header(name) for name in DEFAULTS} == DEFAULTS


def _comparable(message: Message) -> Message:
    shown = {**message}
    if message["type"] in HEADS:
        shown["headers"] = [
            (bytes(name), bytes(value))
            for name, value in message.get("headers", ())
            if name.decode() not in {**DEFAULTS, **HSTS}
        ]
    return shown if "file" not in shown else {**shown, "file": type(shown["file"])}


@pytest.mark.parametrize("name", UNUSUAL_SOCKETS)
async def test_a_websocket_has_them_where_it_is_denied_with_an_answer(name: str) -> None:
    app = UNUSUAL_SOCKETS[name]
    async with Client(app, scheme="https").websocket("/") as bare:
        pass

    async with Client(SecurityHeaders()(app), scheme="https").websocket("/") as wrapped:
        pass

    assert [_comparable(each) for each in wrapped.messages] == [_comparable(each) for each in bare.messages]
    heads = [each for each in wrapped.messages if each["type"] == "websocket.http.response.start"]
    assert all({**DEFAULTS, **HSTS}.items() <= added(each["headers"]).items() for each in heads)
    accepts = [each for each in wrapped.messages if each["type"] == "websocket.accept"]
    assert all(not {**DEFAULTS, **HSTS}.keys() & added(each.get("headers", [])).keys() for each in accepts)


async def test_one_layer_on_three_apps_and_interleaved_requests_do_not_mix() -> None:
    layer = SecurityHeaders()
    own = scripted(head(200, (b"x-frame-options", b"SAMEORIGIN")), chunk(b"", more=False))
    one, two, three = layer(hello), layer(own), layer(hello)

    async with (
        Client(one).stream("GET", "/") as first,
        Client(two, scheme="https").stream("GET", "/") as second,
    ):
        heads = [await second.head(), await first.head()]
    last = await Client(three, scheme="https").get("/")

    assert [each.header("x-frame-options") for each in [*heads, last]] == ["SAMEORIGIN", "DENY", "DENY"]
    assert [each.header("strict-transport-security") is None for each in [*heads, last]] == [
        False,
        True,
        False,
    ]
