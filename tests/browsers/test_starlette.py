"""``Cors`` and Starlette's ``CORSMiddleware``: what they agree on, and where we differ on purpose."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgi_patterns.browsers import Cors
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client, hello, scripted
from asgi_patterns.testing.apps import chunk, head
from tests.browsers.page import OTHER, SHOP, Page, cors_fields

pytestmark = pytest.mark.anyio

OURS = {"allow-origin": SHOP, "expose-headers": "X-Total"}
ORDERS = Cors(
    allow_origins=[SHOP],
    allow_methods=["GET", "PUT"],
    allow_headers=["X-A"],
    expose_headers=["X-Total"],
    expose_usual=False,
)


APP_SAYS: list[tuple[str, list[tuple[bytes, bytes]], str | None]] = [
    ("everything", [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"1")], "Origin"),
    ("a reflected origin", [(b"access-control-allow-origin", OTHER.encode())], "Origin"),
    ("two origins", [(b"access-control-allow-origin", b"*"), (b"access-control-allow-origin", b"*")], "Origin"),
    ("credentials", [(b"ACCESS-CONTROL-ALLOW-CREDENTIALS", b"true")], "Origin"),
    ("what it depends on", [(b"Vary", b"Accept"), (b"vary", b"Cookie")], "Accept, Cookie, Origin"),
    ("that already", [(b"Vary", b"accept, origin")], "accept, origin"),
    ("everything about that", [(b"vary", b"*")], "*"),
]  # fmt: skip


@pytest.mark.parametrize("sent", [SHOP, OTHER, None], ids=["listed", "another origin", "no origin"])
@pytest.mark.parametrize(("says", "vary"), [row[1:] for row in APP_SAYS], ids=[row[0] for row in APP_SAYS])
async def test_what_the_app_says_itself_is_replaced_never_doubled(
    says: list[tuple[bytes, bytes]], vary: str, sent: str | None
) -> None:
    app = scripted(head(200, (b"content-type", b"text/plain"), *says), chunk(b"hello", more=False))

    answer = await Client(ORDERS(app), lint=False).get("/", headers={"origin": sent} if sent else {})

    expected = OURS if sent == SHOP else {}
    assert cors_fields([(name.lower(), value) for name, value in answer.headers]) == expected
    assert ", ".join(answer.all("vary")) == vary
    assert answer.header("content-type") == "text/plain"


async def test_starlettes_own_middleware_inside_changes_nothing() -> None:
    async def page(request: Request) -> Response:
        return PlainTextResponse("hello", headers={"X-Total": "7"})

    inner = Middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True, expose_headers=["X-Own"])
    app = ORDERS(Starlette(routes=[Route("/", page)], middleware=[inner]))

    good = await Client(app).get("/", headers={"origin": SHOP, "cookie": "a=1"})
    bad = await Client(app).get("/", headers={"origin": OTHER, "cookie": "a=1"})
    asked = await Client(app).options("/", headers=Page(SHOP).asks("PUT", "x-a"))

    assert cors_fields(good.headers) == OURS
    assert good.all("vary") == ["Origin"]
    assert cors_fields(bad.headers) == {}
    assert asked.status == 204


AGREED: list[tuple[str, Cors, ASGIApp]] = [
    (
        "one origin",
        Cors(allow_origins=[SHOP], expose_headers=["X-Total"]),
        CORSMiddleware(hello, allow_origins=[SHOP], expose_headers=["X-Total"]),
    ),
    (
        "methods and fields",
        Cors(
            allow_origins=[SHOP], allow_methods=["GET", "HEAD", "PUT"], allow_headers=["X-A", "Authorization"]
        ),
        CORSMiddleware(
            hello,
            allow_origins=[SHOP],
            allow_methods=["GET", "HEAD", "PUT"],
            allow_headers=["X-A", "Authorization"],
        ),
    ),
    (
        "credentials",
        Cors(allow_origins=[SHOP], allow_methods=["*"], allow_headers=["*"], allow_credentials=True),
        CORSMiddleware(
            hello, allow_origins=[SHOP], allow_methods=["*"], allow_headers=["*"], allow_credentials=True
        ),
    ),
    (
        "everybody",
        Cors(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["*"]),
        CORSMiddleware(
            hello, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["*"]
        ),
    ),
    (
        "a pattern",
        Cors(allow_origin_patterns=["https://*.pages.example"], allow_methods=["POST"]),
        CORSMiddleware(
            hello, allow_origin_regex=r"https://[a-z0-9_-]+\.pages\.example", allow_methods=["POST"]
        ),
    ),
]


ORIGINS = [SHOP, OTHER, "null", "https://a.pages.example", "https://a.b.pages.example", "http://shop.example"]
PAGES = [Page(origin, credentials) for origin in ORIGINS for credentials in (False, True)]
# Without HEAD behind GET, without Range, and without methods that nobody named: see the differences below.
REQUESTS: list[tuple[str, list[str]]] = [
    ("GET", ["x-a"]),
    ("HEAD", ["x-a"]),
    ("POST", ["content-type"]),
    ("PUT", []),
    ("PUT", ["content-type", "x-a"]),
    ("PUT", ["x-b"]),
    ("DELETE", ["authorization"]),
    ("GET", ["authorization", "x-a"]),
    ("GET", ["accept-language", "content-language", "accept"]),
]


def client(app: ASGIApp) -> Client:
    return Client(app, lint=False)  # Starlette edits the scope of its caller


@pytest.mark.parametrize("page", PAGES, ids=str)
@pytest.mark.parametrize(("layer", "theirs"), [row[1:] for row in AGREED], ids=[row[0] for row in AGREED])
async def test_a_page_may_send_and_read_the_same(layer: Cors, theirs: ASGIApp, page: Page) -> None:
    ours = layer(hello)

    for method, names in REQUESTS:
        asked = [await client(app).options("/", headers=page.asks(method, *names)) for app in (ours, theirs)]
        may = [page.may_send(answer, method, *names) for answer in asked]
        assert may[0] is may[1], (method, names)
    answers = [await client(app).get("/", headers={"origin": page.origin}) for app in (ours, theirs)]
    assert page.may_read(answers[0]) is page.may_read(answers[1])
    if page.may_read(answers[0]):
        assert page.sees(answers[0], "X-Total") is page.sees(answers[1], "X-Total")
        assert page.sees(answers[0], "Set-Cookie") is page.sees(answers[1], "Set-Cookie")


async def test_everybody_is_one_answer_for_caches_where_starlette_makes_two() -> None:
    ours = await Client(Cors(allow_origins=["*"])(hello)).get("/")
    theirs = await client(CORSMiddleware(hello, allow_origins=["*"])).get("/")

    assert (ours.header("access-control-allow-origin"), ours.header("vary")) == ("*", None)
    assert (theirs.header("access-control-allow-origin"), theirs.header("vary")) == (None, "Origin")


async def test_everybody_with_cookies_is_refused_where_starlette_reflects() -> None:
    page = Page("https://evil.example", credentials=True)
    theirs = CORSMiddleware(hello, allow_origins=["*"], allow_credentials=True)

    answer = await client(theirs).get("/", headers={"origin": page.origin, "cookie": "session=1"})

    assert page.may_read(answer)
    with pytest.raises(ValueError, match="list the origins"):
        Cors(allow_origins=["*"], allow_credentials=True)


DIFFERENT: list[tuple[str, str, str, list[str], int, int]] = [
    ("a refused origin is 403, as Fetch recommends", OTHER, "GET", [], 403, 400),
    ("a missing field is left to the browser, which names it", SHOP, "GET", ["x-b"], 204, 400),
    ("a missing method, too", SHOP, "DELETE", [], 204, 400),
    ("HEAD is allowed with GET", SHOP, "HEAD", ["x-a"], 204, 400),
    ("Range needs no permission in Fetch", SHOP, "GET", ["range"], 204, 400),
    ("nothing is said in a body", SHOP, "GET", ["x-a"], 204, 200),
]


@pytest.mark.parametrize(
    ("origin", "method", "names", "ours", "starlettes"),
    [row[1:] for row in DIFFERENT],
    ids=[row[0] for row in DIFFERENT],
)
async def test_where_the_answer_to_a_preflight_differs(
    origin: str, method: str, names: list[str], ours: int, starlettes: int
) -> None:
    theirs = CORSMiddleware(hello, allow_origins=[SHOP], allow_methods=["GET", "PUT"], allow_headers=["X-A"])
    asks = Page(origin).asks(method, *names)

    statuses = [(await client(app).options("/", headers=asks)).status for app in (ORDERS(hello), theirs)]

    assert statuses == [ours, starlettes]


async def test_a_refused_page_is_told_nothing_where_starlette_shows_what_it_exposes() -> None:
    theirs = CORSMiddleware(hello, allow_origins=[SHOP], allow_credentials=True, expose_headers=["X-Total"])

    ours_said, theirs_said = [
        cors_fields((await client(app).get("/", headers={"origin": OTHER})).headers)
        for app in (ORDERS(hello), theirs)
    ]

    assert ours_said == {}
    assert theirs_said == {"allow-credentials": "true", "expose-headers": "X-Total"}


async def test_every_method_is_every_one_where_starlette_has_a_list() -> None:
    page = Page(SHOP)
    theirs = CORSMiddleware(hello, allow_origins=["*"], allow_methods=["*"])
    layer = Cors(allow_origins=["*"], allow_methods=["*"])

    asked = [await client(app).options("/", headers=page.asks("PROPFIND")) for app in (layer(hello), theirs)]

    assert [page.may_send(answer, "PROPFIND") for answer in asked] == [True, False]
