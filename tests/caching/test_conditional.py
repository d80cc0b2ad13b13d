"""GET and HEAD through the layer: who gets a tag, a 304, a 412 or all of it."""

from typing import Any

import anyio
import pytest

from asgi_patterns import (
    CachePolicy,
    CacheRule,
    ConditionalRequests,
    Cors,
    Pipeline,
    Problems,
    RateLimit,
    RequestId,
)
from asgi_patterns.caching import NotModifiedSent, PreconditionRefused
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, chunk, head, hello, lint, scripted
from tests.caching.documents import (
    ASCTIME,
    BODY,
    EARLIER,
    LATER,
    MADE,
    OWN,
    PAST,
    SUNDAY,
    Coding,
    Fields,
    document,
    heard,
    lines,
    served,
    shown,
)

pytestmark = pytest.mark.anyio

SIZE = len(BODY)
IM, INM, IMS, IUS = "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"
STREAM = scripted(head(), chunk(BODY), chunk(b"", more=False))
TRAILERS = scripted(
    {
        "type": "http.response.start",
        "status": 200,
        "headers": lines(("content-length", str(SIZE)), ("trailer", "expires")),
        "trailers": True,
    },
    chunk(BODY, more=False),
    {"type": "http.response.trailers", "headers": [(b"expires", b"never")]},
)

# --- who gets a tag ---

