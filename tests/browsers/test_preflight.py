"""Preflights: answered in front of the app, and what a browser then sends."""

import pytest

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.browsers import Cors
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import Client, hello
from tests.browsers.page import OTHER, SHOP, Page, cors_fields

pytestmark = pytest.mark.anyio

VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

ORDERS = Cors(allow_origins=[SHOP], allow_methods=["GET", "PUT"], allow_headers=["X-A"])
ANYTHING = Cors(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
SIGNED_IN = Cors(allow_origins=[SHOP], allow_methods=["*"], allow_headers=["*"], allow_credentials=True)


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the app was called")


ASKED: list[tuple[str, Cors, dict[str, str], dict[str, str]]] = [
    (
        "a listed origin learns all that it may",
        Cors(allow_origins=[SHOP], allow_methods=["get", "PUT"], allow_headers=["X-A", "content-type"]),
        Page(SHOP).asks("PUT", "x-a"),
        {
            "allow-origin": SHOP,
            "allow-methods": "GET, PUT",
            "allow-headers": "accept, accept-language, content-language, content-type, range, X-A",
            "max-age": "600",
        },
    ),
    (
        "every origin, method and field",
        Cors(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], max_age=0),
        Page(OTHER).asks("PUT", "x-a"),
        {
            "allow-origin": "*",
            "allow-methods": "*",
            "allow-headers": "*, authorization",
            "max-age": "0",
        },
    ),
    (
        "with credentials every method and field by its name",
        Cors(allow_origins=[SHOP], allow_methods=["*"], allow_headers=["*"], allow_credentials=True),
        Page(SHOP, credentials=True).asks("PUT", "X-A", "authorization"),
        {
            "allow-origin": SHOP,
            "allow-credentials": "true",
            "allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY",
            "allow-headers": "accept, accept-language, content-language, content-type, range, authorization, x-a",
            "max-age": "600",
        },
    ),
    (
        "into a private network",
        Cors(allow_origins=[SHOP], allow_private_network=True),
        {**Page(SHOP).asks("GET"), "access-control-request-private-network": "true"},
        {
            "allow-origin": SHOP,
            "allow-methods": "GET",
            "allow-headers": "accept, accept-language, content-language, content-type, range",
            "allow-private-network": "true",
            "max-age": "600",
        },
    ),
]


