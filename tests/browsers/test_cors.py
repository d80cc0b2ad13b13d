"""``Cors`` in front of apps: what pages of other origins may send and read."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgi_patterns import Pipeline, Problem, Problems, RequestId
from asgi_patterns.browsers import Cors
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import RAISING_APPS, UNUSUAL_APPS, UNUSUAL_SOCKETS, Client, hello, lint, scripted
from asgi_patterns.testing.apps import chunk, head
from tests.browsers.page import OTHER, SHOP, Page, cors_fields, listed

pytestmark = pytest.mark.anyio

USUAL = "RateLimit, RateLimit-Policy, Retry-After, ETag, X-Request-ID, Server-Timing, Link, Location"

ORDERS = Cors(allow_origins=[SHOP], allow_methods=["GET", "PUT"], allow_headers=["X-A"])
ANYTHING = Cors(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])


GRANTED: list[tuple[str, Cors, str | None, dict[str, str], str | None]] = [
    (
        "a page of a listed origin",
        Cors(allow_origins=[SHOP]),
        SHOP,
        {"allow-origin": SHOP, "expose-headers": USUAL},
        "Origin",
    ),
    ("a page of another origin", Cors(allow_origins=[SHOP]), OTHER, {}, "Origin"),
    ("no page at all", Cors(allow_origins=[SHOP]), None, {}, "Origin"),
    ("a page with a port of its own", Cors(allow_origins=[SHOP]), f"{SHOP}:8443", {}, "Origin"),
    ("an origin in capitals, which no browser sends", Cors(allow_origins=[SHOP]), SHOP.upper(), {}, "Origin"),
    (
        "a listed origin in capitals",
        Cors(allow_origins=[SHOP.upper()]),
        SHOP,
        {"allow-origin": SHOP, "expose-headers": USUAL},
        "Origin",
    ),
    (
        "a page of an origin that fits a pattern",
        Cors(allow_origin_patterns=["https://*.shop.example"]),
        "https://a.shop.example",
        {"allow-origin": "https://a.shop.example", "expose-headers": USUAL},
        "Origin",
    ),
    (
        "a page of one that does not",
        Cors(allow_origin_patterns=["https://*.shop.example"]),
        "https://evil.com/.shop.example",
        {},
        "Origin",
    ),
    (
        "with credentials",
        Cors(allow_origins=[SHOP], allow_credentials=True),
        SHOP,
        {"allow-origin": SHOP, "allow-credentials": "true", "expose-headers": USUAL},
        "Origin",
    ),
    (
        "with credentials, by pattern",
        Cors(allow_origin_patterns=["https://*.shop.example"], allow_credentials=True),
        "https://a.shop.example",
        {"allow-origin": "https://a.shop.example", "allow-credentials": "true", "expose-headers": USUAL},
        "Origin",
    ),
    (
        "any page: the same for all",
        Cors(allow_origins=["*"]),
        OTHER,
        {"allow-origin": "*", "expose-headers": USUAL},
        None,
    ),
    (
        "any page: for no page, too",
        Cors(allow_origins=["*"]),
        None,
        {"allow-origin": "*", "expose-headers": USUAL},
        None,
    ),
    ("the opaque origin, unless it is named", Cors(allow_origins=[SHOP]), "null", {}, "Origin"),
    (
        "the opaque origin, named",
        Cors(allow_origins=["null"]),
        "null",
        {"allow-origin": "null", "expose-headers": USUAL},
        "Origin",
    ),
    (
        "fields of the app besides ours",
        Cors(allow_origins=[SHOP], expose_headers=["X-Total", "etag"]),
        SHOP,
        {"allow-origin": SHOP, "expose-headers": f"X-Total, etag, {USUAL.replace('ETag, ', '')}"},
        "Origin",
    ),
    (
        "only fields of the app",
        Cors(allow_origins=[SHOP], expose_headers=["X-Total"], expose_usual=False),
        SHOP,
        {"allow-origin": SHOP, "expose-headers": "X-Total"},
        "Origin",
    ),
    (
        "no fields",
        Cors(allow_origins=[SHOP], expose_usual=False),
        SHOP,
        {"allow-origin": SHOP},
        "Origin",
    ),
    ("nobody", Cors(), SHOP, {}, "Origin"),
]


@pytest.mark.parametrize(
    ("layer", "sent", "expected", "vary"), [row[1:] for row in GRANTED], ids=[row[0] for row in GRANTED]
)
async def test_who_may_read_an_answer(
    layer: Cors, sent: str | None, expected: dict[str, str], vary: str | None
) -> None:
    fields = {} if sent is None else {"Origin": sent}

    answer = await Client(layer(lint(hello))).get("/", headers=fields)

    assert answer.text == "hello"
    assert cors_fields(answer.headers) == expected
    assert answer.header("vary") == vary


def fragile() -> Starlette:
    async def crash(request: Request) -> Response:
        raise RuntimeError("worn out")

    async def limited(request: Request) -> Response:
        raise Problem(429, "slow down", headers={"Retry-After": "3", "RateLimit": '"a";r=0;t=3'})

    async def busy(request: Request) -> Response:
        return PlainTextResponse("busy", 503, headers={"Retry-After": "1"})

    return Starlette(routes=[Route(f"/{each.__name__}", each) for each in (crash, limited, busy)])


@pytest.mark.parametrize("inside", [False, True], ids=["around Starlette", "among its middleware"])
@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        pytest.param("/crash", 500, ["x-request-id"], id="a crash"),
        pytest.param("/limited", 429, ["x-request-id", "retry-after", "ratelimit"], id="a limit"),
        pytest.param("/busy", 503, ["x-request-id", "retry-after"], id="a refusal"),
        pytest.param("/nowhere", 404, ["x-request-id"], id="a missing page"),
    ],
)
async def test_a_page_can_read_what_went_wrong(
    path: str, status: int, names: list[str], inside: bool
) -> None:
    page = Page(SHOP, credentials=True)
    app = fragile()
    pipeline = Pipeline(Problems(), RequestId(), Cors(allow_origins=[SHOP], allow_credentials=True))
    if inside:
        app.add_middleware(pipeline)
    asgi = app if inside else pipeline(app)

    answer = await Client(asgi).get(path, headers={"origin": SHOP}, raise_app_exceptions=False)

    assert answer.status == status
    assert answer.json()["status"] == status
    assert page.may_read(answer)
    assert [name for name in names if not (answer.header(name) and page.sees(answer, name))] == []
    assert not page.sees(answer, "set-cookie")


@pytest.mark.parametrize("name", RAISING_APPS)
async def test_a_crash_passes_and_its_answer_can_be_read(name: str) -> None:
    app = RAISING_APPS[name]
    bare = await Client(app, lint=False).get("/", raise_app_exceptions=False)

    answer = await Client(Pipeline(ORDERS, Problems())(app), lint=False).get(
        "/", headers={"origin": SHOP}, raise_app_exceptions=False
    )

    assert Page(SHOP).may_read(answer)
    assert repr(answer.exception) == repr(bare.exception)
    assert answer.body == bare.body if bare.started else answer.status == 500


async def test_a_handler_can_say_everything_itself() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "cors")
        await scripted(head(200, (b"access-control-allow-origin", b"*")), chunk(b"", more=False))(
            scope, receive, send
        )

    answer = await Client(ORDERS(app)).get("/", headers={"origin": OTHER})

    assert cors_fields(answer.headers) == {"allow-origin": "*"}
    assert answer.header("vary") is None


@pytest.mark.parametrize(
    ("path", "status"), [pytest.param("/api/x", 204, id="included"), pytest.param("/x", 200, id="not")]
)
async def test_paths_are_chosen_for_preflights_too(path: str, status: int) -> None:
    layer = Cors(allow_origins=[SHOP], include=["/api/**"])

    answer = await Client(layer(hello)).options(path, headers=Page(SHOP).asks("GET"))

    assert answer.status == status


async def test_switched_off_it_is_not_there() -> None:
    answer = await Client(Cors(allow_origins=[SHOP], enabled=False)(hello)).get("/", headers={"origin": SHOP})

    assert cors_fields(answer.headers) == {}
    assert answer.header("vary") is None


async def test_two_layers_for_two_parts_of_an_api() -> None:
    app = Pipeline(
        Cors(name="public", allow_origins=["*"], include=["/public/**"]),
        Cors(name="private", allow_origins=[SHOP], exclude=["/public/**"]),
    )(hello)

    public = await Client(app).get("/public/x", headers={"origin": OTHER})
    private = await Client(app).get("/orders", headers={"origin": OTHER})

    assert Page(OTHER).may_read(public)
    assert not Page(OTHER).may_read(private)


def _comparable(message: Message) -> Message:
    """A message without what the layer adds; an open file is another one in each run."""
    shown = {**message}
    if message["type"] == "http.response.start":
        shown["headers"] = [
            (bytes(name), bytes(value))
            for name, value in message.get("headers", ())
            if name != b"vary" and not name.startswith(b"access-control-")
        ]
    return shown if "file" not in shown else {**shown, "file": type(shown["file"])}


@pytest.mark.parametrize("layer", [ORDERS, ANYTHING], ids=["a list", "everybody"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_with_nothing_but_fields_added(name: str, method: str, layer: Cors) -> None:
    app = UNUSUAL_APPS[name]
    bare = await Client(app, lint=False).request(method, "/")

    answer = await Client(layer(app), lint=False).request(method, "/", headers={"origin": SHOP})

    assert [_comparable(each) for each in answer.messages] == [_comparable(each) for each in bare.messages]
    assert Page(SHOP).may_read(answer)
    assert set(listed(bare, "vary")) <= set(listed(answer, "vary"))


@pytest.mark.parametrize("name", UNUSUAL_SOCKETS)
async def test_a_websocket_is_none_of_its_business(name: str) -> None:
    app = UNUSUAL_SOCKETS[name]
    async with Client(app).websocket("/", headers={"origin": OTHER}) as bare:
        pass

    async with Client(ORDERS(app)).websocket("/", headers={"origin": OTHER}) as wrapped:
        pass

    assert wrapped.messages == bare.messages


async def test_one_layer_on_three_apps_and_interleaved_requests_do_not_mix() -> None:
    layer = Cors(allow_origins=[SHOP, OTHER])
    one, two, three = layer(hello), layer(hello), layer(hello)

    async with (
        Client(one).stream("GET", "/", headers={"origin": SHOP}) as first,
        Client(two).stream("GET", "/", headers={"origin": OTHER}) as second,
    ):
        heads = [await second.head(), await first.head()]
    last = await Client(three).get("/")

    assert [each.header("access-control-allow-origin") for each in heads] == [OTHER, SHOP]
    assert last.header("access-control-allow-origin") is None


async def test_two_interleaved_requests_to_one_app_do_not_mix() -> None:
    app = Cors(allow_origins=[SHOP, OTHER])(hello)

    async with (
        Client(app).stream("GET", "/", headers={"origin": SHOP}) as first,
        Client(app).stream("GET", "/", headers={"origin": OTHER}) as second,
    ):
        preflight = await Client(app).options("/", headers=Page(OTHER).asks("GET"))
        heads = [await second.head(), await first.head()]

    assert [each.header("access-control-allow-origin") for each in heads] == [OTHER, SHOP]
    assert preflight.header("access-control-allow-origin") == OTHER