TAGS: list[tuple[str, ASGIApp, str, dict[str, Any], str | None]] = [
    ("8.8.3: a short 200 gets a tag", document(), "GET", {}, MADE),
    ("8.8.3: the app's own stays", document(("etag", OWN)), "GET", {}, OWN),
    ("8.8.3: the app's own weak one stays", document(("etag", 'W/"v7"')), "GET", {}, 'W/"v7"'),
    ("8.8.3: the app's own stays although it is broken", document(("etag", "v7")), "GET", {}, "v7"),
    ("8.8.3: a date is no reason not to", document(("last-modified", PAST)), "GET", {}, MADE),
    ("8.8.1: it is weak where that is asked for", document(), "GET", {"tags": "weak"}, f"W/{MADE}"),
    ("8.8.3: none where that is asked for", document(), "GET", {"tags": "off"}, None),
    ("8.8.3: none for HEAD, whose bytes nobody knows", document(), "HEAD", {}, None),
    ("8.8.3: the app's own for HEAD", document(("etag", OWN)), "HEAD", {}, OWN),
    ("8.8.3: none for POST", document(), "POST", {}, None),
    ("8.8.3: none for PUT", document(), "PUT", {}, None),
    ("8.8.3: none for OPTIONS", document(), "OPTIONS", {}, None),
    ("8.8.3: none for QUERY", document(), "QUERY", {}, None),
    ("15.3.7: none for a part", document(("content-range", "bytes 0-11/99"), status=206), "GET", {}, None),
    ("15.3.2: none for a 201", document(status=201), "GET", {}, None),
    ("15.3.4: none for what a proxy has changed", document(status=203), "GET", {}, None),
    ("15.5.5: none for a 404", document(status=404), "GET", {}, None),
    ("15.6.1: none for a 500", document(status=500), "GET", {}, None),
    ("15.4.3: none for a redirect", document(("location", "/x"), status=302), "GET", {}, None),
    ("none for what has no length", document(sized=False), "GET", {}, None),
    ("none for a stream", STREAM, "GET", {}, None),
    ("none with trailers", TRAILERS, "GET", {}, None),
    ("none for a file sent by its path", UNUSUAL_APPS["a file is sent by its path"], "GET", {}, None),
    ("one byte below the limit", document(), "GET", {"limit": SIZE + 1}, MADE),
    ("at the limit", document(), "GET", {"limit": SIZE}, MADE),
    ("one byte above the limit", document(), "GET", {"limit": SIZE - 1}, None),
    ("nothing is short of a limit of 0 but nothing", document(), "GET", {"limit": 0}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("app", "method", "given", "expected"), [row[1:] for row in TAGS], ids=[row[0] for row in TAGS]
)
async def test_a_tag_is_made(app: ASGIApp, method: str, given: dict[str, Any], expected: str | None) -> None:
    bare = await Client(app).request(method, "/")

    answer = await served(app, **given).request(method, "/")

    assert answer.header("etag") == expected
    assert len(answer.all("etag")) <= 1
    assert (answer.status, answer.body, answer.trailers) == (bare.status, bare.body, bare.trailers)


async def test_an_empty_200_has_a_tag_too() -> None:
    answer = await served(document(body=b""), limit=0).get("/")

    assert answer.header("etag") is not None


async def test_a_tag_is_of_the_bytes_and_of_nothing_else() -> None:
    one, two, three = [
        await served(document(("x-number", str(number)), body=body)).get(f"/{number}")
        for number, body in enumerate([b"a", b"a", b"b"])
    ]

    assert one.header("etag") == two.header("etag") != three.header("etag")


async def test_sha256_is_the_same_everywhere() -> None:
    answer = await served(document(body=b"hello"), digest="sha256").get("/")

    assert answer.header("etag") == '"2cf24dba5fb0a30e26e83b2ac5b9e29e"'


async def test_a_short_answer_in_pieces_has_the_tag_of_the_whole() -> None:
    size = ("content-length", str(SIZE))
    app = scripted(
        head(200, *lines(size)), chunk(BODY[:3]), chunk(b""), chunk(BODY[3:]), chunk(b"", more=False)
    )

    answer = await served(app).get("/")

    assert (answer.header("etag"), answer.body) == (MADE, BODY)


# --- what conditions come to ---

PLAIN = document()
TAGGED = document(("etag", OWN))
WEAK = document(("etag", 'W/"v7"'))
DATED = document(("last-modified", PAST))
BOTH = document(("etag", OWN), ("last-modified", PAST))
BROKEN = document(("etag", "v7"))
EMPTY = document(("etag", OWN), status=204, body=b"", sized=False)
TWICE = document(("etag", OWN), ("etag", '"v8"'))

READS: list[tuple[str, ASGIApp, Fields, int]] = [
    ("13.1.2: the tag", TAGGED, [(INM, OWN)], 304),
    ("13.1.2: another tag", TAGGED, [(INM, '"v6"')], 200),
    ("13.1.2: the tag in a list", TAGGED, [(INM, f'"a", {OWN}, "b"')], 304),
    ("13.1.2: no tag in a list", TAGGED, [(INM, '"a", "b"')], 200),
    ("13.1.2: a list without spaces", TAGGED, [(INM, f'"a",{OWN},"b"')], 304),
    ("13.1.2: a list with empty elements", TAGGED, [(INM, f',, "a" ,,{OWN},')], 304),
    ("5.3: the tag in the second line", TAGGED, [(INM, '"a"'), (INM, OWN)], 304),
    ("5.3: the tag in none of two lines", TAGGED, [(INM, '"a"'), (INM, '"b"')], 200),
    ("8.8.3: a comma within a tag", document(("etag", '"a,b"')), [(INM, '"x", "a,b"')], 304),
    ("8.8.3: half of a tag with a comma", document(("etag", '"a"')), [(INM, '"a,b"')], 200),
    ("8.8.3: a backslash escapes nothing", document(("etag", '"a\\"')), [(INM, '"a\\"')], 304),
    ("8.8.3: capitals are other letters", TAGGED, [(INM, '"V7"')], 200),
    ("8.8.3: without quotes it is no tag", TAGGED, [(INM, "v7")], 200),
    ("13.1.2: any", TAGGED, [(INM, "*")], 304),
    ("13.1.2: any, with spaces", TAGGED, [(INM, " * ")], 304),
    ("13.1.2: any, of what has no tag", document(sized=False), [(INM, "*")], 304),
    ("13.1.2: any in quotes is a tag", TAGGED, [(INM, '"*"')], 200),
    ("13.1.2: any in a list is nothing", TAGGED, [(INM, f"*, {OWN}")], 200),
    ("8.8.3.2: a weak one matches a strong one", TAGGED, [(INM, 'W/"v7"')], 304),
    ("8.8.3.2: a strong one matches a weak one", WEAK, [(INM, OWN)], 304),
    ("8.8.3.2: a weak one matches a weak one", WEAK, [(INM, 'W/"v7"')], 304),
    ("8.8.3: a small w is no weak tag", TAGGED, [(INM, 'w/"v7"')], 200),
    ("13.1.2: a tag of an answer that has none", document(sized=False), [(INM, OWN)], 200),
    ("8.8.3: a broken tag of the app is none", BROKEN, [(INM, '"v7"')], 200),
    ("8.8.3: two tags of the app are none", TWICE, [(INM, OWN)], 200),
    ("13.1.3: the date", DATED, [(IMS, PAST)], 304),
    ("13.1.3: a later date", DATED, [(IMS, LATER)], 304),
    ("13.1.3: an earlier date", DATED, [(IMS, EARLIER)], 200),
    ("5.6.7: the date with two digits for a year", DATED, [(IMS, SUNDAY)], 304),
    ("5.6.7: the date as asctime has it", DATED, [(IMS, ASCTIME)], 304),
    ("13.1.3: no date", DATED, [(IMS, "yesterday")], 200),
    ("13.1.3: a number", DATED, [(IMS, "784111777")], 200),
    ("13.1.3: a date to come", DATED, [(IMS, "Sun, 06 Nov 2095 08:49:37 GMT")], 200),
    ("13.1.3: two dates", DATED, [(IMS, PAST), (IMS, PAST)], 200),
    ("13.1.3: a date, of what has none", TAGGED, [(IMS, PAST)], 200),
    ("13.1.3: a date, of what has a broken one", document(("last-modified", "now")), [(IMS, PAST)], 200),
    ("13.1.3: with a tag the date is ignored, the tag holds", BOTH, [(INM, '"a"'), (IMS, PAST)], 200),
    ("13.1.3: with a tag the date is ignored, the tag does not hold", BOTH, [(INM, OWN), (IMS, EARLIER)], 304),
    ("13.1.3: a tag that cannot be read still stands before the date", BOTH, [(INM, "v7"), (IMS, PAST)], 200),
    ("13.1.1: the tag has to match, and does", TAGGED, [(IM, OWN)], 200),
    ("13.1.1: the tag has to match, and does not", TAGGED, [(IM, '"v6"')], 412),
    ("13.1.1: one of a list has to match, and does", TAGGED, [(IM, f'"v6", {OWN}')], 200),
    ("5.3: one of two lines has to match, and does", TAGGED, [(IM, '"v6"'), (IM, OWN)], 200),
    ("13.1.1: any has to be there, and is", TAGGED, [(IM, "*")], 200),
    ("13.1.1: any has to be there, without a tag", document(sized=False), [(IM, "*")], 200),
    ("8.8.3.2: a weak one does not match a strong one strongly", TAGGED, [(IM, 'W/"v7"')], 412),
    ("8.8.3.2: a strong one does not match a weak one strongly", WEAK, [(IM, OWN)], 412),
    ("8.8.3.2: a weak one does not match itself strongly", WEAK, [(IM, 'W/"v7"')], 412),
    ("13.1.1: a tag has to match what has none", document(sized=False), [(IM, OWN)], 412),
    ("13.1.4: unmodified since, and it is", DATED, [(IUS, PAST)], 200),
    ("13.1.4: unmodified since, and it is not", DATED, [(IUS, EARLIER)], 412),
    ("5.6.7: unmodified since, as asctime", DATED, [(IUS, ASCTIME)], 200),
    ("13.1.4: unmodified since no date", DATED, [(IUS, "yesterday")], 200),
    ("13.1.4: unmodified, of what has no date", TAGGED, [(IUS, EARLIER)], 200),
    ("13.1.4: with If-Match the date is ignored", BOTH, [(IM, OWN), (IUS, EARLIER)], 200),
    ("13.2.2: If-Match fails before If-None-Match holds", TAGGED, [(IM, '"v6"'), (INM, OWN)], 412),
    ("13.2.2: If-Match holds, and then If-None-Match counts", TAGGED, [(IM, OWN), (INM, OWN)], 304),
    ("13.2.2: If-Unmodified-Since fails first", BOTH, [(IUS, EARLIER), (INM, OWN)], 412),
    ("13.2.2: If-Unmodified-Since holds, then If-None-Match", BOTH, [(IUS, PAST), (INM, OWN)], 304),
    ("13.2.2: If-Match holds, then the date", BOTH, [(IM, OWN), (IMS, PAST)], 304),
    ("13.1.5: If-Range without a range means nothing", TAGGED, [("if-range", '"v6"')], 200),
    ("15.3.5: a 204 with a tag can be unmodified too", EMPTY, [(INM, OWN)], 304),
    ("15.3.7: so can a 206", document(("etag", OWN), status=206), [("range", "bytes=0-11"), (INM, OWN)], 304),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("app", "fields", "status"), [row[1:] for row in READS], ids=[row[0] for row in READS]
)
async def test_of_a_read(app: ASGIApp, fields: Fields, status: int, method: str) -> None:
    if method == "HEAD" and status == 412 and app is not TAGGED and ("if-match", OWN) in fields:
        # Of HEAD nobody knows whether it is an answer that gets a tag.
        status = 412 if app is WEAK else 200
    bare = await Client(app).request(method, "/")

    answer = await served(app).request(method, "/", headers=fields)

    assert answer.status == status
    if status == 412:
        assert answer.header("content-type") == "application/problem+json"
    else:
        assert answer.body == (b"" if status == 304 else bare.body)
        assert status != 304 or answer.header("content-length") is None


MADE_READS: list[tuple[str, dict[str, Any], Fields, int]] = [
    ("13.1.2: the tag that was made", {}, [(INM, MADE)], 304),
    ("13.1.2: the tag that was made, weakened by a proxy", {}, [(INM, f"W/{MADE}")], 304),
    ("13.1.2: another", {}, [(INM, OWN)], 200),
    ("13.1.2: the weak tag that was made", {"tags": "weak"}, [(INM, f"W/{MADE}")], 304),
    ("13.1.1: the tag that was made has to match", {}, [(IM, MADE)], 200),
    ("13.1.1: another has to match", {}, [(IM, OWN)], 412),
    ("8.8.3.2: a weak tag that was made has to match", {"tags": "weak"}, [(IM, f"W/{MADE}")], 412),
    ("13.1.2: no tag is made", {"tags": "off"}, [(INM, MADE)], 200),
    ("13.1.1: no tag is made, and one has to match", {"tags": "off"}, [(IM, MADE)], 412),
    ("13.1.2: it is too long for a tag", {"limit": 1}, [(INM, MADE)], 200),
]


@pytest.mark.parametrize(
    ("given", "fields", "status"), [row[1:] for row in MADE_READS], ids=[row[0] for row in MADE_READS]
)
async def test_of_a_read_without_validators_of_its_own(
    given: dict[str, Any], fields: Fields, status: int
) -> None:
    answer = await served(PLAIN, **given).get("/", headers=fields)

    assert answer.status == status
    if status == 304:
        assert answer.header("etag") == ("W/" if given.get("tags") == "weak" else "") + MADE


async def test_head_is_not_refused_for_a_tag_that_only_get_could_make() -> None:
    """13.1.1: the client has seen that tag, and it may be the current one."""
    answer = await served(PLAIN).head("/", headers={"if-match": MADE})

    assert answer.status == 200


async def test_a_part_is_not_refused_for_a_tag_that_only_the_whole_has() -> None:
    app = document(("content-range", "bytes 0-11/99"), status=206)

    answer = await served(app).get("/", headers={"if-match": MADE, "range": "bytes=0-11"})

    assert answer.status == 206


STATUSES = [301, 302, 400, 401, 403, 404, 405, 409, 410, 416, 422, 429, 500, 503]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "condition", ["if-none-match", "if-match", "if-modified-since", "if-unmodified-since"]
)
@pytest.mark.parametrize("status", STATUSES, ids=lambda status: f"13.2.1: {status}")
async def test_what_is_no_2xx_is_the_better_answer(status: int, condition: str, method: str) -> None:
    app = document(("etag", OWN), ("last-modified", PAST), status=status)
    value = {"if-none-match": OWN, "if-match": '"v6"', "if-modified-since": PAST}.get(condition, EARLIER)
    bare = await Client(app).request(method, "/")

    answer = await served(app).request(method, "/", headers={condition: value})

    assert answer.messages == bare.messages


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize("condition", ["if-none-match", "if-match"])
async def test_conditions_of_other_safe_methods_are_not_ours(method: str, condition: str) -> None:
    """13.2.1: nothing is selected; and of QUERY a cache would have to know the content."""
    answer = await served(TAGGED).request(method, "/", headers={condition: '"v6"'})

    assert answer.status == 200


