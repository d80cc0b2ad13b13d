"""What ``CachePolicy`` says on which answers, and what it leaves as the app says it."""

from collections.abc import Sequence
from typing import Any

import pytest

from asgi_patterns import CachePolicy, CacheRule, Pipeline, Problems
from asgi_patterns.caching import CacheDirectives
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.link import HEADS
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import (
    RAISING_APPS,
    UNUSUAL_APPS,
    UNUSUAL_SOCKETS,
    Answer,
    Client,
    Clock,
    hello,
    lint,
    scripted,
)
from asgi_patterns.testing.apps import chunk, head

pytestmark = pytest.mark.anyio

Lines = Sequence[tuple[bytes, bytes]]

NEWS = CacheRule(
    match="/news/**",
    public=True,
    max_age="1m",
    s_maxage="5m",
    cdn=CacheDirectives(max_age="1h", stale_while_revalidate="1m"),
    vary=["Accept"],
    surrogate_key=["news"],
)
NEWS_SAID = {
    "cache-control": "public, max-age=60, s-maxage=300",
    "cdn-cache-control": "max-age=3600, stale-while-revalidate=60",
    "vary": "Accept",
    "surrogate-key": "news",
}
NEWS_OWN = {"cache-control": "private, max-age=60", "vary": "Accept"}
STYLES = CacheRule(match="/**/*.css", public=True, max_age="365d", immutable=True)
STYLES_SAID = {"cache-control": "public, max-age=31536000, immutable"}
REST = CacheRule(match="/**", no_cache=True)
REST_SAID = {"cache-control": "no-cache"}
PRIVATE = {"cache-control": "private"}
NO_STORE = {"cache-control": "no-store"}

CREDENTIALS = {"authorization": "Bearer x"}
COOKIE = (b"set-cookie", b"a=1")
CSS = (b"content-type", b"text/css; charset=utf-8")
RANGES = (b"content-type", b"multipart/byteranges; boundary=x")
HTML = (b"content-type", b"text/html")


def answering(status: int, *lines: tuple[bytes, bytes]) -> ASGIApp:
    """An app that always answers so, without content where that is not allowed."""
    start = {"type": "http.response.start", "status": status, "headers": [*lines]}
    return scripted(start, chunk(b"", more=False))


def said(answer: Answer) -> dict[str, str]:
    """What stands on an answer besides its type."""
    names = [name.decode().lower() for name, _ in answer.headers]
    assert len({*names} - {"set-cookie"}) == len([name for name in names if name != "set-cookie"]), names
    skipped = ("content-type", "content-length", "set-cookie")
    return {name: answer.header(name) or "" for name in names if name not in skipped}


async def ask(
    rules: Sequence[CacheRule], app: ASGIApp, method: str, path: str, headers: dict[str, str], **settings: Any
) -> dict[str, str]:
    layer = CachePolicy(rules=rules, **settings)
    return said(await Client(layer(app), lint=False).request(method, path, headers=headers))