@pytest.mark.parametrize(
    ("layer", "fields", "expected"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
async def test_a_preflight_is_answered_without_the_app(
    layer: Cors, fields: dict[str, str], expected: dict[str, str]
) -> None:
    answer = await Client(layer(unreachable)).options("/", headers=fields)

    assert (answer.status, answer.body) == (204, b"")
    assert cors_fields(answer.headers) == expected
    assert answer.header("vary") == VARY


PUTS = Cors(allow_origins=[SHOP], allow_methods=["PUT"])
USER = Page(SHOP, credentials=True)

SENT: list[tuple[str, Cors, Page, str, list[str], bool, int]] = [
    ("a method in the list", ORDERS, Page(SHOP), "PUT", [], True, 204),
    ("one that is not: the browser keeps it back", ORDERS, Page(SHOP), "DELETE", [], False, 204),
    ("one that browsers never look up: refused", ORDERS, Page(SHOP), "POST", [], False, 403),
    ("HEAD goes with GET", ORDERS, Page(SHOP), "HEAD", ["x-a"], True, 204),
    ("GET is no method that goes without saying", PUTS, Page(SHOP), "GET", ["accept"], False, 403),
    ("a field in the list", ORDERS, Page(SHOP), "GET", ["X-A"], True, 204),
    ("a field that is not: kept back, too", ORDERS, Page(SHOP), "GET", ["X-B"], False, 204),
    ("JSON needs no permission", ORDERS, Page(SHOP), "PUT", ["content-type"], True, 204),
    ("neither does any range", ORDERS, Page(SHOP), "GET", ["range"], True, 204),
    ("Authorization does", ORDERS, Page(SHOP), "GET", ["authorization"], False, 204),
    ("another origin", ORDERS, Page(OTHER), "GET", ["x-a"], False, 403),
    ("the opaque origin", ORDERS, Page("null"), "GET", ["x-a"], False, 403),
    ("cookies that nobody allowed", ORDERS, USER, "GET", ["x-a"], False, 204),
    ("every method", ANYTHING, Page(OTHER), "PROPFIND", [], True, 204),
    ("every field, Authorization too", ANYTHING, Page(OTHER), "GET", ["x-a", "authorization"], True, 204),
    ("but no cookies", ANYTHING, Page(OTHER, credentials=True), "GET", ["x-a"], False, 204),
    ("every usual method with cookies", SIGNED_IN, USER, "DELETE", [], True, 204),
    ("an unusual one has to be named", SIGNED_IN, USER, "PROPFIND", [], False, 204),
    ("every field with cookies", SIGNED_IN, USER, "GET", ["x-a", "authorization"], True, 204),
    ("64 fields with cookies", SIGNED_IN, USER, "GET", [f"x-{n}" for n in range(64)], True, 204),
    ("not 65", SIGNED_IN, USER, "GET", [f"x-{n}" for n in range(65)], False, 204),
    ("another origin with cookies", SIGNED_IN, Page(OTHER, credentials=True), "GET", [], False, 403),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "page", "method", "names", "sent", "status"),
    [row[1:] for row in SENT],
    ids=[row[0] for row in SENT],
)
async def test_what_a_browser_then_sends(
    layer: Cors, page: Page, method: str, names: list[str], sent: bool, status: int
) -> None:
    answer = await Client(layer(unreachable)).options("/", headers=page.asks(method, *names))

    assert page.may_send(answer, method, *names) is sent
    assert answer.status == status


@pytest.mark.parametrize(
    ("page", "method", "word"),
    [
        pytest.param(Page(OTHER), "PUT", "origin", id="of another origin"),
        pytest.param(Page(SHOP), "POST", "method", id="for a method that only a status can refuse"),
    ],
)
async def test_a_refused_preflight_is_a_problem_without_a_field_of_cors(
    page: Page, method: str, word: str
) -> None:
    app = Pipeline(RequestId(), ORDERS)(unreachable)

    answer = await Client(app).options("/", headers=page.asks(method))

    assert answer.status == 403
    assert answer.header("content-type") == "application/problem+json"
    assert word in answer.json()["detail"]
    assert answer.json()["requestId"] == answer.header("x-request-id")
    assert answer.header("cache-control") == "no-store"
    assert answer.header("vary") == VARY
    assert cors_fields(answer.headers) == {}


NO_PREFLIGHTS: list[tuple[str, str, dict[str, str]]] = [
    ("no origin", "OPTIONS", {"access-control-request-method": "PUT"}),
    ("no method asked for", "OPTIONS", {"origin": SHOP}),
    ("another method", "GET", {"origin": SHOP, "access-control-request-method": "PUT"}),
]


@pytest.mark.parametrize(
    ("method", "fields"), [row[1:] for row in NO_PREFLIGHTS], ids=[row[0] for row in NO_PREFLIGHTS]
)
async def test_what_is_no_preflight_reaches_the_app(method: str, fields: dict[str, str]) -> None:
    answer = await Client(ORDERS(hello)).request(method, "/", headers=fields)

    assert (answer.status, answer.text) == (200, "hello")
    assert answer.header("vary") == "Origin"


async def test_fields_of_the_request_have_any_case() -> None:
    scope = {
        "headers": [
            (b"ORIGIN", SHOP.encode()),
            (b"Access-Control-Request-Method", b"PUT"),
            (b"Access-Control-Request-Headers", b"X-A"),
        ]
    }

    answer = await Client(ORDERS(unreachable), lint=False).options("/", scope=scope)

    assert Page(SHOP).may_send(answer, "PUT", "x-a")


async def test_an_answer_to_a_preflight_is_a_new_one_each_time() -> None:
    async def greedy(scope: Scope, receive: Receive, send: Send) -> None:
        async def edit(message: Message) -> None:
            message.get("headers", []).append((b"x-edited", b"1"))
            await send(message)

        await ORDERS(unreachable)(scope, receive, edit)

    client = Client(greedy)
    await client.options("/", headers=Page(SHOP).asks("GET"))

    answer = await client.options("/", headers=Page(SHOP).asks("GET"))

    assert answer.all("x-edited") == ["1"]