# --- the 304 itself ---

ABOUT_THE_ANSWER: Fields = [
    ("cache-control", "max-age=60"),
    ("content-location", "/lamps/7"),
    ("date", PAST),
    ("expires", LATER),
    ("vary", "accept, cookie"),
    ("set-cookie", "a=1"),
    ("set-cookie", "b=2"),
    ("link", "</lamps>; rel=up"),
    ("server-timing", "db;dur=1"),
    ("etag", OWN),
]
ABOUT_THE_REPRESENTATION: Fields = [
    ("content-language", "en"),
    ("content-disposition", "inline"),
    ("last-modified", PAST),
    ("accept-ranges", "bytes"),
    ("repr-digest", "sha-256=:abc:"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_304_has_the_fields_of_its_200_but_those_of_the_content(method: str) -> None:
    """15.4.5; row 51 of the known pains."""
    app = document(*ABOUT_THE_REPRESENTATION, *ABOUT_THE_ANSWER)

    answer = await served(app).request(method, "/", headers={"if-none-match": OWN})

    assert answer.status == 304
    assert sorted(answer.headers) == sorted(lines(*ABOUT_THE_ANSWER))
    assert answer.messages[1:] == [{"type": "http.response.body", "body": b""}]


async def test_without_a_tag_a_304_has_the_date() -> None:
    answer = await served(document(("last-modified", PAST), sized=False)).get(
        "/", headers={"if-modified-since": PAST}
    )

    assert (answer.status, answer.headers) == (304, lines(("last-modified", PAST)))


@pytest.mark.parametrize(("condition", "value", "status"), [(INM, OWN, 304), (IM, '"v6"', 412)])
async def test_layers_outside_say_on_it_what_they_say_on_every_answer(
    condition: str, value: str, status: int
) -> None:
    app = Pipeline(
        RequestId(),
        Cors(allow_origins=["https://shop.example"]),
        Problems(),
        RateLimit(quotas=["10/minute"]),
        ConditionalRequests(),
    )(document(("etag", OWN), ("vary", "accept")))
    origin = {"origin": "https://shop.example", "x-request-id": "abcdefgh12345678"}

    plain = await Client(app).get("/", headers=origin)
    answer = await Client(app).get("/", headers={**origin, condition: value})

    assert (plain.status, answer.status) == (200, status)
    for name in ("x-request-id", "access-control-allow-origin", "ratelimit-policy"):
        assert answer.all(name) == plain.all(name) != []
    assert answer.header("ratelimit") is not None
    if status == 304:
        assert answer.all("vary") == plain.all("vary")
        assert b"accept" in dict(plain.headers)[b"vary"]


async def test_a_412_says_which_condition_and_that_nothing_was_done() -> None:
    app = Pipeline(Problems(base="https://shop.example/problems/"), ConditionalRequests())(TAGGED)

    answer = await Client(app).get("/", headers={"if-match": '"v6"'})

    assert answer.status == 412
    assert answer.json()["type"].endswith("precondition-failed")
    assert answer.json()["title"] == "Precondition failed"
    assert answer.json()["condition"] == "If-Match"


async def test_a_412_to_head_has_no_body() -> None:
    answer = await served(TAGGED).head("/", headers={"if-match": '"v6"'})

    assert (answer.status, answer.body) == (412, b"")


async def test_the_stream_behind_a_304_is_swallowed_and_ends() -> None:
    ended = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200, *lines(("etag", OWN))))
        for _ in range(50):
            await send(chunk(b"x" * 100))
        await send(chunk(b"", more=False))
        ended.set()

    answer = await served(app).get("/", headers={"if-none-match": OWN})

    assert shown(answer) == (304, OWN)
    assert len(answer.messages) == 2
    assert ended.is_set()