# Rules: [NEWS, STYLES, REST] where there is no other.
BY_RULE: list[tuple[str, str, str, int, Lines, dict[str, str], dict[str, str]]] = [
    ("a rule for a tree", "GET", "/news/1", 200, (), {}, NEWS_SAID),
    ("a rule for a tree, its root", "GET", "/news", 200, (), {}, NEWS_SAID),
    ("9110-9.3.2 HEAD as GET", "HEAD", "/news/1", 200, (), {}, NEWS_SAID),
    ("the first that fits wins", "GET", "/news/x.css", 200, (CSS,), {}, NEWS_SAID),
    ("the next one where the path does not fit", "GET", "/x", 200, (), {}, REST_SAID),
    ("by default for any 2xx", "GET", "/news/1", 206, (), {}, NEWS_SAID),
    ("9110-15.4.5 a 304 repeats what the 200 would say", "GET", "/news/1", 304, (), {}, NEWS_SAID),
    ("by default for no redirect", "GET", "/news/1", 302, (), {}, {}),
    ("by default for no refusal", "GET", "/news/1", 404, (), {}, {}),
    ("an error of the server is not kept", "GET", "/news/1", 500, (), {}, NO_STORE),
    ("nor is one that is soon over", "GET", "/news/1", 503, (), {}, NO_STORE),
    ("a type that the extension promises", "GET", "/a/x.css", 200, (CSS,), {}, STYLES_SAID),
    ("a type in capitals", "GET", "/a/x.css", 200, ((b"Content-Type", b"TEXT/CSS"),), {}, STYLES_SAID),
    ("another type than the extension promises", "GET", "/account/x.css", 200, (HTML,), {}, REST_SAID),
    ("a type that begins like it", "GET", "/account/x.css", 200, ((b"content-type", b"text/css-evil"),), {}, REST_SAID),
    ("no type at all", "GET", "/account/x.css", 200, (), {}, REST_SAID),
    ("another type, with a slash at the end", "GET", "/account/x.css/", 200, (HTML,), {}, REST_SAID),
    ("the extension in capitals is another path", "GET", "/a/X.CSS", 200, (CSS,), {}, REST_SAID),
    ("9110-15.4.5 a 304 does not tell its type", "GET", "/a/x.css", 304, (), {}, {}),
    ("a 304 that tells its type", "GET", "/a/x.css", 304, (CSS,), {}, STYLES_SAID),
    ("9110-14.6 several ranges do not tell the type", "GET", "/a/x.css", 206, (RANGES,), {}, {}),
    ("one range does", "GET", "/a/x.css", 206, (CSS,), {}, STYLES_SAID),
    ("a path that leads elsewhere, for a method without rules", "OPTIONS", "/news/../account", 200, (), {}, {}),
    ("a path that leads elsewhere", "GET", "/news/../account", 200, (), {}, NO_STORE),
    ("9111-3.5 a request with Authorization", "GET", "/news/1", 200, (), CREDENTIALS, NEWS_OWN),
    ("9111-3.5 a 304 for one", "GET", "/news/1", 304, (), CREDENTIALS, NEWS_OWN),
    ("9111-7.3 an answer that sets a cookie", "GET", "/news/1", 200, (COOKIE,), {}, NEWS_OWN),
    ("9111-7.3 a cookie with capitals", "GET", "/news/1", 200, ((b"Set-Cookie", b"a=1"),), {}, NEWS_OWN),
    ("both", "GET", "/news/1", 200, (COOKIE,), CREDENTIALS, NEWS_OWN),
    ("a request with Authorization, where no rule is for it", "GET", "/news/1", 404, (), CREDENTIALS, PRIVATE),
    ("a cookie, where no rule is for it", "GET", "/news/1", 302, (COOKIE,), {}, PRIVATE),
    ("9111-3.2 a 304 that no rule is for is left alone", "GET", "/a/x.css", 304, (), CREDENTIALS, {}),
    ("a write", "POST", "/news/1", 200, (), {}, NO_STORE),
    ("a write that replaces", "PUT", "/news/1", 201, (), {}, NO_STORE),
    ("a write that changes", "PATCH", "/news/1", 200, (), CREDENTIALS, NO_STORE),
    ("a write that removes", "DELETE", "/news/1", 204, (), {}, NO_STORE),
    ("a write that is refused", "POST", "/news/1", 422, (), {}, NO_STORE),
    ("a write that fails", "POST", "/news/1", 500, (), {}, NO_STORE),
    ("a method that nobody knows counts as a write", "BREW", "/news/1", 200, (), {}, NO_STORE),
    ("9110-9.3.7 OPTIONS is never kept", "OPTIONS", "/news/1", 200, (), {}, {}),
    ("QUERY has to be named", "QUERY", "/news/1", 200, (), {}, {}),
    ("QUERY with Authorization", "QUERY", "/news/1", 200, (), CREDENTIALS, PRIVATE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status", "lines", "headers", "expected"),
    [row[1:] for row in BY_RULE],
    ids=[row[0] for row in BY_RULE],
)
async def test_an_answer_gets(
    method: str, path: str, status: int, lines: Lines, headers: dict[str, str], expected: dict[str, str]
) -> None:
    found = await ask([NEWS, STYLES, REST], answering(status, *lines), method, path, headers)

    assert found == expected


CONTROL = b"cache-control"
OWN: list[tuple[str, str, Lines, dict[str, str], dict[str, str]]] = [
    (
        "its Cache-Control stays, and the CDN is told",
        "GET",
        ((CONTROL, b"max-age=5"),),
        {},
        {**NEWS_SAID, "cache-control": "max-age=5"},
    ),
    (
        "9213-2.2 what it keeps from shared caches is not given to a CDN",
        "GET",
        ((CONTROL, b"private, max-age=5"),),
        {},
        {"cache-control": "private, max-age=5", "vary": "Accept", "surrogate-key": "news"},
    ),
    (
        "9213-2.2 nor what nobody may keep",
        "GET",
        ((b"Cache-Control", b"NO-STORE"),),
        {},
        {"cache-control": "NO-STORE", "vary": "Accept", "surrogate-key": "news"},
    ),
    (
        "9213-2.2 nor what has to be checked",
        "GET",
        ((CONTROL, b'no-cache="set-cookie"'),),
        {},
        {"cache-control": 'no-cache="set-cookie"', "vary": "Accept", "surrogate-key": "news"},
    ),
    (
        "its Cache-Control stays where a request has credentials, and the CDN is not told",
        "GET",
        ((CONTROL, b"public, max-age=5"),),
        CREDENTIALS,
        {"cache-control": "public, max-age=5", "vary": "Accept"},
    ),
    (
        "its targeted field stays",
        "GET",
        ((b"CDN-Cache-Control", b"max-age=5"),),
        {},
        {**NEWS_SAID, "cdn-cache-control": "max-age=5"},
    ),
    ("its Vary is merged", "GET", ((b"Vary", b"Cookie"),), {}, {**NEWS_SAID, "vary": "Cookie, Accept"}),
    ("its Vary has it already", "GET", ((b"vary", b"accept, Cookie"),), {}, {**NEWS_SAID, "vary": "accept, Cookie"}),
    (
        "9110-12.5.5 its Vary on two lines",
        "GET",
        ((b"vary", b"Origin"), (b"vary", b"Cookie")),
        {},
        {**NEWS_SAID, "vary": "Origin, Cookie, Accept"},
    ),
    ("9110-12.5.5 its Vary is a star", "GET", ((b"vary", b"*"),), {}, {**NEWS_SAID, "vary": "*"}),
    (
        "its keys are merged",
        "GET",
        ((b"surrogate-key", b"news-7  news"),),
        {},
        {**NEWS_SAID, "surrogate-key": "news-7 news"},
    ),
    (
        "its keys on two lines",
        "GET",
        ((b"surrogate-key", b"a"), (b"Surrogate-Key", b"b")),
        {},
        {**NEWS_SAID, "surrogate-key": "a b news"},
    ),
    (
        "9111-5.3 its Expires says how long",
        "GET",
        ((b"expires", b"0"),),
        {},
        {"expires": "0", "vary": "Accept", "surrogate-key": "news"},
    ),
    (
        "9111-5.3 its Expires does, and the answer is for the receiver",
        "GET",
        ((b"expires", b"Thu, 01 Dec 2033 16:00:00 GMT"),),
        CREDENTIALS,
        {"expires": "Thu, 01 Dec 2033 16:00:00 GMT", "cache-control": "private", "vary": "Accept"},
    ),
    (
        "9111-5.4 its Pragma is meant to keep caches away",
        "GET",
        ((b"pragma", b"no-cache"),),
        {},
        {"pragma": "no-cache", "vary": "Accept", "surrogate-key": "news"},
    ),
    ("its Cache-Control on a write", "POST", ((CONTROL, b"max-age=5"),), {}, {"cache-control": "max-age=5"}),
    ("its Expires on a write", "POST", ((b"expires", b"0"),), {}, {"expires": "0", **NO_STORE}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "lines", "headers", "expected"), [row[1:] for row in OWN], ids=[row[0] for row in OWN]
)
async def test_what_the_app_says_wins(
    method: str, lines: Lines, headers: dict[str, str], expected: dict[str, str]
) -> None:
    found = await ask([NEWS], answering(200, *lines), method, "/news/1", headers)

    assert found == expected


async def test_two_lines_of_the_app_stay_two() -> None:
    app = answering(200, (CONTROL, b"public"), (CONTROL, b"max-age=5"))

    answer = await Client(CachePolicy(rules=[NEWS])(app)).get("/news")

    assert answer.all("cache-control") == ["public", "max-age=5"]


TWO = CacheRule(public=True, max_age=9)
CHOSEN: list[tuple[str, list[CacheRule], str, int, Lines, dict[str, str], dict[str, str]]] = [
    ("no rules", [], "GET", 200, (), {}, {}),
    ("no rules, with Authorization", [], "GET", 200, (), CREDENTIALS, PRIVATE),
    ("no rules, a write", [], "DELETE", 200, (), {}, NO_STORE),
    (
        "a rule that says nothing leaves alone what later ones would take",
        [CacheRule(match="/x"), REST],
        "GET",
        200,
        (),
        {},
        {},
    ),
    (
        "its answers are private all the same",
        [CacheRule(match="/x"), REST],
        "GET",
        200,
        (),
        CREDENTIALS,
        PRIVATE,
    ),
    (
        "a method is named",
        [CacheRule(match="POST /x", public=True, max_age=9)],
        "POST",
        200,
        (),
        {},
        {"cache-control": "public, max-age=9"},
    ),
    (
        "a method that is named is no other",
        [CacheRule(match="POST /x", public=True, max_age=9)],
        "GET",
        200,
        (),
        {},
        {},
    ),
    ("GET that is named is HEAD", [CacheRule(match="GET /x", no_store=True)], "HEAD", 200, (), {}, NO_STORE),
    (
        "QUERY is named",
        [CacheRule(match="QUERY /x", max_age=9)],
        "QUERY",
        200,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "several patterns",
        [CacheRule(match=["/y", "/x"], max_age=9)],
        "GET",
        200,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "a status is named",
        [CacheRule(statuses=[404], max_age=9)],
        "GET",
        404,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    ("a status that is named is no other", [CacheRule(statuses=[404], max_age=9)], "GET", 200, (), {}, {}),
    (
        "statuses of a kind",
        [CacheRule(statuses=["3xx"], max_age=9)],
        "GET",
        308,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "an error of the server, in so many words",
        [CacheRule(statuses=[503], max_age=9)],
        "GET",
        503,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "200 brings 304",
        [CacheRule(statuses=[200], max_age=9)],
        "GET",
        304,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    ("204 does not", [CacheRule(statuses=[204], max_age=9)], "GET", 304, (), {}, {}),
    (
        "a media type",
        [CacheRule(media_types=["text/html"], max_age=9)],
        "GET",
        200,
        (HTML,),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "a kind of media types",
        [CacheRule(media_types=["Text/*"], max_age=9)],
        "GET",
        200,
        (HTML,),
        {},
        {"cache-control": "max-age=9"},
    ),
    ("another kind", [CacheRule(media_types=["image/*"], max_age=9)], "GET", 200, (HTML,), {}, {}),
    (
        "any type",
        [CacheRule(media_types=["*/*"], max_age=9)],
        "GET",
        200,
        (),
        {},
        {"cache-control": "max-age=9"},
    ),
    (
        "despite credentials",
        [CacheRule(public=True, max_age=9, despite_credentials=True)],
        "GET",
        200,
        (),
        CREDENTIALS,
        {"cache-control": "public, max-age=9"},
    ),
    (
        "despite credentials, not despite cookies",
        [CacheRule(public=True, max_age=9, despite_credentials=True)],
        "GET",
        200,
        (COOKIE,),
        {},
        {"cache-control": "private, max-age=9"},
    ),
    (
        "despite cookies",
        [CacheRule(public=True, max_age=9, despite_cookies=True)],
        "GET",
        200,
        (COOKIE,),
        {},
        {"cache-control": "public, max-age=9"},
    ),
    (
        "despite cookies, not despite credentials",
        [CacheRule(public=True, max_age=9, despite_cookies=True)],
        "GET",
        200,
        (COOKIE,),
        CREDENTIALS,
        {"cache-control": "private, max-age=9"},
    ),
    ("a rule that is stricter already", [CacheRule(no_store=True)], "GET", 200, (), CREDENTIALS, NO_STORE),
    (
        "a rule that says nothing of caches, with credentials",
        [CacheRule(vary=["Accept"])],
        "GET",
        200,
        (),
        CREDENTIALS,
        {"vary": "Accept", **PRIVATE},
    ),
    (
        "9111-5.3 Expires",
        [CacheRule(max_age="1h", expires=True)],
        "GET",
        200,
        (),
        {},
        {"cache-control": "max-age=3600", "expires": "Thu, 01 Jan 1970 01:00:05 GMT"},
    ),
    (
        "9111-5.3 Expires for the receiver",
        [CacheRule(public=True, max_age=0, expires=True)],
        "GET",
        200,
        (),
        CREDENTIALS,
        {"cache-control": "private, max-age=0", "expires": "Thu, 01 Jan 1970 00:00:05 GMT"},
    ),
    (
        "9111-5.3 no Expires beside what the app says",
        [CacheRule(max_age=0, expires=True)],
        "GET",
        200,
        ((CONTROL, b"max-age=7"),),
        {},
        {"cache-control": "max-age=7"},
    ),
    (
        "fields of certain caches",
        [
            CacheRule(
                no_store=True,
                targeted={
                    "Cloudflare-CDN-Cache-Control": CacheDirectives(max_age="1d"),
                    "Surrogate-Control": CacheDirectives(max_age=5),
                },
            )
        ],
        "GET",
        200,
        (),
        {},
        {**NO_STORE, "cloudflare-cdn-cache-control": "max-age=86400", "surrogate-control": "max-age=5"},
    ),
]


@pytest.mark.parametrize(
    ("rules", "method", "status", "lines", "headers", "expected"),
    [row[1:] for row in CHOSEN],
    ids=[row[0] for row in CHOSEN],
)
async def test_rules_choose(
    rules: list[CacheRule],
    method: str,
    status: int,
    lines: Lines,
    headers: dict[str, str],
    expected: dict[str, str],
) -> None:
    found = await ask(rules, answering(status, *lines), method, "/x", headers, clock=lambda: 5.9)

    assert found == expected


async def test_as_many_keys_as_the_field_has_room_for_stay_alone() -> None:
    keys = b"k" * 16380

    found = await ask([NEWS], answering(200, (b"surrogate-key", keys)), "GET", "/news", {})

    assert found["surrogate-key"] == keys.decode()
    assert found["cache-control"] == NEWS_SAID["cache-control"]


@pytest.mark.parametrize("name", ["x-api-key", "cookie"])
async def test_other_credentials_may_be_named(name: str) -> None:
    settings = {"credentials": ["Authorization", "X-API-Key", "Cookie"]}

    found = await ask([NEWS], answering(200), "GET", "/news", {name: "x"}, **settings)

    assert found == NEWS_OWN


async def test_the_clock_is_read_for_each_answer() -> None:
    clock = Clock()
    client = Client(CachePolicy(rules=[CacheRule(max_age=1, expires=True)], clock=clock)(hello))

    before = await client.get("/")
    clock.advance(60)
    after = await client.get("/")

    assert (before.header("expires") or "")[:20] == (after.header("expires") or "")[:20]
    assert before.header("expires") != after.header("expires")


async def test_the_path_is_the_one_below_the_root_path() -> None:
    app = CachePolicy(rules=[NEWS])(hello)

    answer = await Client(app, root_path="/v1").get("/news/1")

    assert answer.header("surrogate-key") == "news"


async def test_a_router_that_moves_the_root_changes_nothing() -> None:
    async def mounting(scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(root_path="/shop", path="/other")
        await hello(scope, receive, send)

    answer = await Client(CachePolicy(rules=[NEWS])(mounting), lint=False).get("/news/1")

    assert answer.header("surrogate-key") == "news"


@pytest.mark.parametrize("minimal", [False, True])
async def test_a_handler_can_leave_it_out(minimal: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "cache_policy")
        await hello(scope, receive, send)

    layer = CachePolicy(rules=[NEWS])

    alone = await Client(layer(app), minimal=minimal).get("/news")
    piped = await Client(Pipeline(layer)(app), minimal=minimal).get("/news")

    assert said(alone) == said(piped) == {}


async def test_excluded_paths_have_none() -> None:
    answer = await Client(CachePolicy(rules=[REST], exclude=["/live/**"])(hello)).get("/live/1")

    assert said(answer) == {}


async def test_a_crash_is_not_kept() -> None:
    app = Pipeline(CachePolicy(rules=[REST]), Problems())(RAISING_APPS["the app raises before the head"])

    answer = await Client(app).get("/", raise_app_exceptions=False)

    # Problems stands outside, and says so itself.
    assert (answer.status, said(answer)) == (500, NO_STORE)


FIELDS = ("cache-control", "vary", "surrogate-key")


def _comparable(message: Message) -> Message:
    shown = {**message}
    if message["type"] in HEADS:
        shown["headers"] = [
            (bytes(name), bytes(value))
            for name, value in message.get("headers", ())
            if bytes(name).decode() not in FIELDS
        ]
    return shown if "file" not in shown else {**shown, "file": type(shown["file"])}


@pytest.mark.parametrize("name", UNUSUAL_APPS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_unusual_passes_with_nothing_but_fields_added(name: str, method: str) -> None:
    app = UNUSUAL_APPS[name]
    rules = [
        CacheRule(public=True, max_age=9, statuses=["2xx", "3xx"], vary=["Accept"], surrogate_key=["all"])
    ]
    bare = await Client(app, lint=False).request(method, "/")

    answer = await Client(CachePolicy(rules=rules)(lint(app)), lint=False).request(method, "/")

    assert [_comparable(each) for each in answer.messages] == [_comparable(each) for each in bare.messages]
    assert len(answer.all("cache-control")) == 1
    assert len(answer.all("surrogate-key")) == (0 if answer.all("set-cookie") else 1)
    assert "accept" in ", ".join(answer.all("vary")).lower()
    assert answer.all("set-cookie") == bare.all("set-cookie")


@pytest.mark.parametrize("name", UNUSUAL_SOCKETS)
async def test_websockets_pass_untouched(name: str) -> None:
    app = UNUSUAL_SOCKETS[name]
    async with Client(app).websocket("/") as bare:
        pass

    async with Client(CachePolicy(rules=[REST])(app)).websocket("/") as wrapped:
        pass

    assert wrapped.messages == bare.messages


async def test_the_head_of_a_stream_is_not_held_back() -> None:
    async with Client(
        CachePolicy(rules=[NEWS])(scripted(head(), chunk(b"a"), chunk(b"b", more=False)))
    ).stream("GET", "/news") as stream:
        answer = await stream.head()

        assert said(answer) == NEWS_SAID
        assert stream.answer.body == b""


async def test_one_layer_on_two_apps_and_interleaved_requests_do_not_mix() -> None:
    layer = CachePolicy(rules=[NEWS, REST])
    plain, cookies = layer(hello), layer(answering(200, COOKIE))

    async with (
        Client(plain).stream("GET", "/news") as first,
        Client(cookies).stream("GET", "/news") as second,
        Client(plain).stream("GET", "/x", headers=CREDENTIALS) as third,
        Client(plain).stream("POST", "/news") as fourth,
    ):
        heads = [await each.head() for each in (fourth, second, third, first)]

    assert [said(each) for each in heads] == [
        NO_STORE,
        NEWS_OWN,
        {"cache-control": "private, no-cache"},
        NEWS_SAID,
    ]


async def test_names_of_fields_without_end_are_not_remembered() -> None:
    layer = CachePolicy(rules=[NEWS])
    for batch in range(20):
        lines = [(f"x-{batch}-{number}".encode(), b"") for number in range(100)]
        await Client(layer(answering(200, *lines))).get("/news")

    found = await Client(layer(answering(200, (b"Set-COOKIE", b"a=1"))), lint=False).get("/news")

    assert len(layer._policy._kinds) == 512
    assert said(found) == NEWS_OWN