async def test_a_stream_behind_a_304_does_not_keep_others_waiting() -> None:
    turns = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200, *lines(("etag", OWN))))
        for number in range(20):
            turns.append(number)
            await send(chunk(b"x"))
        await send(chunk(b"", more=False))

    async def other() -> None:
        for _ in range(5):
            turns.append(-1)
            await anyio.lowlevel.checkpoint()

    client = served(app)
    async with (
        anyio.create_task_group() as group,
        client.stream("GET", "/", headers={"if-none-match": OWN}) as stream,
    ):
        await stream.read()
        group.start_soon(other)
        await stream.ended()

    assert -1 in turns[: turns.index(19)]


async def test_trailers_are_not_announced_where_nothing_follows() -> None:
    app = scripted(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": lines(("etag", OWN), ("trailer", "expires")),
            "trailers": True,
        },
        chunk(b"hello", more=False),
        {"type": "http.response.trailers", "headers": [(b"expires", b"never")]},
    )

    answer = await served(app).get("/", headers={"if-none-match": OWN})

    assert answer.status == 304
    assert answer.complete
    assert (answer.header("trailer"), answer.trailers) == (None, [])


async def test_what_could_not_be_tagged_is_still_decided_by_its_date() -> None:
    """A short file, sent by its path: whoever has its date gets a 304."""
    size = ("content-length", "5")
    app = scripted(
        head(200, *lines(size, ("last-modified", PAST))),
        {"type": "http.response.pathsend", "path": __file__},
    )

    current = await served(app).get("/", headers={"if-modified-since": PAST})
    refused = await served(app).get("/", headers={"if-unmodified-since": EARLIER})

    assert (current.status, refused.status) == (304, 412)


async def test_a_wrong_length_is_not_ours_to_put_right() -> None:
    size = ("content-length", "50")
    app = scripted(head(200, *lines(size, ("last-modified", PAST))), chunk(b"hel"), chunk(b"lo", more=False))
    client = Client(ConditionalRequests()(app), lint=False)

    answer = await client.get("/", headers={"if-none-match": MADE})

    assert (answer.status, answer.body, answer.header("etag")) == (200, b"hello", None)


# --- ranges ---


def ranged(*fields: tuple[str, str]) -> tuple[ASGIApp, list[Scope]]:
    """An app that knows ranges but not If-Range; it reads the body of its request. And all its requests."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append({**scope})
        scope["root_path"] = "/moved/by/a/router"
        message = await receive()
        assert (message["type"], message.get("more_body", False)) == ("http.request", False)
        part = BODY[:3] if any(name == b"range" for name, _ in scope["headers"]) else BODY
        status = 206 if part is not BODY else 200
        content_range = [("content-range", f"bytes 0-2/{SIZE}")] if status == 206 else []
        await send(head(status, *lines(("content-length", str(len(part))), *content_range, *fields)))
        await send(chunk(b"" if scope["method"] == "HEAD" else part, more=False))

    return app, scopes


def copied(app: ASGIApp) -> Client:
    """The app behind the layer, and one that copies the scope: this app changes it, as routers do."""
    return Client(Pipeline(RequestId(), ConditionalRequests())(app))


RANGE = ("range", "bytes=0-2")
YOUNG: Fields = [("last-modified", PAST), ("date", PAST)]
RANGES: list[tuple[str, Fields, Fields, int]] = [
    ("13.1.5: no If-Range", [("etag", OWN)], [], 206),
    ("13.1.5: the tag", [("etag", OWN)], [("if-range", OWN)], 206),
    ("13.1.5: another tag", [("etag", OWN)], [("if-range", '"v6"')], 200),
    ("13.1.5: a weak tag", [("etag", OWN)], [("if-range", 'W/"v7"')], 200),
    ("13.1.5: a weak tag of a weak one", [("etag", 'W/"v7"')], [("if-range", 'W/"v7"')], 200),
    ("13.1.5: a tag of what has none", [], [("if-range", OWN)], 200),
    ("13.1.5: the tag that is made of the whole", [], [("if-range", MADE)], 200),
    ("13.1.5: the date", [("last-modified", PAST)], [("if-range", PAST)], 206),
    ("13.1.5: a later date is another one", [("last-modified", PAST)], [("if-range", LATER)], 200),
    ("13.1.5: an earlier date", [("last-modified", PAST)], [("if-range", EARLIER)], 200),
    ("8.8.2.2: a date too young to be strong", YOUNG, [("if-range", PAST)], 200),
    ("5.6.7: the date as asctime has it", [("last-modified", PAST)], [("if-range", ASCTIME)], 206),
    ("13.1.5: neither tag nor date", [("etag", OWN)], [("if-range", "v7")], 200),
    ("13.1.5: two of them", [("etag", OWN)], [("if-range", OWN), ("if-range", OWN)], 200),
    ("13.1.5: a list", [("etag", OWN)], [("if-range", f'{OWN}, "v6"')], 200),
    ("13.1.5: any", [("etag", OWN)], [("if-range", "*")], 200),
    ("13.2.2: If-None-Match comes first", [("etag", OWN)], [(INM, OWN), ("if-range", '"v6"')], 304),
    ("13.2.2: If-Match comes first", [("etag", OWN)], [(IM, '"v6"'), ("if-range", OWN)], 412),
]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "fields", "status"), [row[1:] for row in RANGES], ids=[row[0] for row in RANGES]
)
async def test_a_range_counts(own: Fields, fields: Fields, status: int) -> None:
    app, scopes = ranged(*own)

    answer = await copied(app).get("/", headers=[RANGE, *fields])

    assert answer.status == status
    if status in (200, 206):
        assert answer.body == (BODY if status == 200 else BODY[:3])
        assert [dict(scope["headers"]).get(b"range") for scope in scopes] == [b"bytes=0-2", None][
            : 1 + (status == 200)
        ]
        assert len({scope["root_path"] for scope in scopes}) == 1
    assert len([message for message in answer.messages if message["type"] == "http.response.start"]) == 1


async def test_the_whole_answer_is_decided_on_again() -> None:
    """Only the whole of it has a tag, so only then it is known that the client has it all."""
    app, scopes = ranged()

    answer = await copied(app).get("/", headers=[RANGE, ("if-range", OWN), ("if-none-match", MADE)])

    assert shown(answer) == (304, MADE)
    assert len(scopes) == 2


async def test_content_of_a_get_is_not_sent_twice() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        names = {name for name, _ in scope["headers"]}
        seen.append((b"".join(message.get("body", b"") for message in messages), b"content-length" in names))
        status = 206 if b"range" in names else 200
        await send(head(status, *lines(("etag", OWN))))
        await send(chunk(BODY, more=False))

    answer = await served(app).get("/", headers=[RANGE, ("if-range", '"v6"')], content=b"hello")

    assert answer.status == 200
    assert seen == [(b"hello", True), (b"", False)]


async def test_the_second_time_the_rest_of_the_content_is_no_content() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_part = any(name == b"range" for name, _ in scope["headers"])
        if not is_part:
            assert (await receive())["body"] == b""
        await send(head(206 if is_part else 200, *lines(("etag", OWN))))
        await send(chunk(BODY, more=False))
        if not is_part:
            assert (await receive())["type"] == "http.disconnect"

    answer = await served(app).get("/", headers=[RANGE, ("if-range", '"v6"')], content=[b"hel", b"lo"])

    assert answer.status == 200


# --- content codings ---

CODED: list[tuple[str, str, Fields, tuple[int, str | None]]] = [
    ("8.8.3.3: the tag of this coding", "gzip", [(INM, '"v7-gzip"')], (304, '"v7-gzip"')),
    ("8.8.3.3: the tag of this coding in a list", "gzip", [(INM, '"v6-gzip", "v7-gzip"')], (304, '"v7-gzip"')),
    ("8.8.3.3: the tag of this coding, weakened", "gzip", [(INM, 'W/"v7-gzip"')], (304, '"v7-gzip"')),
    ("8.8.3.3: the tag of another coding", "gzip", [(INM, '"v7-br"')], (200, OWN)),
    ("8.8.3.3: another state in this coding", "gzip", [(INM, '"v6-gzip"')], (200, OWN)),
    ("8.8.3.3: the plain tag", "gzip", [(INM, OWN)], (304, OWN)),
    ("13.1.1: this coding has to match", "gzip", [(IM, '"v7-gzip"')], (200, OWN)),
    ("13.1.1: another coding has to match", "gzip", [(IM, '"v7-br"')], (200, OWN)),
    ("13.1.1: another state has to match", "gzip", [(IM, '"v6-gzip"')], (412, None)),
    ("13.1.1: a name that is no coding has to match", "gzip", [(IM, '"v7-rar"')], (412, None)),
    ("13.1.5: a range is never of coded bytes", "gzip", [RANGE, ("if-range", '"v7-gzip"')], (200, OWN)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("coding", "fields", "expected"), [row[1:] for row in CODED], ids=[row[0] for row in CODED]
)
async def test_behind_compression(coding: str, fields: Fields, expected: tuple[int, str | None]) -> None:
    app, _ = ranged(("etag", OWN))

    answer = await Client(Pipeline(Coding(coding=coding), ConditionalRequests())(app)).get(
        "/", headers=fields
    )

    assert shown(answer) == expected


async def test_behind_compression_a_304_by_date_has_the_tag_of_the_coding() -> None:
    app = Pipeline(Coding(), ConditionalRequests())(BOTH)

    answer = await Client(app).get("/", headers={"if-modified-since": PAST})

    assert shown(answer) == (304, '"v7-gzip"')


async def test_behind_compression_a_made_tag_is_understood_too() -> None:
    coded = f'{MADE[:-1]}-gzip"'

    answer = await Client(Pipeline(Coding(), ConditionalRequests())(PLAIN)).get(
        "/", headers={"if-none-match": coded}
    )

    assert shown(answer) == (304, coded)


async def test_without_compression_no_coding_is_understood() -> None:
    answer = await served(TAGGED).get("/", headers={"if-none-match": '"v7-gzip"'})

    assert answer.status == 200


# --- the unusual ---


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
@pytest.mark.parametrize("conditions", ["without", "with"])
@pytest.mark.parametrize("guard", ["none", "probe"])
@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_with_nothing_but_a_tag_added(
    name: str, guard: str, conditions: str, method: str
) -> None:
    layer = ConditionalRequests(probe=guard == "probe")
    content = b"some content" if method in ("POST", "PUT") else None
    headers = {"if-none-match": '"none"'} if conditions == "with" else {}
    bare = await Client(UNUSUAL_APPS[name]).request(method, "/", content=content)

    answer = await Client(layer(lint(UNUSUAL_APPS[name]))).request(
        method, "/", content=content, headers=headers
    )

    assert [message["type"] for message in answer.messages] in (
        [message["type"] for message in bare.messages],
        ["http.response.start", "http.response.body"],
    )
    assert answer.body == bare.body
    assert answer.trailers == bare.trailers
    assert [pair for pair in answer.headers if pair[0] != b"etag"] == [
        tuple(pair) for pair in bare.headers if pair[0] != b"etag"
    ]


async def test_websockets_pass() -> None:
    async with served(hello, probe=True).websocket("/") as socket:
        assert await socket.receive_text() == "hello"


async def test_an_own_tag_in_capitals_stays_alone() -> None:
    """As Django writes it."""
    client = Client(ConditionalRequests()(document(("ETag", OWN))), lint=False)

    first = await client.get("/")
    second = await client.get("/", headers={"if-none-match": OWN})

    assert (first.all("etag"), second.status, second.all("etag")) == ([OWN], 304, [OWN])


async def test_a_server_that_offers_only_what_it_must() -> None:
    client = Client(ConditionalRequests()(TAGGED), minimal=True)

    assert (await client.get("/", headers={"if-none-match": OWN})).status == 304


async def test_two_interleaved_requests_do_not_mix() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = scope["path"].encode()
        await send(head(200, *lines(("content-length", str(len(body))), ("x-path", scope["path"]))))
        await anyio.lowlevel.checkpoint()
        await send(chunk(body[:1]))
        await anyio.lowlevel.checkpoint()
        await send(chunk(body[1:], more=False))

    client = served(app)
    tags = [(await client.get(path)).header("etag") or "" for path in ("/a", "/bcd")]

    async with client.stream("GET", "/a", headers={"if-none-match": tags[0]}) as first:
        await anyio.wait_all_tasks_blocked()
        async with client.stream("GET", "/bcd", headers={"if-none-match": tags[0]}) as second:
            await second.read()
            await first.read()

    assert (first.answer.status, second.answer.status) == (304, 200)
    assert (first.answer.header("x-path"), second.answer.header("x-path")) == ("/a", "/bcd")
    assert second.answer.header("etag") == tags[1] != tags[0]


@pytest.mark.parametrize("fields", [{}, {"if-none-match": "*"}, {"if-match": '"v6"'}], ids=str)
async def test_a_handler_can_switch_it_off(fields: dict[str, str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "conditional_requests")
        await PLAIN(scope, receive, send)

    answer = await served(app).get("/", headers=fields)

    assert shown(answer) == (200, None)


@pytest.mark.parametrize("fields", [{"exclude": ["/free"]}, {"include": ["/tagged"]}], ids=str)
async def test_paths_that_it_leaves_alone_get_nothing(fields: dict[str, Any]) -> None:
    client = served(PLAIN, **fields)

    found = [(await client.get(path, headers={"if-match": OWN})).status for path in ("/free", "/tagged")]

    assert found == [200, 412]


async def test_a_stream_that_waits_gets_its_head_at_once() -> None:
    go_on = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await go_on.wait()
        await send(chunk(b"hello", more=False))

    async with served(app).stream("GET", "/", headers={"if-none-match": OWN}) as stream:
        answer = await stream.head()
        go_on.set()
        await stream.read()

    assert (answer.status, stream.answer.body) == (200, b"hello")


async def test_events_tell_what_was_saved_and_what_was_refused() -> None:
    client, events = heard(TAGGED, ConditionalRequests())

    await client.get("/", headers={"if-none-match": OWN})
    await client.head("/", headers={"if-none-match": OWN})
    await client.get("/", headers={"if-match": '"v6"'})

    assert events == [
        NotModifiedSent(saved=SIZE),
        NotModifiedSent(saved=SIZE),
        PreconditionRefused(field="If-Match"),
    ]


async def test_what_is_held_is_lost_with_the_app_that_breaks_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200, *lines(("content-length", "5"))))
        await send(chunk(b"hel"))
        raise RuntimeError("in the middle")

    answer = await Client(Pipeline(Problems(), ConditionalRequests())(app)).get(
        "/", headers={"if-none-match": OWN}, raise_app_exceptions=False
    )

    assert answer.status == 500


@pytest.mark.parametrize("fields", [{}, {"if-none-match": '"v6"'}, {"if-none-match": MADE}], ids=str)
async def test_what_an_app_does_with_a_head_after_it_was_sent_changes_nothing(fields: dict[str, str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = head(200, *lines(("content-length", str(SIZE)), ("x-own", "1")))
        await send(message)
        message["status"] = 500
        message["headers"].clear()
        await send(chunk(BODY, more=False))

    answer = await served(app).get("/", headers=fields)

    assert shown(answer) == (304 if fields.get("if-none-match") == MADE else 200, MADE)
    assert answer.header("x-own") == "1"


@pytest.mark.parametrize("fields", [{}, {"if-none-match": '"v6"'}], ids=str)
@pytest.mark.parametrize("own", [[], [("etag", OWN)]], ids=["without a tag", "with a tag"])
async def test_fields_that_can_be_read_only_once_arrive(own: Fields, fields: dict[str, str]) -> None:
    """ASGI has them as an iterable, not as a list."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        given = lines(("content-length", str(SIZE)), ("x-own", "1"), *own)
        await send({"type": "http.response.start", "status": 200, "headers": iter(given)})
        await send(chunk(BODY, more=False))

    pipeline = Pipeline(ConditionalRequests(), CachePolicy(rules=[CacheRule(max_age=60)]))

    alone = await Client(ConditionalRequests()(app), lint=False).get("/", headers=fields)
    answer = await Client(pipeline(app), lint=False).get("/", headers=fields)

    assert shown(alone) == shown(answer) == (200, OWN if own else MADE)
    assert (alone.header("x-own"), answer.header("x-own")) == ("1", "1")
    assert answer.header("cache-control") == "max-age=60"
